"""What the commands share: where runs are, what is printed where, progress."""

import math
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from hil.bench import Bench
from hil.errors import ConfigError
from hil.keeper import Progress
from hil.limits import Cost
from hil.store import FILE, Header
from hil.units import format_quantity

RUNS = Path("runs")
"""Where runs are kept unless --out says otherwise."""


LONGEST_CAPTION = 110
"""Characters that fit above a picture in one line."""

SILENCE_S = 3.0
"""After so long without a first sign of progress a person is told what may be going on (s)."""

REDRAW_S = 0.1
"""Shortest time between two drawings of the line of progress (s)."""


class Console:
    """Prints for people; with --json people read standard error and programs standard output."""

    def __init__(self, json: bool) -> None:
        self.json = json

    def line(self, text: str = "") -> None:
        """Print a line for people."""
        click.echo(text, err=self.json)

    def result(self, figures: dict[str, Any]) -> None:
        """Print the one JSON object, where it is asked for."""
        if self.json:
            import msgspec

            click.echo(msgspec.json.encode(figures).decode())

    @contextmanager
    def progress(self, of: str = "points") -> Iterator["ProgressLine"]:
        """Show a line of progress *of* something that is written over, on a terminal only."""
        stream = sys.stderr if self.json else sys.stdout
        why = (
            "compiling, once on this machine for each kind of device, up to half a minute; or in "
            "a long first batch"
        )
        silent = threading.Timer(SILENCE_S, self.line, [why])
        silent.daemon = True
        line = ProgressLine(stream.isatty(), silent.cancel, of)
        if stream.isatty():
            silent.start()
        try:
            yield line
        finally:
            silent.cancel()
            line.finish()


class ProgressLine:
    """Done, rate, an honest time left, and what the last records show."""

    def __init__(self, shown: bool, begun: Callable[[], None], of: str) -> None:
        self._shown = shown
        self._of = of
        self.begin = begun
        self._bar: Any = None
        self._task: Any = None
        self._first: tuple[float, int] | None = None
        self._drawn_s = -REDRAW_S

    def __call__(self, progress: Progress) -> None:
        """Take in what is on disk."""
        self.begin()
        now_s = time.monotonic()
        due = now_s - self._drawn_s >= REDRAW_S or progress.done == progress.total
        if not self._shown or not due:
            return
        self._drawn_s = now_s
        if self._bar is None:
            self._start(progress)
            self._first = (now_s, progress.done)
        first_s, first_done = self._first or (now_s, progress.done)
        rate = (progress.done - first_done) / (now_s - first_s) if now_s > first_s else 0.0
        left = f"{_duration((progress.total - progress.done) / rate)} left" if rate else ""
        self._bar.update(
            self._task,
            completed=progress.done,
            count=f"{progress.done:,} of {progress.total:,}",
            rate=self._written(rate) if rate else "",
            left=left,
            glance=progress.glance,
        )
        self._bar.refresh()

    def _written(self, rate: float) -> str:
        return f"{rate:,.0f} {self._of}/s" if rate >= 1 else f"{60 * rate:,.1f} {self._of}/min"

    def finish(self) -> None:
        """Leave the line as it is."""
        if self._bar is not None:
            self._bar.stop()

    def _start(self, progress: Progress) -> None:
        from rich.console import Console as RichConsole
        from rich.progress import BarColumn, TextColumn
        from rich.progress import Progress as Bar

        texts = [
            TextColumn(f"{{task.fields[{name}]}}") for name in ("count", "rate", "left", "glance")
        ]
        console = RichConsole(file=sys.stdout if sys.stdout.isatty() else sys.stderr)
        self._bar = Bar(BarColumn(25), *texts, auto_refresh=False, console=console)
        self._task = self._bar.add_task(
            "", total=progress.total, count="", rate="", left="", glance=""
        )
        self._bar.start()


def worst_case(cost: Cost) -> str:
    """Say what a program could do to a cell at worst."""
    levels = f"worst case at the cell: {cost.positive_v:+.4g} V / {cost.negative_v:+.4g} V"
    if math.isinf(cost.current_a):
        return f"{levels}, no bound on current and energy"
    energy_j = float(cost.stress["energy_j"].max())
    current, energy = format_quantity(cost.current_a, "A", 3), format_quantity(energy_j, "J", 3)
    return f"{levels}, {current}, {energy}"


def show_cost(console: Console, name: str, cost: Cost, more: str = "") -> None:
    """Show what a program could do at worst, and what the bench will not do as it says."""
    console.line(f"{name:<8} {worst_case(cost)}{more}")
    for note in cost.notes:
        console.line(f"{'':<8} {note}")


def show_bench(console: Console, bench: Bench, title: str) -> None:
    """Say what is measured on, and with what."""
    cells = f"{len(bench.cells)} cell{'s' if len(bench.cells) > 1 else ''}"
    device = f", {bench.sample.device}" if bench.sample.device else ""
    console.line(f"bench    {bench.name}  ({bench.kind}: {title}; {cells}{device})")


def confirm(console: Console, bench: Bench, *, yes: bool) -> None:
    """Ask before anything is sent to real instruments, unless the answer was given."""
    if bench.kind == "hardware" and not yes:
        what = bench.sample.device or "an unnamed sample"
        try:
            answer = click.confirm(f"measure {what} now?", err=console.json)
        except click.Abort:
            if sys.stdin is not None and sys.stdin.isatty():
                raise
            raise ConfigError("nobody is there to say yes; in a script add --yes") from None
        if not answer:
            raise click.Abort


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def find_run(name: str, out: Path = RUNS) -> Path:
    """Find a run by its folder, its name, the beginning of its name, or as the last one.

    Raises
    ------
    ConfigError
        If there is none, or more than one.
    """
    if (Path(name) / FILE).is_file() or Path(name).is_dir():
        return Path(name)
    folders = sorted(path.parent for path in out.glob(f"*/{FILE}"))
    if name == "last" and folders:
        return folders[-1]
    fitting = [folder for folder in folders if folder.name.startswith(name)]
    if len(fitting) == 1 or name in [folder.name for folder in fitting]:
        return fitting[0]
    what = "no run" if not fitting else f"{len(fitting)} runs"
    raise ConfigError(f"there is {what} {name!r} in {out}; hil runs lists them")


def caption_of(header: Header, folder: Path) -> str:
    """Say where a picture's data come from, in one line or, where that gets long, two."""
    sample = header.device or header.bench_file.get("title") or header.bench
    simulated = "" if header.kind == "hardware" else "SIMULATED, "
    origin = f"{simulated}{header.kind} bench {header.bench}, seed {header.seed}"
    between = "   |   " if len(f"{sample}{origin}{folder.name}") < LONGEST_CAPTION else "\n"
    return f"{sample}{between}{origin}   |   {folder.name}"
