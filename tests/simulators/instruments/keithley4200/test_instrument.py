"""The virtual 4200A as a whole: identity, errors, status byte, versions, RPMs, interlock."""

import pytest

from hil.errors import ConfigError
from hil.simulators.instruments.keithley4200 import unconfirmed
from tests.simulators.instruments.in_process import Bare


@pytest.fixture
def bare() -> Bare:
    return Bare()


class TestIdentity:
    def test_is_that_of_the_manual(self) -> None:
        bare = Bare(version="V1.14")
        assert bare.ask("*IDN?") == "KEITHLEY INSTRUMENTS,KI4200A,1442736,V1.14"
        assert bare.ask("ID") == "KI4200A V1.14"

    def test_modules_are_listed_as_built_in(self) -> None:
        bare = Bare(modules=["SMUPA1", "SMU2", "PMURPM1"])
        assert bare.ask("*OPT?") == "SMUPA1,SMU2,PMURPM1"

    @pytest.mark.parametrize(
        "options",
        [
            {"version": "1.13"},
            {"modules": ["SMU1"], "rpm": {"PMU1-1": "SMU1"}},
            {"rpm": {"PMU1-1": "SMU9"}},
            {"samples": 0},
            {"colour": "blue"},
        ],
    )
    def test_unfit_options_are_said(self, options: dict[str, object]) -> None:
        with pytest.raises(ConfigError):
            Bare(**options)  # type: ignore[arg-type]


