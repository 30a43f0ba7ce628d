"""The lab's control socket: one request a line, one JSON answer a line.

=========================================  ======================================================
``name``                                   which lab this is: another one may get its port later
``now``                                    the lab's time (s)
``sleep S``                                moves the time on; the new time
``pace``                                   "virtual" or "real"
``instruments move time``                  whether one lets its client wait, and time with it
``addresses``                              VISA address of each instrument
``terminals K``                            what happened at the ports, from entry K on
``bytes K``                                what went over the wires, from entry K on
``fault KIND NAME [seconds=S] [skip=N]``   lets something go wrong (see `wire.faults`)
``faults clear``                           lets nothing go wrong any more
``trouble NAME TROUBLE on|off``            breaks an instrument itself: ``output-stuck``, ...
``interlock NAME open|closed``             opens or closes the fixture of an instrument
``complaint``                              what went wrong last in the simulation; "" if nothing
``stop``                                   ends the lab
=========================================  ======================================================

A request that cannot be met is answered by ``{"error": "..."}`` and changes nothing.
"""

import math
import traceback
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from hil.clock import VirtualClock
from hil.decode import unknown
from hil.errors import ConfigError
from hil.simulators.instruments.instrument import VirtualInstrument
from hil.simulators.instruments.lab.lab import Lab
from hil.simulators.instruments.lab.logs import Event
from hil.simulators.instruments.wire.faults import Fault, Faults


class Control:
    """What the lab does when it is asked to.

    Parameters
    ----------
    lab : Lab
        Its clock and logs.
    name : str
        Which lab it is, unlike any other.
    instruments : mapping of str to VirtualInstrument
        By name.
    addresses : mapping of str to str
        Their VISA addresses.
    faults : Faults
        What will go wrong.
    stop : callable
        Ends the lab.
    """

    def __init__(
        self,
        lab: Lab,
        name: str,
        instruments: Mapping[str, VirtualInstrument],
        addresses: Mapping[str, str],
        faults: Faults,
        stop: Callable[[], None],
    ) -> None:
        self._lab = lab
        self._instruments = instruments
        self._faults = faults
        self._requests: dict[str, tuple[Callable[..., Any], int, int]] = {
            "name": (lambda: name, 0, 0),
            "now": (lab.now_s, 0, 0),
            "sleep": (self._sleep, 1, 1),
            "pace": (lambda: lab.plan.pace, 0, 0),
            "instruments": (self._takes_time, 2, 2),
            "addresses": (lambda: addresses, 0, 0),
            "terminals": (self._terminals, 1, 1),
            "bytes": (self._bytes, 1, 1),
            "fault": (self._fault, 2, 4),
            "faults": (self._clear, 1, 1),
            "trouble": (self._trouble, 3, 3),
            "interlock": (self._interlock, 2, 2),
            "complaint": (lambda: lab.complaint, 0, 0),
            "stop": (stop, 0, 0),
        }

    def answer(self, line: bytes) -> bytes:
        """Do what a line asks for and give the answer, without its end."""
        try:
            return msgspec.json.encode(self._do(line.decode("utf-8", "replace")))
        except ValueError as error:
            return msgspec.json.encode({"error": str(error)})

    def _do(self, line: str) -> Any:
        name, *words = line.split() or [""]
        if name not in self._requests:
            raise ConfigError(unknown(name, self._requests, "control", "request"))
        request, fewest, most = self._requests[name]
        if not fewest <= len(words) <= most:
            raise ConfigError(f"control: {name} cannot be asked with {len(words)} words after it")
        return request(*words)

    def _sleep(self, duration: str) -> float:
        duration_s = float(duration)
        if not 0 <= duration_s < math.inf:
            raise ConfigError(f"time moves forward, not by {duration} s")
        if isinstance(self._lab.clock, VirtualClock):
            self._lab.clock.sleep(duration_s)
        return self._lab.now_s()

    def _takes_time(self, *_: str) -> bool:
        return any(instrument.takes_time for instrument in self._instruments.values())

    def _terminals(self, first: str) -> list[dict[str, Any]]:
        for instrument in self._instruments.values():
            try:
                instrument.settle()
            except Exception:  # noqa: BLE001 - whatever it is, the log is what was asked for
                traceback.print_exc()
        return [{"n": n, **_told(event)} for n, event in self._lab.events.since(int(first))]

    def _bytes(self, first: str) -> list[tuple[Any, ...]]:
        return [
            (n, *message[:-1], message.wire.decode("latin-1"))
            for n, message in self._lab.messages.since(int(first))
        ]

    def _fault(self, kind: str, instrument: str, *settings: str) -> None:
        self._find(instrument)
        asked: dict[str, Any] = {"kind": kind, "instrument": instrument}
        for setting in settings:
            key, _, value = setting.partition("=")
            if key not in ("seconds", "skip"):
                raise ConfigError(unknown(key, ("seconds", "skip"), "fault", "setting"))
            asked[key] = float(value) if key == "seconds" else int(value)
        self._faults.add(Fault(**asked))

    def _clear(self, what: str) -> None:
        if what != "clear":
            raise ConfigError(f"faults can be cleared, not {what!r}: faults clear")
        self._faults.clear()

    def _trouble(self, name: str, trouble: str, wanted: str) -> None:
        instrument = self._find(name)
        if trouble not in instrument.known_troubles:
            raise ConfigError(unknown(trouble, instrument.known_troubles, name, "trouble"))
        if wanted not in ("on", "off"):
            raise ConfigError(f"a trouble is on or off, not {wanted!r}")
        (instrument.troubles.add if wanted == "on" else instrument.troubles.discard)(trouble)

    def _interlock(self, instrument: str, position: str) -> None:
        if position not in ("open", "closed"):
            raise ConfigError(f"an interlock is open or closed, not {position!r}")
        self._find(instrument).interlock_open = position == "open"

    def _find(self, instrument: str) -> VirtualInstrument:
        if instrument not in self._instruments:
            raise ConfigError(unknown(instrument, self._instruments, "the lab", "instrument"))
        return self._instruments[instrument]


def _told(event: Event) -> dict[str, Any]:
    """Write an event out for JSON."""
    told: dict[str, Any] = {
        "time_s": event.time_s,
        "wall_s": event.wall_s,
        "source": event.source,
        "terminal": event.terminal,
        **event.what,
    }
    if event.signal is not None:
        for name in ("duration_s", "start_v", "stop_v", "units"):
            told[name] = getattr(event.signal, name).tolist()
    return told
