"""What all tests share: the command line, in this process and in one of its own.

Random examples are the same each time, and have time for a first compile.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import settings

import hil as package
from hil.catalog import PROTOCOLS
from hil.cli.main import main

ROOT = Path(package.__file__).resolve().parent.parent
PATIENCE_S = 50.0

# a shell starts what it puts in the background deaf to Ctrl-C, and children inherit that
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("hil", deadline=None, derandomize=True)
settings.load_profile("hil")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the contract of a driver run on a real instrument."""
    parser.addoption("--device-address", help="VISA address of an instrument that is really there")


class Told(NamedTuple):
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


@pytest.fixture
def hil(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Told]:
    """Give a command to ``hil`` in this process, in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)

    def tell(*arguments: object) -> Told:
        monkeypatch.setattr(sys, "argv", ["hil", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        return Told(int(ended.value.code or 0), *capsys.readouterr())

    return tell


@pytest.fixture
def no_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the drawing, which takes longer than a small run."""
    collection = PROTOCOLS.load("jump-table")
    monkeypatch.setattr(collection, "picture", lambda *_: [])


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start ``python -m hil`` (or ``python -c code``) in that folder; ended with the test."""
    started: list[subprocess.Popen[str]] = []
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])

    def start(*arguments: object, code: str | None = None) -> subprocess.Popen[str]:
        what = ["-m", "hil"] if code is None else ["-c", code]
        process = subprocess.Popen(
            [sys.executable, *what, *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        with process:
            process.kill()


@pytest.fixture
def ended(
    launch: Callable[..., subprocess.Popen[str]],
) -> Callable[..., Told]:
    """Start a command in a process of its own and wait for its end."""

    def wait(*arguments: object, code: str | None = None) -> Told:
        process = launch(*arguments, code=code)
        out, err = process.communicate(timeout=PATIENCE_S)
        return Told(process.returncode, out, err)

    return wait
