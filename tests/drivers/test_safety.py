"""What is made safe when something fails, and what is told of it."""

import pytest

from hil.drivers.safety import failures_of, safe_if_it_fails
from hil.errors import InstrumentError


def sticks() -> None:
    raise InstrumentError("it sticks")


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_it_is_made_safe_before_any_error_goes_on(error: type[BaseException]) -> None:
    done: list[str] = []
    with pytest.raises(error) as caught, safe_if_it_fails(lambda: done.append("safe")):
        raise error
    assert done == ["safe"]
    assert not hasattr(caught.value, "__notes__")


def test_what_could_not_be_made_safe_is_noted_on_the_error() -> None:
    with pytest.raises(ValueError, match="first") as caught, safe_if_it_fails(sticks):
        raise ValueError("first")
    assert caught.value.__notes__ == ["and it could not be made safe: it sticks"]


def test_nothing_is_made_safe_where_nothing_fails() -> None:
    with safe_if_it_fails(sticks):
        pass


def test_every_act_is_tried_whatever_became_of_the_others() -> None:
    done: list[int] = []
    failed = failures_of(sticks, lambda: done.append(1), sticks, lambda: done.append(2))
    assert done == [1, 2]
    assert [str(error) for error in failed] == ["it sticks", "it sticks"]
