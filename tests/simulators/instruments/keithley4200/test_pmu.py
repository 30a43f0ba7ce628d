"""Pulse tests of the virtual 4200A: readings, their buffer, aborts, meters, what a list costs."""

import numpy as np
import pytest

from hil.cells import Cells
from hil.limits import Limits, PhaseLimits
from hil.program import pulse, read
from hil.simulators.instruments.keithley4200 import unconfirmed
from hil.simulators.models.files import make_model
from hil.simulators.physics_bench import PhysicsBench, Source
from hil.simulators.readout import Readout
from tests.simulators.instruments.in_process import PULSE_S, READ_S, Bare, arb, executed


@pytest.fixture
def bare() -> Bare:
    """An instrument with a pulse (1) and a read (2)."""
    bare = arb()
    bare.define_pulse(1)
    bare.define_read(2)
    return bare


class TestReadings:
    def test_a_spot_mean_is_a_voltage_divider(self, bare: Bare) -> None:
        bare.execute("1,1,2,1")
        ((voltage_v, current_a, time_s, status),) = bare.rows()
        count_a = 1e-3 / 32768
        assert current_a == pytest.approx(round(0.1 / 10050 / count_a) * count_a, rel=1e-6)
        assert voltage_v == pytest.approx(0.1 * 10000 / 10050, abs=10 / 32768 / 2)
        assert time_s == pytest.approx(PULSE_S + 20.1e-6, abs=1e-12)
        assert status == 0x01010041

    def test_a_waveform_has_a_row_for_each_sample(self, bare: Bare) -> None:
        bare.tell(":PMU:SAMPLE:RATE 1e6")
        measure = ("2,2,2", "0,0,0", "1e-6,5e-6,1e-6")
        bare.define(3, "1e-6,5e-6,1e-6", "0,0.5,0.5", "0.5,0.5,0", measure)
        bare.execute("3,2")
        rows = bare.rows()
        assert [row[2] for row in rows] == pytest.approx([(k + 1) * 1e-6 for k in range(14)])
        levels = [0.5] * 6 + [0.0]
        assert [row[0] for row in rows] == pytest.approx(
            [v * 10000 / 10050 for v in levels * 2], abs=2e-4
        )
        assert {row[3] for row in rows} == {0x01020041}

    def test_both_kinds_in_one_test_keep_their_order(self, bare: Bare) -> None:
        bare.tell(":PMU:SAMPLE:RATE 1e5")
        bare.define_read(3, "0.3", kind=2)
        bare.execute("3,1,2,2,3,1")
        rows = bare.rows()
        assert [row[3] >> 16 & 15 for row in rows] == [2, 1, 1, 2]
        assert [row[0] for row in rows] == pytest.approx(
            [0.2985, 0.0995, 0.0995, 0.2985], abs=2e-4
        )
        ends = [20.1e-6 + k * READ_S for k in range(4)]
        assert [row[2] for row in rows] == pytest.approx(ends)

    def test_a_mean_is_of_equally_spaced_values(self) -> None:
        bare = arb(samples=4)
        bare.define(1, "20e-9,4e-6,20e-9", "0,0,1", "0,1,0", ("0,1,0", "0,0,0", "0,4e-6,0"))
        bare.execute("1,1")
        assert bare.rows()[0][0] == pytest.approx((0.25 + 0.5 + 0.75 + 1) / 4 / 1.005, abs=2e-4)

    def test_loops_give_rows_in_order_of_play(self, bare: Bare) -> None:
        bare.execute("1,3,2,2,1,1,2,1")
        assert [row[2] for row in bare.rows()] == pytest.approx(
            [3 * PULSE_S + k * READ_S - 100e-9 for k in (1, 2)]
            + [4 * PULSE_S + 3 * READ_S - 100e-9]
        )

    def test_a_range_that_is_too_small_is_flagged(self) -> None:
        bare = arb()
        bare.tell(":PMU:MEASURE:RANGE 1,2,1e-6")
        bare.define_read(1, "0.1")
        bare.define_read(2, "-0.1")
        bare.execute("1,1,2,1")
        (_, high_a, _, high), (_, low_a, _, low) = bare.rows()
        assert (high_a, low_a) == (1e-6, -1e-6)
        assert (high >> 10 & 3, low >> 10 & 3) == (2, 1)
        assert high >> 4 & 15 == 1

    def test_a_resistor_at_the_cell_is_seen_from_the_output(self) -> None:
        bare = arb(series_ohm=9950.0)
        bare.define_read(1, "1")
        bare.execute("1,1")
        voltage_v, current_a, *_ = bare.rows()[0]
        assert voltage_v == pytest.approx(1 - 50 * 1 / 20e3, abs=2e-4)
        assert current_a == pytest.approx(1 / 20e3, rel=1e-3)

    def test_an_output_without_a_wire_sees_no_current(self) -> None:
        bare = arb(wiring={})
        bare.define_read(1)
        bare.execute("1,1")
        assert bare.rows()[0][:2] == pytest.approx([0.1, 0], abs=2e-4)

    def test_an_rpm_that_leads_elsewhere_reaches_no_cell(self, bare: Bare) -> None:
        bare.tell(":PMU:RPM:CONFIGURE PMU1-1, 2")
        bare.execute("2,1")
        assert bare.rows()[0][1] == 0.0
        assert bare.events("waveform")[-1].terminal is None

    def test_equals_a_physics_bench_with_the_same_read_out(self) -> None:
        program = (pulse(1.6, high_s=5e-6) + read(0.2) + pulse(-2.2, high_s=5e-6) + read(0.2)) * 20
        limits = PhaseLimits(positive_v=5.0, negative_v=-5.0, current_a=0.1)
        with PhysicsBench(
            "same", make_model("stanford", {"initial_gap_m": 0.6e-9}), cells=Cells(), seed=3,
            limits=Limits(read=limits, switching=limits), source=Source(output_ohm=50.0),
            readout=Readout(range_a=1e-2, voltage_range_v=10.0, counts=32768, digits=6, samples=4),
        ) as bench:  # fmt: skip
            readings = bench.apply(program)
        bare = arb(model="stanford", parameters={"initial_gap_m": 0.6e-9}, seed=3)
        bare.tell(":PMU:MEASURE:RANGE 1,2,1e-2")
        for number, volts in ((1, "1.6"), (2, "-2.2")):
            bare.define(number, "1e-7,5e-6,1e-7", f"0,{volts},{volts}", f"{volts},{volts},0")
        bare.define(
            3, "1e-7,1e-5,1e-5,1e-7", "0,0.2,0.2,0.2", "0.2,0.2,0.2,0",
            ("0,0,1,0", "0,0,0,0", "0,0,1e-5,0"),
        )  # fmt: skip
        bare.execute(",".join(["1,1,3,1,2,1,3,1"] * 20))
        rows = np.array(bare.rows())
        assert rows[:, 1].tolist() == readings.current_a[:, 0].tolist()
        assert rows[:, 0].tolist() == readings.voltage_v[:, 0].tolist()
        assert rows[:, 2] == pytest.approx(readings.time_s[:, 0], abs=1e-10)
        assert len(set(rows[:, 1].tolist())) > 1


