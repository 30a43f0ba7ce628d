"""What may stand behind a header, and how it is answered (SCPI-1999 volume 1, chapter 7)."""

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

from hil.simulators.instruments.scpi.errors import ScpiError
from hil.simulators.instruments.scpi.message import Argument

T = TypeVar("T")
Bound: TypeAlias = float | Callable[[Any], float]
"""A limit, or what gives it for the part of the instrument that is asked."""

INFINITY = 9.9e37
"""How an infinite number is written (SCPI-1999 volume 1, 7.2.1.4)."""
NOT_A_NUMBER = 9.91e37

_PREFIXES = {"P": -12, "N": -9, "U": -6, "M": -3, "": 0, "K": 3, "MA": 6, "G": 9}
_MEGA = {"HZ", "OHM"}
"""Before these M is mega, elsewhere it is milli (IEEE 488.2, 7.7.3)."""
_number = re.compile(
    r"([+-]?(?:\d+\.?\d*|\.\d+))(?:\s*[eE]\s*([+-]?\d+))?\s*(.*)", re.DOTALL
).fullmatch
_radix = re.compile(r"#(?:[Hh]([0-9A-Fa-f]+)|[Qq]([0-7]+)|[Bb]([01]+))").fullmatch
_LONGEST = 255
"""More digits than that are no number (IEEE 488.2, 7.7.2.4.1)."""


class Spelling(NamedTuple):
    """How an instrument writes numbers with a fraction and whole ones."""

    real: Callable[[float], str]
    whole: Callable[[int], str]


class Kind(ABC, Generic[T]):
    """A type of argument."""

    @abstractmethod
    def read(self, argument: Argument, owner: Any, default: T | None = None) -> T:
        """Read an argument; raises ScpiError."""

    @abstractmethod
    def answer(self, value: T, spelling: Spelling) -> str:
        """Write a value as the answer to a query."""

    def extreme(self, argument: Argument, owner: Any, default: T | None) -> T:
        """Read what is asked for instead of a setting: its least, most or default value."""
        del argument, owner, default
        raise ScpiError(-108)


class Number(Kind[float]):
    """A number in SI.

    Parameters
    ----------
    unit : str
        Suffix that may follow, with a prefix ("V", "A", "S", "HZ", "OHM"); "" for none.
    least, most : float or callable
        Limits, both included; -222 outside.
    infinite : bool
        Whether INFinity may be asked for.
    form : callable, optional
        How it is answered, if not as the instrument usually does.
    suffixes : tuple of str
        More that may follow and change nothing ("VPP", "PCT", "DEG").
    """

    def __init__(
        self,
        unit: str = "",
        least: Bound = -math.inf,
        most: Bound = math.inf,
        *,
        infinite: bool = False,
        form: Callable[[float], str] | None = None,
        suffixes: tuple[str, ...] = (),
    ) -> None:
        self.unit = unit
        self.least = least
        self.most = most
        self.infinite = infinite
        self.form = form
        self.suffixes = suffixes

    def read(self, argument: Argument, owner: Any, default: float | None = None) -> float:
        """Read a number or MINimum, MAXimum, DEFault."""
        if argument.kind != "word":
            raise ScpiError({"string": -158, "block": -168, "list": -178}[argument.kind])
        word = argument.text.upper()
        if word[:1].isalpha():
            return self._named(word, owner, default)
        value = self._value(word)
        least, most = _bound(self.least, owner), _bound(self.most, owner)
        inside = least <= value <= most or _meets(value, least) or _meets(value, most)
        if not inside or math.isinf(value):
            raise ScpiError(-222)
        return value

    def answer(self, value: float, spelling: Spelling) -> str:
        """Write a number; infinite ones as SCPI does."""
        if not math.isfinite(value):
            value = NOT_A_NUMBER if math.isnan(value) else math.copysign(INFINITY, value)
        return (self.form or spelling.real)(value)

    def extreme(self, argument: Argument, owner: Any, default: float | None) -> float:
        """Read MIN, MAX or DEF."""
        if argument.kind != "word" or not argument.text[:1].isalpha():
            raise ScpiError(-108)
        return self._named(argument.text.upper(), owner, default)

    def _named(self, word: str, owner: Any, default: float | None) -> float:
        if word in ("MIN", "MINIMUM"):
            return _bound(self.least, owner)
        if word in ("MAX", "MAXIMUM"):
            return _bound(self.most, owner)
        if word in ("DEF", "DEFAULT") and default is not None:
            return default
        if word in ("INF", "INFINITY", "NINF", "NINFINITY", "NAN"):
            if self.infinite and word in ("INF", "INFINITY"):
                return math.inf
            raise ScpiError(-222)
        raise ScpiError(-104)

    def _value(self, word: str) -> float:
        if len(word) > _LONGEST:
            raise ScpiError(-124 if word.isdecimal() else -121)
        other = _radix(word)
        if other is not None:
            return float(
                next(int(d, base) for d, base in zip(other.groups(), (16, 8, 2), strict=True) if d)
            )
        found = _number(word)
        if found is None:
            raise ScpiError(-121 if word[:1] in "+-.0123456789" and word else -104)
        exponent = int(found[2] or 0)
        if abs(exponent) > 32000:
            raise ScpiError(-123)
        return float(f"{found[1]}e{exponent + self._power(found[3])}")

    def _power(self, suffix: str) -> int:
        """Tell by which power of ten a suffix multiplies."""
        if not suffix or suffix in self.suffixes:
            return 0
        if not self.unit:
            raise ScpiError(-138)
        prefix = suffix.removesuffix(self.unit)
        if prefix == suffix or prefix not in _PREFIXES:
            raise ScpiError(-131)
        return 6 if prefix == "M" and self.unit in _MEGA else _PREFIXES[prefix]


