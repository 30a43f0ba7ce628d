"""What a 2450 is sent, byte by byte, and what is made of its answers."""

from typing import Any

import numpy as np
import pytest
from pymeasure.test import expected_protocol

from hil.clock import VirtualClock
from hil.drivers import scpi_source_meter
from hil.drivers.keithley2450 import Keithley2450, reach
from hil.drivers.roles import SourceSettings
from hil.errors import InstrumentError, NotSupported
from tests.drivers import recorded
from tests.drivers.recorded import Pair

IDENTITY: Pair = ("*IDN?", "KEITHLEY INSTRUMENTS,MODEL 2450,04451269,1.7.7b")
LANGUAGE: Pair = ("*LANG?", "SCPI")
NO_ERROR = '0,"No error;0;0 0"'
CHECK: Pair = (":SYST:ERR?", NO_ERROR)
HOME: list[Pair] = [
    (":ABOR", None), (":SOUR:VOLT 0", None), (":OUTP OFF", None), (":OUTP?", "0"), CHECK,
]  # fmt: skip
SETTINGS = SourceSettings(1.0, 10.5e-6, 10.5e-6, 1e-3)
ELEMENTS = "READ,REL,SOUR,STAT,SOURSTAT"


def told(*commands: str) -> list[Pair]:
    return recorded.told(*commands, none=NO_ERROR)


START: list[Pair] = [
    IDENTITY, LANGUAGE, *HOME, ("*RST", None), ("*CLS", None), CHECK,
    *told(
        ":SOUR:FUNC VOLT", ':SENS:FUNC "CURR"', ":SOUR:VOLT:READ:BACK ON",
        ":SOUR:VOLT:DEL:AUTO OFF", ":SENS:CURR:AZER OFF", "*ESE 1",
    ),
]  # fmt: skip
PREPARE: list[Pair] = [
    *told(
        ":SOUR:VOLT:RANG 2", ":SENS:CURR:RANG:AUTO ON", ":SOUR:VOLT:ILIM 1.05e-5",
        ":SENS:CURR:RANG 1e-5", ":SENS:CURR:NPLC 0.05", ":SENS:AZER:ONCE",
    ),
    (":SOUR:VOLT:RANG?", "2"), (":SOUR:VOLT:ILIM?", "1.050000E-05"),
    (":SENS:CURR:RANG?", "1E-05"), (":SENS:CURR:NPLC?", "0.05"),
]  # fmt: skip
ON: list[Pair] = [(":SOUR:VOLT?", "0"), *told(":OUTP ON"), (":OUTP?", "1")]
READY = [*START, *PREPARE, *ON]


def spot(answer: str) -> list[Pair]:
    """A reading of 0.1 V after 1 ms, answered so."""
    question = f':SOUR:VOLT 0.1;:READ? "defbuffer1",{ELEMENTS};:SOUR:VOLT 0'
    return [*told(':SOUR:VOLT:DEL 1e-3;:TRAC:CLE "defbuffer1"'), (question, answer)]


def swept(levels: str, *, delay: str = "1e-3", abort: str = "OFF") -> list[Pair]:
    """A sweep up to its end."""
    return [
        *told(
            f":SOUR:VOLT:DEL 0;:SOUR:LIST:VOLT {levels}",
            f':SOUR:SWE:VOLT:LIST 1,{delay},1,{abort},"defbuffer1";:TRAC:CLE "defbuffer1"',
        ),
        ("*CLS;:INIT;*OPC", None), ("*STB?", "0"), ("*STB?", "32"), *told(":SOUR:VOLT 0"),
    ]  # fmt: skip


def ready(meter: Keithley2450) -> Keithley2450:
    meter.prepare(SETTINGS)
    meter.output(on=True)
    return meter


def expected(pairs: list[Pair], **options: bool) -> Any:
    return expected_protocol(Keithley2450, pairs, clock=VirtualClock(), line_hz=50, **options)


def test_settings_keep_every_digit_and_are_sent_once() -> None:
    with expected([*START, *PREPARE]) as meter:
        held = meter.prepare(SETTINGS)
        assert held == (2.0, 10.5e-6, 10e-6, pytest.approx(1e-3))
        assert meter.prepare(SETTINGS) is held


def test_another_compliance_than_was_set_is_not_used() -> None:
    pairs = [*START, *PREPARE[:-3], (":SOUR:VOLT:ILIM?", "1.000000E-05"), *HOME]
    with (
        expected(pairs) as meter,
        pytest.raises(InstrumentError, match=r"holds 1e-05 as current limit \(A\) where 1.05e-05"),
    ):
        meter.prepare(SETTINGS)


