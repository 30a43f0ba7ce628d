"""What the wire costs: a query beside pyvisa-py's own, a pulse and read through the 4200A.

    python benchmarks/wire.py [--quick] [--json FILE]

Prints the machine, then a line a figure: median, range, goal. The server is a process of its own
and does nothing but answer; the ways to ask it take turns in one run, so that a busy machine is
busy for all of them. Then the driver of the 4200A plays to its virtual counterpart, in a process
of its own too: programs of one pulse and one read whose waveforms the instrument knows, errors
checked, and trains of 500 in random order. What the virtual instrument computes is in these times.
"""

import argparse
import contextlib
import json
import operator
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import reduce
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pymeasure.instruments
import pyvisa
from machine import Figure, machine

from hil.config import find_bench
from hil.drivers.session import Session
from hil.drivers.session.numbers import exact
from hil.program import pulse, read, wait
from hil.virtual import VirtualLab

COMMAND = "*IDN?"
PACKAGES = ("pymeasure", "pyvisa", "pyvisa-py")
# one thread for all clients: where the system puts it then matters to all of them alike
SERVER = r"""
import select, socket
with socket.create_server(("127.0.0.1", 0)) as listener:
    print(listener.getsockname()[1], flush=True)
    clients = []
    while True:
        for ready in select.select([listener, *clients], [], [])[0]:
            if ready is listener:
                clients.append(listener.accept()[0])
                clients[-1].setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            elif ready.recv(4096):
                ready.sendall(b"KEITHLEY INSTRUMENTS,KI4200A,1442736,V1.13\0")
            else:
                clients.remove(ready)
"""
Ask = Callable[[], object]


@contextlib.contextmanager
def trivial_server() -> Iterator[int]:
    """Start the server and give its port."""
    with subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None  # noqa: S101
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


def raw_socket(port: int) -> Ask:
    """Ask with nothing but a socket: what the wire itself costs."""
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    data = f"{COMMAND}\0".encode()

    def ask() -> bytes:
        connection.sendall(data)
        return connection.recv(4096)

    return ask


def pyvisa_query(address: str) -> Ask:
    """Ask as users of pyvisa do."""
    resource: Any = pyvisa.ResourceManager("@py").open_resource(
        address, write_termination="\0", read_termination="\0"
    )
    return lambda: resource.query(COMMAND)


class Meter(pymeasure.instruments.Instrument):  # type: ignore[misc]  # pymeasure has no types
    """One property."""

    identity = pymeasure.instruments.Instrument.measurement(
        COMMAND, "What it says it is.", cast=str, maxsplit=0
    )


class Cost(NamedTuple):
    """What an answer costs: the wait for it and the work of this process (us)."""

    wall_us: float
    cpu_us: float


def round_trips(asks: dict[str, Ask], times: int, block: int = 20) -> dict[str, Cost]:
    """Ask in each way in turn, in blocks, *times* blocks of each; mean cost of an answer."""
    spent_s = {name: [0.0, 0.0] for name in asks}
    for _ in range(times):
        for name, ask in asks.items():
            start_s, cpu_s = time.perf_counter(), time.process_time()
            for _ in range(block):
                ask()
            spent_s[name][0] += time.perf_counter() - start_s
            spent_s[name][1] += time.process_time() - cpu_s
    scale = 1e6 / times / block
    return {name: Cost(wall * scale, cpu * scale) for name, (wall, cpu) in spent_s.items()}


def trivial_queries(times: int) -> dict[str, Cost]:
    """Compare the ways to ask one trivial server."""
    with trivial_server() as port:
        address = f"TCPIP::127.0.0.1::{port}::SOCKET"
        session = Session(
            address, write_termination="\0", read_termination="\0", resync=(COMMAND, "KEITH.*")
        )
        meter = Meter(session, "meter", includeSCPI=False)
        asks: dict[str, Ask] = {
            "raw socket query": raw_socket(port),
            "pyvisa-py query": pyvisa_query(address),
            "Session.query": lambda: session.query(COMMAND),
            "pymeasure property over Session": lambda: meter.identity,
        }
        round_trips(asks, 10)
        found = round_trips(asks, times)
        session.close()
    return found


def queries(runs: int, times: int) -> Iterator[Figure]:
    """Compare the ways to ask, each run with a server of its own."""
    found = [trivial_queries(times) for _ in range(runs)]
    for name in found[0]:
        yield Figure(name, "us", "none", [each[name].wall_us for each in found])
        yield Figure(f"{name}, CPU", "us", "none", [each[name].cpu_us for each in found])
    both = [(each["Session.query"], each["pyvisa-py query"]) for each in found]
    own = [session.wall_us - plain.wall_us for session, plain in both]
    yield Figure("Session.query less pyvisa-py query (own overhead)", "us", "<= 30", own)
    own = [session.cpu_us - plain.cpu_us for session, plain in both]
    yield Figure("Session.query less pyvisa-py query, CPU", "us", "<= 30", own)


VOLTAGES_V = (-1.8, -1.65, -1.5, -1.35, 1.35, 1.5, 1.65, 1.8)


def keithley4200(runs: int, times: int, train: int = 500) -> Iterator[Figure]:
    """Play pulses with reads through driver, socket and virtual instrument."""
    named = find_bench("keithley4200", {"virtual.ideal": "true", "limits.read.current_a": "10uA"})
    points = [pulse(v, high_s=500e-9) + wait(100e-6) + read(0.1) for v in VOLTAGES_V]
    rng = np.random.default_rng(1)
    with VirtualLab.start(named.file.counterpart(1)) as lab, named.build(1, lab) as bench:
        one: list[float] = []
        listed: list[float] = []
        known: list[float] = []
        for point in points:
            bench.apply(point)
        for _ in range(runs):
            start_s = time.perf_counter()
            for k in range(times):
                bench.apply(points[k % len(points)])
            one.append(1e6 * (time.perf_counter() - start_s) / times)
        for _ in range(runs):
            chosen = [points[k] for k in rng.integers(len(points), size=train)]
            program = reduce(operator.add, chosen)
            for kept in (listed, known):
                start_s = time.perf_counter()
                bench.apply(program)
                kept.append(1e6 * (time.perf_counter() - start_s) / train)
    yield Figure("4200A: pulse and read, one program", "us", "<= 600", one)
    yield Figure(f"4200A: a point in a new train of {train}", "us", "<= 60", listed)
    yield Figure(f"4200A: a point in the same train again of {train}", "us", "<= 60", known)


def exact_us(runs: int) -> Figure:
    """Write numbers as a program has them."""
    values = [k * 1.7e-3 for k in range(-500, 500)] + [k * 10e-9 for k in range(2, 1002)]

    def once() -> float:
        start_s = time.perf_counter()
        for value in values:
            exact(value)
        return 1e6 * (time.perf_counter() - start_s) / len(values)

    return Figure("a number as text, exactly", "us", "about 1", [once() for _ in range(runs)])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="under 10 s")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    print(f"{machine()}, {packages}")
    figures = []
    few = options.quick
    for figure in chain(
        queries(5, 10 if few else 100), [exact_us(5)], keithley4200(5, 100 if few else 1000)
    ):
        figures.append(figure)
        print(figure.line(), flush=True)
    if options.json:
        report = {"machine": machine(), "figures": {f.name: f.values for f in figures}}
        options.json.write_text(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
