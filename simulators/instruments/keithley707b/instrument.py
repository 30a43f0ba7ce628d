"""A virtual Keithley 707B switching matrix: TSP on a raw socket, relays from rows to columns.

Rows are common to all slots (analog backplane) and called NAME.A to NAME.H; columns of slot 1 are
NAME.01, NAME.02, ..., of other slots NAME.2-01 and so on. Commands and their rules follow the
Models 707B and 708B Reference manual (707B-901-01), section 7; what no source at hand says stands
in `unconfirmed`. A command that moves relays takes its time while the client waits.

Not modelled: scans, triggers, digital I/O, row and column labels, forbidden channels, poles other
than one, user-defined delays, relay counts that survive, DDC (707A) commands, the life of relays.
"""

from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

from hil.decode import decode
from hil.simulators.instruments.keithley707b import unconfirmed
from hil.simulators.instruments.keithley707b.channels import ROWS, Crosspoint, Names
from hil.simulators.instruments.lab.lab import Lab
from hil.simulators.instruments.tsp.base import status_object
from hil.simulators.instruments.tsp.instrument import QUEUE_FULL, TspInstrument
from hil.simulators.instruments.tsp.objects import Object, choice, whole

OFF, BREAK_BEFORE_MAKE, MAKE_BEFORE_BREAK = 0, 1, 2
"""Connection rules (3700 manual, `channel.connectrule`; the 707B's names are the same)."""
STUCK = "output-stuck"


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the instrument is built of.

    Attributes
    ----------
    serial, version : str
        As ``*IDN?`` tells them.
    slots, columns : int
        Cards, and columns of each.
    settle_s : float
        What a command that moves relays takes (s).
    """

    serial: str = unconfirmed.IDN_SERIAL
    version: str = unconfirmed.VERSION
    slots: Annotated[int, Meta(ge=1, le=6)] = 1
    columns: Annotated[int, Meta(ge=1, le=99)] = 12
    settle_s: Annotated[float, Meta(ge=0, le=1)] = unconfirmed.SETTLE_S


class Keithley707B(TspInstrument):
    """Keithley 707B, a switch matrix: TSP.

    Parameters
    ----------
    name : str
        What the lab calls it; see above for its contacts.
    lab : Lab
        Clock, wires and logs.
    options : dict
        See `Options`.
    """

    model: ClassVar[str] = "707B"
    digits: ClassVar[int] = 10
    usual_wiring: ClassVar[dict[str, str]] = {"keithley707b.01": "top"}
    known_troubles: ClassVar[frozenset[str]] = frozenset({STUCK, QUEUE_FULL})

    def __init__(self, name: str, lab: Lab, options: dict[str, Any]) -> None:
        super().__init__(name, lab, options)
        self.options = decode(options, Options, f"instrument {name}, options")
        self.serial, self.version = self.options.serial, self.options.version
        self.names = Names(self.options.slots, self.options.columns)
        self.closed: set[Crosspoint] = set()
        self._values: dict[str, Any] = {}
        self._counts: dict[Crosspoint, int] = {}
        rows = {f"{name}.{row}" for row in ROWS}
        lab.wiring.add_contacts(rows | {self._column(one) for one in self.names.everything})
        self._add_objects()
        self._first_settings()

    def reset(self) -> None:
        """Open every relay, forget labels and patterns."""
        self._switch(close=[], open_=self.closed)
        self.names = Names(self.options.slots, self.options.columns)
        self._first_settings()
        self.engine.form.reset()

    def settle(self) -> None:
        """Bring the cells up to now."""
        self.lab.advance(self.now_s)

    # -- relays ---------------------------------------------------------------------------------
    def _switch(self, close: list[Crosspoint], open_: set[Crosspoint]) -> None:
        """Move relays in the order of the connection rule; a stuck one stays closed."""
        if STUCK in self.troubles:
            open_ = set()
        opening = sorted(open_ & self.closed)
        closing = [one for one in close if one not in self.closed]
        if self._values.get("connectrule") == MAKE_BEFORE_BREAK:
            self._move(closing, closes=True)
            self._move(opening, closes=False)
        else:
            self._move(opening, closes=False)
            self._move(closing, closes=True)

    def _move(self, channels: list[Crosspoint], *, closes: bool) -> None:
        for one in channels:
            move = self.lab.close if closes else self.lab.open
            move(f"{self.name}.{one.row}", self._column(one), self.now_s)
            self._counts[one] = self._counts.get(one, 0) + closes
        self.closed = self.closed | {*channels} if closes else self.closed - {*channels}
        if channels:
            self.spend(self.options.settle_s)

    def _column(self, one: Crosspoint) -> str:
        slot = "" if one.slot == 1 else f"{one.slot}-"
        return f"{self.name}.{slot}{one.column:02}"

    # -- objects --------------------------------------------------------------------------------
    def _first_settings(self) -> None:
        self._values.update(connectrule=BREAK_BEFORE_MAKE, connectsequential=0)

    def _add_objects(self) -> None:
        names = self.engine.globals()
        channel, pattern = Object(self.engine), Object(self.engine)
        channel.constants({
            "OFF": OFF, "ON": 1, "BREAK_BEFORE_MAKE": BREAK_BEFORE_MAKE,
            "MAKE_BEFORE_BREAK": MAKE_BEFORE_BREAK, "IND_CLOSED": 1,
        })  # fmt: skip
        self._first_settings()
        channel.settings(
            self._values, {"connectrule": choice(0, 1, 2), "connectsequential": choice(0, 1)}
        )
        for name in (
            "close", "open", "exclusiveclose", "exclusiveslotclose", "getclose", "getstate",
            "setlabel", "getlabel", "reset", "getcount", "createspecifier",
        ):  # fmt: skip
            channel.call(name, getattr(self, f"_{name}"))
        pattern.call("setimage", self._set_image)
        pattern.call("getimage", self._get_image)
        pattern.call("delete", lambda name=None: self.names.patterns.pop(str(name), None) and None)
        channel.child("pattern", pattern)
        names["channel"] = channel.lua
        names["slot"] = self.engine.table(self._slots())
        names["status"] = status_object(self).lua
        self.engine.seal()

    def _slots(self) -> list[Any]:
        slots = []
        for number in range(1, 7):
            slot = Object(self.engine)
            card = unconfirmed.CARD if number <= self.options.slots else "Empty Slot"
            slot.constants({"idn": card})
            slots.append(slot.lua)
        return slots

    def _close(self, channels: Any = None) -> None:
        self._switch(self.names.listed(channels, whole=False), set())

    def _open(self, channels: Any = None) -> None:
        self._switch([], {*self.names.listed(channels, whole=True)})

    def _exclusiveclose(self, channels: Any = None) -> None:
        """Close what is listed and open all else; an empty list opens all."""
        wanted = [] if channels == "" else self.names.listed(channels, whole=False)
        self._switch(wanted, self.closed - {*wanted})

    def _exclusiveslotclose(self, channels: Any = None) -> None:
        """Close what is listed and open all else in the slots of the list."""
        wanted = self.names.listed(channels, whole=False)
        slots = {one.slot for one in wanted}
        self._switch(wanted, {one for one in self.closed if one.slot in slots} - {*wanted})

    def _getclose(self, channels: Any = None) -> str | None:
        found = self.closed & {*self.names.listed(channels, whole=True)}
        return ";".join(map(str, sorted(found))) or unconfirmed.NOTHING_CLOSED

    def _getstate(self, channels: Any = None, _indicator: Any = None) -> str:
        states = [
            unconfirmed.CLOSED_STATE if one in self.closed else unconfirmed.OPEN_STATE
            for one in self.names.listed(channels, whole=True)
        ]
        return unconfirmed.STATE_SEPARATOR.join(states)

    def _getcount(self, channels: Any = None) -> str:
        counts = [self._counts.get(one, 0) for one in self.names.listed(channels, whole=True)]
        return ",".join(map(str, counts))

    def _setlabel(self, channel: Any = None, label: Any = None) -> None:
        self.names.name(label, self.names.listed(channel, whole=False)[0])

    def _getlabel(self, channel: Any = None) -> str:
        one = self.names.listed(channel, whole=False)[0]
        return next((name for name, of in self.names.labels.items() if of == one), str(one))

    def _reset(self, channels: Any = None) -> None:
        listed = {*self.names.listed(channels, whole=True)}
        self._switch([], listed)
        self.names.labels = {
            name: one for name, one in self.names.labels.items() if one not in listed
        }

    def _createspecifier(self, slot: Any = None, row: Any = None, column: Any = None) -> str:
        place = whole(1, self.options.slots)(slot), whole(1, len(ROWS))(row)
        return str(Crosspoint(place[0], ROWS[place[1] - 1], whole(1, 99)(column)))

    def _set_image(self, channels: Any = None, name: Any = None) -> None:
        self.names.remember(name, self.names.listed(channels, whole=False))

    def _get_image(self, name: Any = None) -> str | None:
        image = self.names.patterns.get(str(name))
        return None if image is None else ",".join(map(str, image))
