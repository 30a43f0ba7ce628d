"""Files that appear whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hil.errors import StoreError


def refuse_unwritable(path: Path) -> None:
    """Raise StoreError if a file cannot be written, before there is anything to lose."""
    with told(path):
        _part_of(path).unlink()


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a file beside *path* to write; it takes the place of *path* when all went well.

    Raises
    ------
    StoreError
        If that place cannot be written, or is no plain file.
    """
    with told(path):
        part = _part_of(path)
        try:
            yield part
            part.replace(path.resolve())
        finally:
            part.unlink(missing_ok=True)


def _part_of(path: Path) -> Path:
    """Make the file beside another; a link is followed."""
    target = path.resolve()
    if target.exists() and not target.is_file():
        raise StoreError(f"{path} is no plain file; name another one")
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    part.touch()
    return part


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn what the operating system says about a file into a sentence."""
    try:
        yield
    except StoreError:
        raise
    except OSError as error:
        raise StoreError(
            f"{path} cannot be written ({error.strerror or error}); look at the disk and at "
            "permissions"
        ) from error
