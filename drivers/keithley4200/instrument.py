r"""Keithley 4200A-SCS over KXCI: pymeasure's driver, and the commands of a PMU beside it.

Every command ends with a NUL and is answered exactly once, a setting by ``ACK``. Source of all
commands: KXCI Programming manual 4200A-KXCI-907-01 Rev D (May 2024); the sections are named where
they are used.
"""

import re
from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pymeasure.instruments import Channel
from pymeasure.instruments.keithley.keithley4200 import SMU, Keithley4200

from hil.drivers.keithley4200 import grammar
from hil.drivers.keithley4200.executions import Sequence
from hil.drivers.keithley4200.unconfirmed import OLDEST_PMU_VERSION
from hil.drivers.session import Session
from hil.drivers.session.answers import unexpected
from hil.drivers.session.numbers import exact, exact_list
from hil.errors import InstrumentError

REMEDY = (
    "start KXCI on the 4200A (Clarius closed), with Ethernet, port 1225 and terminator None in "
    "KCon"
)
SILENCE = (
    "another program may have this 4200A, which serves one at a time: stop that program; or the "
    "terminator in KCon is not None"
)
ARRAY = 128
"""Values of one command that stores segments (section 7)."""
PIECE = 2048
"""Rows of one :PMU:DATA:GET (section 7)."""
READY, SYNTAX_ERROR, BUSY = 1, 2, 16
"""Bits of the status byte (section 4, SP)."""

_is_option = re.compile(r"[A-Z]+[0-9](?:RPM[0-9](?:-[0-9])?)?").fullmatch
_is_smu = re.compile(r"(?:HP)?SMU(?:PA)?([1-9])").fullmatch
_reading = re.compile(r"[A-Z]{2}[VI] {0,3}(-?[0-9]+\.[0-9]+E[+-][0-9]{2})").fullmatch


def connected(address: str) -> "Keithley4200A":
    """Connect to a 4200A; a test that is still running is ended, and nothing else is set.

    Raises
    ------
    InstrumentError
        Nothing answers there, or not as a 4200A does.
    """
    session = Session(
        address,
        write_termination="\0",
        read_termination="\0",
        resync=("*IDN?", "KEITHLEY INSTRUMENTS,KI4200A?,.*"),
        remedy=REMEDY,
        silence=SILENCE,
    )
    with session.closed_if_it_fails():
        return Keithley4200A(session)


def _read(text: str) -> float:
    """Read ``NAI 22.329E-09``: flag, channel, kind, value."""
    match = _reading(str(text).strip())
    if match is None:
        raise unexpected(str(text), "", "a reading of an SMU")
    return float(match[1])


class ExactSMU(SMU):  # type: ignore[misc]  # pymeasure has no types
    """An SMU in user mode; pymeasure's, but for numbers that keep their digits."""

    voltage_setpoint = Channel.setting(
        "US;DV{ch},%d,%s,%s",
        """Set range, output voltage (V) and compliance (A) as pymeasure's SMU does.""",
        set_process=lambda v: (v[0], exact(v[1]), exact(v[2])),
        check_set_errors=True,
    )
    current_setpoint = Channel.setting(
        "US;DI{ch},%d,%s,%s",
        """Set range, output current (A) and compliance (V) as pymeasure's SMU does.""",
        set_process=lambda v: (v[0], exact(v[1]), exact(v[2])),
        check_set_errors=True,
    )
    voltage = Channel.measurement(
        "US;TV{ch}",
        """Measure the voltage (V).""",
        get_process=_read,
    )
    current = Channel.measurement(
        "US;TI{ch}",
        """Measure the current (A).""",
        get_process=_read,
    )


