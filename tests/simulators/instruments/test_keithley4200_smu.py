"""SMUs of the virtual 4200A: what is forced, held and read, and system mode with its pages."""

import numpy as np
import pytest

from hil.simulators.instruments import keithley4200_unconfirmed as unconfirmed
from hil.simulators.models.files import make_model
from tests.simulators.instruments.in_process import Bare

PLC_S = 1 / 60


def value(answer: str) -> float:
    return float(answer[3:])


@pytest.fixture
def user() -> Bare:
    bare = Bare()
    bare.tell("US")
    return bare


class TestUserMode:
    @pytest.mark.parametrize(
        ("force", "current", "voltage"),
        [
            ("DV1,0,0.2,0.001", "NAI 20.000E-06", "NAV 200.00E-03"),
            ("DV1,1,-5,0.1", "NAI -500.00E-06", "NAV -5.0000E+00"),
            ("DV1,0,5,1e-6", "CAI 1.0000E-06", "CAV 10.000E-03"),
            ("DV1,0,-5,1e-6", "CAI -1.0000E-06", "CAV -10.000E-03"),
            ("DI1,0,1e-5,1", "NAI 10.000E-06", "NAV 100.00E-03"),
            ("DI1,0,-1e-3,2", "CAI -200.00E-06", "CAV -2.0000E+00"),
        ],
    )
    def test_ohms_law_and_compliance(
        self, user: Bare, force: str, current: str, voltage: str
    ) -> None:
        user.tell(force)
        assert (user.ask("TI1"), user.ask("TV1")) == (current, voltage)

    def test_a_current_of_zero_has_no_voltage(self, user: Bare) -> None:
        user.tell("DI1,0,0,2")
        assert value(user.ask("TV1")) == 0.0

    def test_a_resistor_at_the_cell_is_measured_too(self) -> None:
        bare = Bare(series_ohm=10e3)
        bare.tell("US;DV1,0,1,1e-3")
        assert bare.ask("TI1") == "NAI 50.000E-06"
        assert bare.ask("TV1") == "NAV 1.0000E+00"

    @pytest.mark.parametrize(
        "message",
        ["DV1,1,22,1e-3", "DV1,4,0.3,1e-3", "DV1,0,1,2", "DV1,0,1", "DI1,5,2e-5,1",
         "DV1,0,250,1e-3", "DV1,9,1,1e-3", "DV1,0,1e-006,1e-3"],
    )  # fmt: skip
    def test_what_an_smu_cannot_do_is_refused(self, user: Bare, message: str) -> None:
        assert user.refused(message) == -993
        assert not user.events("waveform")

    def test_a_compliance_that_is_too_low_is_raised_without_a_word(self, user: Bare) -> None:
        user.tell("DV1,0,5,1e-12")
        assert user.ask("TI1") == "CAI 100.00E-09"

    def test_a_preamplifier_regulates_lower(self) -> None:
        bare = Bare(modules=["SMUPA1"], wiring={"SMU1": "top"})
        bare.tell("US;DV1,0,5,1e-12")
        assert bare.ask("TI1") == "CAI 100.00E-12"

    def test_levels_are_reached_by_ramps(self, user: Bare) -> None:
        user.tell("DV1,0,1,1e-3", "DV1,0,-2,1e-3", "DV1")
        edge_s = unconfirmed.SMU_EDGE_S
        ramps = [user.waveform(k) for k in (-3, -2, -1)]
        assert [levels.tolist() for _, levels in ramps] == [[0, 1], [1, -2], [-2, 0]]
        assert all(times.tolist() == [0, edge_s] for times, _ in ramps)
        assert [event.what["on"] for event in user.events("output")] == [True, False]

    def test_an_smu_that_is_off_reads_nothing_and_moves_nothing(self, user: Bare) -> None:
        assert value(user.ask("TI1")) == 0.0
        assert not user.events("waveform")

    def test_a_held_bias_acts_while_time_passes(self) -> None:
        bare = Bare("stanford")
        model = make_model("stanford", {})
        alone = model.initial_state(1, np.random.default_rng([0, 1]))
        edge_s = unconfirmed.SMU_EDGE_S
        bare.tell("US;DV1,0,1.5,1e-3")
        bare.sleep(2.0)
        bare.tell("DV1")
        for start_v, stop_v, lasting_s in (
            (0.0, 1.5, edge_s),
            (1.5, 1.5, 2 - edge_s),
            (1.5, 0.0, edge_s),
        ):
            model.advance(alone, start_v, stop_v, lasting_s, 0.0, 1e-3)
        fresh = model.initial_state(1, np.random.default_rng([0, 1]))
        assert bare.lab.state["gap_m"] == pytest.approx(alone["gap_m"], abs=1e-12)
        assert abs(alone["gap_m"] - fresh["gap_m"]) > 1e-11

    def test_a_reading_takes_its_integration_time_on_the_cell(self, user: Bare) -> None:
        user.tell("IT3", "DV1,0,1,1e-3")
        user.ask("TI1")
        assert user.waveform()[0][-1] == pytest.approx(10 * PLC_S)

    def test_noise_grows_with_the_range_and_shrinks_with_time(self) -> None:
        def spread(cycles: str, volts: str) -> float:
            bare = Bare(ideal=False, seed=1)
            bare.tell(f"IT4,0,0,{cycles}", "RS7", f"US;DV1,0,{volts},0.1")
            return float(np.std([value(bare.ask("TI1")) for _ in range(200)]))

        assert spread("1", "5") == pytest.approx(1e-3 * unconfirmed.SMU_NOISE, rel=0.2)
        assert spread("1", "0.5") == pytest.approx(1e-4 * unconfirmed.SMU_NOISE, rel=0.2)
        assert spread("0.01", "5") == pytest.approx(1e-2 * unconfirmed.SMU_NOISE, rel=0.2)

    def test_leaving_user_mode_switches_off(self, user: Bare) -> None:
        user.tell("DV1,0,1,1e-3", "DE")
        assert [event.what["on"] for event in user.events("output")] == [True, False]


