"""Virtual generators, as fixtures."""

from tests.drivers.generator_lab import at, lab_of

__all__ = ["at", "lab_of"]
