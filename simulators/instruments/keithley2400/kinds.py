"""Types of arguments that only source meters have."""

import re
from collections.abc import Callable
from typing import Any, Protocol

from hil.simulators.instruments.scpi.errors import ScpiError
from hil.simulators.instruments.scpi.message import Argument
from hil.simulators.instruments.scpi.values import Kind, Number, Spelling


class _Measured(Protocol):
    unit: str


Limit = Callable[[Any], float]
"""Gives a limit for the part of the instrument that is asked."""


class Own(Kind[float]):
    """A number in the unit of the function that it belongs to."""

    def __init__(self, least: Limit, most: Limit) -> None:
        self._least = least
        self._most = most

    def read(self, argument: Argument, owner: _Measured, default: float | None = None) -> float:
        """Read a number or MINimum, MAXimum, DEFault."""
        return self._number(owner).read(argument, owner, default)

    def answer(self, value: float, spelling: Spelling) -> str:
        """Write a number."""
        return spelling.real(value)

    def extreme(self, argument: Argument, owner: _Measured, default: float | None) -> float:
        """Read MIN, MAX or DEF."""
        return self._number(owner).extreme(argument, owner, default)

    def _number(self, owner: _Measured) -> Number:
        return Number(owner.unit, self._least(owner), self._most(owner))


FUNCTIONS = {"VOLT": "VOLT:DC", "CURR": "CURR:DC", "RES": "RES"}
"""What can be measured, with the names that answers give, in the order of readings."""
_function = re.compile(r"(VOLT|VOLTAGE|CURR|CURRENT|RES|RESISTANCE)(:DC)?").fullmatch


class Function(Kind[str]):
    """The name of a measure function, in quotes."""

    def read(self, argument: Argument, owner: Any, default: str | None = None) -> str:
        """Read a name: VOLT, CURR or RES, in quotes."""
        del owner, default
        if argument.kind != "string":
            raise ScpiError(-104)
        found = _function(argument.text.strip().upper())
        if found is None or (found[2] and found[1].startswith("RES")):
            raise ScpiError(-224)
        return "RES" if found[1].startswith("RES") else found[1][:4]

    def answer(self, value: str, spelling: Spelling) -> str:
        """Write a name."""
        del spelling
        return f'"{FUNCTIONS[value]}"'
