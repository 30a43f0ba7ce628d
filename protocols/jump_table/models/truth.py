"""The jump tables of a model, and those of the simulated device that a run is of: the truth."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from hil.errors import ConfigError
from hil.protocols.jump_table.models.imports import model_profiles
from hil.protocols.jump_table.profile import Floats, Profile
from hil.protocols.jump_table.reading.measured import Measured
from hil.simulators.models.files import find_model_file, make_model, resolve
from hil.simulators.models.layers.forming import Forming
from hil.simulators.models.layers.layer import Layered
from hil.simulators.models.layers.noise import Noise

ROWS = 100
"""Conductances on which a model and a device are compared, as many as in published tables."""

NEAR = 0.01
"""Amplitudes and widths that differ by less than this part of themselves are the same."""

_NO_OTHER_STEPS = (Noise, Forming)
"""Layers with which the pulses of a formed cell still do what its model says."""


class Tables(NamedTuple):
    """What is known of a model of pulses.

    Attributes
    ----------
    title, source : str
        What it is, and where it comes from.
    profiles : dict
        Amplitude (V) -> what one pulse does.
    pulse_high_s : float
        Flat top of the pulses (s).
    noise : float
        White noise of its readings over their value, rms.
    """

    title: str
    source: str
    profiles: dict[float, Profile]
    pulse_high_s: float
    noise: float


def tables_of(name: str, conductance_s: Floats) -> Tables:
    """Take the tables out of a model file, or a shipped one's name, on an axis (S).

    Raises
    ------
    ConfigError
        If there is no such model, or it says nothing about single pulses.
    """
    file = find_model_file(name, Path(), "MODEL")
    model, parameters = resolve(name, {}, Path(), "MODEL")
    device = make_model(model, parameters)
    try:
        profiles = model_profiles(device, conductance_s)
    except ConfigError as error:
        raise ConfigError(f"{name}: {error}") from error
    noise = parameters.get("noise") or {}
    return Tables(
        file.title if file else model,
        file.source if file else "the model's own parameters",
        profiles,
        float(parameters.get("pulse_high_s", getattr(device, "pulse_high_s", np.nan))),
        float(noise.get("white", 0.0)),
    )


def axis_of(measured: Measured) -> Floats:
    """Give the conductances on which a model and a device are compared (S)."""
    return np.linspace(*measured.range_s, ROWS)


def truths_of(measured: Measured) -> dict[float, Profile]:
    """Tell what the pulses of a run did to its device, where that is a simulated one.

    Returns
    -------
    dict
        Amplitude of points (V) -> profile; empty for a measured device, a file of points, a model
        that says nothing about single pulses, and cells that differ from their model: by
        variability, relaxation, a resistor in series, or because some are stuck.
    """
    if measured.header is None:
        return {}
    file = measured.header.bench_file
    device = file.get("device") if measured.kind == "physics" else file.get("virtual")
    if measured.kind == "hardware" or not device:
        return {}
    try:
        model = make_model(*resolve(device["model"], device.get("parameters") or {}, Path()))
        profiles = model_profiles(model, axis_of(measured))
    except ConfigError:
        return {}
    while isinstance(model, Layered):
        if not isinstance(model.layer, _NO_OTHER_STEPS):
            return {}
        model = model.inner
    found = {
        points.voltage_v: table_for(points.voltage_v, profiles) for points in measured.amplitudes
    }
    return {voltage_v: profile for voltage_v, profile in found.items() if profile is not None}


def table_for(voltage_v: float, profiles: Mapping[float, Profile]) -> Profile | None:
    """Find the table of an amplitude (V), which may be off by `NEAR`; None without one."""
    for known_v, profile in profiles.items():
        if abs(known_v - voltage_v) <= NEAR * abs(known_v):
            return profile
    return None
