"""What a channel of a 2636B can do (2600B data sheet; accuracy and noise in `unconfirmed`)."""

from hil.simulators.instruments.keithley2636b import unconfirmed
from hil.simulators.instruments.smu.model import Accuracy, ChannelModel

RANGES_V = (0.2, 2.0, 20.0, 200.0)
RANGES_A = (
    100e-12, 1e-9, 10e-9, 100e-9, 1e-6, 10e-6, 100e-6, 1e-3, 10e-3, 100e-3, 1.0, 1.5,
)  # fmt: skip
"""Measure ranges (A); the source has no 100 pA range."""
MOST_V, MOST_A = 202.0, 1.515
"""101 % of the largest ranges: what the source can be told (V, A)."""
LEAST_LIMIT_V, LEAST_LIMIT_A = 20e-3, 100e-12
INTERLOCKED_V = 20.0
"""Source ranges above this need a closed interlock (V)."""

MODEL = ChannelModel(
    ranges_v=RANGES_V,
    ranges_a=RANGES_A,
    envelope=((21.0, 1.575), (210.0, 0.105)),
    edge_s=unconfirmed.EDGE_S,
    counts=unconfirmed.COUNTS,
    noise=unconfirmed.NOISE,
    source_v=tuple(Accuracy(*row) for row in unconfirmed.SOURCE_V),
    measured_v=tuple(Accuracy(*row) for row in unconfirmed.MEASURE_V),
    measured_a=tuple(Accuracy(*row) for row in unconfirmed.MEASURE_A),
)
