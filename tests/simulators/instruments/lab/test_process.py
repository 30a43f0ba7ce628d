"""The process of a lab as anybody may start it: a plan in, one line out."""

import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from tests.simulators.instruments.echo import Client, echo_plan, install_echo


@pytest.fixture(autouse=True)
def _echo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_echo(tmp_path, monkeypatch)


def process() -> "subprocess.Popen[bytes]":
    """Start the process as anybody may."""
    return subprocess.Popen(
        [sys.executable, "-P", "-W", "ignore", "-m", "hil.simulators.instruments.lab.process"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.mark.parametrize("plan", [b"", b"{}", b'{"instruments": 1}'])
def test_a_plan_that_is_none_is_told_in_a_sentence(plan: bytes) -> None:
    done = process().communicate(plan, timeout=20)
    assert done[0] == b""
    assert done[1].startswith(b"the virtual lab cannot be set up: ")
    assert done[1].count(b"\n") == 1


def test_one_line_says_where_everything_is() -> None:
    with process() as lab:
        out, plan = lab.stdout, lab.stdin
        assert out is not None
        assert plan is not None
        plan.write(msgspec.json.encode(echo_plan("one", "two")))
        plan.close()
        hello = json.loads(out.readline())
        assert out.read() == b""
        assert list(hello) == ["addresses", "control"]
        assert list(hello["addresses"]) == ["one", "two"]
        for address in hello["addresses"].values():
            client = Client(address)
            assert client.ask("abc") == "abc"
            client.close()
        control = Client(hello["control"], b"\n")
        assert control.ask("stop") == "null"
        control.close()
        assert lab.wait(20) == 0
