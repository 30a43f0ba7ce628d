"""The relay box on a virtual one, through a real socket; or with --device-address."""

from tests.drivers import switch_lab


class TestContract(switch_lab.VirtualContract):
    """With three paths."""


class TestMishaps(switch_lab.Mishaps):
    """On its line and of its relays."""
