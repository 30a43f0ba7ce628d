"""A virtual lab in a process of its own: its start, what its owner can ask, what outlives whom."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from hil import virtual
from hil.errors import InstrumentError
from hil.virtual import LabPlan, VirtualLab
from tests.simulators.instruments.echo import Client, echo_plan, install_echo

ROOT = Path(virtual.__file__).resolve().parent.parent
posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")

OWNER = """
import sys
import msgspec
from hil.virtual import VirtualLab, LabPlan
lab = VirtualLab.start(msgspec.json.decode(sys.argv[1], type=LabPlan))
lab.clock().sleep(12.5)
print(lab.control, flush=True)
{then}
"""


@pytest.fixture(autouse=True)
def _echo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_echo(tmp_path, monkeypatch)


@pytest.fixture
def lab() -> Iterator[VirtualLab]:
    with VirtualLab.start(echo_plan()) as lab:
        yield lab


def owner(plan: LabPlan, then: str = "") -> "subprocess.Popen[str]":
    """Start a process of its own that starts a lab, says where it is, and does something."""
    code = OWNER.format(then=then)
    return subprocess.Popen(
        [sys.executable, "-X", "dev", "-W", "error", "-c", code, msgspec.json.encode(plan)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip


def said(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def asked(lab: VirtualLab, message: str) -> str:
    client = Client(lab.addresses["echo"])
    try:
        return client.ask(message)
    finally:
        client.close()


class TestALab:
    def test_has_its_instruments_its_cell_and_its_options(self) -> None:
        plan = echo_plan(parameters={"resistance_ohm": 1e3}, series_ohm=200.0)
        options = {"modules": ["A", "B"], "ideal": True}
        item = msgspec.structs.replace(plan.instruments["echo"], options=options)
        with VirtualLab.start(msgspec.structs.replace(plan, instruments={"echo": item})) as lab:
            assert json.loads(asked(lab, "options")) == options
            assert json.loads(asked(lab, "pulse 1")) == pytest.approx([1 / 1250, 1 / 1250])
            assert [entry["kind"] for entry in lab.ask("terminals 0")] == [
                "output", "waveform", "output",
            ]  # fmt: skip

    def test_tells_and_moves_its_time(self, lab: VirtualLab) -> None:
        clock = lab.clock()
        assert clock.now_s() == 0.0
        clock.sleep(0.1)
        clock.sleep(np.float64(0.2))
        assert clock.now_s() == 0.1 + 0.2
        assert float(asked(lab, "time")) == 0.1 + 0.2
        with pytest.raises(ValueError, match="forward"):
            clock.sleep(-1.0)
        assert clock.now_s() == 0.1 + 0.2

    def test_in_real_pace_waits(self) -> None:
        with VirtualLab.start(echo_plan(pace="real")) as lab:
            clock = lab.clock()
            lab_s, wall_s = clock.now_s(), time.monotonic()
            clock.sleep(0.2)
            assert time.monotonic() - wall_s >= 0.2
            assert 0.2 <= clock.now_s() - lab_s < 10

    def test_is_found_by_a_second_owner(self, lab: VirtualLab) -> None:
        second = VirtualLab.connect(lab.control)
        assert (second.addresses, second.control) == (lab.addresses, lab.control)
        second.clock().sleep(1.0)
        assert lab.clock().now_s() == 1.0
        second.close()
        assert lab.clock().now_s() == 1.0

    def test_is_not_taken_for_another_one_at_the_same_port(self, lab: VirtualLab) -> None:
        place, _, name = lab.control.partition("/")
        assert len(name) == 8
        with pytest.raises(InstrumentError, match="is gone"):
            VirtualLab.connect(f"{place}/{name[::-1] if name[::-1] != name else 'other'}")
        with pytest.raises(InstrumentError, match="is gone"):
            VirtualLab.connect(place)

    def test_refuses_in_a_sentence(self, lab: VirtualLab) -> None:
        with pytest.raises(InstrumentError, match=r"refuses: .* did you mean 'now'"):
            lab.ask("no")

    def test_gives_large_answers_whole(self, lab: VirtualLab) -> None:
        asked(lab, "big 3000000")
        assert lab.ask("bytes 1")[0][5] == "x" * 3_000_000 + "\0"

    def test_is_asked_anew_after_an_interruption(
        self, lab: VirtualLab, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupted(request: bytes) -> bytes:
            assert lab._socket is not None
            lab._socket.sendall(request)
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(lab, "_exchange", interrupted)
            with pytest.raises(KeyboardInterrupt):
                lab.ask("addresses")
        assert lab.ask("pace") == "virtual"


class TestTheEnd:
    def test_a_lab_that_is_gone_is_said_to_be(self, lab: VirtualLab) -> None:
        clock, control = lab.clock(), lab.control
        VirtualLab.connect(control).stop()
        for ask in (lab.clock, lambda: clock.sleep(1.0), lambda: VirtualLab.connect(control)):
            with pytest.raises(InstrumentError, match=f"lab at {control} is gone; "):
                ask()

    def test_stopping_twice_is_no_error_and_asking_then_is(self) -> None:
        lab = VirtualLab.start(echo_plan())
        lab.stop()
        lab.stop()
        lab.close()
        with pytest.raises(InstrumentError, match="gone"):
            lab.ask("now")

    def test_a_with_statement_stops_it_unless_it_is_kept(self) -> None:
        with VirtualLab.start(echo_plan()) as lab:
            lab.kept = True
            lab.clock().sleep(3.0)
        with pytest.raises(InstrumentError, match="gone"):
            lab.ask("now")
        with VirtualLab.connect(lab.control) as again:
            assert again.clock().now_s() == 3.0
        with pytest.raises(InstrumentError, match="gone"):
            VirtualLab.connect(lab.control)

    @pytest.mark.parametrize("control", ["", "127.0.0.1:", "nowhere:x", "127.0.0.1:99999"])
    def test_what_is_no_address_is_no_lab(self, control: str) -> None:
        with pytest.raises(InstrumentError, match="gone"):
            VirtualLab.connect(control)

    @posix
    @pytest.mark.parametrize("end", ["SIGKILL", "SIGINT"])
    def test_it_outlives_its_owner_and_all_at_its_owners_terminal(self, end: str) -> None:
        with owner(echo_plan(), "sys.stdin.read()") as process:
            control = said(process)
            os.killpg(process.pid, getattr(signal, end))
            assert process.wait(20) < 0
        with VirtualLab.connect(control) as lab:
            assert lab.clock().now_s() == 12.5
            assert asked(lab, "abc") == "abc"

    @pytest.mark.parametrize("then", ["lab.stop()", "lab.close()", "with lab: pass"])
    def test_no_process_and_no_socket_is_left_open(self, then: str) -> None:
        with owner(echo_plan(), then) as process:
            control = said(process)
            _, complaints = process.communicate(timeout=20)
        assert (process.returncode, complaints) == (0, "")
        if then == "lab.close()":
            VirtualLab.connect(control).stop()


class TestTheStart:
    def test_tells_what_the_lab_said_last(self) -> None:
        with pytest.raises(InstrumentError, match=r"did not start.*no virtual instrument 'ekko'"):
            VirtualLab.start(broken("ekko"))
        with pytest.raises(InstrumentError, match="no model 'resistir'"):
            VirtualLab.start(echo_plan(model="resistir"))

    def test_tells_of_an_instrument_that_cannot_be_made(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "broken.py").write_text("raise SystemError('out of order')")
        info = tmp_path / "broken-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[hil.instruments]\nbroken = broken:Broken\n")
        with pytest.raises(InstrumentError, match="it said: SystemError: out of order"):
            VirtualLab.start(broken("broken"))

    def test_a_log_gets_what_goes_wrong_inside_and_keeps_what_it_had(self, tmp_path: Path) -> None:
        log = tmp_path / "lab.log"
        log.write_text("earlier\n")
        with VirtualLab.start(echo_plan(), log=log) as lab, pytest.raises(EOFError):
            asked(lab, "fail")
        lines = log.read_text().splitlines()
        assert lines[0] == "earlier"
        assert lines[-1] == "RuntimeError: this instrument is broken"
        with pytest.raises(InstrumentError, match=r"it said: .*'ekko'"):
            VirtualLab.start(broken("ekko"), log=log)

    def test_a_log_that_cannot_be_written_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(InstrumentError, match=r"log of the virtual lab, .*lab\.log"):
            VirtualLab.start(echo_plan(), log=tmp_path / "missing" / "lab.log")

    def test_a_lab_that_never_speaks_is_given_up(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(virtual, "START_WITHIN_S", 0.2)
        monkeypatch.setattr(virtual, "_BOOT", "import threading; threading.Event().wait()")
        with pytest.raises(InstrumentError, match="did not start; it said: nothing"):
            VirtualLab.start(echo_plan())

    def test_another_hil_in_the_working_folder_does_not_stand_in(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        folder = tmp_path / "elsewhere"
        folder.mkdir()
        (folder / "hil.py").write_text("raise SystemError('the wrong one')")
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "path", ["", *sys.path])
        with VirtualLab.start(echo_plan()) as lab:
            assert json.loads(asked(lab, "path")) == [str(folder), *sys.path[1:]]

    def test_importing_the_clients_side_needs_no_numpy(self) -> None:
        code = "import sys, hil.virtual; print('numpy' in sys.modules)"
        done = subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout.strip() == "False"


def broken(kind: str) -> LabPlan:
    plan = echo_plan()
    item: Any = msgspec.structs.replace(plan.instruments["echo"], type=kind)
    return msgspec.structs.replace(plan, instruments={"echo": item})
