"""Virtual instruments: they answer like the real ones and have a simulated cell on their wires.

All instruments of a bench are wired to the same cells, on one clock, in one lab (`lab`), which is
a process of its own (`lab.process`) that serves each of them over a socket, HiSLIP or a pseudo
terminal (`wire`).
"""

from hil.catalog import Catalog

__all__ = ["INSTRUMENTS"]

INSTRUMENTS = Catalog(
    "hil.instruments",
    "virtual instrument",
    {
        "arcone": "hil.simulators.instruments.arcone.instrument:ArcOne",
        "keithley2400": "hil.simulators.instruments.keithley2400.instrument:Keithley2400",
        "keithley2450": "hil.simulators.instruments.keithley2450.instrument:Keithley2450",
        "keithley2636b": "hil.simulators.instruments.keithley2636b.instrument:Keithley2636B",
        "keithley4200": "hil.simulators.instruments.keithley4200.instrument:Keithley4200",
        "keithley707b": "hil.simulators.instruments.keithley707b.instrument:Keithley707B",
        "keysight33522b": "hil.simulators.instruments.keysight33522b.instrument:Keysight33522B",
        "keysight81160a": "hil.simulators.instruments.keysight81160a.instrument:Keysight81160A",
        "relaybox": "hil.simulators.instruments.relaybox.instrument:RelayBox",
    },
)
"""The types of virtual instruments by name; a package adds one with an entry point."""
