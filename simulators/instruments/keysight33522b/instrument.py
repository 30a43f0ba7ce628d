"""A virtual Keysight 33522B: two channels of functions, pulses and points behind 50 ohm.

Commands as the drivers of pymeasure (``agilent33500.py`` and its suite for a connected
instrument) and QCoDeS (``KeysightAgilent_33XXX.py``) send them; what neither says stands in
`unconfirmed`, one line each.

Not modelled: modulation, sweeps and lists of frequencies, noise and pseudo-random bits (they stand
at the offset), external triggers and gates (they never come), points that advance by triggers, the
trigger count, the start phase of a burst, the waveform that joins two points (straight lines with
the NORMal filter, else steps), the SYNC and trigger outputs, files and the display, glitches when
levels or relays switch, jitter, overshoot, accuracy, the edges of square waves.
"""

from typing import Any, ClassVar

from hil.simulators.instruments.keysight33522b import unconfirmed
from hil.simulators.instruments.keysight_pulse import arbitrary
from hil.simulators.instruments.keysight_pulse.apply import Apply
from hil.simulators.instruments.keysight_pulse.channel import Channel
from hil.simulators.instruments.keysight_pulse.generator import CHANNELS, Generator
from hil.simulators.instruments.keysight_pulse.model import Model
from hil.simulators.instruments.keysight_pulse.output import Output
from hil.simulators.instruments.lab.lab import Lab
from hil.simulators.instruments.scpi.declare import Rest, Setting, command, query
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

LARGEST_CODE = 32767
"""Of the converter (pymeasure, ``data_arb``)."""
_real = unconfirmed.REAL.format

MODEL = Model(
    functions=("SINusoid", "SQUare", "TRIangle", "RAMP", "PULSe", "PRBS", "NOISe", "ARB", "DC"),
    most_level_v=5.0,
    least_amplitude_v=1e-3,
    most_amplitude_v=10.0,
    least_period_s={"": 1 / 30e6, "PULS": 33e-9, "RAMP": 1 / 200e3, "TRI": 1 / 200e3},
    most_period_s=1e6,
    least_width_s=16e-9,
    least_edge_s=8.4e-9,
    most_edge_s=1e-6,
    edge_room=unconfirmed.EDGE_ROOM,
    most_points=unconfirmed.MEMORY_POINTS,
    triggers_without_burst=False,
)
"""Limits that pymeasure's and QCoDeS' drivers state; 1 mVpp, 30 MHz and 200 kHz by the data sheet
of the 33500B Series."""

_S = "[:SOURce{1:2}]"
_name = Text(bare=True, most=240)


