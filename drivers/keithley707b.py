"""Keithley 707B (and 708B): a switching matrix that leads the cell to one of several paths.

Commands: reference manual 707B-901-01, section 7 (channel.exclusiveclose, channel.getclose,
channel.open, channel.connectrule).
"""

import re
from collections.abc import Mapping

from pymeasure.adapters import Adapter

from hil.clock import Clock
from hil.drivers.path_switch import PathSwitch
from hil.drivers.session.answers import unexpected
from hil.drivers.tsp import TspInstrument, tsp_session
from hil.errors import ConfigError, InstrumentError
from hil.guard import SafeMessages

IDENTITY = r"Keithley Instruments Inc\., Model 70[78]B, [^,]+, [^,]+"
REMEDY = "check its address (LAN, raw socket, port 5025); it serves one client at a time"

STAYS_ON = (
    "A 707B whose connection is lost keeps its contacts as they are until somebody connects or "
    "switches it off."
)
"""What stays closed when the connection is lost."""

_OPEN_ALL = 'channel.open("allslots")'
_crosspoint = re.compile(r"[1-6][A-H](?!00)\d\d").fullmatch


def connected(
    address: str, *, paths: Mapping[str, str], clock: Clock, switching_s: float
) -> "Keithley707B":
    """Connect to a 707B; its contacts stay as they are.

    Raises
    ------
    ConfigError
        A path is none.
    InstrumentError
        Nothing answers there, or not as a 707B does.
    """
    with tsp_session(address, REMEDY).closed_if_it_fails() as session:
        return Keithley707B(session, paths, clock=clock, switching_s=switching_s)


class Keithley707B(TspInstrument, PathSwitch):
    """A matrix of which each path closes its own crosspoints and no others.

    Parameters
    ----------
    adapter : Adapter
        The session.
    paths : mapping of str to str
        Crosspoints of each path: slot, row, column, several between commas ("1A01", "1A01,1B02").
    clock : Clock
        Waits.
    switching_s : float
        How long a contact takes to open or to close (s).
    """

    stays_on = STAYS_ON

    def __init__(
        self, adapter: Adapter, paths: Mapping[str, str], *, clock: Clock, switching_s: float
    ) -> None:
        self._crosspoints = crosspoints_of(paths)
        self.paths = tuple(paths)
        self.switching_s = switching_s
        self._clock = clock
        super().__init__(adapter, "Keithley 707B", IDENTITY)
        self.tell("channel.connectrule = channel.BREAK_BEFORE_MAKE")

    def open_all(self) -> None:
        """Open every contact of every slot; read back."""
        begin_s = self._clock.now_s()
        self.tell(_OPEN_ALL)
        self._wait_since(begin_s)
        self._confirm_closed(frozenset())

    def closed(self) -> tuple[str, ...]:
        """Ask which paths are closed.

        Raises
        ------
        InstrumentError
            Crosspoints are closed that make no path.
        """
        now = self._closed_now()
        closed = tuple(path for path in self.paths if self._crosspoints[path] <= now)
        if stray := now.difference(*(self._crosspoints[path] for path in closed)):
            raise InstrumentError(
                f"the {self.name} has {_listed(stray)} closed, which makes no path; open all "
                "contacts"
            )
        return closed

    def make_safe(self) -> None:
        """Open every contact; may be called any time. A lost connection is made again once."""
        self.insist(self._opened)

    def _opened(self) -> None:
        self.interject(_OPEN_ALL)
        self.clear_errors()
        self.open_all()

    def safe_messages(self) -> SafeMessages:
        """Tell the guard how to open every contact; the first line ends one that is half sent."""
        return safe_messages(self.address)

    def _close_only(self, path: str) -> None:
        wanted = self._crosspoints[path]
        begin_s = self._clock.now_s()
        self.tell(f'channel.exclusiveclose("{",".join(sorted(wanted))}")')
        self._wait_since(begin_s)
        self._confirm_closed(wanted)

    def _closed_now(self) -> frozenset[str]:
        # a word at the end shows that the list is whole
        return self.get('print(channel.getclose("allslots"), "whole")', _read_closed)

    def _confirm_closed(self, wanted: frozenset[str]) -> None:
        """Raise unless just these crosspoints are closed."""
        if (now := self._closed_now()) != wanted:
            raise InstrumentError(
                f"the {self.name} has {_listed(now)} closed where {_listed(wanted)} should be; do "
                "not switch a source on, look at the matrix"
            )


def safe_messages(address: str) -> SafeMessages:
    """Tell the guard how to open every contact of the 707B at an address."""
    return SafeMessages(address, {}, (b"\n", f"{_OPEN_ALL}\n".encode()), 0.02, "@py")


def crosspoints_of(paths: Mapping[str, str]) -> dict[str, frozenset[str]]:
    """Read the crosspoints of each path.

    Raises
    ------
    ConfigError
        One is none, or a path is part of another one.
    """
    found = {}
    for path, text in paths.items():
        parts = [part.strip() for part in str(text).split(",")]
        if not all(map(_crosspoint, parts)):
            raise ConfigError(
                f"path {path!r}: {text!r} is no crosspoint of a 707B; write slot, row and column, "
                "such as 1A01, several between commas"
            )
        found[path] = frozenset(parts)
    for path, own in found.items():
        for other, others in found.items():
            if path != other and own <= others:
                raise ConfigError(f"paths {path!r} and {other!r} of the 707B close the same")
    return found


def wires(
    name: str, paths: Mapping[str, str], ports: Mapping[str, str], cell: str
) -> dict[str, str]:
    """Wire a virtual 707B: the cell to the column or row that all paths share, ports to the rest.

    Parameters
    ----------
    name : str
        What the lab calls it.
    paths : mapping of str to str
        Crosspoint of each path.
    ports : mapping of str to str
        Port of each path; one without a port leads to ground.
    cell : str
        The terminal of the cell.

    Raises
    ------
    ConfigError
        A path has several crosspoints, or they share neither a column nor a row.
    """
    found = {
        path: min(points) for path, points in crosspoints_of(paths).items() if len(points) == 1
    }
    rows = {path: f"{name}.{point[1]}" for path, point in found.items()}
    columns = {
        path: f"{name}.{'' if point[0] == '1' else point[0] + '-'}{point[2:]}"
        for path, point in found.items()
    }
    for shared, own in ((columns, rows), (rows, columns)):
        if len(found) == len(paths) and len(set(shared.values())) == 1:
            wired = {next(iter(shared.values())): cell}
            for path, contact in own.items():
                wired |= {ports[path]: contact} if path in ports else {contact: "ground"}
            return wired
    raise ConfigError(
        f"the virtual 707B leads one cell to several paths: {dict(paths)} share neither a column "
        "nor a row"
    )


def _read_closed(text: str, command: str) -> frozenset[str]:
    """Read ``1A01;1B02`` or ``nil``, and the word at the end."""
    listed, _, end = text.strip().partition("\t")
    parts = [] if listed == "nil" else re.split("[;,]", listed)
    if end != "whole" or not all(map(_crosspoint, parts)):
        raise unexpected(text, command, "a list of crosspoints")
    return frozenset(parts)


def _listed(crosspoints: frozenset[str]) -> str:
    return ", ".join(sorted(crosspoints)) or "nothing"
