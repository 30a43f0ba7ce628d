"""Others' devices: published tables, NeuroSim's parameters, and what a model's pulses do."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from hil.errors import ConfigError
from hil.protocols.jump_table.fitting.shapes import laid_out, moments
from hil.protocols.jump_table.models.model_file import write_model
from hil.protocols.jump_table.models.neurosim_cell import neurosim_parameters, write_neurosim
from hil.protocols.jump_table.profile import Floats, Profile
from hil.simulators.models.jump_table import JumpTable, Table
from hil.simulators.models.layers.layer import Layered
from hil.simulators.models.model import Device
from hil.simulators.models.neurosim import NeuroSim
from hil.simulators.models.published_tables import read_published

__all__ = [
    "model_profiles",
    "neurosim_parameters",
    "table_profile",
    "write_neurosim",
    "write_published",
]

_NORMAL = 2e-3
"""A row whose probabilities are this near to those of a normal distribution is one."""

_COUNT = 129
"""Quantiles of the shape of a table that is not normal."""

_FINE = 64
"""How many values stand for what lies between two of them."""

_AXIS = 100
_LEAST_SIGMA = 1e-9
"""Least sigma over the range of G: a profile cannot do without one."""


def table_profile(prefix: Path | str) -> Profile:
    """Read a published table, three text files, as mean and sigma over G.

    Where every row is a normal distribution to 0.002 in probability, as in the tables published
    with Yousuf 2023, it is that distribution: the straight line through the probits of the row,
    by least squares in probability. The grid of steps, which widens what is drawn from it, then
    leaves no trace. Otherwise it is what the rows say, linear between their steps: mean and sigma
    of that, and its shape.

    Parameters
    ----------
    prefix : path
        Folder and beginning of the names, see `hil.simulators.models.published_tables`.

    Raises
    ------
    ConfigError
        For files that are missing or hold no such table.
    """
    table = Table(**_as_tuples(read_published(prefix, 1.0)))
    axis_s, step_s, cdf = (np.array(x) for x in (table.conductance_s, table.step_s, table.cdf))
    mean_s, sigma_s, off = _probit_lines(step_s, cdf)
    if off <= _NORMAL:
        return Profile(axis_s, mean_s, sigma_s)
    return _of_grid(axis_s, step_s, cdf)


def write_published(
    path: Path,
    tables: Mapping[float, Path | str],
    *,
    title: str,
    source: str,
    pulse_high_s: float,
    bounds_s: tuple[float, float] | None = None,
) -> None:
    """Write published tables as a model file.

    Parameters
    ----------
    path : Path
        The model file.
    tables : mapping from float to path
        The table of each amplitude (V), as `table_profile` takes it.
    title, source : str
        What the device is, and where it was published.
    pulse_high_s : float
        Flat top of the pulses (s), which the tables do not tell.
    bounds_s : (low, high), optional
        Bounds of the conductance (S); the ends of the tables' axes if left out.

    Raises
    ------
    ConfigError
        As `table_profile`, and for what makes no model.
    """
    profiles = {voltage_v: table_profile(prefix) for voltage_v, prefix in tables.items()}
    ends_s = [profile.conductance_s[[0, -1]] for profile in profiles.values()]
    low_s, high_s = bounds_s or (min(a for a, _ in ends_s), max(b for _, b in ends_s))
    write_model(
        path, title=title, source=source, profiles=profiles, low_s=float(low_s),
        high_s=float(high_s), pulse_high_s=pulse_high_s,
    )  # fmt: skip


def model_profiles(device: Device, conductance_s: Floats | None = None) -> dict[float, Profile]:
    """Tell what the pulses of a simulated device do: the truth that a fit should find.

    Layers around the model change what is read or what single cells are, and are left out: it is
    what the state of the nominal cell does.

    Parameters
    ----------
    device : Device
        A jump table or NeuroSim's device, with layers around it or without.
    conductance_s : (m,) float64, optional
        Axis (S); 100 conductances from bound to bound if left out.

    Returns
    -------
    dict
        Amplitude (V) -> profile, the most negative first. Where sigma is 0 it is 1e-9 of the
        range of G.

    Raises
    ------
    ConfigError
        For a device that is no such model.
    """
    model = device
    while isinstance(model, Layered):
        model = model.inner
    if isinstance(model, JumpTable):
        axis_s = _axis(model.low_s, model.high_s, conductance_s)
        found = {one.voltage_v: _of_table(model, one, axis_s) for one in model.tables}
    elif isinstance(model, NeuroSim):
        axis_s = _axis(model.g_min_s, model.g_max_s, conductance_s)
        pulses = {model.ltd_v: -1, model.ltp_v: 1}
        found = {volts: _of_neurosim(model, count, axis_s) for volts, count in pulses.items()}
    else:
        raise ConfigError(
            f"{type(model).__name__} has no jump tables; only jump-table and neurosim say what "
            "one pulse does at each conductance"
        )
    return dict(sorted(found.items()))


def _as_tuples(table: dict[str, Any]) -> dict[str, Any]:
    return {**table, "cdf": tuple(map(tuple, table["cdf"]))}


def _axis(low_s: float, high_s: float, conductance_s: Floats | None) -> Floats:
    return np.linspace(low_s, high_s, _AXIS) if conductance_s is None else conductance_s


def _of_table(model: JumpTable, table: Table, axis_s: Floats) -> Profile:
    """Lay out one table of a model, whatever its form."""
    least_s = _LEAST_SIGMA * (model.high_s - model.low_s)
    if table.cdf:
        lists = np.array(table.conductance_s), np.array(table.step_s), np.array(table.cdf)
        return _of_grid(*lists, least_s).on(axis_s)
    if table.mean:
        polynomials = (np.polynomial.Polynomial(table.mean), np.polynomial.Polynomial(table.sigma))
        mean_s, sigma_s = (np.asarray(one(axis_s)) for one in polynomials)
        return Profile(axis_s, mean_s, np.maximum(sigma_s, max(model.sigma_floor_s, least_s)))
    rows_s, mean_s, sigma_s = (
        np.array(x) for x in (table.conductance_s, table.mean_s, table.sigma_s)
    )
    shape = None
    if table.shape:
        columns = [np.interp(rows_s, table.shape_rows_s, one) for one in np.array(table.shape).T]
        shape = np.stack(columns, axis=1)
    return Profile(rows_s, mean_s, np.maximum(sigma_s, least_s), shape).on(axis_s)


def _of_neurosim(model: NeuroSim, pulses: int, axis_s: Floats) -> Profile:
    """Lay out one pulse of NeuroSim's device: its mean is exactly linear in G."""
    range_s = model.g_max_s - model.g_min_s
    inner_s = model.g_min_s + range_s * np.array([0.25, 0.75])
    state = np.zeros(2, model.state_dtype)
    state["conductance_s"] = inner_s
    for name in model.state_dtype.names or ():
        if name in model.varies:
            state[name] = getattr(model, name)
    still = NeuroSim(**{**_fields(model), "sigma_c2c": 0.0})
    still.write(state, np.arange(2), pulses)
    step_s = state["conductance_s"] - inner_s
    slope = (step_s[1] - step_s[0]) / (inner_s[1] - inner_s[0])
    sigma_s = max(model.sigma_c2c, _LEAST_SIGMA) * range_s
    return Profile(
        axis_s, step_s[0] + slope * (axis_s - inner_s[0]), np.full(len(axis_s), sigma_s)
    )


