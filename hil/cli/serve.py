"""``hil serve``: virtual instruments for other people's clients."""

import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Literal

import click
import msgspec

from hil.catalog import MODELS
from hil.config import find_bench, shipped_benches
from hil.decode import read_toml, unknown
from hil.errors import ConfigError
from hil.runner import LARGEST_SEED, choose_seed
from hil.units import parse_quantity
from hil.virtual import InstrumentPlan, LabPlan

if TYPE_CHECKING:
    from hil.simulators.instruments.lab.process import LabServer
    from hil.simulators.instruments.wire.journal import Journal

_OPEN_OHM = 1e15
_DUT = "resistor:10kohm"


@click.command(epilog="Example: hil serve --instrument keithley4200 --dut resistor:10kohm")
@click.argument("file", metavar="[FILE]", required=False)
@click.option("--instrument", "type_", metavar="TYPE", help="One instrument, instead of FILE.")
@click.option(
    "--dut", metavar="DUT", help="Device at its probe: resistor:10kohm, open, or a model (tiox)."
)
@click.option(
    "--transport", type=click.Choice(["socket", "hislip", "pty"]),
    help="How clients reach the instrument; a plain socket by default.",
)  # fmt: skip
@click.option("--port", type=click.IntRange(0, 65535), help="TCP port; any free one by default.")
@click.option(
    "--log", metavar="LOG", type=click.Path(path_type=Path),
    help="Append all that goes over the wires to this file.",
)  # fmt: skip
@click.option(
    "--pace", type=click.Choice(["real", "virtual"]),
    help="Time passes as on the wall, or when the control socket says so; real, or as FILE says.",
)  # fmt: skip
@click.option(
    "--seed", type=click.IntRange(0, LARGEST_SEED), help="Of all randomness; drawn if left out."
)
def serve(
    file: str | None,
    type_: str | None,
    dut: str | None,
    transport: Literal["socket", "hislip", "pty"] | None,
    port: int | None,
    log: Path | None,
    pace: Literal["real", "virtual"] | None,
    seed: int | None,
) -> None:
    """Serve virtual instruments, of a lab or bench FILE or one of a TYPE, until Ctrl-C."""
    from hil.simulators.instruments.lab.process import LabServer
    from hil.simulators.instruments.wire.journal import Journal

    if (file is None) == (type_ is None):
        raise click.UsageError("name a lab or bench file, or an instrument with --instrument")
    if file is not None and dut is not None:
        raise click.UsageError("the file says what the device is; leave --dut out")
    if file is not None:
        plan, device = _from_file(file, seed)
    else:
        plan, device = _one_instrument(str(type_), dut or _DUT, seed), dut or _DUT
    if pace is not None:
        plan = msgspec.structs.replace(plan, pace=pace)
    if transport is not None or port is not None:
        plan = _reached(plan, transport, port)
    journal = None if log is None else Journal(log)
    server = LabServer(plan, journal=journal)
    try:
        with _stopped_by_signals(server):
            _introduce(server, device)
            server.run()
            _switch_off(server, journal)
    finally:
        server.close()
        if journal is not None:
            journal.close()


def _from_file(file: str, seed: int | None) -> tuple[LabPlan, str]:
    """Plan the lab of a lab file or of a bench file, and say what its device is."""
    from hil.simulators.instruments.lab.file import KIND, read_lab_file

    path = Path(file)
    data = read_toml(path) if path.suffix == ".toml" and file not in shipped_benches() else {}
    if data.get("kind") != KIND:
        plan = find_bench(file).file.counterpart(choose_seed() if seed is None else seed)
        return plan, plan.model
    lab = read_lab_file(data, path)
    own = choose_seed() if lab.seed is None else lab.seed
    plan = lab.plan(path, own if seed is None else seed)
    return plan, "nothing (open)" if lab.device is None else lab.device.model


def _one_instrument(type_: str, dut: str, seed: int | None) -> LabPlan:
    """Plan a lab with one instrument, wired as is usual for it."""
    from hil.simulators.instruments import INSTRUMENTS

    kind = INSTRUMENTS.load(type_)
    model, parameters = _device(dut)
    rows, columns = kind.usual_shape
    return LabPlan(
        instruments={type_: InstrumentPlan(type=type_)},
        wiring=kind.usual_wiring,
        rows=rows,
        columns=columns,
        model=model,
        parameters=parameters,
        seed=choose_seed() if seed is None else seed,
        pace="real",
    )


def _device(dut: str) -> tuple[str, dict[str, Any]]:
    """Find the model and its parameters."""
    from hil.simulators.models.files import resolve, shipped_model_files

    name, colon, value = dut.partition(":")
    if dut == "open":
        return "resistor", {"resistance_ohm": _OPEN_OHM}
    if name == "resistor" and colon:
        try:
            return "resistor", {"resistance_ohm": parse_quantity(value, "ohm")}
        except ConfigError as error:
            raise ConfigError(f"--dut: {error}") from error
    known = ["open", *MODELS.names(), *shipped_model_files()]
    if dut not in known and not dut.endswith(".toml"):
        raise ConfigError(unknown(dut, known, "--dut", "model"))
    return resolve(dut, {}, Path())


def _reached(
    plan: LabPlan, transport: Literal["socket", "hislip", "pty"] | None, port: int | None
) -> LabPlan:
    """Say how the only instrument of a plan is reached."""
    if len(plan.instruments) > 1:
        option = "--port" if transport is None else "--transport"
        names = ", ".join(plan.instruments)
        raise ConfigError(
            f"{option} is for one instrument, not for {names}; write it into the file"
        )
    (name, item), *_ = plan.instruments.items()
    item = msgspec.structs.replace(
        item, port=item.port if port is None else port, transport=transport or item.transport
    )
    return msgspec.structs.replace(plan, instruments={name: item})


def _introduce(server: "LabServer", device: str) -> None:
    """Say where everything is and what is wired."""
    plan = server.lab.plan
    for name, address in server.addresses.items():
        kind = plan.instruments[name].type
        click.echo(f"{address}  {name if name == kind else f'{name}, a {kind}'}, virtual")
    click.echo(f"control at {server.control}; {plan.pace} pace, seed {plan.seed}")
    for port, end in plan.wiring.items():
        line = re.fullmatch(r"top|bottom|(row|column) \d+", end)
        where = f"the {end} of a device: {device}" if line else end
        click.echo(f"{port} is wired to {where}")
    for source in server.lab.sources:
        if source.port not in plan.wiring:
            click.echo(f"{source.port} is wired to nothing")
    click.echo("serving until Ctrl-C")


def _switch_off(server: "LabServer", journal: "Journal | None") -> None:
    """Bring what is on to 0 V and off, and say so."""
    ports = server.switch_off()
    if ports:
        click.echo(f"at 0 V and off now: {', '.join(ports)}")
    if journal is not None:
        for port in ports:
            journal.note(server.lab.now_s(), time.time(), port, "at 0 V and off")


@contextmanager
def _stopped_by_signals(server: "LabServer") -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end the serving in good order; a second one ends it at once."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        for other in numbers:
            signal.signal(other, signal.default_int_handler)
        server.stop()

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
