"""What a 2600B is not asked for, and what of its answers is not taken, message by message."""

import numpy as np
import pytest

from hil.errors import ConfigError, InstrumentError, NotSupported
from tests.drivers.keithley2600b.conversation import (
    CONNECT,
    IDLE,
    NONE,
    READY,
    RESET,
    SAFE,
    SETTINGS,
    Pairs,
    fetched,
    n,
    prepared,
    ready,
    swept,
    unit,
)


@pytest.mark.parametrize(
    ("identity", "said"),
    [
        ("Keithley Instruments Inc., Model 2450, 1, 1.0.0", "identity"),
        ("KEITHLEY INSTRUMENTS,MODEL 2450,04451269,1.7.7b", "identity"),
        ("Keithley Instruments Inc., Model 2636B, 4308079", "identity"),
    ],
)
def test_something_else_at_the_address_is_refused(identity: str, said: str) -> None:
    with pytest.raises(InstrumentError, match=said), unit([("*IDN?", identity)]):
        pass


def test_a_model_that_is_not_known_is_refused() -> None:
    pairs = [("*IDN?", "Keithley Instruments Inc., Model 2651B, 1, 1.0"), *CONNECT[1:-1]]
    with pytest.raises(InstrumentError, match="no model"), unit(pairs):
        pass


def test_another_compliance_than_was_told_is_noticed_and_not_used() -> None:
    pairs = [*CONNECT, *SAFE, *RESET, *prepared(limit_a=10e-6), *SAFE]
    with unit(pairs) as instrument:
        channel = instrument.channel("a")
        with pytest.raises(InstrumentError, match=r"1e-05 as smua.source.limiti where 1.05e-05"):
            channel.prepare(SETTINGS)
        with pytest.raises(InstrumentError, match="no compliance"):
            channel.output(on=True)


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        ({"range_v": 300.0}, NotSupported),
        ({"limit_a": 10e-12}, NotSupported),
        ({"limit_a": 2.0}, NotSupported),
        ({"aperture_s": 1e-6}, NotSupported),
        ({"aperture_s": 1.0}, NotSupported),
        ({"limit_a": float("nan")}, ConfigError),
        ({"range_v": float("inf")}, ConfigError),
        ({"range_a": 0.0}, ConfigError),
        ({"range_v": -1.0}, ConfigError),
    ],
)
def test_what_it_cannot_do_is_refused_before_a_byte(wanted: dict[str, float], error: type) -> None:
    with unit([*CONNECT, *SAFE, *RESET]) as instrument, pytest.raises(error):
        instrument.channel("a").prepare(SETTINGS._replace(**wanted))


@pytest.mark.parametrize(
    ("high_s", "period_s"), [(100e-6, 1.0), (20e-3, 20e-3), (0.02, 0.01), (float("nan"), 1.0)]
)
def test_pulses_it_cannot_make_are_refused_before_a_byte(high_s: float, period_s: float) -> None:
    with unit(READY) as instrument, pytest.raises(NotSupported):
        ready(instrument).pulses(np.array([0.5]), high_s, period_s)


@pytest.mark.parametrize(
    ("levels", "delay_s", "error"),
    [
        ([0.5, 2.1], 0.0, NotSupported),
        ([-2.1], 0.0, NotSupported),
        ([float("nan")], 0.0, ConfigError),
        ([float("inf")], 0.0, ConfigError),
        ([], 0.0, NotSupported),
        ([0.1] * 20_000, 0.0, NotSupported),
        ([0.1], -1.0, NotSupported),
        ([0.1], float("nan"), NotSupported),
    ],
)
def test_levels_it_cannot_go_to_are_refused_before_a_byte(
    levels: list[float], delay_s: float, error: type
) -> None:
    with unit(READY) as instrument, pytest.raises(error):
        ready(instrument).sweep(np.array(levels), delay_s)


def test_an_output_that_is_off_sweeps_nothing() -> None:
    with unit([*READY, *SAFE]) as instrument:
        channel = ready(instrument)
        channel.output(on=False)
        with pytest.raises(InstrumentError, match="is off"):
            channel.sweep(np.array([0.1]), 0.0)


