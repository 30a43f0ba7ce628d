"""What the virtual ArC ONE does and neither open library says: one line to change for each.

UNCONFIRMED, all of it: there is no firmware source and no manual of the protocol at hand, so
values are typical or cautious, and a reading from a real board replaces them. What is more than a
value stands where it is done:

- a token that is no number counts as 0, an empty line as none, as ``scanf`` takes them
  (`ArcOne.handle`);
- a job that is unknown is passed over, and so is a reset among the arguments of another job;
- the algorithms of ConvergeToState and SwitchSeeker (`jobs`, `seeker`): of the first only the
  arguments are known, the second follows the vendor's own simulation loosely;
- a current cut-off of CurveTracer turns the sweep back, or ends it where it is to halt;
- FormFinder's width grows by a percentage (logarithmic) or by seconds (linear);
- currents are measured where they leave the selected bit line, which is at a true 0 V, whatever
  flows into it; nothing limits them (`Board`).
"""

VERSION = (3, 0)
"""Major and minor version that job 999 answers."""

FIRST_READ_V = 0.5
"""Read voltage after a reset (V): what both libraries begin with."""
FIRST_READ_CYCLES = 30
"""Readings that are averaged, after a reset: what libarc1 begins with."""

MOST_V = 12.0
"""The board's supply: it puts out no more (V), as the library's bound for a read voltage."""
LONGEST_PULSE_S = 2**32 * 1e-6
"""A width beyond a 32-bit counter of microseconds ends there (s)."""
EDGE_S = 20e-9
"""Edges of pulses and reads, 0 to 100 % (s); a width is counted from half height to half."""

RESET_S = 1.0
"""How long the board hears nothing after a reset (s); hosts wait two seconds."""
GAP_S = 0.5e-3
"""Packets that come faster than this after one another may drop (s), a comment in libarc1."""
COMMAND_S = 100e-6
"""What a job takes beside its pulses and reads (s)."""
READ_CYCLE_S = 100e-6
"""One of the readings that are averaged (s)."""

SWITCH_OHM = 50.0
"""Between the board and each word line (ohm); reads with four points do not see it."""
NOISE_PART = 5e-3
"""Noise of one reading, rms, as part of the current; averaging makes it less."""
NOISE_A = 2e-9
"""Noise of one reading, rms, where no current flows (A)."""
OFFSET_A = 0.5e-9
"""Offset of the amplifier (A)."""
SMALLEST_OHM, LARGEST_OHM = 100.0, 100e6
"""Ends of what it reads (ohm); it tells the end for what is beyond."""

PULSE_PARTS = {0: (1 / 3, 2 / 3), 1: (1 / 2, 1 / 2)}
"""By sneak path option: what part of the voltage the words and the bits are at that are not
selected, the textbook's V/3 and V/2; the selected word is at the voltage, the selected bit at 0 V.
With any other option those lines float, in pulses and in reads. A bias that is read at its end, as
in CurveTracer, is as high as a pulse and protected alike; the amplifier then takes in what flows
from the other words too."""

READ_PARTS = {0: (0.0, 0.0), 1: (0.0, 0.0)}
"""Likewise in reads: at ground, so that nothing flows from other words into the amplifier of the
selected bit. The makers' program calls the two options "Write: V/3" and "Write: V/2"; with such
parts in reads the amplifier would take in a part of the current of each cell on the bit."""

SERIES_OHM = {1: 1e3, 2: 1e4, 3: 1e5, 4: 1e6}
"""Series resistances of FormFinder by their number (ohm)."""

MOST_TRIPLETS = 20_000
"""A job ends for each device after so many, whatever it was told."""
