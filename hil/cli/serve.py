"""``hil serve``: virtual instruments for other people's clients."""

import signal
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click
import msgspec

from hil.catalog import MODELS
from hil.config import find_bench
from hil.decode import unknown
from hil.errors import ConfigError
from hil.runner import LARGEST_SEED, choose_seed
from hil.units import parse_quantity
from hil.virtual import InstrumentPlan, LabPlan

if TYPE_CHECKING:
    from hil.simulators.instruments.lab_process import LabServer

_OPEN_OHM = 1e15
_DUT = "resistor:10kohm"


@click.command(epilog="Example: hil serve --instrument keithley4200 --dut resistor:10kohm")
@click.argument("file", metavar="[FILE]", required=False)
@click.option("--instrument", "type_", metavar="TYPE", help="One instrument, instead of FILE.")
@click.option(
    "--dut", metavar="DUT", help="Device at its probe: resistor:10kohm, open, or a model (tiox)."
)
@click.option("--port", type=click.IntRange(0, 65535), help="TCP port; any free one by default.")
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
    port: int | None,
    pace: Literal["real", "virtual"] | None,
    seed: int | None,
) -> None:
    """Serve the virtual instruments of a bench FILE, or one of a TYPE, until Ctrl-C."""
    from hil.simulators.instruments.lab_process import LabServer

    if (file is None) == (type_ is None):
        raise click.UsageError("name a bench file, or an instrument with --instrument")
    if file is not None and dut is not None:
        raise click.UsageError("the bench file says what the device is; leave --dut out")
    seed = choose_seed() if seed is None else seed
    if file is not None:
        plan = find_bench(file).file.counterpart(seed)
    else:
        plan = _one_instrument(str(type_), dut or _DUT, seed)
    device = plan.model if file is not None else dut or _DUT
    if pace is not None:
        plan = msgspec.structs.replace(plan, pace=pace)
    server = LabServer(_on_port(plan, port))
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with suppress(KeyboardInterrupt):
            _introduce(server, device)
            server.run()
    finally:
        signal.signal(signal.SIGTERM, before)
        server.close()


def _one_instrument(type_: str, dut: str, seed: int) -> LabPlan:
    """Plan a lab with one instrument, wired as is usual for it."""
    from hil.simulators.instruments import INSTRUMENTS

    wiring = INSTRUMENTS.load(type_).usual_wiring
    model, parameters = _device(dut)
    instruments = {type_: InstrumentPlan(type=type_)}
    return LabPlan(
        instruments=instruments,
        wiring=wiring,
        model=model,
        parameters=parameters,
        seed=seed,
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


def _on_port(plan: LabPlan, port: int | None) -> LabPlan:
    """Give the only instrument of a plan its port."""
    if port is None:
        return plan
    if len(plan.instruments) > 1:
        raise ConfigError(f"--port is for one instrument, not for {', '.join(plan.instruments)}")
    instruments = {
        name: msgspec.structs.replace(item, port=port) for name, item in plan.instruments.items()
    }
    return msgspec.structs.replace(plan, instruments=instruments)


def _introduce(server: "LabServer", device: str) -> None:
    """Say where everything is and what is wired."""
    plan = server.lab.plan
    for name, address in server.addresses.items():
        kind = plan.instruments[name].type
        click.echo(f"{address}  {name if name == kind else f'{name}, a {kind}'}, virtual")
    click.echo(f"control at {server.control}; {plan.pace} pace, seed {plan.seed}")
    for port, terminal in plan.wiring.items():
        click.echo(f"{port} is wired to the {terminal} of a device: {device}")
    click.echo("serving until Ctrl-C")
