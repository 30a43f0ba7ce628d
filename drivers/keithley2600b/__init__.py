"""Keithley 2600B: source meters of one or two channels that are scripted in TSP."""

from hil.drivers.keithley2600b.channel import STAYS_ON, safe_messages
from hil.drivers.keithley2600b.instrument import connected, unit_at
from hil.drivers.keithley2600b.models import reach

__all__ = ["STAYS_ON", "connected", "reach", "safe_messages", "unit_at"]
