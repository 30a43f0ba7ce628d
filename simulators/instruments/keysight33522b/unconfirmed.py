"""What no manual at hand says of the 33522B: a reading from a real one changes one line."""

SERIAL_AND_VERSION = "MY57800256,5.00-1.19-2.00-58-00"
"""As one instrument answered ``*IDN?`` (QCoDeS' recorded answers)."""
REAL = "{:+.15E}"
"""How numbers with a fraction are answered."""
WHOLE = "{:+d}"
"""How whole numbers of the status system are answered."""
EDGE_ROOM = 0.8
"""What each edge, told from 10 to 90 %, needs of the pulse and of the pause (as on the 33220A:
period > width + 1.6 x edge, user's guide)."""
APPLY_SWITCHES_ON = True
"""Whether ``APPLy`` switches the output on (as on the 33250A, user's guide)."""
BUILT_IN = r"INT:\BUILTIN\EXP_RISE.ARB"
"""The waveform after ``*RST``."""
MEMORY_POINTS = 1_000_000
"""What the volatile memory of a channel holds."""
ERRORS = {
    785: "Specified arb waveform does not exist",
    786: "Specified arb waveform already exists",
}
"""Errors of arbitrary waveforms."""
