"""What source meters share: ranges that fit, numbers with every digit, rows of readings."""

import numpy as np
from numpy.typing import NDArray

from hil.drivers.roles import Floats, Rows, SourceMeterReach, SourceSettings
from hil.drivers.session.numbers import exact, exact_list
from hil.errors import ConfigError, InstrumentError, NotSupported
from hil.units import format_quantity

DIGITS = 24
"""Characters of a number; SCPI sets no limit, so none of its digits is ever left out."""
OVER = 9e37
"""Numbers beyond are no readings: 9.9E37 is an overflow, 9.91E37 is NaN (SCPI-1999, 7.2.1)."""
_MOST_WORD = 2.0**32


def fitted(settings: SourceSettings, reach: SourceMeterReach, name: str) -> SourceSettings:
    """Find the ranges for some settings; the other values stay as they are.

    The measuring range is that of the current limit if that is the smaller one: no more flows.

    Raises
    ------
    NotSupported
        The instrument cannot do that.
    ConfigError
        One of them is no positive number.
    """
    for value, what in zip(settings, ("voltage", "limit", "current", "aperture"), strict=True):
        if not (np.isfinite(value) and value > 0):
            raise ConfigError(f"the {what} to prepare the {name} for is {value}; it is above 0")
    range_v, limit_a, range_a, aperture_s = settings
    if not reach.least_limit_a * (1 - 1e-9) <= limit_a <= reach.most_limit_a * (1 + 1e-9):
        raise out_of(name, "holds a current limit", limit_a, "A", reach.least_limit_a,
                      reach.most_limit_a)  # fmt: skip
    if not reach.least_aperture_s * (1 - 1e-9) <= aperture_s <= reach.most_aperture_s * (1 + 1e-9):
        raise out_of(name, "measures", aperture_s, "s", reach.least_aperture_s,
                      reach.most_aperture_s)  # fmt: skip
    return SourceSettings(
        _range(reach.source_ranges_v, range_v, reach.overrange, "V", name),
        limit_a,
        _range(reach.measure_ranges_a, min(range_a, limit_a), reach.overrange, "A", name),
        aperture_s,
    )


def readings(values: Floats) -> Floats:
    """Put NaN in the place of overflows and of what is no number."""
    return np.where(np.abs(values) >= OVER, np.nan, values)


def words(values: Floats) -> NDArray[np.int64]:
    """Read status words; they come as numbers like all others.

    Raises
    ------
    InstrumentError
        One is none.
    """
    if not ((values >= 0) & (values < _MOST_WORD) & (values == np.floor(values))).all():
        raise InstrumentError("a status word is no whole number; nothing that came is taken")
    return values.astype(np.int64)


def up_to_limit(rows: Rows) -> Rows:
    """Leave out what came after the first reading at the limit."""
    (at_limit,) = np.flatnonzero(rows.limited)[:1].tolist() or [len(rows.limited) - 1]
    return part_of(rows, slice(at_limit + 1))


def part_of(rows: Rows, part: slice) -> Rows:
    """Take some of the rows."""
    return Rows(
        rows.time_s[part], rows.voltage_v[part], rows.current_a[part], rows.limited[part],
        rows.status[part],
    )  # fmt: skip


def texts(values: Floats) -> list[str]:
    """Write numbers with every digit."""
    return exact_list(values, DIGITS)


def text(value: float) -> str:
    """Write a number with every digit."""
    return exact(value, DIGITS)


def _range(ranges: tuple[float, ...], largest: float, overrange: float, unit: str, name: str
           ) -> float:  # fmt: skip
    for found in ranges:
        if largest <= found * overrange * (1 + 1e-9):
            return found
    raise out_of(name, "has ranges", largest, unit, ranges[0], ranges[-1] * overrange)


def out_of(
    name: str, does: str, value: float, unit: str, least: float, most: float
) -> NotSupported:
    """Make the error for what an instrument cannot do: it *does* from *least* to *most*."""
    return NotSupported(
        f"the {name} {does} from {format_quantity(least, unit, 3)} to "
        f"{format_quantity(most, unit, 3)}, not {format_quantity(value, unit, 3)}"
    )