def sweep(bare: Bare, *source: str, delay: str = "0.001", measure: str = "MD;ME1") -> None:
    bare.tell("DE", "CH1,'V1','I1',1,1", "SS", *source, f"DT {delay}", "IT1", "SM DM2",
              "LI 'V1','I1'")  # fmt: skip
    bare.tell(measure)


def column(bare: Bare, name: str) -> list[float]:
    text = bare.ask(f"DO '{name}'")
    return [float(part[2:]) for part in text.split(",")] if text else []


STEP_S = 1e-3 + 0.1 * PLC_S


class TestSweeps:
    def test_a_linear_sweep_takes_its_time_and_follows_ohms_law(self) -> None:
        bare = Bare()
        sweep(bare, "VR1,0,1,0.25,1e-3", "HT 0.5")
        bare.sleep(0.5 + 5 * STEP_S - 1e-6)
        assert bare.ask("SP") == "16"
        assert len(column(bare, "I1")) == 4
        bare.sleep(2e-6)
        assert bare.ask("SP") == "1"
        levels = [0, 0.25, 0.5, 0.75, 1]
        assert column(bare, "V1") == levels
        assert column(bare, "I1") == pytest.approx([v / 1e4 for v in levels])
        ends = [0.5 + (k + 1) * STEP_S for k in range(5)]
        assert column(bare, "CH1T") == pytest.approx(ends, rel=1e-4)
        assert column(bare, "CH1S") == [0] * 5
        played = [bare.waveform(k) for k in range(len(bare.events("waveform")) - 1)]
        assert sum(times_s[-1] for times_s, _ in played) == pytest.approx(0.5 + 5 * STEP_S)
        assert played[-1][1].max() == 1.0

    def test_the_sources_are_off_at_zero_afterwards(self) -> None:
        bare = Bare()
        sweep(bare, "VR1,0,1,0.25,1e-3")
        bare.sleep(1.0)
        assert bare.ask("SP") == "1"
        assert bare.waveform()[1].tolist() == [1, 0]
        assert [event.what["on"] for event in bare.events("output")] == [True, False]

    def test_without_standby_the_last_level_stays(self) -> None:
        bare = Bare()
        sweep(bare, "VL1,1,1e-3,0.1,0.3", "ST 1,0")
        bare.sleep(1.0)
        assert bare.ask("SP") == "1"
        assert [event.what["on"] for event in bare.events("output")] == [True]
        assert bare.ask("US;TV1") == "NAV 300.00E-03"

    @pytest.mark.parametrize(
        ("source", "levels"),
        [
            ("VR1,2,-1,-1,1e-3", [2, 1, 0, -1]),
            ("VR1,0,1,0.4,1e-3", [0, 0.4, 0.8, 1.2]),
            ("VR1,0,1,0.7,1e-3", [0, 0.7]),
            ("VR1,1,0,0.5,1e-3", [1, 0.5, 0]),
            ("VR1,0,1,-0.5,1e-3", [0, 0.5, 1]),
            ("VR2,0.1,1,1e-3", [0.1 * 10 ** (k / 10) for k in range(11)]),
            ("VL1,1,1e-3,0.5,-0.5,0.1", [0.5, -0.5, 0.1]),
            ("VR1,0.0005,1,0.5,1e-3", [0, 0.5, 1]),
        ],
    )
    def test_levels(self, source: str, levels: list[float]) -> None:
        bare = Bare()
        sweep(bare, source)
        bare.sleep(10.0)
        assert column(bare, "V1") == pytest.approx(levels, rel=1e-4)

    @pytest.mark.parametrize("source", ["VR1,0,2,0.001,1e-3", "VR1,0,1,0,1e-3", "VR2,0,1,1e-3"])
    def test_impossible_sweeps_are_refused(self, source: str) -> None:
        assert Bare().refused(f"SS;{source}") == -993

    def test_a_current_sweep(self) -> None:
        bare = Bare()
        bare.tell("DE", "CH1,'V1','I1',2,1", "SS", "IR1,1e-5,3e-5,1e-5,0.25", "IT1", "MD;ME1")
        bare.sleep(1.0)
        assert column(bare, "V1") == pytest.approx([0.1, 0.2, 0.25])
        assert bare.ask("DO 'I1'") == "N 10.000E-06,N 20.000E-06,C 25.000E-06"

    def test_a_stepper_repeats_the_sweep(self) -> None:
        bare = Bare()
        bare.tell("DE", "CH1,'V1','I1',1,1", "CH2,'V2','I2',1,2", "SS", "VL1,1,1e-3,0.1,0.2",
                  "VP 1,0.5,3,1e-3", "IT1", "MD;ME1")  # fmt: skip
        bare.sleep(1.0)
        assert column(bare, "V1") == pytest.approx([0.1, 0.2] * 3)
        assert column(bare, "V2") == pytest.approx([1, 1, 1.5, 1.5, 2, 2])

    def test_a_stepper_that_nobody_uses_changes_nothing(self) -> None:
        bare = Bare()
        sweep(bare, "VL1,1,1e-3,0.1,0.2", "VP 1,0.5,3,1e-3")
        bare.sleep(1.0)
        assert column(bare, "V1") == pytest.approx([0.1, 0.2])

    def test_every_step_of_a_stepper_has_its_hold_time(self) -> None:
        bare = Bare()
        bare.tell("DE", "CH1,'V1','I1',1,1", "CH2,'V2','I2',1,2", "SS", "VL1,1,1e-3,0.1,0.2",
                  "VP 1,0.5,2,1e-3", "HT 1", "IT1", "MD;ME1")  # fmt: skip
        bare.sleep(3.0)
        step_s = 0.1 * PLC_S
        ends = [1 + step_s, 1 + 2 * step_s, 2 + 3 * step_s, 2 + 4 * step_s]
        assert column(bare, "CH1T") == pytest.approx(ends, rel=1e-4)

    def test_readings_in_time(self) -> None:
        bare = Bare()
        bare.tell("DE", "CH1,'V1','I1',1,3", "SS", "VC1,0.5,1e-3", "IT1", "SM", "NR 3", "IN 0.1",
                  "WT 1", "MD;ME1")  # fmt: skip
        bare.sleep(1.3)
        assert column(bare, "I1") == pytest.approx([50e-6] * 3)
        first = 1 + 0.1 * PLC_S
        assert column(bare, "CH1T") == pytest.approx([first, first + 0.1, first + 0.2], rel=1e-4)

    def test_one_reading_at_a_time(self) -> None:
        bare = Bare()
        sweep(bare, "VL1,1,1e-3,0.1,0.2")
        bare.sleep(1.5 * STEP_S)
        assert bare.ask("RD 'I1',1") == "10.000E-06"
        assert bare.ask("RD 'I1',2") == "0"
        bare.sleep(STEP_S)
        assert bare.ask("RD 'I1',2") == "20.000E-06"
        assert bare.refused("RD 'XX',1") == -993


