"""Virtual instruments: they answer like the real ones and have a simulated cell on their wires.

All instruments of a bench are wired to one cell, on one clock, in one lab (`lab`), which is a
process of its own (`lab_process`) that serves each of them over a socket (`server`).
"""

from hil.catalog import Catalog

__all__ = ["INSTRUMENTS"]

INSTRUMENTS = Catalog(
    "hil.instruments",
    "virtual instrument",
    {"keithley4200": "hil.simulators.instruments.keithley4200.instrument:Keithley4200"},
)
"""The types of virtual instruments by name; a package adds one with an entry point."""
