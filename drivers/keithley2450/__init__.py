"""Keithley 2450 in its own language: a source meter."""

from hil.drivers.keithley2450.instrument import (
    STAYS_ON,
    Keithley2450,
    connected,
    reach,
    safe_messages,
)

__all__ = ["STAYS_ON", "Keithley2450", "connected", "reach", "safe_messages"]
