"""Random numbers by name, against NumPy's own Philox."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil import draws

words = st.integers(0, 2**64 - 1)


@given(key=words, stream=words, count=st.integers(1, 2**64 - 1))
def test_philox_is_numpys(key: int, stream: int, count: int) -> None:
    """NumPy's generator counts up before it draws, so it starts one below."""
    counter = np.array([count - 1, 0, 0, 0], np.uint64)
    theirs = np.random.Philox(counter=counter, key=np.array([key, stream], np.uint64)).random_raw(
        2
    )
    ours = draws.philox(np.uint64(key), np.uint64(stream), np.uint64(count))
    assert [int(word) for word in ours] == theirs.tolist()


def _many(function: Callable[..., np.ndarray], count: int = 200_000) -> np.ndarray:
    keys = np.array([12345], np.uint64)
    counts = np.arange(count, dtype=np.uint64)[:, None]
    return np.asarray(function(keys, np.uint64(7), counts)[:, 0])


def test_uniform_numbers_are_uniform() -> None:
    from scipy.stats import kstest

    numbers = _many(draws.uniforms)
    assert numbers.min() >= 0
    assert numbers.max() < 1
    assert kstest(numbers, "uniform").pvalue > 1e-3


def test_normal_numbers_are_normal() -> None:
    from scipy.stats import kstest

    numbers = _many(draws.normals)
    assert np.isfinite(numbers).all()
    assert kstest(numbers, "norm").pvalue > 1e-3


def test_keys_and_streams_give_unrelated_numbers() -> None:
    keys = np.arange(2000, dtype=np.uint64)
    counts = np.zeros((1, 2000), np.uint64)
    one = draws.normals(keys, np.uint64(1), counts)[0]
    other = draws.normals(keys, np.uint64(2), counts)[0]
    assert abs(np.corrcoef(one, other)[0, 1]) < 4 / np.sqrt(2000)
    assert abs(np.corrcoef(one[:-1], one[1:])[0, 1]) < 4 / np.sqrt(2000)


@pytest.mark.parametrize("name", ["uniforms", "normals"])
def test_a_number_does_not_depend_on_what_is_drawn_with_it(name: str) -> None:
    function = getattr(draws, name)
    keys = np.arange(5, dtype=np.uint64)
    counts = np.arange(15, dtype=np.uint64).reshape(3, 5)
    together = function(keys, np.uint64(1), counts)
    alone = function(keys[3:4], np.uint64(1), counts[2:3, 3:4].copy())
    assert together[2, 3] == alone[0, 0]
