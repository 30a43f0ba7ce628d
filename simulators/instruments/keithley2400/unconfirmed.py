"""What the virtual 2400 does and no manual at hand says: one line to change for each.

UNCONFIRMED, all of it; each says why it is what it is. What is more than a value stands where it
is done:

- :MEASure? leaves compliance and source alone, though it defaults all controls of its function
  (`Sourcemeter2400._configure`);
- a fixed measure range below the compliance range limits the current to 105 % of that range
  (`Sourcemeter2400.level`);
- a new source function or other terminals switch the output off (`Source`, `System`);
- source autorange keeps its range until a level is sent (`SourceFunction`);
- after a sweep the output stays at its last level (`Sourcemeter2400`).
"""

from collections.abc import Callable

from hil.simulators.instruments.smu.model import Accuracy

SETTING_FORM: Callable[[float], str] = "{:.6E}".format
"""How the query of a setting answers: as readings, without the sign of positive values."""

AUTOZERO_CONVERSIONS = 3
"""Conversions of a reading with auto-zero on: signal, zero and reference; the speeds of SPEC-2400
are those with auto-zero off."""

AUTORANGE_S = 40e-3
"""Time that a change of the measure range adds; SPEC-2400 says at most this (10 uA and up)."""

NOISE = 1e-5
"""White noise of a reading of 1 PLC, part of the range, rms: one count of 5 1/2 digits."""

MORE_THAN_ALL_READINGS = -221
"""The error of trigger counts whose product is more than 2500."""

WITHOUT_COMPLIANCE_V = 210.0
"""Where over-voltage protection stands that is switched off (NONE)."""

OPTIONS = "0"
"""Answer to ``*OPT?`` without contact check."""

AT_ONCE = frozenset(
    {"*RST", "*TRG", "ABOR", "ABORT", "SYST:PRES", "SYST:PRESET", "SYSTEM:PRES", "SYSTEM:PRESET"}
)
"""What is obeyed while source-measure operations run; everything else waits for their end, `*STB?`
and `OUTPut OFF` too."""

LIST_AT_ONCE = 100
"""Most values of one ``:SOURce:LIST`` command (-223 for more), as in the 2450's manual."""


MEASURED_V = (Accuracy(2.0, 1.2e-4, 300e-6), Accuracy(20.0, 1.5e-4, 1.5e-3))
"""Accuracy of the voltmeter in a year: SPEC-2400 from memory."""
