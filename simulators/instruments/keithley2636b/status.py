"""The instrument's part of `status`: limits, overflows, sweeps (2600B manual, status model)."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from hil.simulators.instruments.keithley2636b.smu import Smu
from hil.simulators.instruments.tsp.base import status_object
from hil.simulators.instruments.tsp.objects import Object, whole

if TYPE_CHECKING:
    from hil.simulators.instruments.tsp.instrument import TspInstrument

VOLTAGE_LIMIT, CURRENT_LIMIT, READING_OVERFLOW, BUFFER_AVAILABLE = 1, 2, 128, 256
"""Bits of `status.measurement.instrument.smuX` (the first two: QCoDeS)."""
SWEEPING, MEASURING = 8, 16
_NAMES = {
    "VOLTAGE_LIMIT": VOLTAGE_LIMIT, "VLMT": VOLTAGE_LIMIT, "CURRENT_LIMIT": CURRENT_LIMIT,
    "ILMT": CURRENT_LIMIT, "READING_OVERFLOW": READING_OVERFLOW, "ROF": READING_OVERFLOW,
    "BUFFER_AVAILABLE": BUFFER_AVAILABLE, "BAV": BUFFER_AVAILABLE,
}  # fmt: skip
_BITS = {"a": 2, "b": 4}
"""Bits of the channels in the registers that have one bit a channel."""


def add_status(unit: "TspInstrument", smus: Mapping[str, Smu]) -> Object:
    """Make `status`."""
    status = status_object(unit)
    measurement, instrument = Object(unit.engine), Object(unit.engine)
    for letter, smu in smus.items():
        register = _register(unit, _measured(smu))
        register.constants(_NAMES)
        instrument.child(f"smu{letter}", register)
    measurement.child("instrument", instrument)
    everything = [_measured(smu) for smu in smus.values()]
    measurement.attribute("condition", lambda: _any(everything))
    for name, bit in (
        ("voltage_limit", VOLTAGE_LIMIT), ("current_limit", CURRENT_LIMIT),
        ("reading_overflow", READING_OVERFLOW), ("buffer_available", BUFFER_AVAILABLE),
    ):  # fmt: skip
        measurement.child(name, _register(unit, _summary(smus, bit)))
    status.child("measurement", measurement)
    operation = Object(unit.engine)

    def sweeping() -> int:
        now_s = unit.now_s
        on = (_BITS[letter] for letter, smu in smus.items() if smu.sweep.sweeping(now_s))
        return sum(on)

    operation.child("sweeping", _register(unit, sweeping))
    operation.attribute("condition", lambda: SWEEPING if sweeping() else 0)
    status.child("operation", operation)
    return status


def _register(unit: "TspInstrument", condition: Callable[[], int]) -> Object:
    made = Object(unit.engine)
    made.attribute("condition", condition)
    made.constants({f"SMU{letter.upper()}": bit for letter, bit in _BITS.items()})
    values = {"enable": 0, "ntr": 0, "ptr": 0xFFFF}
    mask = whole(0, 0xFFFF)
    made.settings(values, {"enable": mask, "ntr": mask, "ptr": mask})
    return made


def _measured(smu: Smu) -> Callable[[], int]:
    def condition() -> int:
        full = any(buffer.rows for buffer in smu.buffers)
        return (
            smu.limits
            | (READING_OVERFLOW if smu.overflowed else 0)
            | (BUFFER_AVAILABLE if full else 0)
        )

    return condition


def _summary(smus: Mapping[str, Smu], bit: int) -> Callable[[], int]:
    conditions = {letter: _measured(smu) for letter, smu in smus.items()}
    return lambda: sum(_BITS[one] for one, condition in conditions.items() if condition() & bit)


def _any(conditions: list[Callable[[], int]]) -> int:
    found = 0
    for condition in conditions:
        found |= condition()
    return found
