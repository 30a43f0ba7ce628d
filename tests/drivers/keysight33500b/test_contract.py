"""The contract of generators: on the virtual 33522B, or on a real one by --device-address."""

from tests.drivers.generator_lab import VirtualContract


class Test33500B(VirtualContract):
    """Channel 1."""

    model = "33500B"
