"""Whether points can carry a fit at all."""

import numpy as np

from hil.errors import ConfigError
from hil.protocols.jump_table.points import Points


def check_points(points: Points, least: int, method: str) -> None:
    """Refuse points that no fit can be made of.

    Parameters
    ----------
    points : Points
        One amplitude.
    least : int
        How many the method needs.
    method : str
        What it is called in the message.

    Raises
    ------
    ConfigError
        For too few points, numbers that are not finite, one conductance only, one step only.
    """
    at = f"at {points.voltage_v:g} V"
    wrong = np.count_nonzero(~(np.isfinite(points.conductance_s) & np.isfinite(points.step_s)))
    if wrong:
        raise ConfigError(
            f"{wrong} of the {len(points)} points {at} are no finite numbers; leave them out"
        )
    if len(points) < least:
        raise ConfigError(
            f"{method} needs {least} points {at} or more, and there are {len(points)}; some 500 "
            "give a usable fit, 4,000 a good one"
        )
    if np.ptp(points.conductance_s) <= 1e-9 * np.abs(points.conductance_s).max():
        raise ConfigError(
            f"all {len(points)} points {at} start from {points.conductance_s[0]:.4g} S; {method} "
            "needs conductances over the range that the device is to have"
        )
    if np.ptp(points.step_s) <= 1e-12 * np.abs(points.conductance_s).max():
        raise ConfigError(
            f"all {len(points)} steps {at} are {points.step_s[0]:.4g} S; {method} needs steps "
            "that differ, as only a device with noise has a distribution"
        )
