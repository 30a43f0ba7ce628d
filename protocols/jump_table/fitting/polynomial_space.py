"""Polynomial profiles around a start, in units of what points can tell apart."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.polynomial import Legendre, Polynomial
from numpy.polynomial.legendre import legvander

from hil.errors import ConfigError
from hil.protocols.jump_table.points import Points
from hil.protocols.jump_table.profile import Floats, Profile

_ROWS = 100
"""Conductances on the axis of a profile, as the published tables have."""

_LEAST_WIDTH = 0.1
_FLOOR = 0.1
"""Shares of the typical sigma: least width of a search, and smallest sigma of a profile."""


@dataclass(frozen=True, eq=False)
class PolynomialSpace:
    """Polynomials of mean and sigma over a range of conductance.

    Coefficients are those of Legendre polynomials on the range, which points spread over it
    determine almost independently of each other; a parameter is how many standard errors one is
    off its start.

    Attributes
    ----------
    low_s, high_s : float
        Range of the conductance (S).
    start_s, error_s : dict of (degree + 1,) float64
        Coefficients to start from and their standard errors (S), under "mean" and "sigma".
    typical_s : float
        Mean of sigma at the start (S).
    half_width : float
        How many standard errors are searched to each side; a tenth of the typical sigma at least.
    """

    low_s: float
    high_s: float
    start_s: Mapping[str, Floats]
    error_s: Mapping[str, Floats]
    typical_s: float
    half_width: float

    @classmethod
    def around(
        cls, profile: Profile, points: Points, degrees: Mapping[str, int], half_width: float
    ) -> Self:
        """Start from polynomials through a profile; the standard errors are those of a regression.

        With a constant sigma, the covariance of the coefficients of the mean is sigma^2 (B'B)^-1,
        of those of sigma half of it (the variance of a sample's sigma is sigma^2 / 2n).

        Raises
        ------
        ConfigError
            If the profile has no more conductances than a polynomial has degrees.
        """
        low_s, high_s = float(points.conductance_s.min()), float(points.conductance_s.max())
        rows, most = len(profile.conductance_s), max(degrees.values())
        if rows <= most:
            raise ConfigError(
                f"a polynomial of degree {most} needs {most + 1} bins of conductance with steps "
                f"that differ, and there are {rows}; give more points or a lower degree"
            )
        typical_s = float(profile.sigma_s.mean())
        start, error = {}, {}
        values = {"mean": (profile.mean_s, 1.0), "sigma": (profile.sigma_s, np.sqrt(0.5))}
        for name, (value_s, share) in values.items():
            at_bins = legvander(_scaled(profile.conductance_s, low_s, high_s), degrees[name])
            at_points = legvander(_scaled(points.conductance_s, low_s, high_s), degrees[name])
            start[name] = np.linalg.lstsq(at_bins, value_s, rcond=None)[0]
            spread = np.sqrt(np.diag(np.linalg.pinv(at_points.T @ at_points)))
            error[name] = share * typical_s * spread
        return cls(low_s, high_s, start, error, typical_s, half_width)

    def half_widths(self) -> dict[str, float]:
        """Give the parameters by name, each with how far it goes to both sides of 0."""
        least_s = _LEAST_WIDTH * self.typical_s
        return {
            f"{name}_{k}": max(self.half_width, float(least_s / error_s))
            for name in ("mean", "sigma")
            for k, error_s in enumerate(self.error_s[name])
        }

    def profile(self, parameters: Mapping[str, float]) -> Profile:
        """Tabulate mean and sigma; sigma stays above a tenth of the typical one."""
        axis_s = np.linspace(self.low_s, self.high_s, _ROWS)
        scaled = np.linspace(-1.0, 1.0, _ROWS)
        mean_s, sigma_s = (
            legvander(scaled, len(self.start_s[name]) - 1) @ self._legendre(parameters, name)
            for name in ("mean", "sigma")
        )
        return Profile(axis_s, mean_s, np.maximum(sigma_s, _FLOOR * self.typical_s))

    def coefficients(self, parameters: Mapping[str, float]) -> dict[str, list[float]]:
        """Give the coefficients of 1, G, G^2, ... with G in siemens."""
        domain = [self.low_s, self.high_s]
        return {
            f"{name}_coefficients": Legendre(self._legendre(parameters, name), domain=domain)
            .convert(kind=Polynomial)
            .coef.tolist()
            for name in ("mean", "sigma")
        }

    def _legendre(self, parameters: Mapping[str, float], name: str) -> Floats:
        start_s, error_s = self.start_s[name], self.error_s[name]
        off = np.array([parameters[f"{name}_{k}"] for k in range(len(start_s))])
        return np.asarray(start_s + off * error_s)


def _scaled(conductance_s: Floats, low_s: float, high_s: float) -> Floats:
    return np.asarray((2 * conductance_s - low_s - high_s) / (high_s - low_s))