class Channel33522B(Channel):
    """One channel and the commands for it."""

    model = MODEL

    def __init__(self, generator: "Keysight33522B", output: Output) -> None:
        super().__init__(generator, output)
        self._instrument = generator
        self._memory: dict[str, Floats] = {}

    function = Channel.function.at(f"{_S}:FUNCtion[:SHAPe]", Choice(*MODEL.functions))
    frequency_hz = Channel.frequency_hz.at(f"{_S}:FREQuency[:CW]")
    frequency_mode = Setting(f"{_S}:FREQuency:MODE", Choice("CW", "LIST", "SWEep", "FIXed"), "CW")
    period_s = Channel.period_s.at(f"{_S}:FUNCtion:PULSe:PERiod", Number("S", 33e-9, 1e6))
    width_s = Channel.width_s.at(f"{_S}:FUNCtion:PULSe:WIDTh")
    duty = Channel.duty.at(f"{_S}:FUNCtion:PULSe:DCYCle")
    hold = Channel.hold.at(f"{_S}:FUNCtion:PULSe:HOLD")
    edges_s = Channel.edges_s.at(f"{_S}:FUNCtion:PULSe:TRANsition[:BOTH]")
    lead_s = Channel.lead_s.at(f"{_S}:FUNCtion:PULSe:TRANsition:LEADing")
    trail_s = Channel.trail_s.at(f"{_S}:FUNCtion:PULSe:TRANsition:TRAiling")
    square_duty = Channel.square_duty.at(f"{_S}:FUNCtion:SQUare:DCYCle")
    symmetry = Channel.symmetry.at(f"{_S}:FUNCtion:RAMP:SYMMetry")
    phase_deg = Setting(f"{_S}:PHASe[:ADJust]", Number("DEG", -360, 360), 0.0)
    amplitude = Channel.amplitude.at(f"{_S}:VOLTage[:LEVel][:IMMediate][:AMPLitude]")
    offset_v = Channel.offset_v.at(f"{_S}:VOLTage[:LEVel][:IMMediate]:OFFSet")
    high_v = Channel.high_v.at(f"{_S}:VOLTage[:LEVel][:IMMediate]:HIGH")
    low_v = Channel.low_v.at(f"{_S}:VOLTage[:LEVel][:IMMediate]:LOW")
    unit = Channel.unit.at(f"{_S}:VOLTage:UNIT")
    ranging = Setting(f"{_S}:VOLTage:RANGe:AUTO", Boolean(), True)
    limit_high_v = Channel.limit_high_v.at(f"{_S}:VOLTage:LIMit:HIGH")
    limit_low_v = Channel.limit_low_v.at(f"{_S}:VOLTage:LIMit:LOW")
    limited = Channel.limited.at(f"{_S}:VOLTage:LIMit:STATe")
    state = Channel.state.at(":OUTPut{1:2}[:STATe]")
    load_ohm = Channel.load_ohm.at(":OUTPut{1:2}:LOAD")
    polarity = Channel.polarity.at(":OUTPut{1:2}:POLarity")
    burst = Channel.burst.at(f"{_S}:BURSt:STATe")
    burst_mode = Channel.burst_mode.at(f"{_S}:BURSt:MODE")
    cycles = Channel.cycles.at(
        f"{_S}:BURSt:NCYCles", Whole(1, 100_000_000, infinite=True, form=_real)
    )
    burst_period_s = Channel.burst_period_s.at(f"{_S}:BURSt:INTernal:PERiod")
    burst_phase_deg = Setting(f"{_S}:BURSt:PHASe", Number("DEG", -360, 360), 0.0)
    gate_polarity = Setting(f"{_S}:BURSt:GATE:POLarity", Choice("NORMal", "INVerted"), "NORM")
    trigger = Channel.trigger.at(
        ":TRIGger{1:2}:SOURce", Choice("IMMediate", "EXTernal", "TIMer", "BUS")
    )
    delay_s = Channel.delay_s.at(":TRIGger{1:2}:DELay")
    timer_s = Setting(":TRIGger{1:2}:TIMer", Number("S", 1e-6, 8000.0), 1.0)
    slope = Setting(":TRIGger{1:2}:SLOPe", Choice("POSitive", "NEGative"), "POS")
    count = Setting(":TRIGger{1:2}:COUNt", Whole(1, 1_000_000, form=_real), 1)
    arb_name = Setting(f"{_S}:FUNCtion:ARBitrary", _name, unconfirmed.BUILT_IN)
    sample_hz = Setting(
        f"{_S}:FUNCtion:ARBitrary:SRATe", Number("", 1e-6, 250e6, suffixes=("SA", "HZ")), 40e3
    )
    advance = Setting(f"{_S}:FUNCtion:ARBitrary:ADVance", Choice("TRIGger", "SRATe"), "SRAT")
    joined = Setting(f"{_S}:FUNCtion:ARBitrary:FILTer", Choice("NORMal", "STEP", "OFF"), "NORM")

    @arb_name.check
    def _check_arb(self, name: str) -> str:
        if name.upper() not in self._memory and name.upper() != unconfirmed.BUILT_IN:
            raise ScpiError(785)
        return name.upper()

    @arb_name.then
    @sample_hz.then
    @joined.then
    @timer_s.then
    def _arb_changed(self, _: Any) -> None:
        self.changed()

    @property
    def repeats_s(self) -> float:
        """Time from burst to burst (s): by the timer or by the internal period."""
        is_timed = self.trigger == "TIM" and self.burst_mode != "GAT"
        return self.timer_s if is_timed else super().repeats_s

    def points(self) -> tuple[Floats, float, bool]:
        """Give the waveform of ``FUNCtion:ARBitrary`` at its sample rate."""
        found = self._memory.get(self.arb_name)
        found = arbitrary.exponential_rise() if found is None else found
        return found, len(found) / self.sample_hz, self.joined != "NORM"

    def reset(self) -> None:
        """Forget the points."""
        self._memory.clear()

    @command(f"{_S}:DATA:ARBitrary[:FLOat]", _name, Rest(Raw()))
    def _floats(self, name: str, *values: Argument) -> None:
        swapped = self._instrument.byte_order == "SWAP"
        self._load(name, arbitrary.floats(values, self._room, big_endian=not swapped))

    @command(f"{_S}:DATA:ARBitrary:DAC", _name, Rest(Raw()))
    def _codes(self, name: str, *values: Argument) -> None:
        swapped = self._instrument.byte_order == "SWAP"
        points = arbitrary.codes(values, LARGEST_CODE, self._room, big_endian=not swapped)
        self._load(name, points)

    @command(f"{_S}:DATA:VOLatile:CLEar")
    def _clear(self) -> None:
        self._memory.clear()
        self.arb_name = unconfirmed.BUILT_IN
        self.changed()

    @query(f"{_S}:DATA:VOLatile:CATalog")
    def _catalog(self) -> str:
        return ",".join(f'"{name}"' for name in [unconfirmed.BUILT_IN, *self._memory])

    @query(f"{_S}:DATA:VOLatile:FREE")
    def _free(self) -> str:
        return unconfirmed.WHOLE.format(self._room)

    @property
    def _room(self) -> int:
        return unconfirmed.MEMORY_POINTS - sum(map(len, self._memory.values()))

    def _load(self, name: str, points: Floats) -> None:
        if name.upper() in self._memory:
            raise ScpiError(786)
        self._memory[name.upper()] = points


