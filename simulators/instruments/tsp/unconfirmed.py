"""What TSP does and no source at hand says: one line to change for each."""

SEPARATOR = ", "
"""What stands between the numbers of `printbuffer` in ASCII."""

DATA_TYPE = (-104, "Data type error")
"""Error of a parameter of the wrong type; logs of real instruments show this one beside -286."""

TOO_BIG = (1102, "Parameter too big")
"""Error of a number beyond what is allowed; a user's log of a 2651A has the text, but
1011 for its number (github.com/OE-FET/keithley2600, issue 17)."""

TOO_SMALL = (1103, "Parameter too small")
"""Error of a number below what is allowed."""

MISSING = (-109, "Missing parameter")
"""Error of a function that is called with too few parameters."""

QUEUE_SIZE = 100
"""Entries of the error queue; what comes then is lost, and the last entry says so (-350)."""

CALL_S = 20e-6
"""Time that each use of an object of the instrument takes in a script (s)."""

MESSAGE_S = 100e-6
"""Time that a message takes to be compiled (s)."""
