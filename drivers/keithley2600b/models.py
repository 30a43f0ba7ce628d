"""What the models of the 2600B series can do."""

from typing import NamedTuple

from hil.drivers.keithley2600b.unconfirmed import (
    MOST_DELAY_S,
    MOST_POINTS,
    OVERRANGE,
    OWN_STEP_S,
    SETTLING_S,
)
from hil.drivers.roles import SourceMeterReach
from hil.errors import ConfigError

LEAST_PLC, MOST_PLC = 0.001, 25.0
"""Aperture in power line cycles (smuX.measure.nplc; 2600BS-901-01, section 7)."""
BEFORE_END_S = 60e-6
"""So long before the end of a pulse its measurement must be over (s): the manufacturer's example
KE26XXB_Pulsed_Sweep_Single, and what a measurement takes beside its aperture."""

_LOW_V, _HIGH_V = (0.1, 1.0, 6.0, 40.0), (0.2, 2.0, 20.0, 200.0)
_FROM_100_NA = (100e-9, 1e-6, 10e-6, 100e-6, 1e-3, 10e-3, 100e-3, 1.0)
_FROM_1_NA = (1e-9, 10e-9, *_FROM_100_NA)


class Model(NamedTuple):
    """One model.

    Attributes
    ----------
    channels : str
        Letters of its channels.
    ranges_v, ranges_a : tuple of float
        Source ranges (V) and measuring ranges (A), rising.
    least_limit_a : float
        Compliance that it can hold (A).
    """

    channels: str
    ranges_v: tuple[float, ...]
    ranges_a: tuple[float, ...]
    least_limit_a: float


_TOPS_A = {"260": 3.0, "261": 1.5, "263": 1.5}
MODELS = {
    f"{family}{last}B": Model(
        "a" if last in "15" else "ab",
        _LOW_V if family == "260" else _HIGH_V,
        (
            *((100e-12,) if last in "56" else ()),
            *(_FROM_1_NA if family == "263" else _FROM_100_NA),
            top_a,
        ),
        100e-12 if family == "263" else 10e-9,
    )
    for family, top_a in _TOPS_A.items()
    for last in ("456" if family == "263" else "124")
}
"""By name. Ranges: QCoDeS' driver of the series and 2600BS-901-01, pages of smuX.source.rangeY and
smuX.measure.lowrangeY."""


def reach(line_hz: float, model: str = "2636B") -> SourceMeterReach:
    """Tell what a channel of a model can do, before anything is connected.

    Parameters
    ----------
    line_hz : float
        Line frequency at the instrument (Hz).
    model : str
        Such as "2636B".

    Raises
    ------
    ConfigError
        The model is none of the series.
    """
    if model not in MODELS:
        raise ConfigError(f"{model!r} is no model of the 2600B; it is one of {', '.join(MODELS)}")
    ranges_v, ranges_a = MODELS[model].ranges_v, MODELS[model].ranges_a
    return SourceMeterReach(
        source_ranges_v=ranges_v,
        measure_ranges_a=ranges_a,
        overrange=OVERRANGE,
        least_limit_a=MODELS[model].least_limit_a,
        most_limit_a=ranges_a[-1],
        least_aperture_s=LEAST_PLC / line_hz,
        most_aperture_s=MOST_PLC / line_hz,
        least_delay_s=0.0,
        most_delay_s=MOST_DELAY_S,
        own_step_s=OWN_STEP_S,
        most_points=MOST_POINTS,
        least_pulse_s=least_pulse_s(LEAST_PLC / line_hz),
    )


def least_pulse_s(aperture_s: float) -> float:
    """Tell the shortest flat top with a measurement (s): settle, measure, go on."""
    return SETTLING_S + aperture_s + BEFORE_END_S