def _fields(model: NeuroSim) -> dict[str, Any]:
    return {name: getattr(model, name) for name in model.__struct_fields__}


def _probit_lines(step_s: Floats, cdf: Floats) -> tuple[Floats, Floats, float]:
    """Fit a normal distribution to each row; the last is how far probabilities are off at most."""
    from scipy.special import ndtr, ndtri

    inside = (cdf > 1e-6) & (cdf < 1 - 1e-6)
    probits = ndtri(np.where(inside, cdf, 0.5))
    # an error of a probability is one of its probit by the density
    weights = np.where(inside, np.exp(-(probits**2)), 0.0)
    total = np.maximum(weights.sum(axis=1), 1e-300)
    centre = (weights * probits).sum(axis=1) / total
    middle_s = (weights * step_s).sum(axis=1) / total
    away = probits - centre[:, None]
    square = (weights * away**2).sum(axis=1)
    sigma_s = (weights * away * step_s).sum(axis=1) / np.maximum(square, 1e-300)
    mean_s = middle_s - sigma_s * centre
    if not (sigma_s > 0).all():
        return mean_s, sigma_s, float("inf")
    off = np.abs(ndtr((step_s - mean_s[:, None]) / sigma_s[:, None]) - cdf)
    return mean_s, sigma_s, float(off.max())


def _of_grid(axis_s: Floats, step_s: Floats, cdf: Floats, least_s: float = 0.0) -> Profile:
    """Lay out rows of probabilities as a simulated device draws from them."""
    fine = _FINE * (_COUNT - 1)
    share = (np.arange(fine) + 0.5) / fine
    # probabilities that stay as they are on the way rise by less than their rounding
    rising = cdf + 1e-14 * np.arange(len(step_s))
    drawn = np.array([np.interp(share, row, step_s) for row in rising])
    mean_s, sigma_s = drawn.mean(axis=1), drawn.std(axis=1)
    sigma_s = np.maximum(sigma_s, least_s or _LEAST_SIGMA * float(np.ptp(axis_s)))
    rows = np.array([
        laid_out((values - m) / s, _COUNT)
        for values, m, s in zip(drawn, mean_s, sigma_s, strict=True)
    ])  # fmt: skip
    mean, sigma = moments(rows)
    still = sigma == 0
    return Profile(axis_s, mean_s, sigma_s, (rows - mean) / np.where(still, 1.0, sigma))
