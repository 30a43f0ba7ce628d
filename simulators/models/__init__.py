"""Device models: one a file, behind the interface in `model`."""

from hil.simulators.models.files import get_model

__all__ = ["get_model"]
