"""A virtual Keysight 81160A: two channels of pulses behind 50 ohm.

Commands as pymeasure's driver for it sends them (``keysight81160A.py`` and its suite for a
connected instrument); what neither says stands in `unconfirmed`, one line each. The number of the
channel stands at the node that it belongs to (``:FUNC1``, ``:PULS:PER2``), 1 if it does not.

Not modelled: modulation and sweeps, noise (it stands at the offset), external triggers and gates
(they never come), the start phase of a burst, patterns, the complementary outputs and their
addition, glitches when levels or relays switch, jitter, overshoot, droop, accuracy, the edges of
square waves, the output filter.
"""

from typing import Any, ClassVar

from hil.simulators.instruments.keysight81160a import unconfirmed
from hil.simulators.instruments.keysight_pulse import arbitrary
from hil.simulators.instruments.keysight_pulse.apply import Apply
from hil.simulators.instruments.keysight_pulse.channel import MOST_CYCLES, Channel
from hil.simulators.instruments.keysight_pulse.generator import Generator
from hil.simulators.instruments.keysight_pulse.model import Model
from hil.simulators.instruments.keysight_pulse.output import Output
from hil.simulators.instruments.lab.lab import Lab
from hil.simulators.instruments.scpi.declare import (
    Derived,
    Maybe,
    Rest,
    Setting,
    command,
    query,
    settings_of,
)
from hil.simulators.instruments.scpi.errors import ScpiError
from hil.simulators.instruments.scpi.message import Argument
from hil.simulators.instruments.scpi.values import (
    Boolean,
    Choice,
    Number,
    Raw,
    Spelling,
    Text,
    Whole,
)
from hil.simulators.models.drive import Floats

VOLATILE = "VOLATILE"
BUILT_IN = "EXP_RISE"
LARGEST_CODE = 8191
"""Of the converter (pymeasure, ``MAX_DAC_VALUE``)."""

MODEL = Model(
    functions=("SINusoid", "SQUare", "RAMP", "PULSe", "NOISe", "DC", "USER"),
    most_level_v=5.0,
    least_amplitude_v=0.05,
    most_amplitude_v=5.0,
    least_period_s={"": 1 / 330e6, "SIN": 2e-9, "PULS": 2e-9},
    most_period_s=1e6,
    least_width_s=1.5e-9,
    least_edge_s=1e-9,
    most_edge_s=1000.0,
    edge_room=unconfirmed.EDGE_ROOM,
    most_points=262_144,
    triggers_without_burst=True,
)
"""Limits that pymeasure's driver states."""

_name = Text(bare=True, most=12)


