"""A session with one instrument: bytes out, bytes in, one owner, exact numbers, strict answers."""

from hil.drivers.session.session import Session

__all__ = ["Session"]
