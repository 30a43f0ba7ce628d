"""What the 2450 can do, in its own language and in that of a 2400.

Source: Model 2450 data sheet (ranges, one-year accuracy, settling below 200 us, speeds at 60 Hz:
to memory 3130, 540 and 59 readings a second at 0.01, 0.1 and 1 PLC, sweeps 1710, 470
and 58, over the LAN 3010, 540 and 59).
"""

from hil.simulators.instruments.keithley2400.model import Personality
from hil.simulators.instruments.keithley2450.unconfirmed import MEASURED_V, NOISE
from hil.simulators.instruments.smu.model import Accuracy, ChannelModel

READING_S = 0.17e-3
"""What a reading takes beside its integration (s)."""
POINT_S = 0.45e-3
"""What a point of a sweep takes beside its integration (s)."""

CHANNEL = ChannelModel(
    ranges_v=(0.02, 0.2, 2.0, 20.0, 200.0),
    ranges_a=(1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0),
    envelope=((21.0, 1.05), (210.0, 0.105)),
    edge_s=200e-6,
    counts=1_000_000,
    noise=NOISE,
    source_v=(Accuracy(2.0, 2e-4, 300e-6), Accuracy(20.0, 1.5e-4, 2.4e-3)),
    measured_v=MEASURED_V,
    measured_a=(
        Accuracy(1e-8, 1e-3, 50e-12),
        Accuracy(1e-7, 6e-4, 100e-12),
        Accuracy(1e-6, 2.5e-4, 300e-12),
        Accuracy(1e-5, 2.5e-4, 700e-12),
        Accuracy(1e-4, 2e-4, 6e-9),
        Accuracy(1e-3, 2e-4, 60e-9),
        Accuracy(1e-2, 2e-4, 600e-9),
    ),
)

MODEL_2450 = Personality(
    identity="KEITHLEY INSTRUMENTS,MODEL 2450,04451269,1.7.7b",
    channel=CHANNEL,
    most_v=210.0,
    most_a=1.05,
    point_s=POINT_S,
    reading_s=READING_S,
)
