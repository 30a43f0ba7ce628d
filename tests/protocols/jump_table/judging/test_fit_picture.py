"""Pictures of fits, twins and methods: what is drawn, in which unit, and nothing on top."""

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from hil.protocols.jump_table.fitting.method import Fit
from hil.protocols.jump_table.judging import compare_picture, fit_picture
from hil.protocols.jump_table.judging.compare_picture import Score, draw_compare
from hil.protocols.jump_table.judging.fit_picture import BiasCurve, Compared, draw_fit, draw_twin
from hil.protocols.jump_table.points import Points
from hil.protocols.jump_table.profile import Floats, Profile

CAPTION = "a cell\nSIMULATED"
Amplitude = tuple[Points, Fit, Floats]


def amplitude(voltage_v: float, count: int = 300, unit_s: float = 1e-9) -> Amplitude:
    """Steps with a drift and sigma of some units, on 3 to 38 of them, and their true fit."""
    rng = np.random.default_rng(round(100 * abs(voltage_v)))
    g = rng.uniform(3, 38, count)
    axis = np.linspace(3, 38, 50)
    drift = np.sign(voltage_v) * (4 - 0.1 * axis)
    profile = Profile(axis * unit_s, drift * unit_s, np.full(50, 1.2 * unit_s))
    step_s = np.clip(
        profile.quantile(g * unit_s, rng.uniform(size=count)), (3 - g) * unit_s, (38 - g) * unit_s
    )
    draws = np.stack([profile.mean_s, profile.sigma_s]) * rng.normal(1, 0.05, (40, 2, 1))
    points = Points(voltage_v, g * unit_s, step_s, 3 * unit_s, 38 * unit_s)
    pit = profile.cdf(g * unit_s, step_s)
    pit[0] = np.nan
    return points, Fit(profile, draws), pit


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Figures in the order in which they were saved, laid out."""
    figures: list[Figure] = []

    def keep(figure: Figure, caption: str, path: Path) -> list[Path]:
        figures.append(figure)
        figure.suptitle(caption, fontsize=8, y=1 - 0.08 / figure.get_figheight())
        FigureCanvasAgg(figure).draw()
        return [path]

    for module in (fit_picture, compare_picture):
        monkeypatch.setattr(module, "save", keep)
    return figures


def boxes(figure: Figure) -> list[tuple[str, Bbox]]:
    """Where texts are that stand outside of panels."""
    texts: list[Text] = [figure._suptitle, *figure.legends[0].get_texts()]  # type: ignore[attr-defined]
    for axis in figure.axes:
        texts += [axis.title, axis.xaxis.label, axis.yaxis.label]
        for one in (axis.xaxis, axis.yaxis):
            low, high = sorted(one.get_view_interval())
            ticks = [tick for tick in one.get_major_ticks() if low <= tick.get_loc() <= high]
            texts += [tick.label1 for tick in ticks if tick.label1.get_visible()]
    return [(text.get_text(), text.get_window_extent()) for text in texts if text.get_text()]


def check_layout(figure: Figure) -> None:
    """No text on another, in another panel, or off the page."""
    found = boxes(figure)
    for (one, a), (other, b) in combinations(found, 2):
        assert not a.padded(-0.5).overlaps(b.padded(-0.5)), f"{one!r} is on {other!r}"
    for text, box in found:
        assert figure.bbox.padded(1).containsx(box.x0), text
        assert figure.bbox.padded(1).containsx(box.x1), text
        assert figure.bbox.padded(1).containsy(box.y0), text
        for axis in figure.axes:
            assert not axis.bbox.padded(-1).overlaps(box.padded(-1)), f"{text!r} is in a panel"


LAYOUTS = {
    "one": (1.8,),
    "one-sided": (-1.0, -1.1, -1.25),
    "both": (3.2, -2.8),
    "eight": (-1.8, -1.65, -1.5, -1.35, 1.35, 1.5, 1.65, 1.8),
    "uneven": (1.0, 1.1, 1.2, -1.0),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_nothing_lies_on_something_else(drawn: list[Figure], name: str) -> None:
    every = [amplitude(voltage_v) for voltage_v in LAYOUTS[name]]
    draw_fit(every, CAPTION, Path("p.png"))
    compared = [Compared(one, fit.profile, fit.profile, {"SSD": 0.01}) for one, fit, _ in every]
    draw_twin(compared, CAPTION, Path("p.png"))
    bias = BiasCurve(np.linspace(-3, 0, 8), np.linspace(-4, -1, 8), np.linspace(-2, 1, 8))
    draw_twin(compared, CAPTION, Path("p.png"), bias=bias)
    scores = [
        Score(method, measure, one.voltage_v, 0.01 * k, 0.009 * k, 0.012 * k)
        for k, method in enumerate(("spline", "polynomial", "binning"), 1)
        for measure in ("SSD", "OVLE", "KS")
        for one, _, _ in every
    ]
    draw_compare(scores, CAPTION, Path("p.png"))
    for figure in drawn:
        check_layout(figure)
    assert [len(figure.axes) for figure in drawn] == [
        2 * len(every), len(every), len(every) + 1, 3,
    ]  # fmt: skip


@pytest.mark.parametrize(("unit_s", "name"), [(1e-9, "nS"), (1e-6, "µS"), (1e-3, "mS")])
def test_units_follow_the_data(drawn: list[Figure], unit_s: float, name: str) -> None:
    draw_fit([amplitude(1.5, unit_s=unit_s)], CAPTION, Path("p.png"))
    (figure,) = drawn
    assert figure.axes[0].get_xlabel() == f"G before the pulse ({name})"
    assert figure.axes[0].get_ylabel() == f"step ΔG ({name})"
    low, high = figure.axes[0].get_xlim()
    assert (low, high) == pytest.approx((2, 39), abs=0.7)


def test_amplitudes_stand_from_weak_to_strong_positive_ones_above(drawn: list[Figure]) -> None:
    order = (-1.2, 1.3, -1.0, 1.1)
    draw_twin(
        [Compared(one, fit.profile) for one, fit, _ in map(amplitude, order)], CAPTION, Path("p")
    )
    (figure,) = drawn
    places = {axis.get_title()[:6]: axis.get_position() for axis in figure.axes}
    assert places["+1.1 V"].x0 == pytest.approx(places["-1 V  "].x0)
    assert places["+1.1 V"].x0 < places["+1.3 V"].x0
    assert places["+1.3 V"].y0 > places["-1.2 V"].y1


def test_the_lines_are_the_profile_and_its_bands(drawn: list[Figure]) -> None:
    points, fit, pit = amplitude(1.5)
    draw_fit([(points, fit, pit)], CAPTION, Path("p.png"))
    axis = drawn[0].axes[0]
    lines = {line.get_linestyle(): line for line in axis.lines if len(line.get_xdata()) == 200}  # type: ignore[arg-type]
    x, y = (np.asarray(data, float) for data in lines["-"].get_data())
    assert y == pytest.approx(fit.profile.moments(x * 1e-9)[0] * 1e9)
    assert len(axis.collections) == 3
    bare = Fit(fit.profile)
    draw_fit([(points, bare, pit)], CAPTION, Path("p.png"))
    assert not drawn[1].axes[0].collections


def test_the_histogram_of_a_good_fit_is_in_its_band_and_of_a_bad_one_not(
    drawn: list[Figure],
) -> None:
    points, fit, _ = amplitude(1.5, count=4_000)
    pit = np.random.default_rng(2).uniform(size=4_000)
    for shares in (pit, pit**1.5):
        draw_fit([(points, fit, shares)], CAPTION, Path("p.png"))
    outside = []
    for figure in drawn:
        axis = figure.axes[1]
        band, stairs = axis.patches
        density = stairs.get_data().values  # type: ignore[attr-defined]
        assert density.mean() == pytest.approx(1)
        edges = band.get_window_extent().transformed(axis.transData.inverted())
        outside.append(((density < edges.y0) | (density > edges.y1)).mean())
        low, high = axis.get_ylim()
        assert low < min(density)
        assert max(density) < high
    assert outside[0] <= 0.15
    assert outside[1] > 0.5


def test_every_so_few_or_many_points_are_drawn(drawn: list[Figure]) -> None:
    for count in (5, 120_000):
        draw_fit([amplitude(1.5, count=count)], CAPTION, Path("p.png"))
    shown = [figure.axes[0].lines[0] for figure in drawn]
    assert [len(line.get_xdata()) for line in shown] == [5, 100_000]  # type: ignore[arg-type]
    assert all(line.get_rasterized() for line in shown)


def test_a_device_that_never_moved_is_drawn(drawn: list[Figure]) -> None:
    points, fit, _ = amplitude(1.5)
    still = Points(1.5, points.conductance_s, np.zeros(len(points)), -np.inf, np.inf)
    draw_fit([(still, fit, np.full(len(points), np.nan))], CAPTION, Path("p.png"))
    check_layout(drawn[0])


def dots_of(axis: Axes) -> list[list[float]]:
    """Places of the last three dots."""
    return [np.concatenate(np.array(dot.get_data(), float)).tolist() for dot in axis.lines[-3:]]


def test_methods_are_sorted_by_the_first_measure(drawn: list[Figure]) -> None:
    scores = [
        Score(method, measure, 1.5, value)
        for measure, sign in (("SSD", 1), ("NLL", -1))
        for method, value in (("a", 3.0 * sign), ("b", 1.0 * sign), ("c", 2.0 * sign))
    ]
    draw_compare(scores, CAPTION, Path("p.png"))
    first, second = drawn[0].axes
    assert [label.get_text() for label in first.get_yticklabels()] == ["a", "c", "b"]
    assert [dots_of(axis) for axis in (first, second)] == [
        [[3, 0], [1, 2], [2, 1]],
        [[-3, 0], [-1, 2], [-2, 1]],
    ]
    assert first.get_xlim()[0] == 0
    assert second.get_xlim()[0] < -3


@pytest.mark.parametrize("draw", [draw_fit, draw_twin, draw_compare])
def test_nothing_is_drawn_of_nothing(draw: Any, tmp_path: Path) -> None:
    assert draw([], CAPTION, tmp_path / "p.png") == []
    assert not list(tmp_path.iterdir())


def test_pictures_are_written(tmp_path: Path) -> None:
    wanted = [tmp_path / "p.png", tmp_path / "p.svg"]
    assert draw_fit([amplitude(1.5)], CAPTION, wanted[0]) == wanted
    assert all(path.stat().st_size > 5_000 for path in wanted)
