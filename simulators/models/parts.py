"""How many parts a kernel may cut a drive into: a drive that would take for ever is refused."""

import numpy as np
from numpy.typing import NDArray

from hil.errors import NotSupported
from hil.simulators.models.drive import Drive

MOST_PARTS = 1e7
"""At most so many parts a cell and drive; one takes a kernel 0.1 to 1 us, so that is seconds."""


def refuse_parts(
    drive: Drive,
    part_s: float,
    what: str,
    remedy: str,
    *,
    where: NDArray[np.bool_] | bool = True,
    most: float = MOST_PARTS,
) -> None:
    """Raise if a cell would be taken through a drive in more parts than a kernel should make.

    Parameters
    ----------
    drive : Drive
        What is to be played.
    part_s : float
        How long a part is (s).
    what, remedy : str
        What is made for each part, and what the user can do about it, for the message.
    where : (segments, columns) bool
        Which segments are cut into parts.
    most : float
        How many parts there may be.

    Raises
    ------
    NotSupported
        Saying how many parts there would be.
    """
    plays = np.zeros((len(drive.measured), 1))
    for first, last, repeats in drive.units.tolist():
        plays[first:last] += repeats
    parts = float(((plays * drive.duration_s * where).sum(axis=0) / part_s).max(initial=0.0))
    if parts > most:
        raise NotSupported(
            f"{what}, and in this drive that is {parts:.3g} times for each cell, more than the "
            f"{most:g} that are made; {remedy}"
        )
