"""A relay box: a microcontroller that leads the cell to one of a few paths.

Its protocol, one line out and one line in, of which a lab may program its own:

===========  ==================================================================================
``0``        opens all contacts
``1``...     opens all contacts, then closes the one of that path
``?``        changes nothing
``*IDN?``    is answered ``HIL RELAY BOX,<paths>,<serial>,<version>``
===========  ==================================================================================

Each of the first three is answered by the path that is closed then, 0 for none, and anything else
by ``E``. Lines end with a newline; a serial line has 9600 baud, 8 data bits, no parity.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from pymeasure.adapters import Adapter

from hil.clock import Clock
from hil.drivers.path_switch import PathSwitch
from hil.drivers.session import Session
from hil.drivers.session.answers import unexpected
from hil.drivers.session.connect import is_serial
from hil.errors import ConfigError, InstrumentError, SessionTimeout
from hil.guard import SafeMessages

IDENTITY = r"HIL RELAY BOX,([1-9]),[^,]+,[^,]+"
REMEDY = "check that the relay box has power and its address, and that no other program has it"
SERIAL: dict[str, Any] = {"baud_rate": 9600, "data_bits": 8, "parity": "none", "stop_bits": 1}
"""Settings of a serial line."""
WAKES_WITHIN_S = 2.5
"""Many a microcontroller starts anew when its line is opened, and hears nothing meanwhile (s)."""
STAYS_ON = (
    "A relay box whose connection is lost keeps its contact as it is until somebody connects or "
    "its power is cut."
)
"""What stays closed when the connection is lost."""


def connected(
    address: str, *, paths: Mapping[str, str | int], clock: Clock, switching_s: float
) -> "RelayBox":
    """Connect to a relay box; its contacts stay as they are.

    Raises
    ------
    ConfigError
        A path is none.
    InstrumentError
        Nothing answers there, or not as a relay box does.
    """
    session = Session(
        address,
        write_termination="\n",
        read_termination="\n",
        resync=("*IDN?", IDENTITY),
        remedy=REMEDY,
        settings=SERIAL if is_serial(address) else {},
    )
    with session.closed_if_it_fails():
        if is_serial(address):
            with suppress(SessionTimeout):
                session.query("?", WAKES_WITHIN_S)
        return RelayBox(session, paths, clock=clock, switching_s=switching_s)


class RelayBox(PathSwitch):
    """A box of which one path at a time is closed.

    Parameters
    ----------
    adapter : Adapter
        The session.
    paths : mapping of str to int
        Number of each path, 1 to 9.
    clock : Clock
        Waits.
    switching_s : float
        How long a contact takes to open or to close (s).
    """

    stays_on = STAYS_ON

    def __init__(
        self, adapter: Adapter, paths: Mapping[str, str | int], *, clock: Clock, switching_s: float
    ) -> None:
        self._numbers = _numbered(paths)
        self.paths = tuple(paths)
        self.switching_s = switching_s
        self._clock = clock
        super().__init__(adapter, "relay box", IDENTITY)
        built_in = int(self.identity.split(",")[1])
        for path, number in self._numbers.items():
            if number > built_in:
                raise ConfigError(
                    f"path {path!r} is number {number}, and the relay box has 1 to {built_in}"
                )

    def open_all(self) -> None:
        """Open every contact; read back."""
        self._move(0)

    def closed(self) -> tuple[str, ...]:
        """Ask which path is closed.

        Raises
        ------
        InstrumentError
            One is closed that has no name.
        """
        now = self.get("?", _read_position)
        if now and now not in self._numbers.values():
            raise InstrumentError(
                f"the relay box has path {now} closed, which has no name; open all contacts"
            )
        return tuple(path for path, number in self._numbers.items() if number == now)

    def make_safe(self) -> None:
        """Open every contact; may be called any time. A lost connection is made again once."""
        self.insist(self.open_all)

    def safe_messages(self) -> SafeMessages:
        """Tell the guard how to open every contact; the first line ends one that is half sent."""
        return safe_messages(self.address)

    def _close_only(self, path: str) -> None:
        self._move(self._numbers[path])

    def _move(self, number: int) -> None:
        """Go to a position and make sure of it, when it says so and once it had time to."""
        begin_s = self._clock.now_s()
        told = self.get(str(number), _read_position)
        self._wait_since(begin_s)
        now = self.get("?", _read_position)
        if not told == now == number:
            raise InstrumentError(
                f"the relay box is at position {now} where {number} should be; do not switch a "
                "source on, look at the box"
            )


def safe_messages(address: str) -> SafeMessages:
    """Tell the guard how to open every contact of the relay box at an address."""
    settings = {"baud_rate": SERIAL["baud_rate"]} if is_serial(address) else {}
    return SafeMessages(address, settings, (b"\n", b"0\n"), 0.02, "@py")


def wires(
    name: str, paths: Mapping[str, str | int], ports: Mapping[str, str], cell: str
) -> dict[str, str]:
    """Wire a virtual relay box: the cell to its common contact, ports to those of their paths.

    A path without a port leads to ground.
    """
    wired = {f"{name}.common": cell}
    for path, number in _numbered(paths).items():
        contact = f"{name}.{number}"
        wired |= {ports[path]: contact} if path in ports else {contact: "ground"}
    return wired


def _numbered(paths: Mapping[str, str | int]) -> dict[str, int]:
    """Read the number of each path; raises ConfigError."""
    if not all(re.fullmatch("[1-9]", str(number)) for number in paths.values()):
        raise ConfigError(f"a path of a relay box is a number from 1 to 9, not {dict(paths)}")
    numbers = {path: int(number) for path, number in paths.items()}
    if len(set(numbers.values())) != len(numbers):
        raise ConfigError(f"two paths of a relay box have the same number: {numbers}")
    return numbers


def _read_position(text: str, command: str) -> int:
    """Read one digit."""
    if text.strip() == "E":
        raise InstrumentError(f"the relay box does not know {command!r}; look at its firmware")
    if re.fullmatch(r"\d", text.strip()) is None:
        raise unexpected(text, command, "a position of a relay box")
    return int(text)