class TestData:
    @pytest.fixture
    def bare(self, bare: Bare) -> Bare:
        bare.execute("1,1,2,3")
        return bare

    def test_are_counted_and_read_more_than_once(self, bare: Bare) -> None:
        assert bare.ask(":PMU:DATA:COUNT? 1") == "3"
        assert bare.ask(":PMU:DATA:GET 1") == bare.ask(":PMU:DATA:GET 1") != ""

    def test_parts_and_columns(self, bare: Bare) -> None:
        whole = bare.ask(":PMU:DATA:GET 1").split(";")
        assert bare.ask(":PMU:DATA:GET 1, 1").split(";") == whole[1:]
        assert bare.ask(":PMU:DATA:GET 1, 1, 1") == whole[1]
        assert bare.ask(":PMU:DATA:GET 1,0,1,S,T").split(",") == whole[0].split(",")[:1:-1]
        assert bare.ask(":PMU:DATA:GET 1,3,2048") == ""

    def test_wrong_requests(self, bare: Bare) -> None:
        assert bare.refused(":PMU:DATA:GET 1,0,2049") == -993
        assert bare.refused(":PMU:DATA:GET 1,0,1,VH") == -969
        assert bare.refused(":PMU:DATA:GET 7") == -988

    def test_a_get_has_2048_points_at_most(self, bare: Bare) -> None:
        bare.execute("2,3000")
        assert bare.ask(":PMU:DATA:COUNT? 1") == "3000"
        assert bare.ask(":PMU:DATA:GET 1").count(";") == 2047
        assert bare.ask(":PMU:DATA:GET 1,2048").count(";") == 951

    def test_are_gone_after_init(self, bare: Bare) -> None:
        bare.tell(":PMU:INIT 1")
        assert bare.ask(":PMU:DATA:COUNT? 1") == "0"
        assert bare.refused(":PMU:SARB:WFM:SEQ:LIST 1,1,1") == -961

    def test_more_points_than_the_buffer_holds(self, bare: Bare) -> None:
        assert executed(bare, "2,65536") == 0
        bare.sleep(10.0)
        assert executed(bare, "2,65537") == unconfirmed.TOO_MANY_POINTS