def test_a_reading_returns_to_zero_in_the_same_message() -> None:
    answer = "1.000100E-06,0.000000E+00,1.000020E-01,8,136"
    with expected([*READY, *spot(answer), CHECK]) as meter:
        rows = ready(meter).sweep(np.array([0.1]), 1e-3)
    assert rows.current_a.tolist() == [1.0001e-6]
    assert rows.voltage_v.tolist() == [0.100002]
    assert rows.time_s == pytest.approx([2e-3])
    assert rows.limited.tolist() == [False]
    assert rows.status.tolist() == [8 | 136 << 16]


@pytest.mark.parametrize(
    ("answer", "limited"),
    [
        ("9.900000E+37,0,0.1,8,136", True),
        ("9.910000E+37,0,0.1,8,136", True),
        ("1.049999E-05,0,0.04,8,168", True),
        ("-1.049999E-05,0,0.04,8,136", True),
        ("1.000000E-05,0,0.1,8,136", False),
    ],
)
def test_the_status_of_the_source_tells_what_is_limited(answer: str, limited: bool) -> None:
    with expected([*READY, *spot(answer), CHECK]) as meter:
        rows = ready(meter).sweep(np.array([0.1]), 1e-3)
    assert rows.limited.tolist() == [limited]
    assert np.isnan(rows.current_a[0]) == ("E+37" in answer)


@pytest.mark.parametrize(
    "answer",
    ["1.0E-6,0,0.1,8", "1.0E-6,0,0.1,8,136,0", "1.0E-6,0,0.1,8,", "x,0,0.1,8,136",
     "1.0E-6,0,0.1,8,136.5", "1.0E-6,0,0.1,-8,136", "1.0E-6,0,0.1,9.9E37,136"],
)  # fmt: skip
def test_an_answer_that_cannot_be_right_is_no_reading_and_ends_off(answer: str) -> None:
    checked = [CHECK] if answer.count(",") == 4 and answer[0] == "1" and answer[-1] != "," else []
    with (
        expected([*READY, *spot(answer), *checked, *HOME]) as meter,
        pytest.raises(InstrumentError, match=r"not 5 numbers|no whole number"),
    ):
        ready(meter).sweep(np.array([0.1]), 1e-3)


def test_a_sweep_runs_in_the_instrument_and_ends_at_zero() -> None:
    rows = "1e-06,0,0.1,8,136,2e-06,0.002600,0.2,8,136"
    pairs = [
        *READY, *swept("0.1,0.2,0"), (":OUTP?", "1"), (':TRAC:ACT? "defbuffer1"', "3"),
        (f':TRAC:DATA? 1,2,"defbuffer1",{ELEMENTS}', rows),
    ]  # fmt: skip
    with expected(pairs) as meter:
        found = ready(meter).sweep(np.array([0.1, 0.2]), 1e-3)
    assert found.current_a.tolist() == [1e-6, 2e-6]
    assert found.time_s == pytest.approx([2e-3, 4.6e-3])
    assert not found.limited.any()


def test_an_output_that_a_sweep_leaves_off_is_switched_on_again_at_zero() -> None:
    pairs = [
        *READY, *swept("0.1,0"), (":OUTP?", "0"), *told(":OUTP ON"), (":OUTP?", "1"),
        (':TRAC:ACT? "defbuffer1"', "2"), (f':TRAC:DATA? 1,2,"defbuffer1",{ELEMENTS}',
        "1e-06,0,0.1,8,136,0,0.0026,0,8,136"),
    ]  # fmt: skip
    with expected(pairs) as meter:
        rows = ready(meter).sweep(np.array([0.1, 0.0]), 1e-3)
    assert rows.current_a.tolist() == [1e-6, 0.0]


def test_a_sweep_that_ends_at_its_limit_is_as_long_as_it_came() -> None:
    pairs = [
        *READY, *swept("0.1,0.2,0.3,0", abort="ON"), (":OUTP?", "1"),
        (':TRAC:ACT? "defbuffer1"', "2"), (f':TRAC:DATA? 1,2,"defbuffer1",{ELEMENTS}',
        "1e-06,0,0.1,8,136,1.05e-05,0.0026,0.1,8,168"),
    ]  # fmt: skip
    with expected(pairs) as meter:
        rows = ready(meter).sweep(np.array([0.1, 0.2, 0.3]), 1e-3, stop_at_limit=True)
    assert rows.limited.tolist() == [False, True]


@pytest.mark.parametrize(
    ("abort", "count"), [("OFF", "2"), ("ON", "1"), ("OFF", "5"), ("ON", "0")]
)
def test_a_sweep_that_is_short_for_no_reason_is_not_taken(abort: str, count: str) -> None:
    pairs: list[Pair] = [
        *READY, *swept("0.1,0.2,0.3,0", abort=abort), (":OUTP?", "1"),
        (':TRAC:ACT? "defbuffer1"', count),
    ]  # fmt: skip
    if abort == "ON" and count == "1":
        pairs += [(f':TRAC:DATA? 1,1,"defbuffer1",{ELEMENTS}', "1e-06,0,0.1,8,136")]
    with (
        expected([*pairs, *HOME]) as meter,
        pytest.raises(InstrumentError, match=f"has {count} readings of 4 steps"),
    ):
        ready(meter).sweep(np.array([0.1, 0.2, 0.3]), 1e-3, stop_at_limit=abort == "ON")