class Keithley4200A(Keithley4200):  # type: ignore[misc]  # pymeasure has no types
    """A 4200A-SCS: pymeasure's driver with exact numbers, checked errors and PMU commands.

    Parameters
    ----------
    session : Session
        The line to it.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self.identity = session.ask("*IDN?", grammar.parse_identity)
        self._stop()
        self._options = session.ask("*OPT?", _parse_options)
        super().__init__(session)

    @property
    def options(self) -> list[str]:
        """What is built in, as ``*OPT?`` says (section 3)."""
        return list(self._options)

    def _stop(self) -> None:
        """End what whoever had the instrument before has left running: it answers little then."""
        if self.identity.version >= OLDEST_PMU_VERSION:
            self.abort()
        self.tell("ME4")
        self.tell(":ERROR:LAST:CLEAR")  # there may have been nothing to end

    def add_smu(self, id: int) -> None:  # noqa: A002 - pymeasure's name
        """Add an SMU, as pymeasure's driver does while it is made."""
        self.add_child(ExactSMU, id=id, prefix="smu", collection="smu")

    @property
    def smus(self) -> tuple[int, ...]:
        """Numbers of the SMUs."""
        found = (_is_smu(option) for option in self._options)
        return tuple(sorted(int(match[1]) for match in found if match))

    def check_set_errors(self) -> list[Any]:
        """Read the answer to a setting; raises InstrumentError for anything but ``ACK``."""
        answer = self.read()
        try:
            grammar.acknowledged(answer)
        except InstrumentError:
            self._session.suspect("a setting was not acknowledged")
            raise
        return []

    def refuse_unfit(self, smu: int | None) -> None:
        """Make sure that the version has PMU commands and the modules are there.

        Raises
        ------
        InstrumentError
            Saying what is missing.
        """
        version = ".".join(map(str, self.identity.version))
        if self.identity.version < OLDEST_PMU_VERSION:
            oldest = ".".join(map(str, OLDEST_PMU_VERSION))
            raise InstrumentError(
                f"Clarius V{version} has no :PMU: commands; update to Clarius {oldest} or later"
            )
        built_in = ", ".join(self._options)
        # *OPT? may leave the RPM of channel 1 out although it is there: one mention is enough
        if not any("PMU" in option for option in self._options):
            raise InstrumentError(f"the 4200A has no PMU; it has {built_in}")
        if smu is not None and smu not in self.smus:
            raise InstrumentError(
                f"the bench file sweeps with SMU{smu}, and the 4200A has {built_in}"
            )

    def describe(self) -> str:
        """Say what the instrument says that it is."""
        model, serial, version = self.identity
        built_in = ", ".join(self._options)
        return f"Keithley {model} {serial}, V{'.'.join(map(str, version))}: {built_in}"

    # -- any command --------------------------------------------------------------------------
    def tell(self, command: str) -> None:
        """Send a setting; raises InstrumentError unless it is acknowledged."""
        self._session.ask(command, grammar.acknowledged)

    def check(self) -> None:
        """Ask for the last error and clear it (section 7, :ERROR:LAST:GET).

        Raises
        ------
        InstrumentError
            With the instrument's own words.
        """
        error = self._session.ask(":ERROR:LAST:GET", grammar.parse_error)
        if error:
            self.tell(":ERROR:LAST:CLEAR")
            raise InstrumentError(f"the 4200A refuses: {error}")

    def suspect(self, reason: str) -> None:
        """Have the session find its step before the next command."""
        self._session.suspect(reason)

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    # -- pulses: section 7 --------------------------------------------------------------------
    def store(self, channel: int, number: int, sequence: Sequence) -> None:
        """Store segments under a number from 1 to 512; measured ones over their whole length."""
        duration_s = sequence.duration_s
        measured = sequence.measured
        arrays: dict[str, NDArray[Any]] = {
            "TIME": duration_s,
            "STARTV": sequence.start_v,
            "STOPV": sequence.stop_v,
            "MEAS:TYPE": measured.astype(np.int64),
            "MEAS:START": np.zeros(len(measured), np.int64),
            "MEAS:STOP": np.where(measured, duration_s, 0.0),
        }
        for name, values in arrays.items():
            texts = exact_list(values)
            for first in range(0, len(texts), ARRAY):
                add = ":ADD" if first else ""
                few = ",".join(texts[first : first + ARRAY])
                self.tell(f":PMU:SARB:SEQ:{name}{add} {channel},{number},{few}")

    def list_sequences(self, channel: int, entries: Iterable[tuple[int, int]]) -> None:
        """Say which stored sequences are played, and how often each."""
        listed = ",".join(f"{number},{loops}" for number, loops in entries)
        self.tell(f":PMU:SARB:WFM:SEQ:LIST {channel},{listed}")

    def execute(self) -> None:
        """Start; it returns at once."""
        self.tell(":PMU:EXECUTE")

    def is_running(self) -> bool:
        """Tell whether a pulse test is under way."""
        return self._session.ask(":PMU:TEST:STATUS?", grammar.parse_running)

    def rows(self, channel: int, count: int) -> grammar.Rows:
        """Fetch what was measured, which must be *count* rows with rising times."""
        if not count:
            nothing = np.empty(0)
            return grammar.Rows(nothing, nothing, nothing, nothing.astype(np.int64))
        pieces = []
        for first in range(0, count, PIECE):
            wanted = min(PIECE, count - first)
            # More is asked for than is due, so that data of a longer test cannot pass for these.
            command = f":PMU:DATA:GET {channel},{first},{PIECE}"
            parse = partial(grammar.parse_rows, count=wanted)
            pieces.append(self._session.ask(command, parse))
        if len(pieces) == 1:
            return pieces[0]
        return grammar.Rows(*(np.concatenate(column) for column in zip(*pieces, strict=True)))

    def abort(self) -> None:
        """Stop a pulse test: outputs off, data kept."""
        self.tell(":PMU:ABORT")

    def output(self, channel: int, *, on: bool) -> None:
        """Switch a pulse output: on from the next EXECUTE, off at once."""
        self.tell(f":PMU:OUTPUT:STATE {channel},{int(on)}")

    # -- sweeps: section 5 --------------------------------------------------------------------
    def serial_poll(self) -> int:
        """Read the status byte."""
        return self._session.ask("SP", grammar.parse_serial_poll)

    def sweep_values(self, name: str, most: int) -> grammar.Values:
        """Fetch what a sweep measured under a name."""
        return self._session.ask(f"DO '{name}'", partial(grammar.parse_values, most=most))

    def sweep_numbers(self, name: str, count: int) -> NDArray[np.float64]:
        """Fetch the timestamps (s) or status words of a sweep."""
        return self._session.ask(f"DO '{name}'", partial(grammar.parse_numbers, count=count))


def _parse_options(answer: str, command: str) -> tuple[str, ...]:
    """Read ``SMUPA1,SMU3,PMURPM1``."""
    options = tuple(part.strip() for part in answer.split(","))
    if not all(_is_option(option) for option in options):
        raise unexpected(answer, command, "a list of modules")
    return options
