"""One pulse is protected as a run is: booked, guarded, asked for, stopped safely, alone."""

import re
import signal
import sqlite3
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar

import pytest

from hil import hold
from hil.bench import Bench
from hil.catalog import BENCH_KINDS
from hil.config import shipped_benches
from hil.errors import CellFault
from hil.guard import Guard
from hil.samples import FILE
from hil.simulators.physics_bench import PhysicsBench
from hil.simulators.physics_file import PhysicsFile
from hil.store import RunRecord

TIOX = shipped_benches()["tiox"].read_text(encoding="utf-8")
PULSE = ("pulse", "--voltage=1.5V", "--high=500ns", "--seed=1")
READ = ("read", "--seed=1")
RUN = ("run", "jump-table", "--set=points=3", "--seed=1")
NOTE = "the guard did not make every instrument safe; see guard.log"


class Lab(PhysicsBench):
    """A simulated bench that says it is a real one, and notes what is done to it."""

    kind = "hardware"
    can_snapshot: ClassVar[bool] = False
    calls: ClassVar[list[str]] = []
    when_sent: ClassVar[Callable[[], object]] = lambda: None

    def _open(self) -> None:
        self.calls.append("open")

    def _apply(self, *arguments: Any) -> Any:
        self.calls.append("send")
        type(self).when_sent()
        return super()._apply(*arguments)

    def _make_safe(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.raise_signal(number)
        self.calls.append("safe")

    def _close(self) -> None:
        self.calls.append("close")


class LabFile(PhysicsFile, kw_only=True):
    """The file of such a bench."""

    def build(self, name: str, seed: int, lab: object = None) -> Bench:
        """Make the bench."""
        bench = super().build(name, seed)
        bench.__class__ = Lab
        return bench


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Write a bench file of a kind that counts as hardware; no signal ends the tests."""
    monkeypatch.setitem(sys.modules, "lab_of_the_test", types.SimpleNamespace(LabFile=LabFile))
    monkeypatch.setitem(BENCH_KINDS.shipped, "lab", "lab_of_the_test:LabFile")
    text = TIOX.replace('"physics"', '"lab"', 1)
    (tmp_path / "lab.toml").write_text(text, encoding="utf-8")
    Lab.calls.clear()
    before = {
        number: signal.signal(number, lambda *_: Lab.calls.append("unheeded"))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    yield "--bench=lab.toml"
    for number, handler in before.items():
        signal.signal(number, handler)


def booked(runs: Path) -> dict[str, int]:
    with closing(sqlite3.connect(runs / FILE)) as db:
        return dict(db.execute("SELECT run, sum(pulses) FROM stress GROUP BY run"))


def is_one_sentence(told: Any, *words: str) -> None:
    assert told.code == 1
    assert re.fullmatch(r"hil: [^\n]+\n", told.err), told.err
    for word in words:
        assert word in told.err


@pytest.mark.parametrize("kind", ["physics", "hardware"])
def test_each_pulse_on_a_named_device_is_booked_and_its_budget_holds(
    hil: Callable[..., Any], tmp_path: Path, lab: str, kind: str
) -> None:
    bench = lab if kind == "hardware" else "--bench=tiox.toml"
    for name, text in (("tiox", TIOX), ("lab", (tmp_path / "lab.toml").read_text())):
        (tmp_path / f"{name}.toml").write_text(f"{text}\n[limits.budget]\npulses = 2\n")
    command = (*PULSE, bench, "--device=W3/D14", "--out=there", "--yes")
    for _ in range(2):
        assert hil(*command).code == 0
    is_one_sentence(hil(*command), "budget of 2 pulses")
    assert hil(*READ, *command[4:]).code == 0
    shares = booked(tmp_path / "there")
    assert sorted(shares.values()) == [0, 1, 1], "nothing has overwritten another one's share"
    names = [re.sub(r"^\d{4}-\d\d-\d\d_\d{6}\.\d{6}_", "", name) for name in shares]
    assert sorted(names) == ["pulse", "pulse", "read"]
    assert not (tmp_path / "runs").exists()


def test_a_pulse_on_a_simulated_device_without_a_name_leaves_nothing(
    hil: Callable[..., Any], tmp_path: Path
) -> None:
    assert hil(*PULSE, "--bench=tiox").code == 0
    assert list(tmp_path.iterdir()) == []


def test_a_pulse_is_on_disk_before_it_is_sent(
    hil: Callable[..., Any], tmp_path: Path, lab: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    known: list[int] = []
    monkeypatch.setattr(Lab, "when_sent", lambda: known.extend(booked(tmp_path / "runs").values()))
    assert hil(*PULSE, lab, "--device=W1", "--yes").code == 0
    assert known == [1]


@pytest.mark.parametrize("command", [PULSE, READ], ids=["pulse", "read"])
def test_on_hardware_the_worst_case_is_shown_and_nothing_is_sent_without_a_yes(
    hil: Callable[..., Any],
    tmp_path: Path,
    lab: str,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
) -> None:
    asked: list[str] = []

    def refuse(text: str) -> str:
        asked.append(text)
        return "n"

    monkeypatch.setattr("click.termui.visible_prompt_func", refuse)
    told = hil(*command, lab, "--device=W3/D14")
    assert told.code == 130
    assert "measure W3/D14 now?" in asked[0]
    volts = "+1.5 V" if command is PULSE else "+0.1 V"
    assert f"worst case at the cell: {volts} / " in told.out
    assert "W3/D14" in told.out
    assert Lab.calls == []
    assert [path.name for path in tmp_path.iterdir()] == ["lab.toml"]
    assert hil(*command, lab, "--device=W3/D14", "--yes").code == 0
    assert Lab.calls == ["open", "send", "safe", "close"]


@pytest.mark.parametrize("command", [RUN, PULSE, READ], ids=["run", "pulse", "read"])
@pytest.mark.usefixtures("no_pictures")
def test_the_guard_comes_before_the_bench_and_goes_after_it(
    hil: Callable[..., Any],
    tmp_path: Path,
    lab: str,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
) -> None:
    """On the way out signals are unheard from before the bench is made safe until it is closed."""

    class Noted(Guard):
        def protect(self, *arguments: Any) -> None:
            super().protect(*arguments)
            Lab.calls.append("guarded")

        def release(self) -> None:
            super().release()
            Lab.calls.append("released")

    monkeypatch.setattr(hold, "Guard", Noted)
    told = hil(*command, lab, "--yes", "--out=there")
    assert (told.code, told.err) == (0, "")
    assert Lab.calls[:3] == ["guarded", "open", "send"]
    assert Lab.calls[-4:] == ["send", "safe", "close", "released"]
    (log,) = (tmp_path / "there").rglob("guard.log")
    assert (log.parent == tmp_path / "there") == (command is not RUN)


@pytest.mark.parametrize("command", [PULSE, READ], ids=["pulse", "read"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_while_a_pulse_is_sent_leaves_the_bench_safe(
    hil: Callable[..., Any],
    lab: str,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
    number: signal.Signals,
) -> None:
    monkeypatch.setattr(Lab, "when_sent", lambda: signal.raise_signal(number))
    told = hil(*command, lab, "--yes")
    assert told.code == 130
    assert told.err.strip() == "hil: stopped"
    assert Lab.calls == ["open", "send", "safe", "close"]


@pytest.mark.parametrize("command", [RUN, PULSE], ids=["run", "pulse"])
@pytest.mark.parametrize("error", [KeyboardInterrupt(), CellFault("cell 0 is open")], ids=repr)
@pytest.mark.usefixtures("no_pictures")
def test_what_the_guard_could_not_reach_is_told_and_kept(
    hil: Callable[..., Any],
    tmp_path: Path,
    lab: str,
    monkeypatch: pytest.MonkeyPatch,
    command: tuple[str, ...],
    error: BaseException,
) -> None:
    def fail() -> None:
        raise type(error)(*error.args)

    def hand_over(self: Guard, error: BaseException) -> None:
        self.release()
        error.add_note(NOTE)

    monkeypatch.setattr(Guard, "_hand_over", hand_over)
    monkeypatch.setattr(Lab, "when_sent", fail)
    told = hil(*command, lab, "--yes")
    assert told.code == (1 if isinstance(error, CellFault) else 130)
    assert told.err.splitlines().count(f"hil: {NOTE}") == 1
    assert ("hil: cell 0 is open\n" in told.err) == isinstance(error, CellFault)
    if command is RUN:
        (folder,) = (path for path in (tmp_path / "runs").iterdir() if path.is_dir())
        with RunRecord(folder) as record:
            assert [e.detail for e in record.events() if e.what == "warning"] == [NOTE]
            assert record.status in ("failed", "interrupted")


BLOCKED = """
import threading
from hil.simulators.physics_bench import PhysicsBench
def block(*_):
    print("sending", flush=True)
    threading.Event().wait()
PhysicsBench._apply = block
from hil.cli.main import main
main()
"""


@pytest.mark.usefixtures("no_pictures")
def test_a_named_device_is_measured_by_one_process_at_a_time_until_that_dies(
    hil: Callable[..., Any], launch: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    named = ("--bench=tiox", "--device=W3/D14/R2C5")
    assert hil(*RUN, *named).code == 0
    (first,) = (path for path in runs.iterdir() if path.is_dir())
    for command in (RUN, PULSE):
        owner = launch(*command, *named, code=BLOCKED)
        assert owner.stdout is not None
        assert "sending\n" in iter(owner.stdout.readline, ""), "it has begun"
        there = {path for path in runs.iterdir() if path.is_dir()}
        for second in (RUN, PULSE, READ):
            told = hil(*second, *named)
            assert told.code == 1
            assert told.err.count("\n") == 1
            assert "another process is measuring W3/D14/R2C5 (physics)" in told.err
        is_one_sentence(hil("resume", first), "another process is measuring")
        assert {path for path in runs.iterdir() if path.is_dir()} == there
        with RunRecord(first) as record:
            assert record.status == "finished", "the run that was refused is as it was"
        assert hil(*RUN, *named, "--dry-run").code == 0
        assert hil(*PULSE, "--bench=tiox", "--device=W3/D14/R2C6").code == 0
        owner.kill()
        owner.wait()
        assert hil(*PULSE, *named).code == 0
