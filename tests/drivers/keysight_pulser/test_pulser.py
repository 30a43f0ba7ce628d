"""The driver of both generators on one that keeps what it is told: words, order, read-back."""

from typing import Any

import pytest

from hil.clock import VirtualClock
from hil.drivers.keysight33500b import Keysight33500B
from hil.drivers.keysight81160a import Keysight81160A
from hil.drivers.keysight_pulser.pulser import KeysightPulser
from hil.drivers.roles import Train
from hil.errors import ConfigError, HilError, InstrumentError
from hil.testing.pulser_contract import PulserContract
from tests.drivers.keysight_pulser.notepad import Notepad

PULSE = Train(0.5, 100e-9, 500e-9, 100e-9, 10e-6, 1)
IDENTITIES = {
    Keysight81160A: "Agilent Technologies,81160A,MY51400292,1.0.3.0-2.6",
    Keysight33500B: "Agilent Technologies,33522B,MY57800256,5.00-1.19-2.00-58-00",
}
KINDS = pytest.mark.parametrize("kind", list(IDENTITIES), ids=lambda kind: kind.model)


def made(kind: type[KeysightPulser], **options: Any) -> tuple[KeysightPulser, Notepad]:
    notepad = Notepad(IDENTITIES[kind])
    return kind(notepad, **{"channel": 1, "clock": VirtualClock(), **options}), notepad


class OnANotepad(PulserContract):
    kind: type[KeysightPulser]

    @pytest.fixture
    def pulser(self) -> KeysightPulser:
        pulser, self.notepad = made(self.kind)
        self.notepad.address = "TCPIP::10.0.0.1::5025::SOCKET"
        return pulser

    def sent(self) -> int:
        return len(self.notepad.sent)

    def is_on(self) -> bool:
        return self.notepad.held[":OUTP1"] == "1"


class Test81160A(OnANotepad):
    kind = Keysight81160A


class Test33500B(OnANotepad):
    kind = Keysight33500B


@KINDS
@pytest.mark.parametrize(
    ("setting", "held"),
    [
        ("load", "+5.0E+01"),
        ("high", "+3.0E+00"),
        ("high", "+1.516E+00"),
        ("low", "+2.0E-03"),
        ("width", "+6.5E-07"),
        ("leading", "+9.0E-08"),
        ("period", "+1.1E-05"),
        ("pulses", "4"),
        ("polarity", "INV"),
        ("polarity", ""),
        ("high", "+1.5"[:1]),
        ("width", "9.9E+37;1"),
    ],
)
def test_a_generator_that_holds_something_else_is_not_used(
    kind: type[KeysightPulser], setting: str, held: str
) -> None:
    pulser, notepad = made(kind)
    pulser.load(PULSE)
    pulser.output(on=True)
    notepad.tampered[getattr(pulser.commands.of(1), setting)] = held
    with pytest.raises(InstrumentError):
        pulser.load(Train(1.5, 100e-9, 500e-9, 100e-9, 10e-6, 3))
    assert notepad.held[":OUTP1"] == "0"
    with pytest.raises(InstrumentError, match="no train"):
        pulser.fire()


@KINDS
def test_every_other_setting_is_read_back(kind: type[KeysightPulser]) -> None:
    for header, _ in kind.commands.of(1).fixed:
        pulser, notepad = made(kind)
        notepad.tampered[header] = "SIN"
        with pytest.raises(InstrumentError, match="somebody else"):
            pulser.load(PULSE)


@KINDS
def test_a_fence_that_is_not_held_is_no_fence(kind: type[KeysightPulser]) -> None:
    told = kind.commands.of(1)
    for header, held in (
        (told.limit_high, "2.0"), (told.limit_low, "-2.0"), (told.limit_state, "0"),
    ):  # fmt: skip
        pulser, notepad = made(kind)
        notepad.tampered[header] = held
        with pytest.raises(InstrumentError, match="not used"):
            pulser.fence(1.8, -1.8)


@KINDS
def test_an_output_that_is_stuck_is_said(kind: type[KeysightPulser]) -> None:
    pulser, notepad = made(kind)
    pulser.load(PULSE)
    pulser.output(on=True)
    notepad.tampered[":OUTP1"] = "1"
    with pytest.raises(InstrumentError, match="does not go off"):
        pulser.make_safe()
    with pytest.raises(InstrumentError, match="does not go off"):
        pulser.output(on=False)


@KINDS
def test_an_output_that_went_off_by_itself_is_noticed(kind: type[KeysightPulser]) -> None:
    pulser, notepad = made(kind)
    pulser.load(PULSE)
    pulser.output(on=True)
    notepad.tampered[":OUTP1"] = "0"
    with pytest.raises(InstrumentError, match="overload"):
        pulser.fire()


