"""What a 2400 is sent, byte by byte, and what is made of its answers."""

from typing import Any

import numpy as np
import pytest
from pymeasure.test import expected_protocol

from hil.clock import VirtualClock
from hil.drivers.keithley2400 import Keithley2400, reach, safe_messages
from hil.drivers.roles import SourceSettings
from hil.errors import InstrumentError
from tests.drivers.recorded import Pair, told

IDN = "KEITHLEY INSTRUMENTS INC.,MODEL 2400,1248014,C30   Mar 17 2006 09:29:29/A02  /K/J"
AS_2400 = "KEITHLEY INSTRUMENTS INC.,MODEL 2450,04451269,1.7.7b"
CHECK: Pair = (":SYST:ERR?", '0,"No error"')
HOME: list[Pair] = [
    (":ABOR", None), (":SOUR:VOLT:MODE FIX", None), (":SOUR:VOLT 0", None), (":OUTP OFF", None),
    (":OUTP?", "0"), CHECK,
]  # fmt: skip
SETTINGS = SourceSettings(1.0, 10.5e-6, 10.5e-6, 2e-3)
TAKE_OVER: list[Pair] = [
    *HOME, ("*RST", None), ("*CLS", None), CHECK,
    *told(
        ":TRAC:FEED:CONT NEV",
        ":SOUR:FUNC VOLT", ":SOUR:VOLT:MODE FIX", ":SOUR:DEL:AUTO OFF", ":SOUR:SWE:RANG FIX",
        ":SENS:FUNC:CONC ON", ":SENS:FUNC 'VOLT','CURR'", ":FORM:ELEM VOLT,CURR,TIME,STAT",
        ":SYST:AZER:STAT OFF", ":STAT:OPER:ENAB 1024",
    ),
]  # fmt: skip
START: list[Pair] = [("*IDN?", IDN), *TAKE_OVER]
PREPARE: list[Pair] = [
    *told(
        ":SOUR:VOLT:RANG 2", ":SENS:CURR:RANG:AUTO ON", ":SENS:CURR:PROT 1.05e-5",
        ":SENS:CURR:RANG 1e-5", ":SENS:CURR:NPLC 0.05", ":SYST:AZER:STAT ONCE",
    ),
    (":SENS:CURR:NPLC?", "+5.000000E-02"), (":SOUR:VOLT:RANG?", "+2.100000E+00"),
    (":SENS:CURR:PROT?", "+1.050000E-05"), (":SENS:CURR:RANG?", "+1.050000E-05"),
]  # fmt: skip
ON: list[Pair] = [(":SOUR:VOLT?", "+0.000000E+00"), *told(":OUTP ON"), (":OUTP?", "1")]
READY = [*START, *PREPARE, *ON]
BENCH_WORD = "+2.150800E+04"


def swept(levels: str, count: int, abort: str = "NEV") -> list[Pair]:
    """A sweep up to its end."""
    loaded = (
        f":SOUR:SWE:CAB {abort};:SOUR:DEL 1e-3;:TRIG:COUN {count};:SOUR:VOLT:MODE LIST;:TRAC:CLE;"
        f":TRAC:POIN {count};:TRAC:FEED SENS;:TRAC:FEED:CONT NEXT"
    )
    return [
        *told(f":TRAC:FEED:CONT NEV;:SOUR:LIST:VOLT {levels}", loaded),
        ("*CLS;:INIT", None), ("*STB?", "0"), ("*STB?", "128"),
        *told(":TRAC:FEED:CONT NEV;:SOUR:VOLT:MODE FIX;:SOUR:VOLT 0"),
    ]  # fmt: skip


def reading(row: str) -> list[Pair]:
    """A reading of 0.1 V after 1 ms, with this row."""
    rows = f"+0.0E+00,+0.0E+00,+0.0E+00,+2.1508E+04,{row},+0.0E+00,+0.0E+00,+8.0E-03,+2.1508E+04"
    return [*swept("0,0.1,0", 3), (":TRAC:POIN:ACT?", "3"), (":TRAC:DATA?", rows)]


def ready(meter: Keithley2400) -> Keithley2400:
    meter.prepare(SETTINGS)
    meter.output(on=True)
    return meter


