"""The error of an answer that is not what was asked for; each driver has its own grammar."""

from hil.errors import InstrumentError


def unexpected(text: str, command: str, wanted: str) -> InstrumentError:
    """Make the error that shows an answer which is not what was *wanted*."""
    shown = repr(text) if len(text) <= 200 else f"{text[:200]!r}... ({len(text)} characters)"
    to = f" to {command!r}" if command else ""
    return InstrumentError(f"the answer{to} is {shown}, not {wanted}")
