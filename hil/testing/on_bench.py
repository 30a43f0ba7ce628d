"""The bench contract on a person's own bench: what ``hil check --contract`` runs.

Each test opens the bench anew, held as a run holds it: guarded, and left at 0 V and off.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from os import devnull

import pytest

from hil.bench import Bench
from hil.errors import ConfigError
from hil.program import Program
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
        self.passed = 0
        self.stopped: KeyboardInterrupt | None = None

    @pytest.fixture
    def stated(self) -> "Stated":
        """Hand itself to the suite."""
        return self

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count what passed."""
        self.passed += report.when == "call" and report.passed

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Note that a person asked for an end, where it is not a plugin that did."""
        if isinstance(excinfo.value, KeyboardInterrupt):
            self.stopped = excinfo.value


class TestOnBench(BenchContract):
    """The contract on the stated bench."""

    @pytest.fixture
    def bench(self, stated: Stated) -> Iterator[Bench]:
        """Hold the bench open for one test."""
        self.resistance_ohm = stated.resistance_ohm
        self.tolerance = stated.tolerance
        with stated.held() as bench:
            yield bench


def contract_programs(bench: Bench) -> dict[str, Program]:
    """Build what the contract sends over and over: nothing else in it goes further."""
    contract = TestOnBench()
    return {"pulse": contract.a_pulse(bench), "read": contract.a_read(bench)}


def run_contract(stated: Stated) -> bool:
    """Run the contract; tells whether all of it held. What fails is printed.

    Raises
    ------
    KeyboardInterrupt
        If it was stopped; the bench is safe by then.
    ConfigError
        If pytest could not run it.
    """
    arguments = [
        "--pyargs", __name__, "-q", "--tb=short", "-c", devnull,
        "-p", "no:cacheprovider", "-p", "no:randomly",
    ]  # fmt: skip
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv("PYTEST_ADDOPTS", raising=False)  # a person's own are for other tests
        code = pytest.main(arguments, plugins=[stated])
    if stated.stopped is not None:
        raise stated.stopped
    if code == pytest.ExitCode.TESTS_FAILED:
        return False
    if code != pytest.ExitCode.OK or not stated.passed:
        name = code.name.replace("_", " ") if isinstance(code, pytest.ExitCode) else str(code)
        raise ConfigError(
            f"pytest did not run the contract (it ended with {name}, {stated.passed} tests "
            "passed); see what it says above and which of its plugins are installed"
        )
    return True
