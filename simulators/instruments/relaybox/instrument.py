r"""A virtual relay box: a microcontroller that joins one of its paths to a common terminal.

Benches without a switch matrix have such a box between the pulse generator, the source meter and
the device; a lab builds it from any microcontroller with relays and programs it after this
description. A serial line, 8N1, at any speed; each command is one line, ended by a line feed (a
carriage return before it is ignored), and each is answered by exactly one line.

=========  ===================================================================================
command    what it does, what it answers
=========  ===================================================================================
``0``      opens all paths; ``0`` when that has been done
``1``      opens what is closed, then joins path 1 to the common terminal; ``1``
``2``      the same with path 2; ``2`` - and so on for each path that there is
``?``      changes nothing; the position that it has: ``0``, ``1``, ...
``*IDN?``  changes nothing; ``HIL RELAY BOX,<paths>,<serial>,<version>``
else       changes nothing; ``E``
=========  ===================================================================================

It breaks before it makes: never are two paths joined. The answer comes when the relay has settled
(`settle_s` after each change); a command for the position that it has changes nothing and is
answered at once. After power-on all paths are open. A client that comes or goes changes nothing:
the box stays as it is.

The position is that of the contacts, as the second contact of a monitored relay shows it: a relay
that sticks is told by the answer, which is then not what was asked for.

In the lab's wiring its contacts are ``NAME.1``, ``NAME.2``, ... and ``NAME.common``.

Not modelled: contact bounce, resistance and thermal voltage of contacts, the drop of the coil, the
seconds for which an Arduino sleeps after its line was opened.
"""

from typing import Annotated, Any, ClassVar

import msgspec
from msgspec import Meta

from hil.decode import decode
from hil.simulators.instruments.instrument import VirtualInstrument
from hil.simulators.instruments.lab.lab import Lab
from hil.units import quantity

SERIAL, VERSION = "0001", "1.0"


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the box is built of.

    Attributes
    ----------
    paths : int
        How many there are.
    settle_s : float
        From a command to a relay that rests (s); to open and to close take half of it each.
    """

    paths: Annotated[int, Meta(ge=1, le=9)] = 3
    settle_s: Annotated[float, quantity("s", "time to open and close", ge=0, le=1)] = 5e-3


class RelayBox(VirtualInstrument):
    """A relay box on a serial line, one character a command.

    Parameters
    ----------
    name : str
        What the lab calls it.
    lab : Lab
        Clock, wires and logs.
    options : dict
        See `Options`.

    Raises
    ------
    ConfigError
        For options that are wrong.
    """

    terminator: ClassVar[bytes] = b"\n"
    takes_time: ClassVar[bool] = True
    usual_wiring: ClassVar[dict[str, str]] = {"relaybox.common": "top"}
    known_troubles: ClassVar[frozenset[str]] = frozenset({"relay-stuck"})

    def __init__(self, name: str, lab: Lab, options: dict[str, Any]) -> None:
        super().__init__(name, lab, options)
        self.options = decode(options, Options, f"instrument {name}, options")
        self._common = f"{name}.common"
        self._contacts = [f"{name}.{path + 1}" for path in range(self.options.paths)]
        lab.wiring.add_contacts({self._common, *self._contacts})
        self._position = 0

    def handle(self, message: bytes) -> bytes | None:
        """Obey one line."""
        command = message.removesuffix(b"\r").decode("latin-1")
        if command == "*IDN?":
            return f"HIL RELAY BOX,{self.options.paths},{SERIAL},{VERSION}".encode()
        if command in map(str, range(self.options.paths + 1)):
            self._go_to(int(command))
        elif command != "?":
            return b"E"
        return b"%d" % self._position

    def _go_to(self, position: int) -> None:
        """Open, then close; a relay that is stuck stays where it is."""
        if position == self._position or "relay-stuck" in self.troubles:
            return
        if self._position:
            self.lab.open(self._contacts[self._position - 1], self._common, self.now_s)
        self._position = position
        self.spend(self.options.settle_s / 2)
        if position:
            self.lab.close(self._contacts[position - 1], self._common, self.now_s)
        self.spend(self.options.settle_s / 2)