class Channel81160A(Channel):
    """One channel and the commands for it."""

    model = MODEL

    def __init__(self, generator: "Keysight81160A", output: Output) -> None:
        super().__init__(generator, output)
        self._tracked_by = generator.copy_from
        self._memory = generator.memory
        self.volatile: Floats | None = None

    function = Channel.function.at("[:SOURce]:FUNCtion{1:2}[:SHAPe]", Choice(*MODEL.functions))
    frequency_hz = Channel.frequency_hz.at("[:SOURce]:FREQuency{1:2}[:CW]")
    period_s = Channel.period_s.at("[:SOURce]:PULSe:PERiod{1:2}|:FUNCtion{1:2}:PULSe:PERiod")
    width_s = Channel.width_s.at("[:SOURce]:PULSe:WIDTh{1:2}|:FUNCtion{1:2}:PULSe:WIDTh")
    duty = Channel.duty.at("[:SOURce]:PULSe:DCYCle{1:2}|:FUNCtion{1:2}:PULSe:DCYCle")
    hold = Channel.hold.at("[:SOURce]:PULSe:HOLD{1:2}|:FUNCtion{1:2}:PULSe:HOLD")
    edges_s = Channel.edges_s.at(":FUNCtion{1:2}:PULSe:TRANsition")
    lead_s = Channel.lead_s.at("[:SOURce]:PULSe:TRANsition{1:2}[:LEADing]")
    trail_s = Channel.trail_s.at("[:SOURce]:PULSe:TRANsition{1:2}:TRAiling")
    follows = Setting(
        "[:SOURce]:PULSe:TRANsition{1:2}:TRAiling:AUTO", Boolean(), unconfirmed.TRAILING_FOLLOWS
    )
    delay_s = Channel.delay_s.at("[:SOURce]:PULSe:DELay{1:2}")
    square_duty = Channel.square_duty.at(
        ":FUNCtion{1:2}:SQUare:DCYCle", Number("", 0.0001, 99.9999, suffixes=("PCT",))
    )
    symmetry = Channel.symmetry.at(":FUNCtion{1:2}:RAMP:SYMMetry")
    phase_deg = Setting("[:SOURce]:PHASe{1:2}", Number("DEG", -360, 360), 0.0)
    amplitude_v = Channel.amplitude_v.at("", default=unconfirmed.FIRST_AMPLITUDE_V)
    amplitude = Channel.amplitude.at("[:SOURce]:VOLTage{1:2}[:LEVel][:IMMediate][:AMPLitude]")
    offset_v = Channel.offset_v.at("[:SOURce]:VOLTage{1:2}[:LEVel][:IMMediate]:OFFSet")
    high_v = Channel.high_v.at("[:SOURce]:VOLTage{1:2}[:LEVel][:IMMediate]:HIGH")
    low_v = Channel.low_v.at("[:SOURce]:VOLTage{1:2}[:LEVel][:IMMediate]:LOW")
    unit = Channel.unit.at("[:SOURce]:VOLTage{1:2}:UNIT")
    limit_high_v = Channel.limit_high_v.at("[:SOURce]:VOLTage{1:2}:LIMit[:HIGH]")
    limit_low_v = Channel.limit_low_v.at("[:SOURce]:VOLTage{1:2}:LIMit:LOW")
    limited = Channel.limited.at("[:SOURce]:VOLTage{1:2}:LIMit:STATe")
    state = Channel.state.at(":OUTPut{1:2}[:STATe]")
    load_ohm = Channel.load_ohm.at(
        ":OUTPut{1:2}:LOAD|:OUTPut{1:2}:IMPedance:EXTernal",
        Number("OHM", 0.3, 1e6, infinite=unconfirmed.LOAD_MAY_BE_INFINITE),
    )
    polarity = Channel.polarity.at(":OUTPut{1:2}:POLarity")
    burst = Channel.burst.at("[:SOURce]:BURSt{1:2}:STATe")
    burst_mode = Channel.burst_mode.at("[:SOURce]:BURSt{1:2}:MODE")
    cycles = Channel.cycles.at(
        "[:SOURce]:BURSt{1:2}:NCYCles",
        Whole(unconfirmed.LEAST_BURST, MOST_CYCLES, infinite=True),
        unconfirmed.LEAST_BURST,
    )
    burst_period_s = Channel.burst_period_s.at(
        "[:SOURce]:BURSt{1:2}:INTernal:PERiod", Number("S", 3.03e-9, 1e6)
    )
    trigger = Channel.trigger.at(
        ":ARM:SOURce{1:2}", Choice("IMMediate", "INT2", "EXTernal", "MANual")
    )
    count = Derived[int](
        ":TRIGger{1:2}:COUNt",
        Whole(1, MOST_CYCLES),
        lambda c: c.cycles if c.burst else 1,
        lambda c, value: c.set_count(value),
        1,
    )
    user = Setting(":FUNCtion{1:2}:USER", _name, BUILT_IN)
    tracking = Setting(":TRACk:CHANnel{1:2}", Boolean(), False)

    @lead_s.then
    def _lead(self, lead_s: float) -> None:
        if self.follows:
            self.trail_s = lead_s
        self._edges(lead_s)

    @trail_s.then
    def _trail(self, trail_s: float) -> None:
        self.follows = False
        self._edges(trail_s)

    @user.check
    def _check_user(self, name: str) -> str:
        if self._find(name.upper()) is None:
            raise ScpiError(785)
        return name.upper()

    @user.then
    def _select(self, _: str) -> None:
        self.changed()

    @tracking.then
    def _track(self, on: bool) -> None:
        if on:
            self._tracked_by(self)

    def set_count(self, count: int) -> None:
        """Set the cycles of a trigger: more than one is a burst."""
        self.burst = count > 1
        self.cycles = count if count > 1 else self.cycles
        self.changed()

    def points(self) -> tuple[Floats, float, bool]:
        """Give the waveform of ``FUNCtion:USER`` over one period."""
        found = self._find(self.user)
        return arbitrary.exponential_rise() if found is None else found, self.period_s, True

    def changed(self) -> None:
        """Put out what the settings say, on the other channel too if it tracks this one."""
        super().changed()
        if self.tracking:
            self._tracked_by(self)

    @command(":DATA{1:2}", _name, Rest(Raw()))
    def _data(self, name: str, *values: Argument) -> None:
        self._load(name, arbitrary.floats(values, MODEL.most_points))

    @command(":DATA{1:2}:DAC", _name, Rest(Raw()))
    def _codes(self, name: str, *values: Argument) -> None:
        self._load(name, arbitrary.codes(values, LARGEST_CODE, MODEL.most_points))

    @command(":DATA{1:2}:COPY", _name, Maybe(_name))
    def _copy(self, name: str, source: str | None) -> None:
        if (source or VOLATILE).upper() != VOLATILE:
            raise ScpiError(784)
        if self.volatile is None:
            raise ScpiError(785)
        if name.upper() not in self._memory and len(self._memory) >= unconfirmed.SLOTS:
            raise ScpiError(781)
        self._memory[name.upper()] = self.volatile

    @command(":DATA{1:2}:DELete[:NAME]", _name)
    def _delete(self, name: str) -> None:
        if name.upper() not in self._memory:
            raise ScpiError(785)
        if self.function == "USER" and self.user == name.upper():
            raise ScpiError(787)
        del self._memory[name.upper()]

    @command(":DATA{1:2}:DELete:ALL")
    def _delete_all(self) -> None:
        self._memory.clear()

    @query(":DATA{1:2}:NVOLatile:CATalog")
    def _stored(self) -> str:
        return ",".join(f'"{name}"' for name in self._memory) or '""'

    @query(":DATA{1:2}:CATalog")
    def _all(self) -> str:
        volatile = [] if self.volatile is None else [VOLATILE]
        return ",".join(f'"{name}"' for name in [BUILT_IN, *volatile, *self._memory])

    @query(":DATA{1:2}:NVOLatile:FREE")
    def _free(self) -> str:
        return unconfirmed.WHOLE.format(unconfirmed.SLOTS - len(self._memory))

    def _load(self, name: str, points: Floats) -> None:
        if name.upper() != VOLATILE:
            raise ScpiError(-224)
        self.volatile = points
        self.changed()

    def _find(self, name: str) -> Floats | None:
        if name == VOLATILE:
            return self.volatile
        return arbitrary.exponential_rise() if name == BUILT_IN else self._memory.get(name)


