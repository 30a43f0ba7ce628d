"""What tells one source meter with SCPI-2400 from another: name, abilities, time."""

from typing import NamedTuple

from hil.simulators.instruments.keithley2400.unconfirmed import MEASURED_V, NOISE
from hil.simulators.instruments.smu.model import Accuracy, ChannelModel


class Personality(NamedTuple):
    """One instrument.

    Attributes
    ----------
    identity : str
        Answer to ``*IDN?``.
    channel : ChannelModel
        Ranges, accuracy, noise.
    most_v, most_a : float
        The highest level that can be programmed (V, A).
    point_s : float
        What a reading of a sweep into memory takes beside its integration (s).
    reading_s : float
        What a single reading takes beside that, until it is on the bus (s).
    """

    identity: str
    channel: ChannelModel
    most_v: float
    most_a: float
    point_s: float
    reading_s: float


MODEL_2400 = Personality(
    identity=("KEITHLEY INSTRUMENTS INC.,MODEL 2400,1248014,C30   Mar 17 2006 09:29:29/A02  /K/J"),
    channel=ChannelModel(
        ranges_v=(0.2, 2.0, 20.0, 200.0),
        ranges_a=(1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1.0),
        envelope=((21.0, 1.05), (210.0, 0.105)),
        edge_s=100e-6,
        counts=100_000,
        noise=NOISE,
        source_v=(Accuracy(2.0, 2e-4, 600e-6), Accuracy(20.0, 2e-4, 2.4e-3)),
        measured_v=MEASURED_V,
        measured_a=(
            Accuracy(1e-6, 2.9e-4, 300e-12),
            Accuracy(1e-5, 2.7e-4, 700e-12),
            Accuracy(1e-4, 2.5e-4, 6e-9),
            Accuracy(1e-3, 2.7e-4, 60e-9),
            Accuracy(1e-2, 3.5e-4, 600e-9),
        ),
    ),
    most_v=210.0,
    most_a=1.05,
    point_s=0.47e-3,
    reading_s=12e-3,
)
"""The 2400. Source: SPEC-2400 (settling 100 us, 5 1/2 digits, accuracy of one year; 1551, 470 and
58 readings a second into memory and 79, 72 and 34 over the bus at 0.01, 0.1 and 1 PLC)."""
