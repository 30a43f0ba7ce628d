"""The stress of a named sample adds up over its runs, and its budget holds over all of them."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hil import keeper, runner
from hil.bench import Bench
from hil.catalog import PROTOCOLS
from hil.config import NamedBench, find_bench, shipped_benches
from hil.errors import StoreError
from hil.limits import STRESS
from hil.samples import FILE, SampleLog
from hil.simulators.physics_bench import PhysicsBench
from hil.store import RunRecord

RUN = ("run", "jump-table", "--bench=tiox", "--set=points=3")
pytestmark = pytest.mark.usefixtures("no_pictures")


def stress(pulses: int, highest_v: float = 1.0, lowest_v: float = -1.0) -> np.ndarray:
    one = (pulses, 0.1 * pulses, 0.2 * pulses, 1e-9 * pulses, highest_v, lowest_v, 3 * pulses)
    return np.array([one, one], STRESS)


def log(folder: Path, run: str, device: str = "W1", kind: str = "physics") -> SampleLog:
    return SampleLog(folder, kind, device, run)


def pulses_in(folder: Path) -> int:
    """Count the pulses beyond the read limits in a run's records."""
    with RunRecord(folder) as record:
        return int((record.table()["kind"] != "look").sum())


def logged(folder: Path) -> dict[str, int]:
    """Read the pulses that are booked, by run."""
    with closing(sqlite3.connect(folder / FILE)) as db:
        return dict(db.execute("SELECT run, sum(pulses) FROM stress GROUP BY run"))


def test_another_run_finds_the_sum_of_all_before_it_and_both_extremes(tmp_path: Path) -> None:
    with log(tmp_path, "a") as first, log(tmp_path, "b") as second, log(tmp_path, "c") as third:
        first.write(stress(5, highest_v=1.8, lowest_v=-0.5))
        second.write(stress(7, highest_v=1.2, lowest_v=-1.5))
        total = third.earlier(2)
    assert total["pulses"].tolist() == [12, 12]
    assert total["bias_vs"] == pytest.approx(1.2)
    assert total["bias_s"] == pytest.approx(2.4)
    assert total["energy_j"] == pytest.approx(12e-9)
    assert total["highest_v"].tolist() == [1.8, 1.8]
    assert total["lowest_v"].tolist() == [-1.5, -1.5]


def test_writing_a_share_again_replaces_it(tmp_path: Path) -> None:
    with log(tmp_path, "a") as first, log(tmp_path, "b") as second:
        first.write(stress(5))
        first.write(stress(5))
        first.write(stress(6))
        assert second.earlier(2)["pulses"].tolist() == [6, 6]
        assert first.earlier(2)["pulses"].tolist() == [0, 0]
        assert first.own(2)["pulses"].tolist() == [6, 6]


def test_only_the_cells_with_new_stress_are_written(tmp_path: Path) -> None:
    share = stress(5)
    with log(tmp_path, "a") as first:
        first.write(share)
        written = first._db.total_changes
        first.write(share)
        assert first._db.total_changes == written
        share[1] = stress(6)[1]
        first.write(share)
        assert first._db.total_changes == written + 1
        assert first.own(2).tolist() == share.tolist()
    with log(tmp_path, "a") as again:
        written = again._db.total_changes
        again.write(share)
        assert again._db.total_changes == written
        again.write(stress(7))
        assert again.own(2).tolist() == stress(7).tolist()


