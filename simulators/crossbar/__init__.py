"""Arrays of cells between resistive lines: their network, solved exactly, and what moves in it."""

from hil.simulators.crossbar.access import Selector, Transistor
from hil.simulators.crossbar.cells import Cells
from hil.simulators.crossbar.crossbar import Crossbar
from hil.simulators.crossbar.network import Network

__all__ = ["Cells", "Crossbar", "Network", "Selector", "Transistor"]
