"""How the pictures of all protocols are written."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def save(figure: "Figure", caption: str, path: Path) -> list[Path]:
    """Write a figure with its caption as PNG, and as SVG beside it; tells both."""
    figure.suptitle(caption, fontsize=8, color="0.35", y=1 - 0.08 / figure.get_figheight())
    written = [path, path.with_suffix(".svg")]
    for file in written:
        figure.savefig(file, dpi=130)
    return written
