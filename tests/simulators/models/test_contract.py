"""The device contract on every model and on models in layers."""

from typing import Any

import pytest

from hil.simulators.models import get_model
from hil.simulators.models.model import Device
from hil.testing.device_contract import DeviceContract, Pulse

LAYERS: dict[str, dict[str, Any]] = {
    "series": {"series_ohm": 500.0},
    "variability": {"variability": {"i0_a": {"sigma_log": 0.2}, "gap_max_m": {"sigma": "20pm"}}},
    "stuck": {"stuck": {"lrs_share": 0.01, "hrs_share": 0.01}},
    "formed": {"forming": {"form_v": "1.5V", "spread": 0.05, "pristine_ohm": "50kohm"}},
    "noise": {
        "noise": {
            "white": 0.01,
            "flicker": 0.01,
            "telegraph": {"step": 0.02, "high_s": "1ms", "low_s": "1ms"},
        }
    },
    "relaxation": {"relaxation": {"spread": 0.1, "drift": 0.01, "onset_s": "1us"}},
}
EVERYTHING = {key: value for layer in LAYERS.values() for key, value in layer.items()}


class TestStanford(DeviceContract):
    set_pulse = Pulse(1.6, 500e-9)
    reset_pulse = Pulse(-1.3, 500e-9)

    @pytest.fixture
    def device(self) -> Device:
        return get_model("stanford", i0_a=10e-6)


@pytest.mark.parametrize("layers", [*LAYERS, "everything"])
class TestLayers(DeviceContract):
    set_pulse = Pulse(2.0, 500e-9)
    reset_pulse = Pulse(-1.8, 500e-9)
    source_ohm = 50.0
    limit_a = 200e-6

    @pytest.fixture
    def device(self, layers: str) -> Device:
        self.random = layers in ("noise", "everything")
        self.noisy = self.random or layers == "relaxation"
        settings = EVERYTHING if layers == "everything" else LAYERS[layers]
        return get_model("stanford", i0_a=10e-6, **settings)


class TestJumpTable(DeviceContract):
    set_pulse = Pulse(1.8, 500e-9)
    reset_pulse = Pulse(-1.8, 500e-9)
    random = True

    @pytest.fixture
    def device(self) -> Device:
        return get_model("tiox")


@pytest.mark.parametrize("shape", [None, [[-1.2, -0.2, 1.4], [-1.0, -0.1, 1.1]]])
class TestListedJumpTable(DeviceContract):
    set_pulse = Pulse(1.0, 500e-9)
    reset_pulse = Pulse(-1.0, 500e-9)
    random = True

    @pytest.fixture
    def device(self, shape: list[list[float]] | None) -> Device:
        lists: dict[str, Any] = {"conductance_s": ["1uS", "9uS"], "sigma_s": ["0.1uS", "0.2uS"]}
        if shape is not None:
            lists["shape"] = shape
        up, down = ["2uS", "0.2uS"], ["-0.2uS", "-2uS"]
        tables = [{"voltage_v": v, "mean_s": m, **lists} for v, m in ((1.0, up), (-1.0, down))]
        return get_model(
            "jump-table", tables=tables, low_s="1uS", high_s="9uS", pulse_high_s="500ns"
        )


class TestStanfordAsu(DeviceContract):
    set_pulse = Pulse(1.5, 500e-9)
    reset_pulse = Pulse(-1.6, 500e-9)
    source_ohm = 1e3

    @pytest.fixture
    def device(self) -> Device:
        return get_model("stanford-asu")


@pytest.mark.parametrize("name", ["jart-guide", "jart-lab", "jart-var"])
class TestJart(DeviceContract):
    set_pulse = Pulse(-1.1, 1e-6)
    reset_pulse = Pulse(1.4, 100e-6)

    @pytest.fixture
    def device(self, name: str) -> Device:
        self.random = name == "jart-var"
        return get_model(name)


@pytest.mark.parametrize("name", ["jart-fit", "jart-fit-var"])
class TestJartFit(DeviceContract):
    set_pulse = Pulse(-0.7, 20e-6)
    reset_pulse = Pulse(1.0, 20e-6)

    @pytest.fixture
    def device(self, name: str) -> Device:
        self.random = name == "jart-fit-var"
        return get_model(name)


@pytest.mark.parametrize("name", ["data-driven", "data-driven-lab"])
class TestDataDriven(DeviceContract):
    set_pulse = Pulse(-2.0, 1e-3)
    reset_pulse = Pulse(1.8, 1e-3)

    @pytest.fixture
    def device(self, name: str) -> Device:
        return get_model(name, initial_resistance_ohm="40kohm")


class TestNeuroSim(DeviceContract):
    set_pulse = Pulse(3.2, 300e-6)
    reset_pulse = Pulse(-2.8, 300e-6)
    random = True

    @pytest.fixture
    def device(self) -> Device:
        return get_model("neurosim", sigma_c2c=0.003)


class TestResistor(DeviceContract):
    moves = False

    set_pulse = Pulse(1.0, 1e-6)
    reset_pulse = Pulse(-1.0, 1e-6)

    @pytest.fixture
    def device(self) -> Device:
        return get_model("resistor")
