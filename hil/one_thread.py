"""Linear algebra on one thread, where matrices are too small for more."""

import functools
import threading
from collections.abc import Callable
from typing import Any, TypeVar, cast

_ALONE = threading.RLock()
_Call = TypeVar("_Call", bound=Callable[..., Any])


def one_thread(call: _Call) -> _Call:
    """Decorate what keeps to one thread in its linear algebra.

    Matrices of some hundred lines are too small for more: threads that wait for each other cost
    up to five times what they save. The limit is the whole process's, so one call at a time has
    it: else what one of them puts back is what another has set.
    """

    @functools.wraps(call)
    def alone(*args: Any, **kwargs: Any) -> Any:
        with _ALONE, _libraries().limit(limits=1, user_api="blas"):
            return call(*args, **kwargs)

    return cast("_Call", alone)


@functools.cache
def _libraries() -> Any:
    """Find the libraries with threads; those of scipy are there only when it is."""
    import scipy.linalg.blas  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
