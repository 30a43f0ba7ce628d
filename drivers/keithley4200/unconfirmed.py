"""What the manual of the 4200A leaves open, each once and by name: UNCONFIRMED until read on one.

A reading from a real instrument changes one line here. Where an assumption could do harm, the
driver takes the one that costs time or refuses, never the one that risks the device.

Two more shape the driver and have no line: a wrong command may answer ACK like a good one, so the
last error is asked for before a voltage is applied and after a test; and no example joins :PMU:
commands by semicolons, so each goes alone.
"""

MIN_SLEW_V_PER_S = 1.0
"""Slowest ramp of a segment (V/s). Error -959 names a minimum slew rate, no page its value; below
it the instrument refuses by itself, before its output is on."""

SEQUENCE_SEGMENTS = 2048
"""Most segments of one sequence, filled by :ADD. The LPT manual's seg_arb_sequence says 2048;
the KXCI manual only says 128 a command."""

SPOT_MEAN_TIME = (0.0, 1.0)
"""Where in its window the timestamp of a spot mean may lie (share of the window): no page says
whether it is its begin, middle or end. The driver's own time of a reading is the end."""

OLDEST_PMU_VERSION = (1, 13)
"""First Clarius with :PMU: commands, as the manual's examples say; no list of versions exists."""

START_S, START_SHARE = 10.0, 0.1
"""How much longer than its waveform an execution may take to arm, play and store (s, share)."""

POLL_S = 0.01
"""Time between two looks at a test that is not yet done (s)."""

SAMPLE_RATE_HZ = 200e6
"""Samples a mean is made of. Whether the instrument lowers the rate by itself for windows of more
than a million of them, as it does for standard pulses, is open."""

RPM_SETTLING_S = {100e-9: 100e-6, 1e-6: 20e-6, 10e-6: 8e-6, 100e-6: 2e-6}
"""Time an RPM range needs to settle after a step (A to s), as users report; others at once."""

SWEEP_STEP_S = 2e-3
"""What a step of a list sweep takes beside its delay and aperture (s), as SMUs of its class do: so
much longer than the program says its level stands, and neither limits nor ledger know of it.
Steps that are short beside it are refused."""

LEVEL_COUNT_V, LEVEL_COUNT_SHARE = 20e-6, 1e-6
"""Whether DO 'V1' of a voltage source gives what was measured or what was programmed is open. A
source that holds its current is not at its level: where a reading at compliance is no more than
one count off it (V, share), V1 is taken for the programmed one and that voltage for unknown."""

LONGEST_DELAY_S = 6.553
"""Longest delay before a measurement of a sweep (DT, s), as its predecessors had it."""

COMPENSATION_OFF = "0,0"
"""Arguments of :PMU:CONNECTION:COMP after the channel: short and delay compensation, both off."""

AT_LIMIT_SHARE = 0.9
"""After exit on compliance DO gives as many values as were measured. Whether the last one has the
flag C is open: a current of so much of the compliance counts as well (share)."""

TIMESTAMP_SLACK_S, TIMESTAMP_SLACK_SHARE = 1e-6, 1e-5
"""How far a timestamp of the PMU may be off (s, share); beyond, the data are another test's."""