class TestLimits:
    def test_compliance_is_flagged_and_the_sweep_goes_on(self) -> None:
        bare = Bare()
        sweep(bare, "VL1,1,5e-5,0.2,0.8,0.1")
        bare.sleep(1.0)
        assert bare.ask("DO 'I1'") == "N 20.000E-06,C 50.000E-06,N 10.000E-06"
        assert column(bare, "V1") == pytest.approx([0.2, 0.5, 0.1])
        assert column(bare, "CH1S") == [0, 1, 0]

    def test_it_ends_at_compliance_if_told_to(self) -> None:
        bare = Bare()
        bare.tell("EC 1")
        sweep(bare, "VL1,1,5e-5,0.2,0.8,0.1,0.3")
        bare.sleep(2.5 * STEP_S)
        assert bare.ask("SP") == "1"
        assert bare.ask("DO 'I1'") == "N 20.000E-06,C 50.000E-06"
        assert bare.waveform()[1][-1] == 0.0
        assert max(bare.waveform(k)[1].max() for k in range(len(bare.events("waveform")))) == 0.8
        assert bare.events("waveform")[-1].time_s == pytest.approx(2 * STEP_S)

    def test_an_abort_keeps_what_was_measured(self) -> None:
        bare = Bare()
        sweep(bare, "VR1,0,1,0.01,1e-3")
        bare.sleep(10.5 * STEP_S)
        bare.tell("ME4")
        assert bare.ask("SP") == "0"
        assert len(column(bare, "I1")) == 10
        played = [bare.waveform(k) for k in range(len(bare.events("waveform")))]
        assert sum(times_s[-1] for times_s, _ in played) == pytest.approx(
            10.5 * STEP_S + unconfirmed.SMU_EDGE_S
        )
        assert played[-1][1].tolist() == [pytest.approx(0.1), 0]  # the step under way was there
        bare.sleep(10.0)
        assert len(column(bare, "I1")) == 10

    def test_other_commands_wait(self) -> None:
        bare = Bare()
        sweep(bare, "VR1,0,1,0.25,1e-3")
        for message in ("DE", "US", "*RST", "ME1", "IT2", ":PMU:INIT 1", "BC"):
            assert bare.refused(message) == -980, message
        assert bare.ask("ID") == "KI4200A V1.13"

    def test_repeat_goes_on_until_it_is_aborted(self) -> None:
        bare = Bare()
        sweep(bare, "VL1,1,1e-3,0.1,0.2", measure="MD;ME2")
        bare.sleep(7 * STEP_S)
        assert bare.ask("SP") == "17"
        assert len(bare.events("output")) == 7  # three times on and off, and on again
        bare.tell("ME4")
        assert len(column(bare, "I1")) == 1

    def test_append_keeps_the_earlier_data(self) -> None:
        bare = Bare()
        for action in ("MD;ME1", "ME3"):
            if action == "MD;ME1":
                sweep(bare, "VL1,1,1e-3,0.1,0.2")
            else:
                bare.tell(action)
            bare.sleep(1.0)
            bare.ask("SP")
        assert column(bare, "V1") == pytest.approx([0.1, 0.2, 0.1, 0.2])

    @pytest.mark.parametrize(
        ("pages", "code"),
        [
            (("DE",), -991),
            (("DE", "CH1,'V1','I1',1,1"), -991),
            (("DE", "CH1,'V1','I1',1,3"), -991),
            (("DE", "CH1,'V1','I1',2,1", "SS", "VR1,0,1,0.5,1e-3"), -991),
            (("DE", "CH1,'V1','I1',1,2", "SS", "VP 0,1,3,1e-3"), -953),
            (("DE", "CH1,'V1','I1',1,1", "SS", "VL1,1,2,0.1"), -993),
        ],
    )
    def test_an_unfit_setup_is_refused_before_anything_is_on(
        self, pages: tuple[str, ...], code: int
    ) -> None:
        bare = Bare()
        bare.tell(*pages)
        assert bare.refused("MD;ME1") == code
        assert bare.ask("SP") == "0"
        assert not bare.events("output")

    def test_a_channel_without_definition_is_not_used(self) -> None:
        bare = Bare()
        bare.tell("DE", "CH1,'V1','I1',1,1", "CH1")
        assert bare.refused("MD;ME1") == -991

    def test_results_read_zero_while_the_interlock_is_open(self) -> None:
        bare = Bare()
        bare.instrument.interlock_open = True
        sweep(bare, "VL1,1,1e-3,0.1,0.2")
        bare.sleep(1.0)
        assert bare.ask("DO 'I1'") == "N 0.0000,N 0.0000"
        assert not bare.events("waveform")


class TestRanges:
    def test_digits_are_as_set(self) -> None:
        bare = Bare(parameters={"resistance_ohm": 30e3})
        bare.tell("US", "RS 3", "DV1,0,1,1e-3")
        assert bare.ask("TI1") == "NAI 33.3E-06"
        bare.tell("RS 7")
        assert bare.ask("TI1") == "NAI 33.33330E-06"  # counts of 100 pA in 100 uA

    def test_a_low_current_in_a_high_range_is_coarse(self) -> None:
        bare = Bare(parameters={"resistance_ohm": 30e6})
        bare.tell("US", "RS 7", "RG 1,0.1", "DV1,0,1,0.1")
        count_a = 0.1 / 1_000_000
        assert value(bare.ask("TI1")) == pytest.approx(round(1 / 30e6 / count_a) * count_a)

    def test_a_fixed_range_ends(self) -> None:
        bare = Bare()
        bare.tell("US", "RI 1,1e-6,1e-3", "DV1,0,1,1e-3")
        assert value(bare.ask("TI1")) == pytest.approx(1.05e-6)
