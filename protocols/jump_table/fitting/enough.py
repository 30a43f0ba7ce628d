"""Whether points say enough for curves between the bounds."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from hil.errors import ConfigError
from hil.protocols.jump_table.fitting.censored import NoScatter
from hil.protocols.jump_table.fitting.checks import check_points
from hil.protocols.jump_table.points import Points

_LEAST = 40
"""Points from which curves are usable, if with wide intervals."""

_FREE = 10
"""Readings that must lie between the bounds: those at a bound do not say how wide sigma is."""

_SHARE = 0.1
"""Part of the range between the bounds that conductances must cover."""


def span_s(points: Points) -> tuple[float, float]:
    """Give the range to fit over (S): the bounds, or where there are none the data's own end.

    A conductance outside the bounds, where noise of the read took it, widens the range.
    """
    least, most = float(points.conductance_s.min()), float(points.conductance_s.max())
    low = points.low_s if math.isfinite(points.low_s) else least
    high = points.high_s if math.isfinite(points.high_s) else most
    return min(low, least), max(high, most)


def demand(points: Points, method: str, *, censored: bool) -> None:
    """Refuse points that no curve can be fitted to.

    Parameters
    ----------
    points : Points
        One amplitude.
    method : str
        What it is called in the message.
    censored : bool
        Whether readings at a bound count as stopped there.

    Raises
    ------
    ConfigError
        For fewer than 40 points and what else `check_points` refuses, conductances that cover
        under a tenth of the range between the bounds, fewer than ten readings between them, and
        such readings of one step only: what is missing, and how many would do.
    """
    check_points(points, _LEAST, method)
    at = f"at {points.voltage_v:g} V"
    start_s, end_s = float(points.conductance_s.min()), float(points.conductance_s.max())
    low_s, high_s = span_s(points)
    if end_s - start_s < _SHARE * (high_s - low_s):
        raise ConfigError(
            f"the points {at} start between {start_s:.4g} and {end_s:.4g} S, less than a tenth of "
            f"the range from {low_s:.4g} to {high_s:.4g} S; take points over more of it, or state "
            "closer bounds"
        )
    if censored:
        _demand_free(points, at, method)


def _demand_free(points: Points, at: str, method: str) -> None:
    """Refuse points of which nearly all were stopped at a bound, or all others stand still."""
    free = points.step_s[~(points.at_low | points.at_high)]
    if len(free) < _FREE:
        enough = f"some {_FREE * math.ceil(len(points) / len(free))} points" if len(free) else ""
        raise ConfigError(
            f"only {len(free)} of the {len(points)} points {at} end between the bounds and "
            f"{method} needs {_FREE}; {enough or 'weaker pulses'} would do, or state wider bounds"
        )
    if np.ptp(free) <= 1e-12 * np.abs(points.conductance_s).max():
        raise ConfigError(
            f"all steps {at} that end between the bounds are {free[0]:.4g} S; {method} needs some "
            "that differ, as only a device with noise has a distribution"
        )


@contextmanager
def scatter_demanded(points: Points) -> Iterator[None]:
    """Say to people that sigma ran to zero; raises ConfigError."""
    try:
        yield
    except NoScatter:
        raise ConfigError(
            f"the steps at {points.voltage_v:g} V have no scatter over a part of the conductances "
            "and sigma would be 0 there; take readings that resolve the scatter of the device"
        ) from None