class TestErrors:
    def test_a_wrong_command_is_acknowledged_and_remembered(self, bare: Bare) -> None:
        assert bare.ask("NONSENSE") == "ACK"
        assert bare.ask("SP") == "2"
        assert bare.ask(":ERROR:LAST:GET") == "KXCI command error. (-992)"
        assert bare.ask(":ERROR:LAST:GET") == "KXCI command error. (-992)"
        assert bare.ask(":ERROR:LAST:CLEAR") == "ACK"
        assert bare.ask(":ERROR:LAST:GET") == ""
        assert bare.ask("SP") == "0"

    def test_only_the_last_error_is_kept(self, bare: Bare) -> None:
        bare.ask("NONSENSE", ":PMU:INIT 7")
        assert bare.error() == -993

    def test_whether_it_answers_is_one_line(
        self, bare: Bare, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(unconfirmed, "WRONG_COMMAND_ANSWER", None)
        assert bare.instrument.handle(b"NONSENSE") is None
        assert bare.error() == -992

    def test_the_rest_of_a_message_is_not_done_after_an_error(self, bare: Bare) -> None:
        bare.ask("US;XX;DV1,0,1,1e-3")
        assert bare.error() == -992
        assert not bare.events("output")

    def test_a_message_that_is_no_text_is_an_error(self, bare: Bare) -> None:
        assert bare.instrument.handle(b"\xff\xfe\x80") == b"ACK"
        assert bare.error() == -992

    def test_an_empty_message_is_acknowledged(self, bare: Bare) -> None:
        assert bare.ask("") == "ACK"


class TestModes:
    def test_user_commands_need_user_mode(self, bare: Bare) -> None:
        assert bare.refused("DV1,0,1,1e-3") == -974
        assert bare.refused("US;CH1,'V','I',1,3") == -975

    def test_commands_belong_to_their_page(self, bare: Bare) -> None:
        assert bare.refused("DE;VR1,0,1,0.1,1e-3") == -989
        assert bare.refused("SS;CH1,'V','I',1,3") == -989
        assert bare.refused("SS;ME1") == -989

    def test_an_smu_that_is_not_there(self, bare: Bare) -> None:
        assert bare.refused("DE;CH3,'V','I',1,3") == -979
        assert bare.refused("US;TI5") == -979

    @pytest.mark.parametrize("version", ["V1.12", "V1.8.1", "V0.99"])
    def test_old_versions_know_no_pulse_commands(self, version: str) -> None:
        bare = Bare(version=version)
        assert bare.refused(":PMU:INIT 1") == -992
        assert bare.refused(":PMU:TEST:STATUS?") == -992
        bare.tell("US;DV1,0,1,1e-3")

    def test_pulses_need_a_pulse_card(self) -> None:
        bare = Bare(modules=["SMU1"])
        assert bare.refused(":PMU:INIT 1") == -988
        assert bare.refused("RP PMU1-1,0") == -988

    def test_reset_brings_everything_to_zero(self, bare: Bare) -> None:
        bare.tell("US;DV1,0,1,1e-3", "*RST")
        assert bare.waveform()[1][-1] == 0.0
        assert [event.what["on"] for event in bare.events("output")] == [True, False]
        assert bare.refused("DV1,0,1,1e-3") == -974


class TestStatusByte:
    def test_data_are_ready_after_a_reading_and_cleared_with_the_buffer(self, bare: Bare) -> None:
        bare.tell("US;DV1,0,1,1e-3")
        assert bare.ask("SP") == "0"
        bare.ask("TI1")
        assert [bare.ask("SP"), bare.ask("SP")] == ["1", "1"]
        bare.tell("BC")
        assert bare.ask("SP") == "0"

    def test_a_service_request_is_cleared_by_the_poll(self, bare: Bare) -> None:
        bare.tell("DR1", "US;DV1,0,1,1e-3")
        bare.ask("TI1")
        assert [bare.ask("SP"), bare.ask("SP")] == ["65", "1"]

    def test_busy_during_a_test_only(self, bare: Bare) -> None:
        bare.start_arb()
        bare.define_pulse()
        bare.tell(":PMU:SARB:WFM:SEQ:LIST 1,1,1", ":PMU:OUTPUT:STATE 1,1")
        bare.ask("US;TV1")
        bare.ask(":PMU:EXECUTE")
        assert bare.ask("SP") == "16"
        bare.sleep(1.0)
        assert bare.ask("SP") == "1"


class TestRpm:
    def test_an_smu_reaches_the_cell_through_an_rpm_that_is_switched_to_it(
        self, bare: Bare
    ) -> None:
        bare.tell("RP PMU1-1, 2", "US;DV1,0,1,1e-3")
        assert bare.ask("TI1") == "NAI 100.00E-06"
        bare.tell("DV1", ":PMU:RPM:CONFIGURE PMU1-1, 0", "DV1,0,1,1e-3")
        assert float(bare.ask("TI1")[3:]) == 0.0

    def test_a_relay_under_voltage_is_hot(self, bare: Bare) -> None:
        bare.tell("US;DV1,0,0.5,1e-3", ":PMU:RPM:CONFIGURE PMU1-1, 0")
        (event,) = bare.events("hot switching")
        assert (event.source, event.terminal, event.what["voltage_v"]) == ("PMU1-1", "top", 0.5)

    def test_a_relay_at_zero_is_not(self, bare: Bare) -> None:
        bare.tell("US;DV1,0,0.5,1e-3", "DV1,0,0,1e-3", ":PMU:RPM:CONFIGURE PMU1-1, 0")
        bare.tell("DV1", ":PMU:RPM:CONFIGURE PMU1-1, 2", "DV1,0,0.5,1e-3", "DV1")
        bare.tell(":PMU:RPM:CONFIGURE PMU1-1, 0", ":PMU:RPM:CONFIGURE PMU1-1, 0")
        assert not bare.events("hot switching")

    def test_a_relay_that_stays_is_not(self, bare: Bare) -> None:
        bare.tell("US;DV1,0,0.5,1e-3", ":PMU:RPM:CONFIGURE PMU1-1, 2")
        assert not bare.events("hot switching")

    def test_an_smu_with_a_cable_of_its_own_needs_none(self) -> None:
        bare = Bare(wiring={"SMU2": "top"}, modules=["SMU1", "SMU2"])
        bare.tell("US;DV2,0,1,1e-3")
        assert bare.ask("TI2") == "NBI 100.00E-06"


def test_results_read_zero_while_the_interlock_is_open(bare: Bare) -> None:
    bare.tell("US;DV1,0,1,1e-3")
    bare.instrument.interlock_open = True
    assert bare.ask("TI1") == "NAI 0.0000"
    assert bare.ask("TV1") == "NAV 0.0000"
    bare.instrument.interlock_open = False
    assert bare.ask("TI1") == "NAI 100.00E-06"
