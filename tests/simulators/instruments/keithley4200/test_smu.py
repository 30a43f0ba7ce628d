"""SMUs of the virtual 4200A in user mode: what is forced, held and read."""

import numpy as np
import pytest

from hil.simulators.instruments.keithley4200 import unconfirmed
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

    def test_a_high_power_smu_goes_to_one_ampere(self) -> None:
        bare = Bare(modules=["HPSMU1"], wiring={"SMU1": "top"}, parameters={"resistance_ohm": 2.0})
        bare.tell("US;DV1,0,1,1")
        assert bare.ask("TI1") == "NAI 500.00E-03"

    @pytest.mark.parametrize(
        "message",
        ["RI 1,1,1e-3", "IT4,0,0,1000", "IT5", "IT4", "RS 2", "RS 8", "RV 1,20,x", "EC2"],
    )
    def test_settings_have_bounds(self, message: str) -> None:
        assert Bare().refused(message) == -993

    def test_a_voltage_range_is_taken_without_effect(self) -> None:
        bare = Bare()
        bare.tell("RV 1,20,1e-3", "US;DV1,0,1,1e-3")
        assert bare.ask("TV1") == "NAV 1.0000E+00"
