"""Summary and picture of a collection speak in the unit of the device."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from hil.protocol import Table
from hil.protocols.jump_table import picture
from hil.protocols.jump_table.collect import JumpTableCollection


def table(unit_s: float, step: float) -> Table:
    """Steps of +-step from 10, 20 and 30 units, in each direction by its own voltage."""
    before_s = np.tile(np.repeat([10.0, 20.0, 30.0], 4), 2) * unit_s
    voltages_v = np.repeat([1.0, -1.0], 12)
    after_s = before_s + voltages_v * step * unit_s * np.tile([0.5, 1.5], 12)
    return {
        "kind": np.full(24, "point"),
        "in_window": np.ones(24),
        "pulse_voltage_v": voltages_v,
        "conductance_before_s": before_s,
        "conductance_after_s": after_s,
    }


def protocol(unit_s: float) -> JumpTableCollection:
    return JumpTableCollection(
        points=12, voltages_v=(-1.0, 1.0), window_low_s=0.1 * unit_s, window_high_s=40 * unit_s
    )


CASES = [
    (1e-6, 2.0, "+2.00 (1.15) uS", "µS", "µS"),
    (1e-9, 2.0, "+2.00 (1.15) nS", "nS", "nS"),
    (1e-6, 0.05, "+50.00 (28.87) nS", "µS", "nS"),
    (1e-3, 0.5, "+500.00 (288.68) uS", "mS", "µS"),
]


@pytest.mark.parametrize(("unit_s", "step", "text", "x", "y"), CASES)
def test_figures_have_the_prefix_of_the_steps(
    unit_s: float, step: float, text: str, x: str, y: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures: list[Figure] = []
    monkeypatch.setattr(picture, "save", lambda figure, *_: figures.append(figure))
    asked, records = protocol(unit_s), table(unit_s, step)
    lines = asked.summarise(records).lines
    assert text in lines[-1]
    assert len({len(line) for line in lines[2:]}) == 1
    asked.picture(records, "a cell", Path("p.png"))
    (figure,) = figures
    assert figure.get_supxlabel().endswith(f"G ({x})")
    assert figure.get_supylabel().endswith(f"ΔG ({y})")
    first = figure.axes[0]
    dots = np.array(first.lines[0].get_data())
    assert np.unique(np.abs(dots[0])) == pytest.approx([10, 20, 30])
    reach = 1.5 * step * (1000 if x != y else 1)
    assert np.abs(dots[1]).max() == pytest.approx(reach)
    assert first.get_ylim() == pytest.approx((-1.08 * reach, 1.08 * reach))


def test_a_cell_that_never_moved_has_a_picture_and_a_summary(tmp_path: Path) -> None:
    records = table(1e-6, 0.0)
    assert "+0.00 (0.00) S" in protocol(1e-6).summarise(records).lines[-1]
    assert protocol(1e-6).picture(records, "a cell", tmp_path / "p.png")
