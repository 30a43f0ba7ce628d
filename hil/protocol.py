"""Protocols: parameters, the columns of the records, and the way they are measured."""

import zlib
from abc import ABCMeta, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from hil.bench import Bench
from hil.cells import Indices
from hil.draws import uniforms
from hil.errors import ConfigError
from hil.program import Program

_SCALARS = (str, int, float, np.generic)

Table = dict[str, NDArray[Any]]
"""Records as columns: name -> (rows,)."""


class Columns:
    """Names and units of a protocol's records, in order; "1" is a plain number, "text" a text."""

    def __init__(self, **units: str) -> None:
        names = ["seq", "batch", *(name.lower() for name in units)]
        if len(set(names)) < len(names):
            raise ConfigError(f"columns {list(units)}: no two may be alike, and none seq or batch")
        self.units: Mapping[str, str] = units
        self.names = units.keys()


class Batch(NamedTuple):
    """Records that belong together: kept together or not at all.

    Attributes
    ----------
    values : dict
        Column -> scalar or array; arrays of one shape, scalars stand for all rows.
    rows : int
        How many records.
    done : int
        How many of them count towards the protocol's total.
    """

    values: dict[str, Any]
    rows: int
    done: int


class Summary(NamedTuple):
    """What a run came to: figures for programs, lines for people."""

    figures: dict[str, Any]
    lines: list[str]


class RunView:
    """What a protocol may know of its run: the past, and randomness. Nothing else.

    Attributes
    ----------
    batch : int
        How many batches have been measured, those before a resume included.
    seam : bool
        Whether the state of the cells has to be looked at anew: at the start, and after a resume
        on a bench that cannot bring its cells back.
    """

    def __init__(
        self, seed: int, batch: int = 0, past: Callable[[], Table] | None = None, seam: bool = True
    ) -> None:
        self.seed = seed
        self.batch = batch
        self.seam = seam
        self._read_past = past if batch else None
        self._streams: dict[str, np.uint64] = {}
        self._rng: tuple[int, np.random.Generator] | None = None

    @cached_property
    def past(self) -> Table:
        """The records that were kept before this start of the run; empty at the first."""
        return {} if self._read_past is None else self._read_past()

    def rng(self) -> np.random.Generator:
        """Return the generator of the current batch, from the seed and the batch's number."""
        if self._rng is None or self._rng[0] != self.batch:
            self._rng = (self.batch, np.random.default_rng([self.seed, 3, self.batch]))
        return self._rng[1]

    def uniform(self, purpose: str, cells: Indices, counts: Indices) -> NDArray[np.float64]:
        """Draw numbers from [0, 1) by purpose, cell and count alone.

        The same three give the same number whatever else is measured, in which order and batches.

        Parameters
        ----------
        purpose : str
            What the number is for.
        cells : (cells,) int64
            Whose.
        counts : (draws, cells) int64
            Which of the cell's draws for that purpose.

        Returns
        -------
        (draws, cells) float64
        """
        stream = self._streams.get(purpose)
        if stream is None:
            stream = self._streams[purpose] = np.uint64(zlib.crc32(purpose.encode()) | 1 << 32)
        keys = np.uint64(self.seed << 24) | cells.astype(np.uint64)
        drawn: NDArray[np.float64] = uniforms(keys, stream, counts.view(np.uint64))
        return drawn


class _AbstractStruct(msgspec.StructMeta, ABCMeta):
    """Lets a struct have abstract methods."""


class Protocol(
    msgspec.Struct,
    metaclass=_AbstractStruct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
):
    """A measurement: the struct's fields are its parameters.

    A protocol must write `columns`, `measure`, `total`, `programs` and `describe`; it may write
    `glance`, `summarise` and `picture`.
    """

    columns: ClassVar[Columns]
    needs_formed: ClassVar[bool] = False

    @abstractmethod
    def measure(self, bench: Bench, run: RunView) -> Iterator[Batch]:
        """Measure, yielding records as they come; begins where ``run.past`` ends.

        A cell that turns out to be dead is a CellFault, raised when the records that show it have
        been yielded.
        """

    @abstractmethod
    def total(self, bench: Bench) -> int:
        """Tell how many records count when it is finished."""

    @abstractmethod
    def programs(self, bench: Bench) -> Iterable[tuple[Program, float]]:
        """List the programs it will use at worst, each with about how often."""

    @abstractmethod
    def describe(self, bench: Bench) -> str:
        """Say in one line what will be done."""

    def complete(self, bench: Bench) -> "Protocol":
        """Fill in the parameters whose default depends on the bench; raise for what is missing."""
        return self

    def done(self, past: Table) -> int:
        """Count the records of an earlier start that count towards `total`; all by default."""
        return len(next(iter(past.values()))) if past else 0

    def glance(self, batch: Batch) -> str:
        """Say in a few characters what the last records show."""
        return ""

    def summarise(self, table: Table) -> Summary:
        """Say what the records come to."""
        return Summary({}, [])

    def picture(self, table: Table, caption: str, path: Path) -> list[Path]:
        """Draw the records; returns the files that were written, none if there is no picture."""
        return []

    def batch(self, *, done: int | None = None, **values: Any) -> Batch:
        """Make a batch of records from columns (arrays of one shape, or scalars).

        Raises
        ------
        ConfigError
            If the columns are not the protocol's, or not equally long.
        """
        if values.keys() != self.columns.names:
            wrong = sorted(values.keys() ^ self.columns.names)
            raise ConfigError(f"{type(self).__name__} yields wrong or missing columns: {wrong}")
        sizes = set()
        for name, value in values.items():
            if isinstance(value, np.ndarray):
                sizes.add(value.size)
            elif not isinstance(value, _SCALARS):
                raise ConfigError(
                    f"{type(self).__name__} yields {name} that is no array or scalar"
                )
        if len(sizes) > 1:
            raise ConfigError(f"{type(self).__name__} yields columns of {sorted(sizes)} rows")
        rows = sizes.pop() if sizes else 1
        return Batch(values, rows, rows if done is None else done)