def test_an_output_that_stays_on_is_told() -> None:
    stuck = [*SAFE[:-1], (SAFE[-1][0], f"{n(1)}\t{NONE}")]
    with (
        unit([*READY, *stuck]) as instrument,
        pytest.raises(InstrumentError, match="is on at 0 V although"),
    ):
        ready(instrument).output(on=False)


def test_what_it_refuses_is_told_in_its_words_and_made_safe() -> None:
    on: Pairs = [
        ("smua.source.levelv = 0", None),
        ("smua.source.output = smua.OUTPUT_ON", None),
        ("print(errorqueue.count)", n(1)),
        (
            "print(errorqueue.next())",
            f"{n(802)}\tOUTPUT blocked by interlock\t{n(20)}\t{n(1)}",
        ),
        ("print(errorqueue.next())", f"{NONE}\tQueue Is Empty\t{NONE}\t{NONE}"),
        ("errorqueue.clear()", None),
    ]
    with unit([*CONNECT, *SAFE, *RESET, *prepared(), *on, *SAFE]) as instrument:
        channel = instrument.channel("a")
        channel.prepare(SETTINGS)
        with pytest.raises(InstrumentError, match=r"interlock \(802\)"):
            channel.output(on=True)


@pytest.mark.parametrize(
    "answer",
    [
        NONE,
        f"{NONE}\t0.000000000000000e+0",
        f"{NONE}\t0.0000",
        f"{NONE}\tnan",
        f"{NONE}\tnil",
        "",
        f"{NONE}\t{NONE}\t{NONE}",
    ],
)
def test_an_answer_that_is_not_whole_is_no_number(answer: str) -> None:
    with (
        unit([*CONNECT, ("print(a, b)", answer)]) as instrument,
        pytest.raises(InstrumentError, match="not 2 numbers"),
    ):
        instrument.ask_for("a", "b")


@pytest.mark.parametrize(
    "rows",
    [
        [(0.0, 0.5, 5e-6, 0.0), (0.0, 0.5, 5e-6, 0.0)],
        [(0.0, 0.5, 5e-6, 0.0), (0.1, 0.5, 5e-6, 0.5)],
    ],
)
def test_times_and_states_that_cannot_be_are_no_readings(
    rows: list[tuple[float, float, float, float]],
) -> None:
    with (
        unit([*READY, *swept("0.5", 2), IDLE, *fetched(*rows), *SAFE]) as instrument,
        pytest.raises(InstrumentError, match=r"do not rise|no whole number"),
    ):
        ready(instrument).sweep(np.array([0.5, 0.5]), 1e-3)


def test_rows_of_somebody_else_are_not_taken_and_nothing_is_taken_for_set() -> None:
    strange = fetched(*[(0.0, 1.0, 1.0, 0.0)] * 3)[:1]
    pairs = [*READY, *swept("0.5", 1), IDLE, *strange, *SAFE, *prepared()]
    with unit(pairs) as instrument:
        channel = ready(instrument)
        with pytest.raises(InstrumentError, match="3 currents"):
            channel.sweep(np.array([0.5]), 1e-3)
        channel.prepare(SETTINGS)


def test_another_line_frequency_is_refused() -> None:
    with unit(CONNECT) as instrument, pytest.raises(ConfigError, match="60 Hz, not of 50 Hz"):
        instrument.refuse_other_line(50)
    pairs = [*CONNECT[:-1], ("print(localnode.linefreq)", n(0))]
    with pytest.raises(InstrumentError, match="0 Hz"), unit(pairs):
        pass


def test_errors_that_stay_are_told() -> None:
    error = f"{n(-350)}\tQueue overflow\t{n(30)}\t{n(1)}"
    pairs: Pairs = [
        CONNECT[0],
        ("errorqueue.clear()", None),
        ("print(errorqueue.count)", n(1)),
        *[("print(errorqueue.next())", error)] * 200,
        ("errorqueue.clear()", None),
    ]
    with (
        pytest.raises(InstrumentError, match=r"does not forget its errors \(Queue overflow"),
        unit(pairs),
    ):
        pass


def test_a_printing_format_that_does_not_hold_is_told() -> None:
    pairs = [*CONNECT[:-2], ("print(format.asciiprecision)", "6.00000e+00")]
    with pytest.raises(InstrumentError, match=r"holds 6 as format\.asciiprecision"), unit(pairs):
        pass
