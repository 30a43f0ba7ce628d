"""The virtual 33522B with the drivers of pymeasure and QCoDeS, unmodified, over a socket."""

from collections.abc import Iterator
from typing import Any

import pytest
from pymeasure.instruments.agilent import Agilent33500

from hil.virtual import InstrumentPlan, LabPlan
from tests.simulators.instruments.echo import Running, running


@pytest.fixture
def lab() -> Iterator[Running]:
    plan = LabPlan(
        instruments={"awg": InstrumentPlan(type="keysight33522b")},
        wiring={"awg.1": "top"},
        model="resistor",
    )
    with running(plan) as lab:
        yield lab


@pytest.fixture
def pymeasure(lab: Running) -> Iterator[Agilent33500]:
    driver = Agilent33500(
        lab.server.addresses["awg"], visa_library="@py", timeout=5_000,
        read_termination="\n", write_termination="\n",
    )  # fmt: skip
    try:
        yield driver
    finally:
        driver.adapter.close()


def waveforms(lab: Running) -> list[Any]:
    """List what was put out, and when the output was switched."""
    events = [event for _, event in lab.lab.events.since(0)]
    return [event.what["kind"] if event.signal is None else event.signal for event in events]


class TestPymeasure:
    def test_a_burst_of_pulses(self, lab: Running, pymeasure: Agilent33500) -> None:
        channel = pymeasure.ch_1
        channel.output_load = "INF"
        channel.pulse_width = 500e-9
        channel.pulse_transition = 80e-9
        channel.pulse_period = 10e-6
        channel.shape = "PULS"
        channel.voltage_high = 1.5
        channel.voltage_low = 0
        channel.burst_state = True
        channel.burst_ncycles = 25
        pymeasure.trigger_source = "BUS"
        channel.output = "on"
        pymeasure.trigger()
        assert pymeasure.check_errors() == []
        on, signal = waveforms(lab)
        assert on == "output"
        assert signal.stop_v.max() == pytest.approx(1.5)
        assert signal.units.tolist() == [[0, 4, 25]]
        assert lab.lab.now_s() == pytest.approx(25 * 10e-6)

    def test_random_amplitudes(self, lab: Running, pymeasure: Agilent33500) -> None:
        channel = pymeasure.ch_1
        points = [0, 1.0, 0, 0.5, 0, -0.25, 0, 0.75]
        channel.data_arb("train", points, data_format="float")
        channel.arb_file = "train"
        channel.arb_srate = 1e6
        channel.arb_filter = "OFF"
        channel.shape = "ARB"
        channel.output_load = "INF"
        channel.amplitude = 4
        channel.burst_state = True
        pymeasure.trigger_source = "BUS"
        channel.output = "on"
        pymeasure.trigger()
        assert pymeasure.check_errors() == []
        signal = waveforms(lab)[-1]
        assert signal.stop_v[: len(points)].tolist() == pytest.approx([2 * p for p in points])

    def test_a_period_too_short_for_the_width(self, pymeasure: Agilent33500) -> None:
        pymeasure.shape = "PULS"
        pymeasure.pulse_period = 1e-6
        assert [int(error[0]) for error in pymeasure.check_errors()] == [-221]


class TestQcodes:
    @pytest.fixture
    def qcodes(self, lab: Running) -> Iterator[Any]:
        pytest.importorskip("qcodes")
        from qcodes.instrument_drivers.Keysight import Keysight33522B

        driver = Keysight33522B(
            "awg", lab.server.addresses["awg"], visalib="@py", timeout=5, silent=True
        )
        try:
            yield driver
        finally:
            driver.close()

    @pytest.mark.filterwarnings("ignore")
    def test_a_burst_of_pulses(self, lab: Running, qcodes: Any) -> None:
        assert qcodes.model == "33522B"
        channel = qcodes.ch1
        channel.pulse_width(2e-6)
        channel.function_type("PULS")
        channel.amplitude(1)
        channel.offset(0.5)
        channel.burst_state("ON")
        channel.burst_ncycles(3)
        channel.trigger_source("BUS")
        channel.output_polarity("NORM")
        channel.output("ON")
        assert channel.output() == "ON"
        qcodes.force_trigger()
        assert qcodes.ask("*OPC?") == "1"
        assert qcodes.error() == (0, "No error")
        assert lab.lab.now_s() == pytest.approx(3e-3)
        on, signal = waveforms(lab)
        assert on == "output"
        assert signal.stop_v.max() == pytest.approx(2.0)  # 1 V into 50 ohm
        assert signal.units.tolist() == [[0, 4, 3]]

    @pytest.mark.filterwarnings("ignore")
    def test_every_parameter_has_an_answer(self, qcodes: Any) -> None:
        found = qcodes.ch2.snapshot(update=True)["parameters"]
        assert found["burst_ncycles"]["value"] == 1
        assert found["trigger_source"]["value"] == "IMM"
        assert len(found) > 15
        assert qcodes.sync.source() == 1
        assert qcodes.error() == (0, "No error")

    @pytest.mark.filterwarnings("ignore")
    def test_what_it_refuses(self, qcodes: Any) -> None:
        qcodes.write("NONSENSE 1")
        assert qcodes.error() == (-113, "Undefined header")