class Interrupted:
    """A database whose writing ends with Ctrl-C, once."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db
        self.done = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.db, name)

    def executemany(self, *arguments: Any) -> None:
        self.db.executemany(*arguments)
        if not self.done:
            self.done = True
            raise KeyboardInterrupt


def test_a_stop_while_stress_is_written_keeps_nothing_of_it_and_locks_nobody_out(
    tmp_path: Path,
) -> None:
    with log(tmp_path, "a") as first, log(tmp_path, "b") as second:
        second._db.execute("PRAGMA busy_timeout = 0")
        first.write(stress(1))
        first._db = Interrupted(first._db)  # type: ignore[assignment]
        with pytest.raises(KeyboardInterrupt):
            first.write(stress(2))
        assert first.own(2)["pulses"].tolist() == [1, 1]
        second.write(stress(10))
        first.write(stress(2))
        assert second.earlier(2)["pulses"].tolist() == [2, 2]


def test_stress_is_not_waited_for_longer_than_the_death_of_the_process_asks(
    tmp_path: Path,
) -> None:
    with log(tmp_path, "a") as first:
        assert first._db.execute("PRAGMA synchronous").fetchone() == (1,)


def test_a_sample_log_on_a_network_share_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hil.share._network_kind", lambda _: "nfs")
    with pytest.raises(StoreError, match="network share"):
        log(tmp_path, "a")


def test_simulated_and_real_samples_of_one_name_are_kept_apart(tmp_path: Path) -> None:
    with (
        log(tmp_path, "a", kind="physics") as simulated,
        log(tmp_path, "b", kind="hardware") as real,
        log(tmp_path, "c", kind="hardware", device="W2") as other,
        log(tmp_path, "d", kind="hardware") as again,
    ):
        simulated.write(stress(1000))
        other.write(stress(100))
        real.write(stress(3))
        assert again.earlier(2)["pulses"].tolist() == [3, 3]


def test_a_sample_log_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no database, though long enough to be one" * 50)
    with pytest.raises(StoreError, match=FILE):
        log(tmp_path, "a")


def test_each_run_of_a_named_device_books_its_own_pulses(
    hil: Callable[..., Any], tmp_path: Path
) -> None:
    for seed in (1, 2):
        assert hil(*RUN, "--device=W3/D14/R2C5", f"--seed={seed}").code == 0
    assert hil(*RUN, "--seed=3").code == 0, "without a name nothing is booked"
    folders = [path for path in (tmp_path / "runs").iterdir() if path.is_dir()]
    assert len(folders) == 3
    booked = logged(tmp_path / "runs")
    assert len(booked) == 2
    assert booked == {name: pulses_in(tmp_path / "runs" / name) for name in booked}


def test_a_stopped_and_resumed_run_books_every_pulse_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    booked = []
    for can_snapshot in (True, False):

        class Sample(PhysicsBench):
            pass

        monkeypatch.setattr(Sample, "can_snapshot", can_snapshot)
        folder = tmp_path / str(can_snapshot) / "run"
        stopped = _stopped_and_resumed(folder, Sample, monkeypatch)
        assert stopped < pulses_in(folder)
        assert logged(folder.parent) == {"run": pulses_in(folder)}
        booked.append(pulses_in(folder))
    assert min(booked) > 24


def _stopped_and_resumed(
    folder: Path, kind: type[PhysicsBench], monkeypatch: pytest.MonkeyPatch
) -> int:
    """Run with a stop after some commits; returns the pulses until then."""
    named = find_bench("tiox", {"sample.device": "W1"})
    build = NamedBench.build

    def built(self: NamedBench, seed: int, *options: Any, **more: Any) -> Bench:
        bench = build(self, seed, *options, **more)
        bench.__class__ = kind
        return bench

    def stop(progress: keeper.Progress) -> None:
        if progress.done >= 10:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(NamedBench, "build", built)
        patched.setattr(keeper, "COMMIT_S", 0.0)
        protocol = PROTOCOLS.load("jump-table")(points=3)
        outcome = runner.start(
            "jump-table", protocol, named, named.build(1), seed=1, folder=folder, report=stop
        )
        assert not outcome.finished
        stopped = pulses_in(folder)
        assert runner.resume(folder).finished
    return stopped


def test_a_budget_holds_over_all_runs_of_a_sample(hil: Callable[..., Any], tmp_path: Path) -> None:
    text = shipped_benches()["tiox"].read_text(encoding="utf-8")
    (tmp_path / "lab.toml").write_text(f"{text}\n[limits.budget]\npulses = 60\n")
    command = (*RUN, "--bench=lab.toml", "--device=W1")
    codes = []
    for seed in range(4):
        told = hil(*command, f"--seed={seed}")
        codes.append(told.code)
        if told.code:
            assert told.err.count("\n") == 1
            assert "budget of 60 pulses" in told.err
            assert "another cell" in told.err
    assert codes[0] == 0, "the first run of about 30 pulses is within the budget"
    assert codes[-1] == 1
    assert sum(logged(tmp_path / "runs").values()) <= 60
    assert hil(*RUN, "--bench=lab.toml", "--device=W2", "--seed=0").code == 0


def test_a_budget_below_zero_is_refused(hil: Callable[..., Any]) -> None:
    told = hil(*RUN, "--set=bench.limits.budget.pulses=-1")
    assert told.code == 1
    assert "limits.budget.pulses" in told.err
    assert ">= 0" in told.err


def test_a_file_from_before_there_were_arrays_is_read_on(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / FILE) as old:
        old.execute(
            "CREATE TABLE stress (kind TEXT, device TEXT, run TEXT, cell INTEGER, pulses NOT NULL,"
            " bias_vs NOT NULL, bias_s NOT NULL, energy_j NOT NULL, highest_v NOT NULL, "
            "lowest_v NOT NULL, PRIMARY KEY (kind, device, run, cell))"
        )
        old.execute("INSERT INTO stress VALUES ('physics', 'W1', 'old', 0, 7, 1, 1, 1, 1.5, 0)")
    old.close()
    with log(tmp_path, "a") as first:
        first.write(stress(5))
        assert first.earlier(2)[["pulses", "disturbs"]].tolist() == [(7, 0), (0, 0)]
        assert first.own(2)["disturbs"].tolist() == [15, 15]
