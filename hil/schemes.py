"""How the lines of an array that are not selected are biased, and what that does to other cells.

The selected cell has the program's voltage V: its row is at V, its column at 0. The other rows and
columns are at parts of V, or float. So another cell on the selected row has (1 - columns) V, one
on the selected column rows V, and one on neither (rows - columns) V; a floating line is somewhere
between the lines that are driven. That is with lines that are where they are driven. In wires and
behind drivers a line gives way to what flows through it: the selected cell gets less, and another
cell may get more than its part, at most by what its lines lose.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, NamedTuple

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from hil.errors import ConfigError, NotSupported
from hil.limits import STRESS, Disturb, Limits, check_limits
from hil.program import Demands, Phase, Program

_Part = Annotated[float, Meta(ge=0, le=1, description="part of the program's voltage")] | None


class Scheme(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What lines that are not selected are at, as parts of the voltage; None floats."""

    rows: _Part = None
    columns: _Part = None

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            part = getattr(self, name)
            if part is not None and not 0 <= part <= 1:
                raise ConfigError(
                    f"a scheme's {name} are at a part of the voltage between 0 and 1, not {part}"
                )


SCHEMES: Mapping[str, Scheme] = {
    "V/2": Scheme(rows=1 / 2, columns=1 / 2),
    "V/3": Scheme(rows=1 / 3, columns=2 / 3),
    "float": Scheme(),
    "grounded": Scheme(rows=0.0, columns=0.0),
}
"""The textbook's."""


class Seen(NamedTuple):
    """Parts of the voltage that another cell may have: least and most."""

    least: float
    most: float


def seen(scheme: Scheme) -> tuple[Seen, Seen, Seen]:
    """Tell what cells on the selected row, on the selected column and elsewhere may have.

    A floating line lies between the lowest and the highest line that is driven (no sources inside
    an array of passive cells), so each bound is one that no cells can break between ideal lines.
    """
    driven = [0.0, 1.0, *(part for part in (scheme.rows, scheme.columns) if part is not None)]
    least, most = min(driven), max(driven)
    rows = (least, most) if scheme.rows is None else (scheme.rows, scheme.rows)
    columns = (least, most) if scheme.columns is None else (scheme.columns, scheme.columns)
    return (
        Seen(1 - columns[1], 1 - columns[0]),
        Seen(rows[0], rows[1]),
        Seen(rows[0] - columns[1], rows[1] - columns[0]),
    )


class Biasing(NamedTuple):
    """What a bench with an array does with the lines that are not selected.

    Attributes
    ----------
    schemes : mapping of str to Scheme
        Those it knows.
    write : str
        While it switches, where a program asks for nothing.
    read : str
        While it reads, likewise.
    """

    schemes: Mapping[str, Scheme]
    write: str
    read: str

    def of(self, demands: Demands) -> tuple[str, str]:
        """Name the schemes of a program: for switching, for reads.

        Raises
        ------
        NotSupported
            For one that the bench does not know.
        """
        write = demands.scheme or self.write
        read = demands.read_scheme or self.read
        for name in (write, read):
            if name not in self.schemes:
                raise NotSupported(f"there is no scheme {name!r}; there is {self.names}")
        return write, read

    @property
    def names(self) -> str:
        """All schemes, for people."""
        return ", ".join(self.schemes)

    def disturb(self, program: Program, limits: Limits, array_columns: int) -> Disturb:
        """Find what a program does at most to cells that are not selected.

        Parameters
        ----------
        program : Program
            For the selected cells; within the limits.
        limits : Limits
            Beyond whose read limits a disturb counts; no other cell may see more than they allow.
        array_columns : int
            How many cells a row has.

        Returns
        -------
        Disturb
            Its energy is still the integral of |V| (V s).

        Raises
        ------
        LimitExceeded
            For a waveform that steps where the schemes of reads and switching meet.
        """
        write, read = (seen(self.schemes[name]) for name in self.of(program.demands))
        reads = program.phase == Phase.READ
        found: dict[tuple[Seen, Seen], NDArray[np.void]] = {}
        for part in zip(write, read, strict=True):
            if part not in found:
                found[part] = _worst(program, limits, reads, *part)
        places = zip(write, read, strict=True)
        return Disturb(array_columns, *(found[part].copy() for part in places))


def _worst(
    program: Program, limits: Limits, reads: NDArray[np.bool_], write: Seen, read: Seen
) -> NDArray[np.void]:
    """Give the larger stress of the least and of the most that a cell may have."""
    worst = np.zeros(program.columns, STRESS)
    for switched, looked in {(write.least, read.least), (write.most, read.most)}:
        part = np.where(reads, looked, switched)[:, None]
        if not part.any():
            continue
        other = replace(program, start_v=program.start_v * part, stop_v=program.stop_v * part)
        stress = check_limits(other, limits).stress
        for name in STRESS.names or ():
            pick = np.minimum if name == "lowest_v" else np.maximum
            worst[name] = pick(worst[name], stress[name])
    worst["disturbs"], worst["pulses"] = worst["pulses"], 0
    return worst
