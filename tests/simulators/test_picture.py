"""Pictures of devices: what is drawn for what, on which axes, under which names."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from hil.simulators.models.files import get_model
from hil.simulators.picture import (
    LINES,
    is_sweep,
    iv_picture,
    label_of,
    picture_of,
    population_picture,
    pulse_picture,
)
from hil.simulators.waveform import Waveform, simulate


def sweep(rows: int = 81, peak_v: float = 2.0) -> Waveform:
    corners = np.interp(np.linspace(0, 4, rows), [0, 1, 3, 4], [0, peak_v, -peak_v, 0])
    return Waveform(np.linspace(0, 1, rows), corners)


def pulses(*amplitudes_v: float, points_of_an_edge: int = 1) -> Waveform:
    """Pulses of 500 ns with edges of 20 ns, a read of 0.1 V after each."""
    time_s, voltage_v = [0.0], [0.0]
    for level_v in amplitudes_v:
        for lasting_s, to_v in ((1e-7, 0), (2e-8, level_v), (5e-7, level_v), (2e-8, 0), (1e-7, 0),
                                (2e-8, 0.1), (1e-7, 0.1), (2e-8, 0)):  # fmt: skip
            for share in np.arange(1, points_of_an_edge + 1) / points_of_an_edge:
                voltage_v.append(voltage_v[-1] if share < 0 else to_v * share)
                time_s.append(time_s[-1] + lasting_s / points_of_an_edge)
    return Waveform(np.array(time_s), np.array(voltage_v))


def drawn(figure: Figure, path: Path) -> Figure:
    """Draw it, as a warning or an error comes only then."""
    figure.savefig(path / "picture.png", dpi=50)
    assert (path / "picture.png").stat().st_size > 3000
    return figure


def lines(figure: Figure, axis: int) -> int:
    """Count the single cells of an axis."""
    (cells,) = (c for c in figure.axes[axis].collections if isinstance(c, LineCollection))
    return len(cells.get_segments())


def test_a_sweep_of_one_cell_is_its_iv_curve_coloured_by_time(tmp_path: Path) -> None:
    trace = simulate(get_model("stanford"), sweep(), source_ohm=1e3, limit_a=5e-4)
    figure = drawn(picture_of(trace, "gap_m", title="stanford, seed 1"), tmp_path)
    linear, log, bar = figure.axes
    assert (linear.get_yscale(), log.get_yscale()) == ("linear", "log")
    assert (linear.get_ylabel(), log.get_ylabel()) == ("current", "current |I|")
    assert linear.get_xlabel() == log.get_xlabel() == "programmed voltage (V)"
    assert bar.get_ylabel() == "time"
    assert linear.yaxis.get_major_formatter()(2e-4) == "200 µA"
    assert bar.yaxis.get_major_formatter()(0.2) == "200 ms"
    assert figure.get_suptitle() == "stanford, seed 1"
    assert lines(figure, 0) == 80
    colours = linear.collections[0].get_array()
    assert colours is not None
    assert (np.diff(colours) > 0).all()


def test_a_sweep_of_many_cells_is_thin_lines_and_their_median(tmp_path: Path) -> None:
    model = get_model("stanford", delta_gap0_m_per_s=1e-5)
    trace = simulate(model, sweep(41), cells=7, source_ohm=1e3)
    figure = drawn(picture_of(trace, "gap_m"), tmp_path)
    linear, log = figure.axes
    assert lines(figure, 0) == lines(figure, 1) == 7
    (median,) = (line for line in linear.lines if line.get_label() == "median")
    assert np.asarray(median.get_ydata()) == pytest.approx(np.median(trace.current_a, axis=1))
    assert np.nanmin(np.asarray(log.lines[-1].get_ydata())) > 0
    legend = linear.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["7 cells", "median"]


def test_pulses_are_drawn_over_time_one_panel_below_the_other(tmp_path: Path) -> None:
    trace = simulate(get_model("stanford"), pulses(1.6, 1.6, -2.2), source_ohm=1e3)
    figure = drawn(picture_of(trace, "gap_m"), tmp_path)
    assert [axis.get_ylabel() for axis in figure.axes] == ["voltage", "current |I|", "gap"]
    assert [axis.get_yscale() for axis in figure.axes] == ["linear", "log", "linear"]
    assert figure.axes[-1].get_xlabel() == "time"
    assert figure.axes[-1].xaxis.get_major_formatter()(1e-6) == "1 µs"
    assert figure.axes[2].yaxis.get_major_formatter()(1.7e-9) == "1.7 nm"
    gaps = np.asarray(figure.axes[2].lines[0].get_ydata())
    assert gaps.tolist() == trace.state["gap_m"][:, 0].tolist()


def test_pulses_on_many_cells_are_fans(tmp_path: Path) -> None:
    model = get_model("stanford", delta_gap0_m_per_s=0.01)
    trace = simulate(model, pulses(1.6, -2.2), cells=9, source_ohm=1e3)
    figure = drawn(picture_of(trace, "gap_m"), tmp_path)
    assert lines(figure, 1) == lines(figure, 2) == 9
    legend = figure.axes[2].get_legend()
    assert legend is not None
    texts = [text.get_text() for text in legend.get_texts()]
    assert texts == ["9 cells", "10 to 90 %", "median"]


def test_currents_of_a_decade_keep_their_sign(tmp_path: Path) -> None:
    figure = pulse_picture([0, 1, 2], [0, 1, -1], [0, 1e-3, -1e-3], {"resistance_ohm": [1e3] * 3})
    drawn(figure, tmp_path)
    assert [axis.get_ylabel() for axis in figure.axes] == ["voltage", "current", "resistance"]
    assert figure.axes[1].get_yscale() == "linear"
    assert figure.axes[2].yaxis.get_major_formatter()(1e3) == "1 kΩ"


def test_a_population_is_a_fan_on_a_logarithmic_axis_beyond_two_decades(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    values = 1e-6 * np.exp(rng.normal(0, 2.5, (20, 400)))
    figure = population_picture(np.arange(20), values, label="conductance", unit="S", title="G")
    (axis,) = drawn(figure, tmp_path).axes
    assert axis.get_yscale() == "log"
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("pulse", "conductance")
    assert lines(figure, 0) == LINES, "some of them"
    assert np.asarray(axis.lines[-1].get_ydata()) == pytest.approx(np.median(values, axis=1))
    bounds = np.asarray(axis.collections[1].get_paths()[0].vertices)[:, 1]
    assert bounds.min() == pytest.approx(np.quantile(values, 0.1, axis=1).min())
    assert bounds.max() == pytest.approx(np.quantile(values, 0.9, axis=1).max())
    narrow = population_picture(np.arange(20), 1e-6 * rng.uniform(1, 90, (20, 5)), label="G")
    assert drawn(narrow, tmp_path).axes[0].get_yscale() == "linear"


@pytest.mark.parametrize("current_a", [np.zeros(3), np.zeros((3, 2))], ids=["one", "two cells"])
def test_a_device_that_carries_nothing_can_be_drawn(tmp_path: Path, current_a: object) -> None:
    drawn(iv_picture([0, 1, 0], current_a), tmp_path)  # type: ignore[arg-type]
    drawn(pulse_picture([0, 1, 2], [0, 1, 0], current_a, {}), tmp_path)  # type: ignore[arg-type]


def test_a_curve_without_times_is_coloured_by_rows(tmp_path: Path) -> None:
    figure = drawn(iv_picture([0, 1, 0, -1], [0, 1, 0, -2]), tmp_path)
    assert figure.axes[2].get_ylabel() == "row"


STAIRS = Waveform(np.repeat(np.arange(41.0), 2)[1:], np.repeat(sweep(41).voltage_v, 2)[:-1])


@pytest.mark.parametrize(
    ("wave", "want"),
    [
        (sweep(), True),
        (STAIRS, True),
        (Waveform(np.linspace(0, 1, 21), np.linspace(0, 1.5, 21)), True),
        (pulses(1.5, -1.5), False),
        (pulses(1.5, -1.5, points_of_an_edge=20), False),
        (Waveform(np.array([0.0, 1.0, 2.0]), np.zeros(3)), False),
        (Waveform(np.array([0.0, 1.0, 2.0]), np.array([0, 1.0, 0])), False),
        (Waveform(np.zeros(21), np.linspace(0, 1.5, 21)), True),
    ],
    ids=[
        "triangle",
        "staircase",
        "half",
        "pulses",
        "fine pulses",
        "nothing",
        "corners",
        "no time",
    ],
)
def test_a_sweep_is_told_from_pulses(wave: Waveform, want: bool) -> None:
    assert is_sweep(wave.time_s, wave.voltage_v) is want


@pytest.mark.parametrize(
    ("column", "want"),
    [
        ("gap_m", ("gap", "m")), ("conductance_s", ("conductance", "S")),
        ("rest_s", ("rest", "s")), ("resistance_ohm", ("resistance", "Ω")), ("x", ("x", "")),
        ("n_disc_1e26_per_m3", ("n disc (10$^{26}$/m³)", "")), ("n_disc", ("n_disc", "")),
        ("filament_temperature_k", ("filament temperature", "K")),
    ],
)  # fmt: skip
def test_a_column_says_what_it_is(column: str, want: tuple[str, str]) -> None:
    assert label_of(column) == want