class Whole(Kind[int]):
    """A whole number; one with a fraction is rounded."""

    def __init__(
        self,
        least: Bound = -(2**31),
        most: Bound = 2**31 - 1,
        *,
        infinite: bool = False,
        form: Callable[[float], str] | None = None,
    ) -> None:
        self._number = Number("", least, most, infinite=infinite)
        self._form = form

    def read(self, argument: Argument, owner: Any, default: int | None = None) -> int:
        """Read a whole number; INFinity is 0."""
        return _rounded(self._number.read(argument, owner, default))

    def answer(self, value: int, spelling: Spelling) -> str:
        """Write a whole number; 0 as infinity where that can be."""
        if self._form is not None:
            return self._form(INFINITY if self._number.infinite and value == 0 else value)
        if self._number.infinite and value == 0:
            return spelling.real(INFINITY)
        return spelling.whole(value)

    def extreme(self, argument: Argument, owner: Any, default: int | None) -> int:
        """Read MIN, MAX or DEF."""
        return _rounded(self._number.extreme(argument, owner, default))


class Boolean(Kind[bool]):
    """ON, OFF or a number, of which 0 is off; answered 1 or 0."""

    def read(self, argument: Argument, owner: Any, default: bool | None = None) -> bool:
        """Read a switch."""
        del default
        word = argument.text.upper()
        if argument.kind == "word" and word in ("0", "1", "ON", "OFF"):
            return word in ("1", "ON")
        if argument.kind == "word" and word[:1].isalpha():
            raise ScpiError(-224)
        return round(Number("", -1e9, 1e9).read(argument, owner)) != 0

    def answer(self, value: bool, spelling: Spelling) -> str:
        """Write 1 or 0."""
        del spelling
        return "1" if value else "0"


class Choice(Kind[str]):
    """One of several words, each in its long or short form; kept and answered in the short one.

    Parameters
    ----------
    *words : str
        As manuals write them: "IMMediate"; what may be left out in brackets ("CURRent[:DC]"), it
        is there in the answer.
    unknown : int
        The error for any other word.
    quoted : str
        Quotes of the answer: with them the argument is a string.
    """

    def __init__(self, *words: str, unknown: int = -224, quoted: str = "") -> None:
        self._unknown = unknown
        self._quoted = quoted
        self.short: dict[str, str] = {}
        for word in words:
            head, _, rest = word.partition("[")
            rest = rest.rstrip("]")
            kept = re.sub("[a-z]", "", head + rest)
            for form in (head, head + rest):
                self.short[form.upper()] = self.short[re.sub("[a-z]", "", form)] = kept

    def read(self, argument: Argument, owner: Any, default: str | None = None) -> str:
        """Read a word."""
        del owner, default
        if argument.kind != ("string" if self._quoted else "word"):
            raise ScpiError(-104)
        word = argument.text.strip().upper()
        if word not in self.short:
            raise ScpiError(self._unknown)
        return self.short[word]

    def answer(self, value: str, spelling: Spelling) -> str:
        """Write the short form."""
        del spelling
        return f"{self._quoted}{value}{self._quoted}"


class Text(Kind[str]):
    """A text in quotes; answered in double ones."""

    def __init__(self, *, bare: bool = False, most: int = 255) -> None:
        self._bare = bare
        self._most = most

    def read(self, argument: Argument, owner: Any, default: str | None = None) -> str:
        """Read a text; one without quotes where a bare word will do."""
        del owner, default
        if argument.kind != "string" and not (self._bare and argument.kind == "word"):
            raise ScpiError(-104)
        if len(argument.text) > self._most:
            raise ScpiError(-223)
        return argument.text

    def answer(self, value: str, spelling: Spelling) -> str:
        """Write it in double quotes."""
        del spelling
        return '"' + value.replace('"', '""') + '"'


class Block(Kind[bytes]):
    """Bytes in a block."""

    def read(self, argument: Argument, owner: Any, default: bytes | None = None) -> bytes:
        """Read a block."""
        del owner, default
        if argument.kind != "block":
            raise ScpiError(-104)
        return argument.text.encode("latin-1")

    def answer(self, value: bytes, spelling: Spelling) -> str:
        """Write a block of known length."""
        del spelling
        count = str(len(value))
        return f"#{len(count)}{count}{value.decode('latin-1')}"


class Raw(Kind[Argument]):
    """Anything, left to the one who asked for it."""

    def read(self, argument: Argument, owner: Any, default: Argument | None = None) -> Argument:
        """Give the argument as it is."""
        del owner, default
        return argument

    def answer(self, value: Argument, spelling: Spelling) -> str:
        """Write what was in it."""
        del spelling
        return value.text


def _rounded(value: float) -> int:
    return 0 if math.isinf(value) else round(value)


def _meets(value: float, bound: float) -> bool:
    """Tell whether a value is a limit that was calculated."""
    return math.isclose(value, bound, rel_tol=1e-12)


def _bound(bound: Bound, owner: Any) -> float:
    return bound(owner) if callable(bound) else bound
