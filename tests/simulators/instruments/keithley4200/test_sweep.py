"""System mode of the virtual 4200A: pages, sweeps in their time, limits, aborts."""

import pytest

from hil.simulators.instruments.keithley4200 import unconfirmed
from tests.simulators.instruments.in_process import Bare

PLC_S = 1 / 60


def sweep(bare: Bare, *source: str, delay: str = "0.001", measure: str = "MD;ME1") -> None:
    bare.tell("DE", "CH1,'V1','I1',1,1", "SS", *source, f"DT {delay}", "IT1", "SM DM2",
              "LI 'V1','I1'")  # fmt: skip
    bare.tell(measure)


def column(bare: Bare, name: str) -> list[float]:
    text = bare.ask(f"DO '{name}'")
    return [float(part[2:]) for part in text.split(",")] if text else []


OWN_S = unconfirmed.SMU_STEP_S
STEP_S = 1e-3 + 0.1 * PLC_S + OWN_S


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
        step_s = 0.1 * PLC_S + OWN_S
        ends = [1 + step_s, 1 + 2 * step_s, 2 + 3 * step_s, 2 + 4 * step_s]
        assert column(bare, "CH1T") == pytest.approx(ends, rel=1e-4)

    def test_readings_in_time(self) -> None:
        bare = Bare()
        bare.tell("DE", "CH1,'V1','I1',1,3", "SS", "VC1,0.5,1e-3", "IT1", "SM", "NR 3", "IN 0.1",
                  "WT 1", "MD;ME1")  # fmt: skip
        bare.sleep(1.3)
        assert column(bare, "I1") == pytest.approx([50e-6] * 3)
        first = 1 + 0.1 * PLC_S + OWN_S
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
            (
                (
                    "DE",
                    "CH1,'V1','I1',1,1",
                    "CH2,'V2','I2',1,1",
                    "SS",
                    "VL1,1,1e-3,0,1",
                    "VL2,1,1e-3,1",
                ),
                -948,
            ),
            (("DE", "CH1,'V1','I1',1,4", "SS", "VR1,0,1,0.5,1e-3"), -991),
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

    def test_times_are_not_negative(self) -> None:
        assert Bare().refused("SS;DT -1") == -993

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
