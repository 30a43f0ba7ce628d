"""The bench contract on a person's own bench: what ``hil check --contract`` runs.

Each test opens the bench anew, held as a run holds it: guarded, and left at 0 V and off.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from os import devnull

from hil.bench import Bench
from hil.errors import MissingExtra

try:
    import pytest
except ImportError as error:
    raise MissingExtra(
        "the contract is a pytest suite, which the extra test installs: python -m pip install "
        '-e ".[test]"'
    ) from error

from hil.testing.bench_contract import BenchContract


class Stated:
    """The bench under test and the resistor on it, brought to the suite as a pytest plugin.

    Parameters
    ----------
    held : callable
        Gives the bench, held open, for one test.
    resistance_ohm, tolerance : float
        What is at every cell (ohm), and how well the bench measures it (relative).
    """

    def __init__(
        self,
        held: Callable[[], AbstractContextManager[Bench]],
        resistance_ohm: float,
        tolerance: float,
    ) -> None:
        self.held = held
        self.resistance_ohm = resistance_ohm
        self.tolerance = tolerance

    @pytest.fixture
    def stated(self) -> "Stated":
        """Hand itself to the suite."""
        return self


class TestOnBench(BenchContract):
    """The contract on the stated bench."""

    @pytest.fixture
    def bench(self, stated: Stated) -> Iterator[Bench]:
        """Hold the bench open for one test."""
        self.resistance_ohm = stated.resistance_ohm
        self.tolerance = stated.tolerance
        with stated.held() as bench:
            yield bench


def run_contract(stated: Stated) -> bool:
    """Run the contract; tells whether all of it held. What fails is printed."""
    arguments = [
        "--pyargs", __name__, "-q", "--tb=short", "-c", devnull,
        "-p", "no:cacheprovider", "-p", "no:randomly",
    ]  # fmt: skip
    return pytest.main(arguments, plugins=[stated]) == pytest.ExitCode.OK
