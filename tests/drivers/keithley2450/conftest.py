"""A virtual source meter, as a fixture."""

from tests.drivers.meter_lab import lab

__all__ = ["lab"]