class TestRunning:
    def test_execute_returns_at_once_and_takes_its_time(self, bare: Bare) -> None:
        assert executed(bare, "1,1000") == 0
        bare.sleep(1000 * PULSE_S - 10e-9)
        assert bare.ask(":PMU:TEST:STATUS?") == "1"
        assert not bare.events("waveform")
        bare.sleep(20e-9)
        assert bare.ask(":PMU:TEST:STATUS?") == "0"
        assert len(bare.events("waveform")) == 1

    def test_it_is_played_though_nobody_asks(self, bare: Bare) -> None:
        executed(bare)
        bare.sleep(1.0)
        assert len(bare.events("waveform")) == 1

    def test_other_commands_wait(self, bare: Bare) -> None:
        executed(bare)
        for message in (":PMU:INIT 1", ":PMU:EXECUTE", ":PMU:DATA:COUNT? 1", ":PMU:LOAD 1,1e3",
                        ":PMU:SARB:SEQ:TIME 1,1,1e-6", ":PMU:OUTPUT:STATE 1,1", "US", "*RST",
                        ":PMU:RPM:CONFIGURE PMU1-1, 2", "RP PMU1-1,2"):  # fmt: skip
            assert bare.refused(message) == -980, message

    @pytest.mark.parametrize(
        ("at_s", "corners"),
        [
            (0.0, [(0, 0), (100e-9, 0)]),
            (50e-9, [(0, 0), (50e-9, 0.75), (150e-9, 0)]),
            (100e-9, [(0, 0), (100e-9, 1.5), (200e-9, 0)]),
            (300e-9, [(0, 0), (100e-9, 1.5), (300e-9, 1.5), (400e-9, 0)]),
            (5e-6, [(0, 0), (100e-9, 1.5), (600e-9, 1.5), (700e-9, 0), (5e-6, 0)]),
            (PULSE_S + 100e-9, [(0, 0), (100e-9, 1.5), (600e-9, 1.5), (700e-9, 0), (PULSE_S, 0),
                                (PULSE_S + 100e-9, 1.5), (PULSE_S + 200e-9, 0)]),
        ],
    )  # fmt: skip
    @pytest.mark.parametrize("stop", [":PMU:ABORT", ":PMU:OUTPUT:STATE 1,0"])
    def test_an_abort_cuts_the_waveform_and_brings_it_to_zero(
        self, bare: Bare, at_s: float, corners: list[tuple[float, float]], stop: str
    ) -> None:
        assert executed(bare, "1,3") == 0
        bare.sleep(at_s)
        bare.tell(stop)
        assert bare.ask(":PMU:TEST:STATUS?") == "0"
        times_s, levels = bare.waveform()
        assert times_s == pytest.approx([corner[0] for corner in corners], abs=1e-12)
        assert levels == pytest.approx([corner[1] for corner in corners])
        assert bare.events("waveform")[-1].what["aborted"] is True
        assert bare.events("output")[-1].what["on"] is False

    def test_an_abort_keeps_the_rows_that_are_complete(self, bare: Bare) -> None:
        assert executed(bare, "2,5,1,1,2,5") == 0
        bare.sleep(2.9 * READ_S)
        bare.tell(":PMU:ABORT")
        assert [row[2] for row in bare.rows()] == pytest.approx([20.1e-6, 20.1e-6 + READ_S])

    def test_a_billion_loops_are_cut(self, bare: Bare) -> None:
        assert executed(bare, "1,1e12") == 0
        bare.sleep(1000.5 * PULSE_S)
        bare.tell(":PMU:ABORT")
        signal = bare.events("waveform")[-1].signal
        assert signal is not None
        assert signal.units[0].tolist() == [0, 4, 1000]

    def test_an_abort_of_nothing_is_quiet(self, bare: Bare) -> None:
        bare.tell(":PMU:ABORT", ":PMU:OUTPUT:STATE 1,0")
        assert not bare.events("waveform")

    def test_two_channels_run_together(self, bare: Bare) -> None:
        bare.tell(":PMU:RPM:CONFIGURE PMU1-2, 0")
        for name, values in (("TIME", "1e-6,1e-3,1e-6"), ("STARTV", "0,0,0"), ("STOPV", "0,0,0")):
            bare.tell(f":PMU:SARB:SEQ:{name} 2,1,{values}")
        bare.tell(
            ":PMU:SARB:SEQ:MEAS:TYPE 2,1,0,1,0",
            ":PMU:SARB:SEQ:MEAS:STOP 2,1,0,1e-3,0",
            ":PMU:SARB:SEQ:MEAS:START 2,1,0,0,0",
        )
        bare.tell(":PMU:SARB:WFM:SEQ:LIST 2,1,1", ":PMU:OUTPUT:STATE 2,1")
        assert executed(bare, "1,1") == 0
        bare.sleep(0.5e-3)
        assert bare.ask(":PMU:TEST:STATUS?") == "1"
        bare.sleep(1e-3)
        assert bare.ask(":PMU:TEST:STATUS?") == "0"
        assert {event.source for event in bare.events("waveform")} == {"PMU1-1", "PMU1-2"}
        assert [row[3] for row in bare.rows(2)] == [0x01010052]


