"""What is open about the 2400, each once and by name: UNCONFIRMED until read on one.

A reading from a real instrument changes one line here. Where an assumption could do harm, the
driver takes the one that costs time or refuses, never the one that risks the device.

One more shapes the driver and has no line: whether ``*STB?`` is answered while a sweep runs, as
pymeasure's driver has it, or only at its end. Either will do: the question waits that long.
"""

LIST_PIECE, MOST_POINTS = 100, 2500
"""Levels of one ``:SOUR:LIST:VOLT`` or ``:APP``; readings of its buffer."""

LIST_ENDS_V = 0.0
"""First and last level of every list (V). Where the source stands between the command that makes
it a list and the trigger, and after the last level, is open: at 0 V with this, whichever it is."""

STOP_AT_LIMIT = ":SOUR:SWE:CAB LATE"
"""Ends a sweep at compliance after the reading is taken; EARLY would end it before. That the
reading is stored then is open."""

COMPLIANCE, RANGE_COMPLIANCE, OVERFLOW = 1 << 3, 1 << 16, 1 << 0
"""Bits of the status word: real compliance, compliance of a fixed range, overflow. Checked against
one word of a bench only (21508)."""

AT_LIMIT_SHARE = 0.998
"""A reading with so much of the compliance counts as limited, whatever the bits say (share)."""

OWN_STEP_S = 0.6e-3
"""What a step adds to delay and aperture (s): the data sheet's 1551 steps a second at 0.01 power
line cycles and 58 at one, both at 60 Hz, leave 0.48 ms to 0.58 ms for one function; two are
measured."""
