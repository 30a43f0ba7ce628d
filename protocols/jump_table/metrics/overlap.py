"""Distances of two jump tables whose means and sigmas are known.

O. Yousuf et al., "Device Modeling Bias in ReRAM-Based Neural Network Simulations", IEEE JETCAS
13(1) 382-394 (2023), arXiv 2211.15925, section II.D.2: both take the steps to be normal, and are
means over one conductance axis, the same for both tables.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hil.errors import ConfigError

Floats = NDArray[np.float64]


def ssd(mean_x: ArrayLike, sigma_x: ArrayLike, mean_y: ArrayLike, sigma_y: ArrayLike) -> Any:
    """Give the switching sign discrepancy: the mean of |P(X < 0) - P(Y < 0)| (eq. 6 and 7).

    Parameters
    ----------
    mean_x, sigma_x, mean_y, sigma_y : (..., m) array_like
        Means and sigmas of the steps at m conductances, all in one unit; leading axes, such as
        draws of a fit, broadcast.

    Returns
    -------
    (...,) float64
        From 0, where the tables agree, to 1; one number for (m,).

    Raises
    ------
    ConfigError
        If the lengths do not go together, a mean is not finite, or a sigma is not above 0.
    """
    from scipy.special import ndtr

    mean_x, sigma_x, mean_y, sigma_y = _checked(mean_x, sigma_x, mean_y, sigma_y)
    return np.abs(ndtr(-mean_x / sigma_x) - ndtr(-mean_y / sigma_y)).mean(axis=-1)


def ovle(mean_x: ArrayLike, sigma_x: ArrayLike, mean_y: ArrayLike, sigma_y: ArrayLike) -> Any:
    """Give the overlapping error: the mean total variation of the two normals (eq. 8).

    Eq. 8 is half the integral of |pdf_x - pdf_y|, which is the difference of the two
    probabilities of the range where one density exceeds the other. Its ends are where the
    densities cross: two, or one for equal sigmas (H. F. Inman and E. L. Bradley, Commun. Stat.
    Theory Methods 18(10) 3851-3874 (1989)).

    Parameters
    ----------
    mean_x, sigma_x, mean_y, sigma_y : (..., m) array_like
        As for `ssd`.

    Returns
    -------
    (...,) float64
        From 0, where the tables agree, to 1; one number for (m,).

    Raises
    ------
    ConfigError
        As for `ssd`.
    """
    mean_x, sigma_x, mean_y, sigma_y = _checked(mean_x, sigma_x, mean_y, sigma_y)
    narrow, wide = np.minimum(sigma_x, sigma_y), np.maximum(sigma_x, sigma_y)
    return _total_variation(np.abs(mean_x - mean_y), narrow, wide).mean(axis=-1)


def _total_variation(apart: Floats, narrow: Floats, wide: Floats) -> Floats:
    """Give the total variation of two normals with means *apart* (>= 0) and these sigmas.

    With z from the narrow one's mean in its sigmas, q = narrow / wide and p = apart / wide, the
    densities cross where z^2 (1 - q^2) + 2 p q z - p^2 + 2 ln q = 0. The root of the smaller size
    is written without a difference; the other goes to minus infinity as the sigmas become equal.
    """
    from scipy.special import ndtr

    # beyond 100 wide sigmas the total variation is 1 to the last bit, and squares stay finite
    with np.errstate(over="ignore"):
        p = np.minimum(apart / wide, 100.0)
    gap = (wide - narrow) / wide
    q = narrow / wide
    wider = np.where(gap < 0.5, -np.log1p(-np.minimum(gap, 0.5)), np.log(wide) - np.log(narrow))
    root = np.sqrt(p * p + 2 * gap * (1 + q) * wider)
    size = p * q + root
    same = size == 0
    right = (p * p + 2 * wider) / np.where(same, 1.0, size)
    curve = gap * (1 + q)
    left = np.where(curve > 0, -size / np.where(curve > 0, curve, 1.0), -np.inf)
    inside = ndtr(right) - ndtr(left)
    outside = ndtr(right * q - p) - ndtr(left * q - p)
    return np.asarray(np.where(same, 0.0, np.clip(inside - outside, 0.0, 1.0)))


def _checked(*arrays: ArrayLike) -> tuple[Floats, ...]:
    """Return means and sigmas as arrays whose last axes have one length."""
    mean_x, sigma_x, mean_y, sigma_y = (np.asarray(array, float) for array in arrays)
    for mean, sigma in ((mean_x, sigma_x), (mean_y, sigma_y)):
        if not np.isfinite(mean).all():
            raise ConfigError("a mean is not finite; where has the table no points?")
        if not (np.isfinite(sigma) & (sigma > 0)).all():
            raise ConfigError("a sigma is not a number above 0; where has the table no spread?")
    lengths = {array.shape[-1:] for array in (mean_x, sigma_x, mean_y, sigma_y)}
    if len(lengths) > 1 or () in lengths or (0,) in lengths:
        raise ConfigError(
            f"means and sigmas have lengths {sorted(lengths)}; put both tables on one axis"
        )
    return mean_x, sigma_x, mean_y, sigma_y
