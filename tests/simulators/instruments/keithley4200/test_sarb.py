"""Segment arb of the virtual 4200A: the rules of sequences and lists, and what comes out."""

import numpy as np
import pytest

from hil.simulators.instruments.keithley4200 import unconfirmed
from tests.simulators.instruments.in_process import PULSE_S, READ_S, Bare, arb, executed


@pytest.fixture
def bare() -> Bare:
    """An instrument with a pulse (1) and a read (2)."""
    bare = arb()
    bare.define_pulse(1)
    bare.define_read(2)
    return bare


class TestRules:
    @pytest.mark.parametrize(
        ("arrays", "code"),
        [
            (("1e-6,1e-6", "0,1", "1,0"), -958),
            (("1e-6,1e-6,1e-6", "0,1,0.9", "1,1,0"), -956),
            (("1e-6,10e-9,1e-6", "0,1,1", "1,1,0"), -962),
            (("1e-6,25e-9,1e-6", "0,1,1", "1,1,0"), -962),
            (("1e-6,1.01,1e-6", "0,1,1", "1,1,0"), -962),
            (("1e-6,1e-6,1e-6,1e-6", "0,1,1", "1,1,0"), -962),
            (("1e-6,1e-6,1e-6", "0,10.1,10.1", "10.1,10.1,0"), -964),
            (("1,1e-6,1e-6", "0,0.1,0.1", "0.1,0.1,0"), -959),
            (("1e-6,1e-6,1e-6", "0,1,1", "1,1,0", ("0,1,0", "0,5e-7,0", "0,4e-7,0")), -962),
            (("1e-6,1e-6,1e-6", "0,1,1", "1,1,0", ("0,1,0", "0,0,0", "0,2e-6,0")), -962),
            (("20e-9,1,20e-9", "0,1,1", "1,1,0"), 0),
        ],
    )
    def test_of_segments(self, arrays: tuple[str, ...], code: int) -> None:
        bare = arb()
        bare.define(1, *arrays)  # type: ignore[arg-type]
        assert executed(bare) == code
        assert bare.ask(":PMU:TEST:STATUS?") == ("1" if code == 0 else "0")
        assert len(bare.events("output")) == (code == 0)

    def test_a_waveform_of_more_samples_than_the_buffer_holds(self) -> None:
        bare = arb()
        bare.define(1, "1e-6,1,1e-6", "0,1,1", "1,1,0", ("0,2,0", "0,0,0", "0,1,0"))
        assert executed(bare) == unconfirmed.TOO_MANY_POINTS
        bare.tell(":PMU:SAMPLE:RATE 1e4")
        assert executed(bare) == 0

    def test_the_large_range_is_slower_and_goes_further(self) -> None:
        bare = arb()
        bare.tell(":PMU:SOURCE:RANGE 1,40")
        bare.define(1, "40e-9,1e-6,1e-6", "0,1,1", "1,1,0")
        assert executed(bare) == -962
        bare.define(1, "50e-9,1e-6,1e-6", "0,35,35", "35,35,0")
        assert executed(bare) == 0

    def test_sequences_of_a_list_join(self) -> None:
        bare = arb()
        bare.define(1, "1e-6,1e-6,1e-6", "0,1,1", "1,1,0.5")
        bare.define(2, "1e-6,1e-6,1e-6", "0.5,1,1", "1,1,0")
        assert executed(bare, "1,1,2,1") == 0
        bare.sleep(1.0)
        assert executed(bare, "2,1,1,1") == 0
        bare.sleep(1.0)
        assert executed(bare, "1,1,1,1") == -956
        assert executed(bare, "1,2,2,1") == -956

    def test_lists(self, bare: Bare) -> None:
        order = ":PMU:SARB:WFM:SEQ:LIST 1,"
        assert bare.refused(order + "3,1") == -961
        assert bare.refused(order + "1") == -993
        assert bare.refused(order + "1,0") == -993
        assert bare.refused(order + "1,1e13") == -993
        assert bare.refused(order + ",".join(["1,1"] * 513)) == -993
        bare.tell(order + ",".join(["1,1"] * 512))
        bare.tell(order + "1,1e12")

    def test_arrays(self, bare: Bare) -> None:
        many = ",".join(["1e-6"] * 129)
        for message in (f"TIME 1,1,{many}", "TIME 1,513,1e-6", "TIME 1,0,1e-6", "TIME 1,1,-1e-6",
                        "MEAS:TYPE 1,1,5", "SSR 1,1,2"):  # fmt: skip
            assert bare.refused(f":PMU:SARB:SEQ:{message}") == -993, message
        assert bare.refused(":PMU:SARB:SEQ:COLOUR 1,1,1") == -992

    def test_long_arrays_are_appended_and_new_ones_overwrite(self) -> None:
        bare = arb()
        for name, values in (
            ("TIME", ["1e-6"] * 200),
            ("STARTV", ["0"] * 200),
            ("STOPV", ["0"] * 200),
        ):
            bare.tell(f":PMU:SARB:SEQ:{name} 1,1,{','.join(values[:128])}")
            bare.tell(f":PMU:SARB:SEQ:{name}:ADD 1,1,{','.join(values[128:])}")
        assert executed(bare) == 0
        bare.sleep(1.0)
        assert bare.waveform()[0][-1] == pytest.approx(200e-6)
        bare.define(1, "1e-6,1e-6,1e-6", "0,1,1", "1,1,0")
        assert executed(bare) == 0
        bare.sleep(1.0)
        assert bare.waveform()[0][-1] == pytest.approx(3e-6)

    def test_modes_keep_apart(self, bare: Bare) -> None:
        assert bare.refused(":PMU:PULSE:TRAIN 1,0,1") == -965
        assert bare.refused(":PMU:MEASURE:RANGE 1,0") == -965
        bare.tell(":PMU:INIT 0")
        assert bare.refused(":PMU:SARB:SEQ:TIME 1,1,1e-6") == -965
        bare.tell(":PMU:MEASURE:RANGE 1,0")

    @pytest.mark.parametrize(
        "message", ["SOURCE:RANGE 1,20", "LOAD 1,0.5", "LOAD 1,2e7", "SAMPLE:RATE 100",
                    "MEASURE:RANGE 1,2,0", "MEASURE:RANGE 1,2,1"]
    )  # fmt: skip
    def test_settings_have_bounds(self, bare: Bare, message: str) -> None:
        assert bare.refused(f":PMU:{message}") == -969

    def test_nothing_to_execute(self, bare: Bare) -> None:
        bare.tell(":PMU:SARB:WFM:SEQ:LIST 1,1,1")
        assert bare.refused(":PMU:EXECUTE") == -991
        bare.tell(":PMU:INIT 1", ":PMU:OUTPUT:STATE 1,1")
        assert bare.refused(":PMU:EXECUTE") == -991

    def test_an_isolated_output_needs_time_for_its_relay(self) -> None:
        bare = arb()
        bare.define(1, "1e-6,1e-6,30e-6", "0,0,0", "0,0,0")
        bare.tell(":PMU:SARB:SEQ:SSR 1,1,1,0,1")
        assert executed(bare) == -962
        bare.define(1, "1e-6,30e-6,30e-6", "0,1,1", "1,1,0")
        bare.tell(":PMU:SARB:SEQ:SSR 1,1,1,0,1")
        assert executed(bare) == 0
        bare.sleep(1.0)
        assert bare.waveform()[1].tolist() == [0, 1, 0, 0]


