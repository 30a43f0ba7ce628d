"""How the pictures of all protocols are written."""

from pathlib import Path
from typing import TYPE_CHECKING

from hil.units import Scale, format_quantity, scale_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def save(figure: "Figure", caption: str, path: Path) -> list[Path]:
    """Write a figure with its caption as PNG, and as SVG beside it; tells both."""
    figure.suptitle(caption, fontsize=8, color="0.35", y=1 - 0.08 / figure.get_figheight())
    written = [path, path.with_suffix(".svg")]
    for file in written:
        figure.savefig(file, dpi=130)
    return written


def typeset(value: float, unit: str) -> str:
    """Write a quantity with the signs that a picture has."""
    return _with_signs(format_quantity(value, unit, 3))


def axis_scale(largest: float, unit: str) -> Scale:
    """Choose the prefix of an axis (`hil.units.scale_of`), with the signs that a picture has."""
    factor, shown = scale_of(largest, unit)
    return Scale(factor, _with_signs(shown))


def _with_signs(text: str) -> str:
    return text.replace("u", "µ").replace("ohm", "Ω")