def expected(pairs: list[Pair], **options: bool) -> Any:
    return expected_protocol(Keithley2400, pairs, clock=VirtualClock(), line_hz=50, **options)


def test_settings_keep_every_digit_and_are_sent_once() -> None:
    with expected([*START, *PREPARE]) as meter:
        held = meter.prepare(SETTINGS)
        assert held == (2.0, 10.5e-6, 10e-6, pytest.approx(2e-3))
        assert meter.prepare(SETTINGS) is held


def test_another_compliance_than_was_set_is_not_used() -> None:
    pairs = [*START, *PREPARE[:-2], (":SENS:CURR:PROT?", "+1.000000E-05"), *HOME]
    with (
        expected(pairs) as meter,
        pytest.raises(InstrumentError, match=r"holds 1e-05 as compliance \(A\) where 1.05e-05"),
    ):
        meter.prepare(SETTINGS)


def test_another_range_than_was_set_is_not_used() -> None:
    pairs = [*START, *PREPARE[:-3], (":SOUR:VOLT:RANG?", "+2.100000E+01"), *HOME]
    with (
        expected([*START, *PREPARE[:-3], pairs[-7], *HOME]) as meter,
        pytest.raises(InstrumentError, match=r"holds 21 as source range \(V\) where 2 was set"),
    ):
        meter.prepare(SETTINGS)


def test_a_reading_is_a_sweep_of_one_level() -> None:
    row = f"+1.000020E-01,+1.000100E-06,+4.000000E-03,{BENCH_WORD}"
    with expected([*READY, *reading(row)]) as meter:
        rows = ready(meter).sweep(np.array([0.1]), 1e-3)
    assert rows.voltage_v.tolist() == [0.100002]
    assert rows.current_a.tolist() == [1.0001e-6]
    assert rows.time_s == pytest.approx([4e-3])
    assert rows.limited.tolist() == [False]
    assert rows.status.tolist() == [21508]


@pytest.mark.parametrize(
    ("current", "bits", "limited"),
    [
        ("+1.049999E-05", 1 << 3, True),
        ("+1.049999E-06", 1 << 16, True),
        ("+9.900000E+37", 1 << 0, True),
        ("+9.910000E+37", 0, True),
        ("-1.049999E-05", 0, True),
        ("+1.000000E-05", 1 << 1, False),
    ],
)
def test_the_status_word_tells_what_is_limited(current: str, bits: int, limited: bool) -> None:
    row = f"+1.000000E-01,{current},+4.0E-03,{21508 | bits:+.6E}"
    with expected([*READY, *reading(row)]) as meter:
        rows = ready(meter).sweep(np.array([0.1]), 1e-3)
    assert rows.limited.tolist() == [limited]
    assert rows.status.tolist() == [21508 | bits]
    assert np.isnan(rows.current_a[0]) == ("E+37" in current)


@pytest.mark.parametrize(
    "row", ["+1.0E-01,+1.0E-06,+4.0E-03", "+1.0E-01,+1.0E-06,+4.0E-03,+2.1E", "", "ERROR"]
)
def test_an_answer_that_cannot_be_right_is_no_reading_and_ends_off(row: str) -> None:
    with (
        expected([*READY, *reading(row), *HOME]) as meter,
        pytest.raises(InstrumentError, match="not 12 numbers"),
    ):
        ready(meter).sweep(np.array([0.1]), 1e-3)


ROWS = (
    "+0.0E+00,+0.0E+00,+1.0E+01,+2.1508E+04,+1.0E-01,+1.0E-06,+1.0004E+01,+2.1508E+04,"
    "+2.0E-01,+2.0E-06,+1.0008E+01,+2.1508E+04,+0.0E+00,+0.0E+00,+1.0012E+01,+2.1508E+04"
)


def test_a_sweep_begins_and_ends_at_zero_in_the_instrument() -> None:
    ends: list[Pair] = [(":TRAC:POIN:ACT?", "4"), (":TRAC:DATA?", ROWS)]
    with expected([*READY, *swept("0,0.1,0.2,0", 4), *ends]) as meter:
        rows = ready(meter).sweep(np.array([0.1, 0.2]), 1e-3)
    assert rows.current_a.tolist() == [1e-6, 2e-6]
    assert rows.voltage_v.tolist() == [0.1, 0.2]
    assert rows.time_s == pytest.approx([4e-3, 8e-3])