class Keysight81160A(Generator):
    """Keysight 81160A, a pulse generator with two channels: SCPI.

    Parameters
    ----------
    name : str
        What the lab calls it; its outputs are the ports NAME.1 and NAME.2.
    lab : Lab
        Clock, cell and logs.
    options : dict
        It has none.
    """

    usual_wiring: ClassVar[dict[str, str]] = {"keysight81160a.1": "top"}
    spelling: ClassVar[Spelling] = Spelling(unconfirmed.REAL.format, unconfirmed.WHOLE.format)
    error_texts: ClassVar[dict[int, str]] = {**Generator.error_texts, **unconfirmed.ERRORS}
    channel_type: ClassVar[type[Channel]] = Channel81160A

    def __init__(self, name: str, lab: Lab, options: dict[str, Any]) -> None:
        self.memory: dict[str, Floats] = {}
        super().__init__(name, lab, options)
        on = unconfirmed.APPLY_SWITCHES_ON
        applies = {n: Apply(channel, switches_on=on) for n, channel in self.channels.items()}
        self.declare_each(applies, ":APPLy{1:2}")

    def identity(self) -> str:
        """Answer ``*IDN?``."""
        return f"Agilent Technologies,81160A,{unconfirmed.SERIAL_AND_VERSION}"

    def copy_from(self, channel: Channel81160A) -> None:
        """Make the other channel a copy of one, as long as tracking is on."""
        for other in self.channels.values():
            if other is channel or not isinstance(other, Channel81160A):
                continue
            for setting in settings_of(Channel81160A):
                if not isinstance(setting, Derived):
                    setting.copy(channel, other)
            other.tracking = False
            other.volatile = channel.volatile
            other.changed()
