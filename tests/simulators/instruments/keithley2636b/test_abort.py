"""A script that is being waited for, at real pace: ``abort`` ends it, whoever sends it."""

import threading
import time

from hil.virtual import InstrumentPlan, LabPlan
from tests.simulators.instruments.echo import Client, Running, running

PLAN = LabPlan(
    instruments={"smu": InstrumentPlan(type="keithley2636b")},
    wiring={"smu.a": "top"},
    model="resistor",
    pace="real",
)
LONG = b"smua.source.output = 1 smua.source.levelv = 0.5 delay(30) print('over')\n"
SAFE = b"\nabort\nsmua.source.levelv = 0\nsmua.source.output = 0\n"
SOON_S = 5.0


def until_off(lab: Running) -> float:
    """Wait until the output is off; the time on the wall at which that was logged (s)."""
    until_s = time.monotonic() + SOON_S
    while time.monotonic() < until_s:
        outputs = [e for e in lab.ask("terminals 0") if e["kind"] == "output"]
        if outputs and not outputs[-1]["on"]:
            return float(outputs[-1]["wall_s"])
        threading.Event().wait(0.01)
    raise AssertionError("the output is still on")


def test_abort_ends_a_script_and_its_answer_never_comes() -> None:
    with running(PLAN) as lab:
        client = Client(lab.server.addresses["smu"], b"\n")
        client.socket.sendall(LONG)
        client.socket.sendall(SAFE + b"print('next')\n")
        assert client.answer() == "next"
        until_off(lab)
        client.close()


def test_what_a_client_sent_before_it_left_is_obeyed() -> None:
    with running(PLAN) as lab:
        owner = Client(lab.server.addresses["smu"], b"\n")
        owner.socket.sendall(LONG)
        owner.close()
        guard = Client(lab.server.addresses["smu"], b"\n")
        begun_s = time.time()
        guard.socket.sendall(SAFE)
        guard.close()
        assert until_off(lab) - begun_s < 1.0
