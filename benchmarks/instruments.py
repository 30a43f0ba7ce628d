"""What instruments cost: a query through driver and virtual instrument, and the way between boxes.

    python benchmarks/instruments.py [--quick] [--json FILE]

Prints the machine, then a line a figure: median, range, goal. First what a query takes, in one run
and in turns: pyvisa-py to a server that does nothing but answer, then our drivers and PyMeasure's
classes to the virtual instruments, each in a process of its own. Then what lies between two pulses
on each way of leading the cell: by the lab's clock, as it would be on the bench, and on the wall.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any

from machine import Figure, machine, repeated
from pymeasure.instruments.keithley import Keithley2450 as PymeasureKeithley2450
from pymeasure.instruments.keysight import Keysight81160A as PymeasureKeysight81160A
from wire import Ask, Cost, pyvisa_query, round_trips, trivial_server

from hil.bench import Bench
from hil.clock import RealClock
from hil.config import find_bench
from hil.drivers.keithley2450.instrument import connected as connected_2450
from hil.drivers.keysight81160a import connected as connected_81160a
from hil.drivers.session.answers import number
from hil.program import Program, pulse, read, wait
from hil.simulators.instruments import INSTRUMENTS
from hil.simulators.instruments.lab.lab import Lab
from hil.virtual import InstrumentPlan, LabPlan, VirtualLab

PACKAGES = ("pymeasure", "pyvisa", "pyvisa-py")
TRIVIAL = "pyvisa-py query of a trivial server"
OWN = {
    "2450": "our driver, virtual 2450: compliance",
    "81160A": "our driver, virtual 81160A: pulse width",
}
PYMEASURE = {
    "2450": "PyMeasure, virtual 2450: compliance",
    "81160A": "PyMeasure, virtual 81160A: pulse width",
}


def asked(times: int) -> dict[str, Cost]:
    """Ask each in turn, in one run."""
    plan = LabPlan(
        instruments={
            f"{box}-{whose}": InstrumentPlan(type=type_)
            for box, type_ in (("smu", "keithley2450"), ("pg", "keysight81160a"))
            for whose in ("own", "theirs")
        },
        wiring={},
        model="resistor",
        pace="real",
    )
    with ExitStack() as stack:
        port = stack.enter_context(trivial_server())
        lab = stack.enter_context(VirtualLab.start(plan))
        address = lab.addresses
        smu = connected_2450(address["smu-own"], clock=RealClock(), line_hz=60)
        stack.callback(smu.adapter.close)
        pulser = connected_81160a(address["pg-own"], channel=1, clock=RealClock())
        stack.callback(pulser.adapter.close)
        line = {"visa_library": "@py", "read_termination": "\n", "write_termination": "\n"}
        their_smu: Any = PymeasureKeithley2450(address["smu-theirs"], **line)
        their_pulser: Any = PymeasureKeysight81160A(address["pg-theirs"], **line)
        for theirs in (their_smu, their_pulser):
            stack.callback(theirs.adapter.close)
        asks: dict[str, Ask] = {
            TRIVIAL: pyvisa_query(f"TCPIP::127.0.0.1::{port}::SOCKET"),
            OWN["2450"]: lambda: smu.get(":SOUR:VOLT:ILIM?", number),
            OWN["81160A"]: lambda: pulser.get(":PULS:WIDT1?", number),
            PYMEASURE["2450"]: lambda: their_smu.compliance_current,
            PYMEASURE["81160A"]: lambda: their_pulser.ch_1.pulse_width,
        }
        round_trips(asks, 10)
        # long blocks: a lab stays awake for a moment after each, and there are few processors
        return round_trips(asks, times, block=200)


def queries(runs: int, times: int) -> Iterator[Figure]:
    """Tell what each way to ask costs, and what of it is our own."""
    found = [asked(times) for _ in range(runs)]
    for name in found[0]:
        yield Figure(name, "us", "none", [each[name].wall_us for each in found])
        yield Figure(f"{name}, CPU of the client", "us", "none", [e[name].cpu_us for e in found])
        yield Figure(f"{name}, rate", "1/s", "none", [1e6 / e[name].wall_us for e in found])
    for what, name in OWN.items():
        own = [each[name].cpu_us - each[TRIVIAL].cpu_us for each in found]
        yield Figure(f"{what}: CPU of the driver, less trivial", "us", "none", own)
        own = [each[name].wall_us - each[TRIVIAL].wall_us for each in found]
        yield Figure(f"{what}: driver and instrument, less trivial", "us", "<= 30", own)


def handled(runs: int, times: int) -> Iterator[Figure]:
    """Tell what the virtual instruments themselves spend on a query, without a wire."""
    lab = Lab(LabPlan(instruments={}, wiring={}, model="resistor", pace="real"))
    for type_, query in (
        ("keithley2450", b":SOUR:VOLT:ILIM?"),
        ("keysight81160a", b":PULS:WIDT1?"),
    ):
        instrument = INSTRUMENTS.load(type_)(type_, lab, {})

        def once(
            ask: Callable[[bytes], object] = instrument.handle, query: bytes = query
        ) -> float:
            start_s = time.process_time()
            for _ in range(times):
                ask(query)
            return 1e6 * (time.process_time() - start_s) / times

        yield Figure(f"virtual {type_}: a query, CPU", "us", "none", repeated(runs, once))


def dead_times(few: bool) -> Iterator[Figure]:
    """Play pulses in each way and tell what lies between two of them."""
    relays = {
        "switch.type": "relaybox", "switch.smu": "2", "switch.generator": "1",
        "switch.ground": "3", "switch.switching_s": "5ms",
    }  # fmt: skip
    fast, slow = 1e-6, 1e-3
    for name, bench, overrides, high_s in (
        ("4200A", "keithley4200", {}, fast),
        ("2450 + 81160A + 707B", "smu-pulser", {}, fast),
        ("2450 + 81160A + relay box", "smu-pulser", relays, fast),
        ("2636B alone", "keithley2600b", {}, slow),
    ):
        resistor = {"virtual.model": "resistor", "virtual.ideal": "true"}
        named = find_bench(bench, {**overrides, **resistor})
        with VirtualLab.start(named.file.counterpart(1)) as lab, named.build(1, lab) as opened:
            one = pulse(1.0, high_s=high_s) + wait(high_s)
            other = pulse(-1.0, high_s=high_s) + wait(high_s)
            look = read(0.1, settle_s=1e-3, aperture_s=1e-3)
            ways = {
                "pulse after pulse, one train": (one * 100, 100),
                "pulse after pulse of another level": ((one + other) * 5, 10),
                "pulse, read, pulse": ((one + look) * 10, 10),
            }
            for way, (program, pulses) in ways.items():
                yield from _between(f"{name}: {way}", opened, program, pulses, high_s, few)


def _between(
    name: str, bench: Bench, program: Program, pulses: int, high_s: float, few: bool
) -> Iterator[Figure]:
    bench.apply(program)
    lab_s, wall_s = [], []
    for _ in range(2 if few else 5):
        begin_s, start_s = bench.clock.now_s(), time.perf_counter()
        bench.apply(program)
        lab_s.append(1e3 * ((bench.clock.now_s() - begin_s) / pulses - high_s))
        wall_s.append(1e3 * (time.perf_counter() - start_s) / pulses)
    yield Figure(f"{name}: between", "ms", "none", lab_s)
    yield Figure(f"{name}: wall, each", "ms", "none", wall_s)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="under 40 s")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    print(f"{machine()}, {packages}")
    few = options.quick
    figures = []
    asked_figures = queries(2 if few else 7, 2 if few else 15)
    for figure in chain(handled(5, 500 if few else 5000), asked_figures, dead_times(few)):
        figures.append(figure)
        print(figure.line(), flush=True)
    if options.json:
        report = {"machine": machine(), "figures": {f.name: f.values for f in figures}}
        options.json.write_text(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
