"""Several instruments on one cell: a generator pulses it, a switch changes over, an SMU reads."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from hil.simulators.instruments.lab.file import read_lab_file
from tests.simulators.instruments.echo import Running, running
from tests.simulators.instruments.visa import opened

BOX = {"generator.1": "switch.1", "smu": "switch.2", "switch": {"3": "ground", "common": "top"}}
MATRIX = {"generator.1": "switch.A", "smu": "switch.B", "switch": {"01": "top"}}
PULSE = (
    ":OUTP1:LOAD 1e6;:FUNC1 PULS;:PULS:PER1 1e-3;:PULS:WIDT1 1e-5;:VOLT1:HIGH 1.5;:VOLT1:LOW 0",
    ":ARM:SOUR1 MAN;:TRIG1:COUN 1;:OUTP1 1",
    "*TRG",
)


def lab_file(switch: str, wiring: dict[str, Any]) -> dict[str, Any]:
    return {
        "kind": "lab",
        "pace": "virtual",
        "instruments": {
            "smu": {"type": "keithley2450"},
            "generator": {"type": "keysight81160a", "transport": "hislip"},
            "switch": {"type": switch},
        },
        "wiring": wiring,
        "device": {"model": "stanford-lab"},
    }


class Bench:
    """Somebody's script."""

    def __init__(self, lab: Running, stack: ExitStack) -> None:
        self.smu, self.generator, self.switch = (
            stack.enter_context(opened(lab.server.addresses[name], end="\n"))
            for name in ("smu", "generator", "switch")
        )
        self.smu.write(":SENS:CURR:RANG:AUTO 1;:SOUR:VOLT:ILIM 1e-3")
        self.lab = lab

    def change_over(self, path: int) -> None:
        """Lead the generator (1) or the SMU (2) to the cell, or nobody (0)."""
        if "RELAY" in self.switch.query("*IDN?"):
            assert self.switch.query(str(path)) == str(path)
            return
        closed = {0: "", 1: "1A01", 2: "1B01"}[path]
        self.switch.write("channel.open('allslots')")
        if closed:
            self.switch.write(f"channel.close('{closed}')")
        assert self.switch.query("print(channel.getclose('allslots'))") == (closed or "nil")

    def resistance_ohm(self) -> float:
        self.change_over(2)
        self.smu.write(":SOUR:VOLT 0.1;:OUTP ON")
        current_a = float(self.smu.query(":READ?"))
        self.smu.write(":OUTP OFF")
        assert self.smu.query(":SYST:ERR?").startswith("0,")
        self.change_over(0)
        return 0.1 / current_a

    def pulse(self) -> None:
        for message in PULSE:
            self.generator.write(message)
        assert self.generator.query("*OPC?") == "1"
        self.generator.write(":OUTP1 0")


@pytest.fixture(params=["relaybox", "keithley707b"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    if request.param == "keithley707b":
        pytest.importorskip("lupa")
    data = lab_file(request.param, BOX if request.param == "relaybox" else MATRIX)
    plan = read_lab_file(data, Path("lab.toml")).plan(Path("lab.toml"), seed=3)
    with running(plan) as lab, ExitStack() as stack:
        yield Bench(lab, stack)


def test_a_pulse_reaches_the_cell_where_the_switch_lets_it(bench: Bench) -> None:
    fresh_ohm = bench.resistance_ohm()
    bench.pulse()
    assert bench.resistance_ohm() == pytest.approx(fresh_ohm, rel=0.05)
    bench.change_over(1)
    bench.pulse()
    assert bench.resistance_ohm() < fresh_ohm / 10


def test_all_that_was_done_is_in_one_log(bench: Bench) -> None:
    bench.change_over(1)
    bench.pulse()
    bench.resistance_ohm()
    entries = bench.lab.ask("terminals 0")
    played = [e["source"] for e in entries if e["kind"] == "waveform"]
    assert set(played) == {"generator.1", "smu"}
    assert not [e for e in entries if e["kind"] in ("hot switching", "conflict")]
    closed = [e["closed"] for e in entries if e["kind"] == "contact"]
    assert closed == [True, False, True, False]