def test_long_lists_go_in_pieces() -> None:
    levels = [f"0.{k}".rstrip("0") for k in range(101, 250)]
    setup = swept(",".join(levels[:100]), delay="0")
    pairs: list[Pair] = [
        *setup[:2], *told(f":SOUR:LIST:VOLT:APP {','.join([*levels[100:], '0'])}"), *setup[2:],
    ]  # fmt: skip
    answer = ",".join(f"1e-06,{k},0.1,8,136" for k in range(149))
    ends: list[Pair] = [
        (":OUTP?", "1"), (':TRAC:ACT? "defbuffer1"', "150"),
        (f':TRAC:DATA? 1,149,"defbuffer1",{ELEMENTS}', answer),
    ]  # fmt: skip
    with expected([*READY, *pairs, *ends]) as meter:
        rows = ready(meter).sweep(np.arange(101, 250) / 1000, 0.0)
    assert len(rows.current_a) == 149


def test_an_error_while_it_sweeps_is_told_in_its_words() -> None:
    setup = swept("0.1,0.2,0")[:-4]
    error = '-213,"Init ignored;1;2018/05/26 14:00:14.871"'
    pairs = [*READY, *setup, ("*STB?", "4"), (":SYST:ERR?", error), CHECK, *HOME]
    with (
        expected(pairs) as meter,
        pytest.raises(InstrumentError, match=r"refuses the sweep: Init ignored \(-213\)$"),
    ):
        ready(meter).sweep(np.array([0.1, 0.2]), 1e-3)


def test_a_sweep_that_never_ends_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scpi_source_meter, "LATE_S", 0.0)
    setup = swept("0.1,0.2,0", delay="0.5")[:-4]
    waiting: list[Pair] = [("*STB?", "0")] * 77  # half as long as it was to take
    with (
        expected([*READY, *setup, *waiting, *HOME]) as meter,
        pytest.raises(InstrumentError, match=r"still sweeping where 1.5 s were to be enough"),
    ):
        ready(meter).sweep(np.array([0.1, 0.2]), 0.5)


@pytest.mark.parametrize("language", ["SCPI2400", "TSP"])
def test_another_language_is_said(language: str) -> None:
    pairs = [IDENTITY, ("*LANG?", language)]
    with (
        pytest.raises(InstrumentError, match=f"this 2450 is set to {language}.* keithley2400"),
        expected(pairs),
    ):
        pass


def test_an_output_that_stays_on_is_said() -> None:
    stuck = [*HOME[:3], (":OUTP?", "1"), CHECK]
    with expected([*READY, *stuck]) as meter:
        ready(meter)
        with pytest.raises(InstrumentError, match="does not go off; it was told to stand at 0 V"):
            meter.make_safe()


def test_a_level_that_stands_is_not_switched_on() -> None:
    with expected([*START, *PREPARE, (":SOUR:VOLT?", "0.5"), *HOME]) as meter:
        meter.prepare(SETTINGS)
        with pytest.raises(InstrumentError, match=r"holds 0.5 as source level \(V\) where 0 was"):
            meter.output(on=True)


def test_what_is_refused_in_the_middle_carries_a_note_if_it_is_not_safe_either() -> None:
    stuck = [*HOME[:3], (":OUTP?", "1"), CHECK]
    with expected([*READY, *spot("nonsense"), *stuck]) as meter:
        with pytest.raises(InstrumentError, match="not 5 numbers") as caught:
            ready(meter).sweep(np.array([0.1]), 1e-3)
        (note,) = caught.value.__notes__
    assert note == (
        "and it could not be made safe: the output of the Keithley 2450 does not go off; it was "
        "told to stand at 0 V: disconnect the device and switch the instrument off"
    )


@pytest.mark.parametrize("delay_s", [1e-6, 10.1e3])
def test_a_delay_that_it_cannot_wait_is_refused(delay_s: float) -> None:
    with expected(READY) as meter, pytest.raises(NotSupported, match="waits 0 s, or from 50 us"):
        ready(meter).sweep(np.array([0.1]), delay_s)


def test_shutdown_makes_it_safe_as_pymeasure_wants() -> None:
    with expected([*START, *HOME]) as meter:
        meter.shutdown()
        assert meter.isShutdown


def test_its_reach_follows_the_line() -> None:
    assert reach(50).least_aperture_s == pytest.approx(0.2e-3)
    assert reach(60).most_aperture_s == pytest.approx(1 / 6)


def test_rear_terminals_and_four_wires_are_asked_for() -> None:
    pairs = [*START, *told(":ROUT:TERM REAR", ":SENS:CURR:RSEN ON")]
    with expected(pairs, rear=True, four_wire=True) as meter:
        assert meter.identity
