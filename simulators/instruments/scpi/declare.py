"""How a class of an instrument says which commands it has.

A setting is an attribute, a command or query is a method::

    class Channel:
        level_v = Setting("VOLTage[:LEVel]", Number("V", -5, 5), 0.0)

        @level_v.then
        def _go(self, level_v: float) -> None: ...

        @command("TRACe:CLEar", Maybe(Text()))
        def _clear(self, name: str | None) -> None: ...

        @query("READ")
        def _read(self) -> str: ...

Patterns are those of `tree`; `ScpiInstrument.declare` puts them below a node of the tree.
"""

from collections.abc import Callable, Iterator
from copy import copy
from typing import Any, Generic, NamedTuple, Self, TypeVar, overload

from hil.simulators.instruments.scpi.errors import ScpiError
from hil.simulators.instruments.scpi.message import Argument
from hil.simulators.instruments.scpi.tree import Handler, Tree
from hil.simulators.instruments.scpi.values import Kind, Number, Spelling

T = TypeVar("T")
Method = TypeVar("Method", bound=Callable[..., Any])
Pick = Callable[[tuple[int, ...]], Any]
"""Gives the part of an instrument that the numbers of a header mean."""

_MARK = "_scpi_commands"


class Maybe(NamedTuple):
    """An argument that may be left out or empty; the method gets None then."""

    kind: Kind[Any]


class Rest(NamedTuple):
    """Any number of arguments, at least one; the method gets them one by one."""

    kind: Kind[Any]


Wanted = Kind[Any] | Maybe | Rest


class Setting(Generic[T]):
    """A value that a command sets and its query answers; an attribute of the class it stands in.

    Parameters
    ----------
    pattern : str
        The command; with ``|`` between them, several that do the same.
    kind : Kind
        What its argument is.
    default : T
        After ``*RST``.
    kept : bool
        Whether ``*RST`` leaves it alone.
    query_only : bool
        Whether it cannot be set over the wire.
    """

    def __init__(
        self,
        pattern: str,
        kind: Kind[T],
        default: T,
        *,
        kept: bool = False,
        query_only: bool = False,
    ) -> None:
        self.pattern = pattern
        self.kind = kind
        self.default = default
        self.kept = kept
        self._query_only = query_only
        self._name = ""
        self._checks: Callable[[Any, T], T | None] | None = None
        self._then: Callable[[Any, T], None] | None = None

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = f"_{name}_is"

    @overload
    def __get__(self, owner: None, kind: type) -> "Setting[T]": ...
    @overload
    def __get__(self, owner: Any, kind: type) -> T: ...
    def __get__(self, owner: Any, kind: type) -> "T | Setting[T]":
        if owner is None:
            return self
        value: T = owner.__dict__.get(self._name, self.default)
        return value

    def __set__(self, owner: Any, value: T) -> None:
        """Set the value with nothing else happening."""
        owner.__dict__[self._name] = value

    def at(self, pattern: str, kind: Kind[T] | None = None, default: T | None = None) -> Self:
        """Give the same setting under a command, with a type or default of its own.

        A setting without a pattern has no command: a base class says what it does, the classes
        of its instruments say what it is called there.
        """
        other = copy(self)
        other.pattern = pattern
        other.kind = kind or other.kind
        other.default = other.default if default is None else default
        return other

    def check(self, method: Method) -> Method:
        """Mark what looks at a value from the wire before it is kept.

        It raises ScpiError, or returns the value to be kept instead (None: as it is).
        """
        self._checks = method
        return method

    def then(self, method: Method) -> Method:
        """Mark what happens when a value from the wire has been kept."""
        self._then = method
        return method

    def reset(self, owner: Any) -> None:
        """Go to the default, with nothing else happening."""
        if not self.kept:
            owner.__dict__.pop(self._name, None)

    def copy(self, one: Any, other: Any) -> None:
        """Take the value over from one part to another, with nothing else happening."""
        self.__set__(other, self._held(one))

    def obey(self, owner: Any, arguments: tuple[Argument, ...]) -> None:
        """Take a value from the wire."""
        if len(arguments) != 1 or arguments[0] == _EMPTY:
            raise ScpiError(-108 if len(arguments) > 1 else -109)
        value = self.kind.read(arguments[0], owner, self._default_of(owner))
        if self._checks is not None:
            changed = self._checks(owner, value)
            value = value if changed is None else changed
        self._keep(owner, value)
        if self._then is not None:
            self._then(owner, value)

    def answer(self, owner: Any, arguments: tuple[Argument, ...], spelling: Spelling) -> str:
        """Answer the query, with MIN, MAX or DEF as its argument too."""
        if not arguments:
            return self.kind.answer(self._held(owner), spelling)
        if len(arguments) > 1:
            raise ScpiError(-108)
        value = self.kind.extreme(arguments[0], owner, self._default_of(owner))
        return self.kind.answer(value, spelling)

    def plant(self, tree: Tree, prefix: str, pick: Pick, spelling: Spelling) -> None:
        """Add the command and its query to a tree."""
        if not self.pattern:
            return

        def obey(numbers: tuple[int, ...], arguments: tuple[Argument, ...]) -> None:
            self.obey(pick(numbers), arguments)

        def answer(numbers: tuple[int, ...], arguments: tuple[Argument, ...]) -> str:
            return self.answer(pick(numbers), arguments, spelling)

        for pattern in self.pattern.split("|"):
            set_by = None if self._query_only else obey
            tree.add(_joined(prefix, pattern), obey=set_by, answer=answer)

    def _default_of(self, owner: Any) -> T | None:
        del owner
        return self.default

    def _held(self, owner: Any) -> T:
        value: T = self.__get__(owner, type(owner))
        return value

    def _keep(self, owner: Any, value: T) -> None:
        self.__set__(owner, value)


