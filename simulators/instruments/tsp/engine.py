"""The TSP engine: runs chunks of Lua in a closed world, in bounded time and memory."""

import re
import time
from collections.abc import Callable, Iterable
from typing import Any
from weakref import WeakValueDictionary

from hil.errors import ConfigError
from hil.simulators.instruments.tsp.prelude import PRELUDE
from hil.simulators.instruments.tsp.printing import Columns, Format

MOST_MEMORY = 32 << 20
"""What scripts and their values may take (bytes); beyond, the chunks' global values are lost."""
_HARD_MEMORY = 256 << 20
MOST_STEPS = 20_000_000
"""Lua instructions of one chunk."""
MOST_OUTPUT = 16 << 20
"""What one chunk may print (bytes)."""
LONGEST_S = 50.0
"""Time on the wall after which a chunk that has not ended yet is ended (s)."""
_HOOK_STEPS = 1000
_CALL_STEPS = 20

_PLACE = re.compile(r"TSP:(\d+): (.*)", re.DOTALL)
_OWN_PLACE = re.compile(r'\[string "[^"]*"\]:\d+: ')
_QUOTED = re.compile(r"'([^'\n]*)'")


class TspError(Exception):
    """A runtime error of the chunk that is running; its text is what comes after the line."""


class Rejected(Exception):
    """An error for the queue; the chunk goes on without what it asked for."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Fault(Exception):
    """What ended a chunk.

    Attributes
    ----------
    syntax : bool
        Whether it could not be understood; else it failed while it ran.
    line : int
        Where.
    message : str
        What, as Lua 5.0 quotes names.
    """

    def __init__(self, kind: str, text: str) -> None:
        text = _OWN_PLACE.sub("", text)
        place = _PLACE.match(text)
        self.syntax = kind == "syntax"
        self.line = int(place[1]) if place else 1
        self.message = _QUOTED.sub(r"`\1'", place[2] if place else text)
        super().__init__(self.message)


class Engine:
    """One world of Lua.

    Parameters
    ----------
    reject : callable
        Takes code and message of an error that only goes to the queue.
    on_call : callable
        Called whenever a chunk asks something of the instrument.

    Attributes
    ----------
    output : list of bytes
        What was printed, a message an entry; whoever sends it clears it.
    form : Format
        How numbers are printed.

    Raises
    ------
    ConfigError
        Without lupa.
    """

    def __init__(
        self, reject: Callable[[int, str], None], on_call: Callable[[], None] = lambda: None
    ) -> None:
        self.output: list[bytes] = []
        self.form = Format(self)
        self._printed = 0
        self._reject = reject
        self._on_call = on_call
        self._fault: Exception | None = None
        self._ends_s = 0.0
        self._columns: WeakValueDictionary[int, Columns] = WeakValueDictionary()
        self._handles = 0
        self._lua, self._lua_error = _lua()
        self._engine = self._lua.execute(
            PRELUDE, self._guarded(self._emit), self._guarded(self._send),
            lambda: time.monotonic() > self._ends_s, MOST_STEPS, MOST_MEMORY / 1024,
            _HOOK_STEPS, _CALL_STEPS,
        )  # fmt: skip

    # -- for the instrument ---------------------------------------------------------------------
    def execute(self, text: str) -> None:
        """Run a chunk; raises Fault."""
        self._run(self._engine.execute, text)

    def load(self, text: str, name: str) -> None:
        """Keep a chunk as a script; raises Fault if it cannot be understood."""
        self._run(self._engine.load, text, name)

    def run_script(self, name: str) -> None:
        """Run a script, the anonymous one if its name is empty; raises Fault."""
        self._run(self._engine.run_script, name)

    def set_precision(self, digits: int) -> None:
        """Set the significant digits of printed numbers."""
        self._engine.set_precision(digits)

    def column(self, table: Any) -> Columns | None:
        """Tell which column of the instrument a Lua table stands for; None for any other."""
        if table is None or isinstance(table, (int, float, str)):
            return None
        handle = self._engine.handle_of(table)
        return None if handle is None else self._columns.get(int(handle))

    def seal(self) -> None:
        """Take what is in the world now for the instrument's own."""
        self._engine.seal()

    def globals(self) -> Any:
        """Give the table of all global names."""
        return self._engine.world

    def table(self, values: Iterable[Any] = ()) -> Any:
        """Make a Lua table of values in their order."""
        return self._lua.table(*values)

    def make(self, luatype: str | None, columns: Columns | None, index: Any) -> tuple[Any, Any]:
        """Make an object with metatables, and what adds attributes to it."""
        handle = None
        if columns is not None:
            self._handles = handle = self._handles + 1
            self._columns[handle] = columns
        made: tuple[Any, Any] = self._engine.make(
            luatype, handle, None if index is None else self._guarded(index)
        )
        return made

    def callable(self, function: Callable[..., Any]) -> Any:
        """Make a Lua function of a Python function."""
        return self._engine.callable(self._guarded(function))

    def guarded(self, function: Callable[..., Any]) -> Callable[..., tuple[Any, ...]]:
        """Wrap a Python function for `make`'s attributes."""
        return self._guarded(function)

    # -- inside ---------------------------------------------------------------------------------
    def _run(self, call: Callable[..., Any], *arguments: str) -> None:
        self._printed = 0
        self._ends_s = time.monotonic() + LONGEST_S
        try:
            failed = call(*arguments)
        except (self._lua_error, MemoryError):  # while Python and Lua were handing values over
            failed = "runtime", "not enough memory"
        if self._fault is not None:
            fault, self._fault = self._fault, None
            raise fault
        if failed is not None:
            raise Fault(*failed)

    def _guarded(self, function: Callable[..., Any]) -> Callable[..., tuple[Any, ...]]:
        """Answer as the prelude wants it; a fault of the simulation is raised after the chunk."""

        def called(*arguments: Any) -> tuple[Any, ...]:
            try:
                if time.monotonic() > self._ends_s:
                    return None, "the script does not end"
                self._on_call()
                result = function(*arguments)
            except TspError as error:
                return False, str(error)
            except Rejected as rejected:
                self._reject(rejected.code, rejected.message)
                return True, None
            except Exception as error:  # noqa: BLE001 - it must not unwind through Lua
                self._fault = error
                return None, "the simulation failed"
            return (True, *result) if isinstance(result, tuple) else (True, result)

        return called

    def _emit(self, line: str) -> None:
        self._put(line.encode("latin-1", "replace"))

    def _send(self, first: Any, last: Any, *columns: Any) -> None:
        if not columns:
            raise TspError("a reading buffer was expected")
        read = [
            self._columns[int(column)].part(first, last)
            if isinstance(column, (int, float))
            else [float(value) for value in column.values()]
            for column in columns
        ]
        self._put(self.form.block(read))

    def _put(self, message: bytes) -> None:
        self._printed += len(message) + 50
        if self._printed > MOST_OUTPUT:
            raise TspError("not enough memory")
        self.output.append(message)


def _lua() -> tuple[Any, Any]:
    try:
        from lupa import lua51
    except ImportError as error:
        raise ConfigError(
            "a virtual instrument that speaks TSP needs lupa; install it with "
            'python -m pip install "hil-bench[tsp]"'
        ) from error

    def refuse(*_: Any) -> None:
        raise AttributeError("there is nothing to be had from Python")

    runtime = lua51.LuaRuntime(
        encoding="latin-1",
        source_encoding="latin-1",
        attribute_filter=refuse,
        register_eval=False,
        register_builtins=False,
        unpack_returned_tuples=True,
        max_memory=_HARD_MEMORY,
    )
    return runtime, lua51.LuaError
