"""Pictures of arrays: what is drawn, in which colours and under which names."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from hil.simulators.crossbar.maps import product_map, write_map
from hil.simulators.crossbar.picture import crossbar_picture, heat_map, number, placed
from tests.simulators.crossbar.resistors import resistors

CELLS_S = np.random.default_rng(1).uniform(1e-6, 1e-4, (20, 24))
WIRES = {"row_wire_ohm": 5.0, "column_wire_ohm": 5.0}


def drawn(
    path: Path, voltage_v: float = 2.0, wires: dict[str, float] | None = None, **scheme: Any
) -> Figure:
    """Draw it, as a warning or an error comes only then."""
    array = resistors(CELLS_S, **(WIRES if wires is None else wires))
    maps = write_map(*array, (0, 23), voltage_v, **scheme), product_map(*array, 0.2)
    figure = crossbar_picture(*maps, title="an array")
    figure.savefig(path / "picture.png", dpi=50)
    assert (path / "picture.png").stat().st_size > 5000
    return figure


def test_a_write_and_a_product_are_maps_with_profiles(tmp_path: Path) -> None:
    figure = drawn(tmp_path)
    write, row, column, volts, product, columns, errors = figure.axes
    assert figure.get_suptitle() == "an array"
    told = write.get_title()
    assert told.startswith("2 V write of R1C24, V/2: it sees 1.")
    assert "most of the others: " in told
    assert (row.get_ylabel(), column.get_xlabel()) == ("row 1", "column 24")
    assert volts.get_ylabel() == "voltage of the cell"
    assert "all rows at 200 mV: columns -" in product.get_title()
    assert errors.get_ylabel() == "error of each cell's current"
    shown = np.asarray(write.images[0].get_array())
    assert shown.shape == (20, 24)
    assert row.lines[0].get_ydata() == pytest.approx(shown[0])
    assert column.lines[0].get_xdata() == pytest.approx(shown[:, 23])
    assert np.ptp(np.asarray(row.lines[2].get_ydata())) == 0  # dashed: half of 2 V
    assert np.asarray(row.lines[2].get_ydata())[0] == 1.0
    assert len(columns.patches) == 24
    assert all(bar.get_height() < 0 for bar in columns.patches)  # type: ignore[attr-defined]
    assert write.get_ylim()[0] > write.get_ylim()[1]  # row 1 on top


def test_colours_go_both_ways_only_where_cells_see_the_other_polarity(tmp_path: Path) -> None:
    one_way, both = (
        drawn(tmp_path, row_share=rows, column_share=columns).axes[0].images[0]
        for rows, columns in ((0.5, 0.5), (1 / 3, 2 / 3))
    )
    assert (one_way.norm.vmin, one_way.norm.vmax) == (0.0, 2.0)
    assert (both.norm.vmin, both.norm.vmax) == (-2.0, 2.0)
    reset = drawn(tmp_path, voltage_v=-1.5).axes[0].images[0]
    assert (reset.norm.vmin, reset.norm.vmax) == (-1.5, 0.0)


def test_an_array_without_wires_can_be_drawn(tmp_path: Path) -> None:
    figure = drawn(tmp_path, wires={})
    assert "it sees 2 V" in figure.axes[0].get_title()


def test_a_single_cell_can_be_drawn(tmp_path: Path) -> None:
    array = resistors([[1e-5]])
    figure = crossbar_picture(write_map(*array, (0, 0), 1.0), product_map(*array, 0.1))
    figure.savefig(tmp_path / "picture.png", dpi=50)
    assert "others" not in figure.axes[0].get_title()


@pytest.mark.parametrize(
    ("count", "places"),
    [(1, ["1"]), (3, ["1", "2", "3"]), (32, ["1", "5", "10", "15", "20", "25", "30"]),
     (64, ["1", "8", "16", "24", "32", "40", "48", "56", "64"])],
)  # fmt: skip
def test_rows_are_numbered_from_one(count: int, places: list[str]) -> None:
    axis = Figure().subplots()
    number(axis, count, 4)
    assert [text.get_text() for text in axis.get_yticklabels()] == places
    assert [int(place) + 1 for place in axis.get_yticks()] == [int(place) for place in places]


def test_a_logarithmic_map_has_units_on_its_bar_and_grey_where_nothing_is() -> None:
    figure = Figure(figsize=(6, 5))
    axis, bar = placed(figure, 0.6, 0.6, 3.6, 3.6), placed(figure, 4.4, 0.6, 0.13, 3.6)
    assert axis.get_position().width == pytest.approx(3.6 / 6)
    map_s = np.array([[1e-6, 1e-4], [np.nan, 3e-5]])
    heat_map(axis, bar, map_s, LogNorm(1e-6, 1e-4), EngFormatter("S", sep=" "), "conductance")
    figure.canvas.draw()
    assert bar.yaxis.get_major_formatter()(1e-5) == "10 µS"
    assert axis.get_facecolor() == (0.8, 0.8, 0.8, 1.0)
    assert len(bar.get_yticks()) >= 3