class TestMeters:
    def spread(self, range_a: str) -> np.ndarray:
        bare = arb(ideal=False, seed=4, wiring={})
        bare.tell(f":PMU:MEASURE:RANGE 1,2,{range_a}")
        bare.define_read(1, "0")
        bare.execute("1,1000")
        return np.array(bare.rows())

    def test_noise_is_that_of_the_range(self) -> None:
        rows = self.spread("100e-6")
        assert rows[:, 1].std() == pytest.approx(50e-9, rel=0.1)
        assert self.spread("10e-6")[:, 1].std() == pytest.approx(5e-9, rel=0.1)

    def test_offsets_are_constant_small_and_of_the_seed(self) -> None:
        rows = self.spread("100e-6")
        assert np.ptp(rows[:, 0]) == 0.0
        assert 0 < abs(rows[0, 0]) <= unconfirmed.PMU_LARGEST_VOLTAGE_OFFSET_V
        assert self.spread("100e-6").tolist() == rows.tolist()

    @pytest.mark.parametrize(("settle_s", "share"), [(8e-6, 0.99), (4e-6, 0.9), (16e-6, 0.9999)])
    def test_a_window_that_begins_too_early_reads_wrong(
        self, settle_s: float, share: float
    ) -> None:
        bare = Bare(ideal=False, samples=1, parameters={"resistance_ohm": 20e3})
        bare.start_arb("10e-6")
        at_s = f"{settle_s:g}"
        bare.define(
            1, "20e-9,20e-6,20e-9", "0,0.1,0.1", "0.1,0.1,0",
            ("0,1,0", f"0,{settle_s - 1e-8:g},0", f"0,{at_s},0"),
        )  # fmt: skip
        bare.execute("1,1")
        offset_a = 5 * unconfirmed.PMU_CURRENT_OFFSET * 10e-6
        assert bare.rows()[0][1] == pytest.approx(share * 0.1 / 20050, abs=offset_a + 30e-9)

    def test_an_ideal_meter_has_none_of_it(self) -> None:
        bare = arb(samples=1, wiring={})
        bare.define_read(1, "0")
        bare.execute("1,10")
        assert {tuple(row[:2]) for row in bare.rows()} == {(0.0, 0.0)}
