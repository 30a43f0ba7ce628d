"""Panels of steps over conductance, one an amplitude, that pictures of fits have in common."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from hil.protocols.jump_table.points import Points
from hil.protocols.jump_table.profile import Floats, Profile
from hil.protocols.pictures import axis_scale
from hil.simulators.crossbar.picture import placed
from hil.units import Scale

RAISES, LOWERS, LINE, FAINT, TRUTH = "#1f6fb4", "#c2452d", "#222222", "0.55", "#d98a1f"
DASHED = (0, (4, 2))

_COLUMNS = 4
_MOST_POINTS = 100_000
_CURVE = 200
LEFT = 0.75
"""Room for labels at the left of the first panels (inch)."""

_NARROW = 9.0
_ROUND = [1, 2, 5, 10]


class Panels(NamedTuple):
    """Where panels are, in inches from the left and the bottom, and how they are scaled.

    They have one axis of G, one unit of steps, and each its own limits of steps.
    """

    width: float
    height: float
    places: list[tuple[float, float]]
    x: Scale
    y: Scale
    x_limits: tuple[float, float]
    y_limits: list[tuple[float, float]]

    def axis(self, figure: Figure, number: int) -> Axes:
        """Make the axis of a panel, with the labels that it needs where it is."""
        left, bottom = self.places[number]
        axis = placed(figure, left, bottom, self.width, self.height)
        axis.set_xlim(self.x_limits)
        axis.set_ylim(self.y_limits[number])
        axis.set_xlabel(f"G before the pulse ({self.x.unit})", fontsize=8, labelpad=2)
        tidy(axis)
        if self.leftmost(number):
            axis.set_ylabel(f"step ΔG ({self.y.unit})", fontsize=9)
        return axis

    def leftmost(self, number: int) -> bool:
        """Tell whether a panel is the first in its row."""
        return self.places[number][0] == min(left for left, _ in self.places)


def rows_of(voltages_v: Sequence[float]) -> list[list[int]]:
    """Lay amplitudes out in rows of up to four, weak to strong, positive above negative.

    One of each sign stand side by side.
    """
    order = sorted(range(len(voltages_v)), key=lambda k: abs(voltages_v[k]))
    signs = [
        [k for k in order if voltages_v[k] >= 0],
        [k for k in order if voltages_v[k] < 0],
    ]
    if all(len(sign) == 1 for sign in signs):
        return [[*signs[0], *signs[1]]]
    return [
        sign[first : first + _COLUMNS] for sign in signs for first in range(0, len(sign), _COLUMNS)
    ]


def panels_of(
    points: Sequence[Points], rows: list[list[int]], *, below: float, foot: float
) -> tuple[Figure, Panels]:
    """Make a figure with a place for each amplitude.

    Parameters
    ----------
    points : sequence of Points
        The data of the panels; each gets a scale that holds all but the rarest steps.
    rows : list of list of int
        Which of them are in which row, as `rows_of` has them.
    below : float
        Height that is kept free below each panel and its label (inch).
    foot : float
        Height that is kept free at the bottom (inch).
    """
    columns = max(map(len, rows))
    width = {1: 5.0, 2: 3.9, 3: 3.0}.get(columns, 2.5)
    height = 0.72 * width if columns > 1 else 3.0
    left, gap, pitch = LEFT, 0.42, height + below + 0.75
    size = (left + columns * (width + gap) - gap + 0.2, foot + len(rows) * pitch + 0.35)
    places = {
        k: (left + column * (width + gap), foot + (len(rows) - row) * pitch - height - 0.3)
        for row, numbers in enumerate(rows)
        for column, k in enumerate(numbers)
    }
    low_s = min(float(one.conductance_s.min()) for one in points)
    high_s = max(float(one.conductance_s.max()) for one in points)
    margin_s = 0.03 * (high_s - low_s) or 0.1 * high_s
    limits_s = [_limits_s(one.step_s) or (-margin_s, margin_s) for one in points]
    x, y = axis_scale(high_s, "S"), axis_scale(float(np.abs(limits_s).max()), "S")
    panels = Panels(
        width, height, [places[k] for k in range(len(points))], x, y,
        ((low_s - margin_s) * x.factor, (high_s + margin_s) * x.factor),
        [(low * y.factor, high * y.factor) for low, high in limits_s],
    )  # fmt: skip
    return Figure(figsize=size), panels


def _limits_s(step_s: Floats) -> tuple[float, float] | None:
    """Find limits that 0 and all but the rarest steps are in (S); None where none moved."""
    low_s, high_s = (float(end) for end in np.quantile(step_s, [0.001, 0.999]))
    low_s, high_s = min(low_s, 0.0), max(high_s, 0.0)
    margin_s = 0.08 * (high_s - low_s)
    return (low_s - margin_s, high_s + margin_s) if margin_s else None


def draw_points(axis: Axes, points: Points, panels: Panels) -> None:
    """Draw steps as faint points (100,000 at most), and where the bounds stop them."""
    count = len(points)
    shown = points.take(np.unique(np.linspace(0, count - 1, min(count, _MOST_POINTS)).astype(int)))
    axis.plot(
        shown.conductance_s * panels.x.factor, shown.step_s * panels.y.factor, ".",
        color=color_of(points.voltage_v), markeredgewidth=0,
        markersize=5 if count < 300 else 3, alpha=float(np.clip(1200 / count, 0.04, 0.7)),
        rasterized=True,
    )  # fmt: skip
    axis.axhline(0, color="0.8", linewidth=0.7, zorder=0)
    ends = np.array(panels.x_limits)
    for bound_s in (points.low_s, points.high_s):
        if np.isfinite(bound_s):
            stopped = (bound_s - ends / panels.x.factor) * panels.y.factor
            axis.plot(ends, stopped, color=FAINT, linewidth=0.9, linestyle=":")
    axis.set_title(f"{points.voltage_v:+.4g} V   {count:,} points", fontsize=9, pad=4)


def draw_profile(
    axis: Axes, profile: Profile, panels: Panels, *, color: str = LINE, linewidth: float = 1.6
) -> None:
    """Draw the mean of a profile, and one sigma to both sides."""
    places_s = np.linspace(*panels.x_limits, _CURVE) / panels.x.factor
    mean_s, sigma_s = profile.moments(places_s)
    x, factor = places_s * panels.x.factor, panels.y.factor
    axis.plot(x, mean_s * factor, color=color, linewidth=linewidth)
    for side in (-1, 1):
        axis.plot(
            x, (mean_s + side * sigma_s) * factor, color=color, linewidth=0.7 * linewidth,
            linestyle=DASHED,
        )  # fmt: skip


def draw_bands(axis: Axes, profile: Profile, draws: Floats, panels: Panels, *, color: str) -> None:
    """Draw the 95 % bands of mean and of mean ± sigma, (draws, 2, m) on the profile's axis."""
    x = profile.conductance_s * panels.x.factor
    mean, sigma = draws[:, 0] * panels.y.factor, draws[:, 1] * panels.y.factor
    bands = ((mean - sigma, color, 0.25), (mean + sigma, color, 0.25), (mean, LINE, 0.4))
    for values, shade, strength in bands:
        low, high = np.quantile(values, [0.025, 0.975], axis=0)
        axis.fill_between(x, low, high, color=shade, alpha=strength, linewidth=0)


