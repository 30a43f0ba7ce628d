"""Devices of ``benchmarks/jump_table.py``, whose truth is known, and points drawn from them."""

from typing import NamedTuple

import numpy as np

from hil.protocols.jump_table.fitting.method import Method
from hil.protocols.jump_table.fitting.methods import METHODS
from hil.protocols.jump_table.fitting.synthetic import synthetic
from hil.protocols.jump_table.models.truth import tables_of
from hil.protocols.jump_table.points import Points
from hil.protocols.jump_table.profile import Profile

LOW_S, HIGH_S = 3e-9, 38e-9
AXIS_S = np.linspace(LOW_S, HIGH_S, 100)


class Device(NamedTuple):
    """A device whose truth is known."""

    name: str
    truth: Profile
    voltage_v: float

    @property
    def bounds_s(self) -> tuple[float, float]:
        """Bounds of the conductance (S)."""
        return float(self.truth.conductance_s[0]), float(self.truth.conductance_s[-1])

    def points(self, count: int, seed: int) -> Points:
        """Draw points by algorithm 2."""
        rng = np.random.default_rng([seed, count])
        return synthetic(self.truth, count, *self.bounds_s, rng, voltage_v=self.voltage_v)


def target(direction: str, sigma_s: float = 1.2e-9, k: float = 1.0) -> Device:
    """Make the target device of Yousuf 2023: its published table, its mean times k."""
    intercept_s, slope = {
        "SET": (0.173202952e-9, -3.97901806e-3), "RESET": (0.0271089146e-9, -9.83011083e-3)
    }[direction]  # fmt: skip
    mean_s = k * (intercept_s + slope * AXIS_S)
    profile = Profile(AXIS_S, mean_s, np.full_like(AXIS_S, sigma_s))
    return Device(direction, profile, 1.0 if direction == "SET" else -1.0)


def curved() -> list[Device]:
    """Make two devices that are not linear: a phase-change-like one, and TiOx RESET at -1.5 V."""
    g = AXIS_S * 1e9
    pcm = Profile(
        AXIS_S,
        (2.2 * np.exp(-(g - 3) / 9) + 0.05) * 1e-9,
        (0.35 + 1.6 * np.exp(-(((g - 12) / 8) ** 2))) * 1e-9,
    )
    tiox = tables_of("tiox", np.linspace(5e-6, 30e-6, 100)).profiles[-1.5]
    return [Device("pcm", pcm, 1.0), Device("TiOx -1.5 V", tiox, -1.5)]


SIGNED = "spline, signed"
"""The spline whose mean keeps to the side of zero that the pulse has."""


def method(name: str) -> Method:
    """Make a method with its own settings, or the signed spline."""
    settings = {"sign": "by-voltage"} if name == SIGNED else {}
    made: Method = METHODS.load(name.partition(",")[0])(**settings)
    return made