@KINDS
def test_a_refused_command_is_told_in_the_words_of_the_generator(
    kind: type[KeysightPulser],
) -> None:
    pulser, notepad = made(kind)
    pulser.load(PULSE)
    notepad.errors.append('-221,"Settings conflict; pulse width adjusted"')
    with pytest.raises(InstrumentError, match=r"Settings conflict; pulse width adjusted \(-221\)"):
        pulser.load(PULSE)


@KINDS
def test_between_trains_of_one_polarity_the_output_stays_on(kind: type[KeysightPulser]) -> None:
    pulser, notepad = made(kind)
    pulser.load(PULSE)
    pulser.output(on=True)
    before = len(notepad.sent)
    pulser.load(PULSE._replace(level_v=1.0))
    told = notepad.sent[before:]
    assert not [command for command in told if command.startswith(":OUTP1 ")]
    levels = [part for command in told for part in command.split(";") if ":HIGH " in part]
    assert levels == [f"{pulser.commands.of(1).high} 1"]
    assert not [command for command in told if ":LOW " in command]
    before = len(notepad.sent)
    pulser.load(PULSE._replace(level_v=-1.0))
    told = [
        command for command in notepad.sent[before:] if "OUTP1" in command or "VOLT" in command
    ]
    off, *_, on, asked = [c for c in told if not c.startswith(pulser.commands.of(1).period)]
    assert (off, on, asked) == (":OUTP1 0", ":OUTP1 1", ":OUTP1?")
    assert any(":POL INV" in command for command in told)


@KINDS
def test_levels_keep_every_digit(kind: type[KeysightPulser]) -> None:
    pulser, notepad = made(kind)
    pulser.load(PULSE._replace(level_v=1.23456789, high_s=123.456789e-9))
    assert notepad.held[pulser.commands.of(1).high] == "1.23456789"
    assert notepad.held[pulser.commands.of(1).width] == "2.23456789e-7"


@KINDS
def test_another_instrument_is_refused(kind: type[KeysightPulser]) -> None:
    with pytest.raises(InstrumentError, match="the identity of a"):
        kind(Notepad("KEITHLEY INSTRUMENTS,MODEL 2450,1,1"), channel=1, clock=VirtualClock())


def test_a_channel_that_is_not_there_is_refused() -> None:
    notepad = Notepad("Agilent Technologies,33521A,MY1,2")
    with pytest.raises(ConfigError, match="33521A has one channel"):
        Keysight33500B(notepad, channel=2, clock=VirtualClock())


class Interrupted(VirtualClock):
    """A clock at which somebody presses Ctrl-C, when told."""

    armed = False

    def sleep(self, duration_s: float) -> None:
        if self.armed:
            self.armed = False
            raise KeyboardInterrupt
        super().sleep(duration_s)


@KINDS
def test_ctrl_c_ends_the_burst_and_switches_off(kind: type[KeysightPulser]) -> None:
    clock = Interrupted()
    pulser, notepad = made(kind, clock=clock)
    pulser.load(PULSE)
    pulser.output(on=True)
    clock.armed = True
    before = len(notepad.sent)
    with pytest.raises(KeyboardInterrupt):
        pulser.fire()
    assert notepad.sent[before:][:5] == ["*TRG", ":SYST:ERR?", ":ABOR", ":OUTP1 0", ":OUTP1?"]


@KINDS
def test_pymeasures_settings_reach_as_far_as_an_open_circuit_does(
    kind: type[KeysightPulser],
) -> None:
    pulser, notepad = made(kind)
    pulser.ch_1.voltage_high = 9.5
    assert float(notepad.sent[-1].split()[1]) == 9.5
    with pytest.raises(ValueError, match="not in range"):
        pulser.ch_1.voltage_high = 10.5


@KINDS
def test_pymeasures_shutdown_switches_off(kind: type[KeysightPulser]) -> None:
    pulser, notepad = made(kind)
    pulser.load(PULSE)
    pulser.output(on=True)
    pulser.shutdown()
    assert notepad.held[":OUTP1"] == "0"


def test_what_pymeasure_sends_as_a_block_is_ended() -> None:
    sent: list[bytes] = []

    class Bytes(Notepad):
        def _write_bytes(self, content: bytes) -> None:
            sent.append(content)

    pulser = Keysight81160A(Bytes(IDENTITIES[Keysight81160A]), channel=1, clock=VirtualClock())
    pulser.ch_1.waveform_volatile = [0.0, 1.0]
    assert sent == [b":DATA1:DAC VOLATILE,#14\x00\x00\x1f\xff\n"]


@KINDS
def test_a_failure_says_so_when_the_output_cannot_be_switched_off(
    kind: type[KeysightPulser],
) -> None:
    pulser, notepad = made(kind)
    pulser.load(PULSE)
    pulser.output(on=True)
    notepad.tampered[":OUTP1"] = "1"
    notepad.errors.append('-222,"Data out of range"')
    with pytest.raises(HilError) as caught:
        pulser.load(PULSE)
    assert "does not go off" in str(caught.value.__notes__)