def color_of(voltage_v: float) -> str:
    """Choose the colour of an amplitude."""
    return RAISES if voltage_v >= 0 else LOWERS


def key(what: str, label: str) -> Line2D:
    """Make the entry of a legend for one of the things that panels show."""
    line = Line2D([], [], label=label, color=LINE, linewidth=1.6)
    if what == "points":
        line.set(color=RAISES, marker=".", linestyle="none", markersize=5)
    elif what == "sigma":
        line.set(linewidth=1.1, linestyle=DASHED)
    elif what == "band":
        line.set(linewidth=6, alpha=0.4)
    elif what == "bound":
        line.set(color=FAINT, linewidth=0.9, linestyle=":")
    elif what == "truth":
        line.set(color=TRUTH, linewidth=1.0)
    elif what == "sigma band":
        line.set(color=RAISES, linewidth=6, alpha=0.25)
    elif what == "uniform":
        line.set(color="0.85", linewidth=6)
    return line


def legend(figure: Figure, names: dict[str, str], points: Sequence[Points]) -> None:
    """Put one legend for all panels at the bottom of the figure, in two rows where it is long."""
    handles = [key(what, label) for what, label in names.items()]
    handles[0].set_color(color_of(max(one.voltage_v for one in points)))
    narrow = figure.get_figwidth() < _NARROW and len(names) > 5
    columns = -(-len(names) // 2) if narrow else len(names)
    figure.legend(
        handles=handles, loc="lower center", ncols=columns, fontsize=8, frameon=False,
        bbox_to_anchor=(0.5, 0.02 / figure.get_figheight()), columnspacing=1.4,
    )  # fmt: skip


def tidy(axis: Axes) -> None:
    """Give an axis small, round numbers."""
    axis.tick_params(labelsize=8)
    axis.xaxis.set_major_locator(MaxNLocator(6, steps=_ROUND))
    axis.yaxis.set_major_locator(MaxNLocator(6, steps=_ROUND))
