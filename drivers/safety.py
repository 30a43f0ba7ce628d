"""The way out when something fails: make safe first, then tell what went wrong."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from hil.errors import HilError


@contextmanager
def safe_if_it_fails(make_safe: Callable[[], None]) -> Iterator[None]:
    """Make safe on any error from inside, Ctrl-C included, which then goes on.

    Where that fails too, a note of the error says so.
    """
    try:
        yield
    except BaseException as error:
        try:
            make_safe()
        except HilError as unsafe:
            error.add_note(f"and it could not be made safe: {unsafe}")
        raise


def failures_of(*acts: Callable[[], object]) -> list[HilError]:
    """Try every act, whatever became of the others, and give the errors of those that failed."""
    failed: list[HilError] = []
    for act in acts:
        try:
            act()
        except HilError as error:
            failed.append(error)
    return failed
