"""Keithley 2400, or a 2450 in the language of one: a source meter."""

from hil.drivers.keithley2400.instrument import (
    STAYS_ON,
    Keithley2400,
    connected,
    reach,
    safe_messages,
)

__all__ = ["STAYS_ON", "Keithley2400", "connected", "reach", "safe_messages"]
