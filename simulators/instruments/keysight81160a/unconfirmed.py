"""What no manual at hand says of the 81160A: a reading from a real one changes one line."""

SERIAL_AND_VERSION = "MY51400292,1.0.3.0-2.6"
"""As one instrument answered ``*IDN?``."""
REAL = "{:+.8E}"
"""How numbers with a fraction are answered."""
WHOLE = "{:+d}"
"""How whole numbers are answered."""
LEAST_BURST = 2
"""Fewest cycles of ``BURSt:NCYCles`` (pymeasure's limit); a single one is ``TRIGger:COUNt 1``."""
FIRST_AMPLITUDE_V = 0.1
"""Amplitude after ``*RST`` (V into 50 ohm)."""
LOAD_MAY_BE_INFINITE = True
"""Whether ``OUTPut:LOAD INFinity`` is taken beside 0.3 ohm to 1 Mohm."""
EDGE_ROOM = 0.625
"""What each edge, told from 10 to 90 %, needs of the pulse and of the pause: its own half."""
TRAILING_FOLLOWS = True
"""Whether after ``*RST`` the trailing edge follows the leading one until it is set by itself
(as ``PULSe:TRANsition:TRAiling:AUTO`` of the 81101A, reference manual)."""
APPLY_SWITCHES_ON = True
"""Whether ``APPLy`` switches the output on (as on the 33250A, user's guide)."""
SLOTS = 4
"""Waveforms that the non-volatile memory holds."""
ERRORS = {
    781: "Not enough memory to store new arb waveform; use DATA:DELETE",
    784: "Name of source arb waveform for copy must be VOLATILE",
    785: "Specified arb waveform does not exist",
    787: "Not able to delete the currently selected active arb waveform",
}
"""Errors of arbitrary waveforms (as on the 33250A, user's guide)."""