class Keysight33522B(Generator):
    """Keysight 33522B, a waveform generator with two channels: SCPI.

    Parameters
    ----------
    name : str
        What the lab calls it; its outputs are the ports NAME.1 and NAME.2.
    lab : Lab
        Clock, cell and logs.
    options : dict
        It has none.
    """

    usual_wiring: ClassVar[dict[str, str]] = {"keysight33522b.1": "top"}
    spelling: ClassVar[Spelling] = Spelling(_real, unconfirmed.WHOLE.format)
    error_texts: ClassVar[dict[int, str]] = {**Generator.error_texts, **unconfirmed.ERRORS}
    channel_type: ClassVar[type[Channel]] = Channel33522B

    byte_order = Setting(":FORMat:BORDer", Choice("NORMal", "SWAPped"), "NORM")
    sync = Setting(":OUTPut:SYNC[:STATe]", Boolean(), True)
    sync_source = Setting(":OUTPut:SYNC:SOURce", Choice("CH1", "CH2"), "CH1")
    trigger_out = Setting(":OUTPut:TRIGger[:STATe]", Boolean(), False)
    shown_text = Setting(":DISPlay:TEXT[:DATA]", Text(), "")

    def __init__(self, name: str, lab: Lab, options: dict[str, Any]) -> None:
        super().__init__(name, lab, options)
        on = unconfirmed.APPLY_SWITCHES_ON
        applies = {n: Apply(self.channels[n], switches_on=on) for n in CHANNELS}
        self.declare_each(applies, f"{_S}:APPLy")

    def identity(self) -> str:
        """Answer ``*IDN?``."""
        return f"Agilent Technologies,33522B,{unconfirmed.SERIAL_AND_VERSION}"

    @command(":ABORt")
    def _abort(self) -> None:
        for channel in self.channels.values():
            channel.restart()

    @command(":DISPlay:TEXT:CLEar")
    def _clear_text(self) -> None:
        self.shown_text = ""

    @command(":SYSTem:BEEPer[:IMMediate]")
    def _beep(self) -> None:
        """Beep, which nobody hears."""

    @command(f"{_S}:PHASe:SYNChronize")
    def _synchronize(self, *_: Any) -> None:
        for channel in self.channels.values():
            channel.restart()
