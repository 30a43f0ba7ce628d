"""One channel of a generator: its settings, what they do to each other and to its output.

A class for an instrument says by which commands they are set (`Setting.at`).
"""

import math
from abc import abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from hil.simulators.instruments.keysight_pulse import levels, shape, timing, unconfirmed
from hil.simulators.instruments.keysight_pulse.level_settings import LevelSettings
from hil.simulators.instruments.keysight_pulse.levels import Changed, Levels
from hil.simulators.instruments.keysight_pulse.model import Model
from hil.simulators.instruments.keysight_pulse.output import Output, Played
from hil.simulators.instruments.scpi.declare import Derived, Setting
from hil.simulators.instruments.scpi.values import Boolean, Choice, Number, Whole
from hil.simulators.models.drive import Floats

if TYPE_CHECKING:
    from hil.simulators.instruments.keysight_pulse.generator import Generator

MOST_CYCLES = 2_147_483_647
"""Of a burst (81160A, by pymeasure's limits)."""


def _of_model(name: str) -> Callable[["Channel"], float]:
    return lambda channel: float(getattr(channel.model, name))


class Channel(LevelSettings):
    """One channel.

    Parameters
    ----------
    generator : Generator
        Whose it is.
    output : Output
        Where it comes out.

    Attributes
    ----------
    model : Model
        Limits of the type.
    """

    model: Model

    def __init__(self, generator: "Generator", output: Output) -> None:
        self.generator = generator
        self.output = output

    function = Setting("", Choice(), "SIN")
    period_s = Setting(
        "", Number("S", lambda c: c.least_period_s, _of_model("most_period_s")), 1e-3
    )
    frequency_hz = Derived(
        "",
        Number("HZ", lambda c: 1 / c.model.most_period_s, lambda c: 1 / c.least_period_s),
        lambda c: 1 / c.period_s,
        lambda c, value: c.set_period(1 / value),
        1e3,
    )
    polarity = Setting("", Choice("NORMal", "INVerted"), "NORM")
    width_s = Setting(
        "", Number("S", _of_model("least_width_s"), _of_model("most_period_s")), 1e-4
    )
    hold = Setting("", Choice("WIDTh", "DCYCle"), "WIDT")
    lead_s = Setting("", Number("S", _of_model("least_edge_s"), _of_model("most_edge_s")), 10e-9)
    trail_s = Setting("", Number("S", _of_model("least_edge_s"), _of_model("most_edge_s")), 10e-9)
    edges_s = Derived(
        "",
        Number("S", _of_model("least_edge_s"), _of_model("most_edge_s")),
        lambda c: c.lead_s,
        lambda c, value: c.set_edges(value),
        10e-9,
    )
    duty = Derived(
        "",
        Number("", 0.0, 100.0, suffixes=("PCT",)),
        lambda c: min(100 * c.width_s / c.period_s, 100.0),
        lambda c, value: c.set_duty(value),
        10.0,
    )
    state = Derived("", Boolean(), lambda c: c.output.on, lambda c, on: c.switch(on), False)
    square_duty = Setting("", Number("", 0.01, 99.99, suffixes=("PCT",)), 50.0)
    symmetry = Setting("", Number("", 0.0, 100.0, suffixes=("PCT",)), 100.0)
    burst = Setting("", Boolean(), False)
    burst_mode = Setting("", Choice("TRIGgered", "GATed"), "TRIG")
    cycles = Setting("", Whole(1, MOST_CYCLES, infinite=True), 1)
    burst_period_s = Setting("", Number("S", 1e-6, 8000.0), 10e-3)
    trigger = Setting("", Choice("IMMediate"), "IMM")
    delay_s = Setting("", Number("S", 0.0, 1000.0), 0.0)

    # -- timing -------------------------------------------------------------------------------
    @property
    def least_period_s(self) -> float:
        """Shortest period of the function (s)."""
        periods_s = self.model.least_period_s
        return periods_s.get(self.function, periods_s[""])

    def set_duty(self, duty: float) -> None:
        """Set the width by the duty cycle (%); no pulse is shorter than the shortest."""
        self.width_s = max(self.period_s * duty / 100, self.model.least_width_s)
        self.fit()
        self.changed()

    def set_period(self, period_s: float) -> None:
        """Set the period."""
        self._keep_duty(period_s)
        self.period_s = period_s
        self.fit()
        self.changed()

    @period_s.check
    def _keep_duty(self, period_s: float) -> None:
        """Let the width follow if the duty cycle is held."""
        if self.hold == "DCYC":
            self.width_s = self.width_s / self.period_s * period_s

    def set_edges(self, edge_s: float) -> None:
        """Set both edges."""
        self.lead_s = self.trail_s = edge_s
        self.fit()
        self.changed()

    def fit(self) -> None:
        """Make the pulse fit its period; only where pulses are put out."""
        if self.function != "PULS":
            return
        asked = timing.Timing(self.period_s, self.width_s, self.lead_s, self.trail_s)
        fits = timing.fitted(asked, self.model)
        self.period_s, self.width_s, self.lead_s, self.trail_s = fits
        if any(abs(a - b) > 1e-9 * abs(b) for a, b in zip(asked, fits, strict=True)):
            what = "pulse width" if fits.width_s != asked.width_s else "edge time"
            self.generator.error(unconfirmed.FOLLOWS, f"{what} adjusted due to period")

    @period_s.then
    def _period(self, _: float) -> None:
        self.fit()
        self.changed()

    @function.check
    def _check_function(self, function: str) -> None:
        if function != "DC":
            room = self.window
            self.refuse(levels.with_amplitude(self.amplitude_v, self.offset_v, room).levels)

    @function.then
    def _function(self, function: str) -> None:
        if self.period_s < self.least_period_s:
            self.period_s = self.least_period_s
            self.generator.error(unconfirmed.FOLLOWS, "frequency reduced for this function")
        if function != "DC":
            self.take(levels.with_amplitude(self.amplitude_v, self.offset_v, self.window))
        self.fit()
        self.changed()

    @width_s.then
    @lead_s.then
    @trail_s.then
    def _edges(self, _: float) -> None:
        self.fit()
        self.changed()

    # -- output -------------------------------------------------------------------------------
    def switch(self, on: bool) -> None:
        """Switch the output."""
        self.output.stuck = "output-stuck" in self.generator.troubles
        self.output.switch(on, self.generator.now_s)

    @polarity.then
    @square_duty.then
    @symmetry.then
    @burst.then
    @burst_mode.then
    @cycles.then
    @burst_period_s.then
    @trigger.then
    @delay_s.then
    def _changed(self, _: Any) -> None:
        self.changed()

    def changed(self) -> None:
        """Put out what the settings say now."""
        self.output.show(self._played(), self.generator.now_s)

    def apply(self, function: str, period_s: float, amplitude_v: float, offset_v: float) -> None:
        """Obey ``APPLy`` with values that are within their limits."""
        if function == "DC":
            changed = Changed(Levels(offset_v, offset_v), "")
        else:
            changed = levels.with_amplitude(amplitude_v, offset_v, self.window)
        self.refuse(changed.levels)
        self.function, self.period_s, self.burst = function, period_s, False
        if function == "DC":
            self.offset_v = offset_v
        else:
            self.take(changed)
        self.fit()
        self.changed()

    def restart(self) -> None:
        """Stop a burst and wait for its trigger again, or begin anew."""
        self.output.restart(self.generator.now_s)

    def fire(self) -> bool:
        """Take a trigger from the bus; whether the channel waited for one."""
        return self.waits and self.is_bus and self.output.fire(self.generator.now_s)

    @property
    def waits(self) -> bool:
        """Whether it plays when it is triggered only."""
        return self.burst or (self.model.triggers_without_burst and self.trigger != "IMM")

    @property
    def is_bus(self) -> bool:
        """Whether ``*TRG`` triggers it."""
        return self.trigger in ("BUS", "MAN") and self.burst_mode != "GAT"

    @property
    def repeats_s(self) -> float:
        """Time from burst to burst (s) if bursts trigger themselves, else 0."""
        itself = self.trigger in ("IMM", "INT2", "TIM") and self.burst_mode != "GAT"
        return self.burst_period_s if itself else 0.0

    def reset(self) -> None:
        """Forget what ``*RST`` clears beside settings."""

    @abstractmethod
    def points(self) -> tuple[Floats, float, bool]:
        """Give the arbitrary waveform: points from -1 to +1, their time (s), whether in steps."""

    def _played(self) -> Played:
        open_v = 1 / levels.share(self.load_ohm)
        swing_v = self.amplitude_v / 2 * open_v
        waits = self.waits
        return Played(
            self._shape(),
            self.offset_v * open_v,
            -swing_v if self.polarity == "INV" else swing_v,
            (self.cycles if self.burst else 1) if waits else 0,
            self.repeats_s if waits else math.inf,
            self.delay_s if waits else 0.0,
        )

    def _shape(self) -> shape.Shape:
        period_s = self.period_s
        match self.function:
            case "PULS":
                return shape.pulse(period_s, self.width_s, self.lead_s, self.trail_s)
            case "SQU":
                return shape.square(period_s, self.square_duty / 100)
            case "RAMP":
                return shape.ramp(period_s, self.symmetry / 100)
            case "TRI":
                return shape.ramp(period_s, 0.5)
            case "SIN":
                return shape.sine(period_s)
            case "ARB" | "USER":
                found, lasting_s, steps = self.points()
                return shape.points(found, lasting_s, steps=steps)
        return shape.flat()
