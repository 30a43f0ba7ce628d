"""What a bench that is composed of several boxes asks of each: source meter, pulser, switch.

All voltages are open-circuit voltages. Whoever plays a role raises for what it cannot do, sends
numbers with every digit that matters and reads back what keeps a sample alive: compliance, source
range, load and voltage limits of a generator, closed contacts.
"""

from abc import ABC, abstractmethod
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hil.guard import SafeMessages

Floats = NDArray[np.float64]


class Role(ABC):
    """Any instrument of a composed bench.

    Attributes
    ----------
    identity : str
        What the instrument said it is, when it was connected.
    stays_on : str
        What stays energised when the connection is lost, and for how long: one sentence.
    """

    stays_on: ClassVar[str]
    identity: str

    @abstractmethod
    def make_safe(self) -> None:
        """0 V first, then the output off (a switch: all contacts open); may be called any time."""

    @abstractmethod
    def safe_messages(self) -> SafeMessages:
        """Tell the guard what makes this instrument safe without its owner."""

    @abstractmethod
    def close(self) -> None:
        """Disconnect; the instrument stays as it is."""


class SourceMeterReach(NamedTuple):
    """What a source meter can do.

    Attributes
    ----------
    source_ranges_v : tuple of float
        Its source ranges, rising (V); `overrange` times the last one is the most it puts out.
    measure_ranges_a : tuple of float
        Its measuring ranges, rising (A).
    overrange : float
        What a range reaches beyond its name (1.05).
    least_limit_a, most_limit_a : float
        Compliance it can hold (A).
    least_aperture_s, most_aperture_s : float
        Time of one reading (s).
    least_delay_s, most_delay_s : float
        Time that a level may stand before it is measured (s).
    own_step_s : float
        What it adds to each step of a sweep, about (s).
    most_points : int
        Readings of one sweep.
    least_pulse_s : float or None
        Shortest flat top of a pulse (s); None: it makes no pulses.
    """

    source_ranges_v: tuple[float, ...]
    measure_ranges_a: tuple[float, ...]
    overrange: float
    least_limit_a: float
    most_limit_a: float
    least_aperture_s: float
    most_aperture_s: float
    least_delay_s: float
    most_delay_s: float
    own_step_s: float
    most_points: int
    least_pulse_s: float | None


class SourceSettings(NamedTuple):
    """What is set once, before the output is on and at 0 V.

    Attributes
    ----------
    range_v : float
        Largest voltage to come (V, positive); the smallest source range that holds it is taken.
    limit_a : float
        Compliance (A).
    range_a : float
        Largest current to be measured (A); the smallest range that holds it is taken, and stays.
    aperture_s : float
        Time of one reading (s).
    """

    range_v: float
    limit_a: float
    range_a: float
    aperture_s: float


class Rows(NamedTuple):
    """What a source meter measured.

    Attributes
    ----------
    time_s : (readings,) float64
        End of each reading, by the instrument's own clock, from the beginning of the sweep (s).
    voltage_v, current_a : (readings,) float64
        At its terminals; the voltage is NaN where the instrument only repeats what it was told.
    limited : (readings,) bool
        Whether it was at compliance, or beyond its measuring range.
    status : (readings,) int64
        Its own status word.
    """

    time_s: Floats
    voltage_v: Floats
    current_a: Floats
    limited: NDArray[np.bool_]
    status: NDArray[np.int64]


