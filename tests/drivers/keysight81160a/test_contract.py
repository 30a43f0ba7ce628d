"""The contract of generators: on the virtual 81160A, or on a real one by --device-address."""

from tests.drivers.generator_lab import VirtualContract


class Test81160A(VirtualContract):
    """Channel 1."""

    model = "81160A"
