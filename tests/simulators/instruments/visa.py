"""Somebody else's client: pyvisa-py, over whatever transport."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pyvisa


@contextmanager
def opened(address: str, end: str = "\0", timeout_s: float = 10.0) -> Iterator[Any]:
    """Open an address with pyvisa-py; the terminators are the echo's."""
    manager = pyvisa.ResourceManager("@py")
    resource: Any = manager.open_resource(address)
    resource.timeout = round(timeout_s * 1e3)
    resource.read_termination = resource.write_termination = end
    try:
        yield resource
    finally:
        resource.close()
        manager.close()
