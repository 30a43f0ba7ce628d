"""What neither library nor program of an ArC ONE's makers tells: UNCONFIRMED until measured.

A reading from a real board changes one line here. Where a guess could do harm, the driver takes
the one that ends in an error.
"""

FILLER = "000"
"""Zero where an argument is awaited, and no job: so a job that lost a token ends with 0 V for 0 s.
That the firmware passes over a job it does not know is open; if not, nothing answers any more."""

INTEGER = "{:+d}"
"""How the whole numbers that follow job 50 are written: C reads them as numbers, and none is a job
if the job's own number was lost. That the firmware takes a plus is open; for one that reads 0
instead no row is selected, and the columns are told to be open."""

SUM_V_PART = 0.1
"""By what part the voltage that job 50 tells may differ from the one it was told: whether it tells
what it was told or what it measured is open."""

READ_MODES = (2, 3)
"""Read mode for positive and for negative read voltages: four-point TIA, and its negative twin.
That the read voltage keeps its sign in the second is open."""

READ_SCHEME = "grounded"
"""What lines that are not selected are at in reads, of one word or of several, unless they float
in pulses too: the makers' program calls the options "Write: V/3" and "Write: V/2", and what its
amplifier reads would be the current of other cells otherwise."""

READ_CYCLES = 50
"""What each read is averaged over, as the makers' program sets it."""

READ_S = 5e-3
"""About how long a read takes (s); only the time left is told by it."""

RESET_S = 2.0
"""How long the board needs after a reset (s), as the makers' library waits."""

GAP_S = 0.6e-3
"""Time between two writes (s); what comes within 0.5 ms is dropped, says the makers' library."""

LEAST_PULSE_S, MOST_PULSE_S = 100e-9, 10.0
"""Shortest and longest pulse (s)."""

LEAST_OHM, MOST_OHM = 1.0, 1e12
"""What a read can give (ohm, either sign: around no current at all, noise has one). Anything else
is no read."""

READABLE_OHM = (100.0, 100e6)
"""What it can tell from a short and from no connection (ohm); at the ends a read is limited."""

ROWS_ARE_WORDS = True
"""Whether the rows of a bench are the board's word lines; the pulse is on them, the bit line at
ground."""
