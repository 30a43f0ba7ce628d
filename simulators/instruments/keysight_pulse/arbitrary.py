"""Points of arbitrary waveforms as they come over the wire."""

import numpy as np

from hil.simulators.instruments.scpi.errors import ScpiError
from hil.simulators.instruments.scpi.message import Argument
from hil.simulators.instruments.scpi.values import Number
from hil.simulators.models.drive import Floats


def exponential_rise() -> Floats:
    """Give the built-in waveform EXP_RISE, from -1 to +1."""
    rise = 1 - np.exp(-np.linspace(0, 5, 256))
    return np.asarray(2 * rise / rise[-1] - 1)


def floats(arguments: tuple[Argument, ...], most: int, big_endian: bool = True) -> Floats:
    """Read points from -1 to +1: numbers, or a block of 32-bit floats.

    Raises
    ------
    ScpiError
        -222 for one that lies outside, -223 for too many.
    """
    if len(arguments) == 1 and arguments[0].kind == "block":
        return _inside(_of_block(arguments[0], ">f4" if big_endian else "<f4"), 1.0, most)
    return _inside(_numbers(arguments), 1.0, most)


def codes(
    arguments: tuple[Argument, ...], largest: int, most: int, big_endian: bool = True
) -> Floats:
    """Read points as codes of the converter: numbers, or a block of 16-bit integers."""
    if len(arguments) == 1 and arguments[0].kind == "block":
        found = _of_block(arguments[0], ">i2" if big_endian else "<i2")
    else:
        found = _numbers(arguments)
    return _inside(found, float(largest), most) / largest


def _numbers(arguments: tuple[Argument, ...]) -> Floats:
    kind = Number()
    return np.array([kind.read(argument, None) for argument in arguments])


def _of_block(argument: Argument, code: str) -> Floats:
    data = argument.text.encode("latin-1")
    kind = np.dtype(code)
    if len(data) % kind.itemsize:
        raise ScpiError(-161)
    return np.frombuffer(data, kind).astype(np.float64)


def _inside(found: Floats, largest: float, most: int) -> Floats:
    if len(found) > most:
        raise ScpiError(-223)
    if len(found) < 2:
        raise ScpiError(-109)
    if not (np.abs(found) <= largest).all():
        raise ScpiError(-222)
    return found