class Derived(Setting[T]):
    """A setting that is another view of settings that are kept.

    Parameters
    ----------
    pattern, kind :
        As for `Setting`.
    read, write : callable
        Give it, and set it, for a part of the instrument.
    default : T, optional
        What DEFault means.
    """

    def __init__(
        self,
        pattern: str,
        kind: Kind[T],
        read: Callable[[Any], T],
        write: Callable[[Any, T], None] | None = None,
        default: T | None = None,
    ) -> None:
        super().__init__(pattern, kind, default, query_only=write is None)  # type: ignore[arg-type]
        self._read = read
        self._write = write

    def __get__(self, owner: Any, kind: type) -> Any:
        return self if owner is None else self._read(owner)

    def __set__(self, owner: Any, value: T) -> None:
        assert self._write is not None  # noqa: S101 - the tree knows no command for it
        self._write(owner, value)

    def reset(self, owner: Any) -> None:
        """Leave it to the settings that it follows from."""


def Quantity(  # noqa: N802 - reads as the type that it makes
    pattern: str,
    unit: str,
    least: Any,
    most: Any,
    default: float,
    form: Callable[[float], str] | None = None,
) -> Setting[float]:
    """Make a setting that is a number with a unit and limits."""
    return Setting(pattern, Number(unit, least, most, form=form), default)


class _Command(NamedTuple):
    pattern: str
    wanted: tuple[Wanted, ...]
    is_query: bool


def command(pattern: str, *wanted: Wanted) -> Callable[[Method], Method]:
    """Have a method obey a command: it gets what the numbers behind nodes are, then arguments."""
    return _marked(_Command(pattern, wanted, is_query=False))


def query(pattern: str, *wanted: Wanted) -> Callable[[Method], Method]:
    """Have a method answer a query (*pattern* has no question mark), as text."""
    return _marked(_Command(pattern, wanted, is_query=True))


def _marked(what: _Command) -> Callable[[Method], Method]:
    def mark(method: Method) -> Method:
        setattr(method, _MARK, (*getattr(method, _MARK, ()), what))
        return method

    return mark


def settings_of(kind: type) -> list[Setting[Any]]:
    """List the settings of a class."""
    return [value for _, value in _attributes(kind) if isinstance(value, Setting)]


def plant(
    tree: Tree, kind: type, prefix: str, picked: int, pick: Pick, spelling: Spelling
) -> None:
    """Add all commands of a class to a tree.

    Parameters
    ----------
    tree : Tree
        Where they go.
    kind : type
        The class.
    prefix : str
        Pattern of the node that they are below.
    picked : int
        How many numbers of a header *pick* takes; methods get the others.
    pick : callable
        Gives the object.
    spelling : Spelling
        How numbers are answered.
    """
    for name, value in _attributes(kind):
        if isinstance(value, Setting):
            value.plant(tree, prefix, pick, spelling)
        for entry in getattr(value, _MARK, ()):
            handler = _handler(name, entry, picked, pick)
            for pattern in entry.pattern.split("|"):
                if entry.is_query:
                    tree.add(_joined(prefix, pattern), answer=handler)
                else:
                    tree.add(_joined(prefix, pattern), obey=handler)


def _handler(name: str, entry: _Command, picked: int, pick: Pick) -> Handler:
    def handle(numbers: tuple[int, ...], arguments: tuple[Argument, ...]) -> str | None:
        owner = pick(numbers)
        values = _values(entry.wanted, arguments, owner)
        told: str | None = getattr(owner, name)(*numbers[picked:], *values)
        return told

    return handle


_EMPTY = Argument("word", "")


def _values(wanted: tuple[Wanted, ...], arguments: tuple[Argument, ...], owner: Any) -> list[Any]:
    """Read the arguments of a command."""
    values: list[Any] = []
    left = list(arguments)
    for want in wanted:
        if isinstance(want, Rest):
            if not left:
                raise ScpiError(-109)
            return values + [want.kind.read(argument, owner) for argument in left]
        argument = left.pop(0) if left else _EMPTY
        if isinstance(want, Maybe):
            values.append(None if argument == _EMPTY else want.kind.read(argument, owner))
        elif argument == _EMPTY:
            raise ScpiError(-109)
        else:
            values.append(want.read(argument, owner))
    if [argument for argument in left if argument != _EMPTY]:
        raise ScpiError(-108)
    return values


def _attributes(kind: type) -> Iterator[tuple[str, Any]]:
    """Go through what a class and its bases declare; what is declared again hides what was."""
    seen: set[str] = set()
    for base in kind.__mro__:
        for name, value in vars(base).items():
            if name not in seen:
                seen.add(name)
                yield name, value


def _joined(prefix: str, pattern: str) -> str:
    if not prefix:
        return pattern
    return prefix + (pattern if pattern.startswith(("[", ":")) else f":{pattern}")