class TestWaveforms:
    def test_are_what_was_programmed(self, bare: Bare) -> None:
        bare.execute("1,2,2,1")
        times_s, levels = bare.waveform()
        assert times_s[-1] == pytest.approx(2 * PULSE_S + READ_S)
        assert levels[:9].tolist() == [0, 1.5, 1.5, 0, 0, 1.5, 1.5, 0, 0]
        assert np.diff(times_s)[:4] == pytest.approx([1e-7, 5e-7, 1e-7, 1e-5])
        (event,) = bare.events("waveform")
        assert (event.source, event.terminal, event.what["aborted"]) == ("PMU1-1", "top", False)

    def test_loops_are_not_unrolled(self, bare: Bare) -> None:
        bare.execute("1,10000", wait_s=1.0)
        signal = bare.events("waveform")[-1].signal
        assert signal is not None
        assert len(signal.duration_s) == 4
        assert signal.units.tolist() == [[0, 4, 10000]]

    def test_the_level_is_raised_for_a_load(self) -> None:
        bare = arb()
        bare.tell(":PMU:LOAD 1,1e4")
        bare.define_read(1, "1")
        bare.execute("1,1")
        assert bare.waveform()[1].max() == pytest.approx(1.005)
        assert bare.rows()[0][0] == pytest.approx(1.0, abs=2e-4)
        bare.tell(":PMU:LOAD 1,1e6")
        bare.execute("1,1")
        assert bare.waveform()[1].max() == 1.0

    def test_the_raised_level_counts_for_the_range(self) -> None:
        bare = arb()
        bare.tell(":PMU:LOAD 1,50")
        bare.define_read(1, "5.1")
        assert executed(bare) == -964

    def test_one_that_does_not_end_at_zero_is_brought_there(self) -> None:
        bare = arb()
        bare.define(1, "1e-6,1e-6,1e-6", "0,1,1", "1,1,1")
        bare.execute("1,1")
        times_s, levels = bare.waveform()
        assert levels[-2:].tolist() == [1, 0]
        assert np.diff(times_s)[-1] == pytest.approx(unconfirmed.PMU_EDGE_S)