class SourceMeter(Role):
    """One channel that sources voltage, holds a current limit and measures current."""

    reach: SourceMeterReach

    @abstractmethod
    def prepare(self, settings: SourceSettings) -> SourceSettings:
        """Set ranges, compliance and aperture, and return them as the instrument holds them.

        Nothing is sent for what is set already. A source range is changed at 0 V.

        Raises
        ------
        NotSupported
            It cannot do that.
        InstrumentError
            It holds something else than it was told.
        """

    @abstractmethod
    def output(self, *, on: bool) -> None:
        """Switch the output on at 0 V, or go to 0 V and off; read back."""

    @abstractmethod
    def sweep(self, levels_v: Floats, delay_s: float, *, stop_at_limit: bool = False) -> Rows:
        """Step through levels in the instrument, measure each once, and return to 0 V.

        Each level stands for *delay_s*, then is measured over the aperture; the instrument adds
        `reach.own_step_s`, and the rows tell when each was measured. The output is on before and
        stays on at 0 V. With *stop_at_limit* the instrument itself ends at the first reading at
        compliance and goes to 0 V; there are fewer rows then.

        Raises
        ------
        NotSupported
            More levels or a longer delay than it can.
        InstrumentError
            It does not end in time, or answers what cannot be right.
        """

    @abstractmethod
    def pulses(self, levels_v: Floats, high_s: float, period_s: float) -> Rows:
        """Play pulses from 0 V with timing of the instrument's own, each measured on its top.

        Raises
        ------
        NotSupported
            It makes no pulses, or none as short as these (`reach.least_pulse_s`).
        """


class PulserReach(NamedTuple):
    """What a pulse generator can do, open circuit.

    Attributes
    ----------
    most_v, least_v : float
        Largest and smallest amplitude from 0 V, either polarity (V).
    output_ohm : float
        Output resistance (ohm).
    least_high_s : float
        Shortest flat top (s).
    least_edge_s, most_edge_s : float
        Edges, 0 to 100 % (s).
    most_pulses : int
        Pulses of one train.
    time_step_s : float
        Resolution of times (s).
    least_period_s : float
        Shortest period (s).
    edge_room : float
        How often both edges together must fit in a pulse at half its height, and in the pause
        after it.
    """

    most_v: float
    least_v: float
    output_ohm: float
    least_high_s: float
    least_edge_s: float
    most_edge_s: float
    most_pulses: int
    time_step_s: float
    least_period_s: float
    edge_room: float


class Train(NamedTuple):
    """Equal pulses from 0 V.

    Attributes
    ----------
    level_v : float
        Flat top, open circuit, either polarity (V).
    rise_s, high_s, fall_s : float
        Edges from 0 to 100 %, and the flat top between them (s).
    period_s : float
        From the beginning of one pulse to that of the next (s).
    pulses : int
        How many.
    """

    level_v: float
    rise_s: float
    high_s: float
    fall_s: float
    period_s: float
    pulses: int


class Pulser(Role):
    """One channel of a pulse generator; it rests at 0 V between trains."""

    reach: PulserReach

    @abstractmethod
    def fence(self, positive_v: float, negative_v: float) -> None:
        """Set the generator's own voltage limits (open circuit, V), and read them back."""

    @abstractmethod
    def output(self, *, on: bool) -> None:
        """Switch the output on, resting at 0 V, or off; read back."""

    @abstractmethod
    def load(self, train: Train) -> Train:
        """Set a train and return it as the instrument holds it; nothing comes out.

        Raises
        ------
        NotSupported
            It cannot make such pulses.
        InstrumentError
            It holds something else than it was told.
        """

    @abstractmethod
    def fire(self) -> None:
        """Play the loaded train once and wait until it is over."""


class Switch(Role):
    """Leads the cell to one of several paths, or to none.

    Attributes
    ----------
    paths : tuple of str
        Names of the paths, such as "smu", "generator" and "ground".
    switching_s : float
        How long a contact takes to open or to close (s).
    """

    paths: tuple[str, ...]
    switching_s: float

    @abstractmethod
    def close_path(self, path: str) -> None:
        """Open every contact, then close the one of *path*; read back.

        Raises
        ------
        ConfigError
            There is no such path.
        InstrumentError
            A contact is not where it should be; all were told to open.
        """

    @abstractmethod
    def open_all(self) -> None:
        """Open every contact; read back."""

    @abstractmethod
    def closed(self) -> tuple[str, ...]:
        """Ask which paths are closed."""
