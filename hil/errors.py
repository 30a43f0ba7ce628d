"""What can go wrong, as one small tree.

Each error is the project's own and the closest built-in, to be caught by project or by kind::

    HilError
    ├── LimitExceeded   (ValueError)           a program asks for more than the limits allow
    ├── NotSupported    (NotImplementedError)  a protocol asks for what this bench cannot do
    ├── ConfigError     (ValueError)           a bench file, model file or parameter is wrong
    ├── StoreError      (OSError)              a run folder cannot be written, read or locked
    ├── InstrumentError (RuntimeError)         an instrument is not there, or answers wrongly
    │   └── SessionTimeout (TimeoutError)      it did not answer in time
    ├── CellFault       (RuntimeError)         a cell is stuck, open, shorted or not formed
    ├── GuardError      (RuntimeError)         the process that makes a bench safe is not there
    └── MissingExtra    (ImportError)          a command needs an extra that is not installed

A message is one sentence that says what, where and what to do.
"""

WIRE_NOTE = "wire: "
"""Begins a note that shows bytes."""


class HilError(Exception):
    """Base of every error of this project."""


def notes_of(error: BaseException | None) -> tuple[str, ...]:
    """Collect what was noted for people on an error and on those that it came from, in order.

    The guard notes there that an instrument could not be made safe. What a session notes of its
    wire is for a traceback only.
    """
    if error is None:
        return ()
    context = None if error.__suppress_context__ else error.__context__
    earlier = notes_of(error.__cause__ or context)
    own = [note for note in getattr(error, "__notes__", ()) if not note.startswith(WIRE_NOTE)]
    return (*earlier, *own)


class LimitExceeded(HilError, ValueError):
    """A program asks for more than the limits of the bench allow; nothing was sent."""


class NotSupported(HilError, NotImplementedError):
    """A program or protocol asks for what this bench cannot do; nothing was sent."""


class ConfigError(HilError, ValueError):
    """A bench file, a model file, a name or a parameter is wrong."""


class StoreError(HilError, OSError):
    """A run folder cannot be written, read or locked."""


class InstrumentError(HilError, RuntimeError):
    """An instrument is not there, refuses what it was asked, or answers what cannot be."""


class SessionTimeout(InstrumentError, TimeoutError):
    """An instrument did not answer in time."""


class CellFault(HilError, RuntimeError):
    """A cell is stuck, open, shorted or not formed."""


class GuardError(HilError, RuntimeError):
    """The process that makes a bench safe when its owner is gone is not there."""


class MissingExtra(HilError, ImportError):
    """A command needs an extra that is not installed."""