def test_a_sweep_that_ends_at_its_limit_is_as_long_as_it_came() -> None:
    word = f"{21508 | 8:+.6E}"
    few = f"{','.join(ROWS.split(',')[:8])},+1.0E-01,+1.05E-05,+1.0008E+01,{word}"
    ends: list[Pair] = [(":TRAC:POIN:ACT?", "3"), (":TRAC:DATA?", few)]
    with expected([*READY, *swept("0,0.1,0.2,0.3,0", 5, "LATE"), *ends]) as meter:
        rows = ready(meter).sweep(np.array([0.1, 0.2, 0.3]), 1e-3, stop_at_limit=True)
    assert rows.limited.tolist() == [False, True]
    assert rows.voltage_v.tolist() == [0.1, 0.1]


@pytest.mark.parametrize(("abort", "count"), [("NEV", 3), ("NEV", 6), ("LATE", 3), ("LATE", 1)])
def test_a_sweep_that_is_short_for_no_reason_is_not_taken(abort: str, count: int) -> None:
    pairs: list[Pair] = [*READY, *swept("0,0.1,0.2,0.3,0", 5, abort)]
    pairs.append((":TRAC:POIN:ACT?", str(count)))
    if (abort, count) == ("LATE", 3):
        pairs.append((":TRAC:DATA?", ",".join(ROWS.split(",")[:12])))
    with (
        expected([*pairs, *HOME]) as meter,
        pytest.raises(InstrumentError, match=f"has {count} readings of 5 steps"),
    ):
        ready(meter).sweep(np.array([0.1, 0.2, 0.3]), 1e-3, stop_at_limit=abort == "LATE")


def test_times_that_do_not_rise_are_no_sweep() -> None:
    ends: list[Pair] = [(":TRAC:POIN:ACT?", "4"), (":TRAC:DATA?", ROWS.replace("1.0008", "0.9"))]
    with (
        expected([*READY, *swept("0,0.1,0.2,0", 4), *ends, *HOME]) as meter,
        pytest.raises(InstrumentError, match="do not rise"),
    ):
        ready(meter).sweep(np.array([0.1, 0.2]), 1e-3)


def test_a_2450_may_be_in_the_language_of_a_2400() -> None:
    with expected([("*IDN?", AS_2400), ("*LANG?", "SCPI2400"), *TAKE_OVER]) as meter:
        assert "2450" in meter.identity


@pytest.mark.parametrize("language", ["SCPI", "TSP"])
def test_another_language_is_said(language: str) -> None:
    with (
        pytest.raises(InstrumentError, match=f"this 2450 is set to {language}.* keithley2450"),
        expected([("*IDN?", AS_2400), ("*LANG?", language)]),
    ):
        pass


def test_a_2401_ends_at_20_volts() -> None:
    with expected([("*IDN?", IDN.replace("2400", "2401")), *TAKE_OVER]) as meter:
        assert meter.reach.source_ranges_v[-1] == 20.0


@pytest.mark.parametrize("model", ["2410", "2636B", "24000"])
def test_another_instrument_is_none(model: str) -> None:
    with (
        pytest.raises(InstrumentError, match="not the identity of a Keithley 2400"),
        expected([("*IDN?", IDN.replace("2400", model))]),
    ):
        pass


def test_a_serial_line_ends_otherwise() -> None:
    assert safe_messages("ASRL/dev/ttyUSB0::INSTR").messages[0] == b"\r:ABOR\r"
    assert safe_messages("ASRL/dev/ttyUSB0::INSTR").settings == {"baud_rate": 9600}
    assert safe_messages("GPIB0::24::INSTR").messages[-1] == b":OUTP OFF\n"


def test_its_reach_follows_the_line_and_its_two_functions() -> None:
    assert reach(50).least_aperture_s == pytest.approx(0.4e-3)
    assert reach(60).most_aperture_s == pytest.approx(2 / 6)


def test_rear_terminals_and_four_wires_are_asked_for() -> None:
    pairs = [*START, *told(":ROUT:TERM REAR", ":SYST:RSEN ON")]
    with expected(pairs, rear=True, four_wire=True) as meter:
        assert meter.identity
