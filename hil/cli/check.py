"""``hil check``: what a bench is, what it promises, what it reads where nothing should flow."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from hil import checks
from hil.bench import Bench
from hil.checks import Check, Finding
from hil.cli.console import RUNS, Console, confirm, show_bench, show_cost
from hil.cli.instruments import lab_of, virtual_option
from hil.cli.probe import Quantity
from hil.config import NamedBench, find_bench
from hil.errors import CellFault, ConfigError, InstrumentError, MissingExtra
from hil.hold import at_bench_briefly, recall_stress
from hil.program import Phase
from hil.runner import LARGEST_SEED, choose_seed
from hil.units import format_quantity
from hil.virtual import VirtualLab

RESISTOR_TOLERANCE = 0.05
"""How near a stated resistor must be measured before the contract is run on it (relative)."""

LARGEST_TOLERANCE = 0.5
"""Above this a read says too little for the contract to mean anything (relative)."""


@click.command(epilog="Example: hil check tiox --contact")
@click.argument("bench_name", metavar="BENCH")
@click.option("--contact", is_flag=True, help="Look for a contact, at 50 mV at most.")
@click.option("--open", "lifted", is_flag=True, help="The probes are lifted: measure what leaks.")
@click.option(
    "--contract",
    is_flag=True,
    help="Try everything a bench must do, on a resistor (see --resistor) under the probes.",
)
@click.option("--resistor", "resistor_ohm", type=Quantity("ohm"), help="What is there: 10kohm.")
@click.option("--device", default="", metavar="ID", help="What is under the probes: W3/D14/R2C5.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=RUNS,
    show_default=True,
    help="Where runs are kept; what is found is kept there.",
)
@click.option("--seed", type=click.IntRange(0, LARGEST_SEED), help="Of a simulated bench.")
@click.option("--json", "as_json", is_flag=True, help="End with one JSON object.")
@click.option("--yes", is_flag=True, help="Do not ask before sending to hardware.")
@virtual_option
def check(
    bench_name: str,
    contact: bool,
    lifted: bool,
    contract: bool,
    resistor_ohm: float | None,
    device: str,
    out: Path,
    seed: int | None,
    as_json: bool,
    yes: bool,
    virtual: bool,
) -> None:
    """Open BENCH, say what it is and promises, measure its offset, and leave it safe."""
    if contract and resistor_ohm is None:
        raise click.UsageError("--contract needs a resistor under the probes: --resistor 10kohm")
    if resistor_ohm is not None and resistor_ohm <= 0:
        raise click.UsageError("--resistor is above 0 ohm: the one under the probes")
    if lifted and (contact or contract):
        what = "contact" if contact else "contract"
        raise click.UsageError(f"--{what} wants the probes down and --open wants them lifted")
    if contract:
        _refuse_without_pytest()
    console = Console(as_json)
    named = find_bench(bench_name).with_device(device)
    seed = choose_seed() if seed is None else seed
    wanted: tuple[Check, ...] = ("zero",)
    if lifted:
        wanted = ("zero", "open")
    elif contact or contract:
        wanted = ("zero", "contact")
    with lab_of(named, seed, out, virtual=virtual) as lab:
        bench = named.build(seed, lab)
        show_bench(console, bench, named.file.title)
        _show_limits(console, bench)
        recall_stress(bench, out)
        for each in wanted:
            show_cost(console, each, bench.check(checks.program_of(each, bench)))
        if contract:
            _show_contract(console, bench)
        confirm(console, bench, yes=yes)
        identity, found = _look(console, bench, wanted, out, lifted=lifted)
        if contract and resistor_ohm is not None:
            _refuse_other_resistor(found[-1], resistor_ohm)
            tolerance = _tolerance(bench, found[0], resistor_ohm)
            _run_contract(console, named, seed, lab, out, resistor_ohm, tolerance)
    console.line(f"bench {bench.name} is at 0 V and off")
    console.result(_figures(bench, identity, found))
    fault = checks.contact_fault(found[-1])
    if contact and fault is not None:
        raise fault


def _look(
    console: Console, bench: Bench, wanted: tuple[Check, ...], out: Path, *, lifted: bool
) -> tuple[str, list[Finding]]:
    """Open the bench, say what it is, look, and keep what is found."""
    found = []
    with at_bench_briefly(bench, out, "check"):
        identity = bench.identity()
        if identity:
            console.line(f"says     {identity}")
        for promise in bench.assurances():
            console.line(f"{promise.how:<8} {promise.what}: {promise.text}")
        for each in wanted:
            found.append(checks.find(each, bench))
            console.line(f"{each:<8} {found[-1].text}")
            if each == "open" and (fault := checks.leakage_fault(found[-1])) is not None:
                raise fault
            checks.keep(out, found[-1])
    if not lifted:
        console.line("open     not measured; lift the probes, then hil check with --open")
    return identity, found


def _show_limits(console: Console, bench: Bench) -> None:
    for phase in Phase:
        if phase is Phase.FORMING and bench.limits.forming is None:
            console.line("limits   forming: none, so it is refused")
            continue
        of_phase = bench.limits.of(phase)
        shut = phase is Phase.FORMING and not bench.forming_open
        width = "" if of_phase.width_s is None else f", {format_quantity(of_phase.width_s, 's')}"
        console.line(
            f"limits   {phase.name.lower()}: {of_phase.positive_v:+.4g} V / "
            f"{of_phase.negative_v:+.4g} V, {format_quantity(of_phase.current_a, 'A')}{width}"
            f"{'; shut unless a run has --allow forming' if shut else ''}"
        )


def _refuse_other_resistor(found: Finding, stated_ohm: float) -> None:
    """Raise unless what is under the probes is the resistor that a person says is there."""
    if found.bound:
        raise CellFault(
            f"{found.resistance} is all that can be told of what is under the probes, and the "
            f"contract is for {format_quantity(stated_ohm, 'ohm')}; look at the contact, or make "
            "limits.read.current_a fit the resistor"
        )
    if abs(found.resistance_ohm / stated_ohm - 1) > RESISTOR_TOLERANCE:
        raise CellFault(
            f"{format_quantity(found.resistance_ohm, 'ohm', 4)} is under the probes and not "
            f"{format_quantity(stated_ohm, 'ohm')}; the contract is for a stated resistor only"
        )


def _tolerance(bench: Bench, zero: Finding, ohm: float) -> float:
    """Tell how well one read of the contract can measure the resistor, from what 0 V reads."""
    read_v = bench.limits.read.positive_v / 2
    error_a = abs(zero.current_a) + 5 * zero.noise_a
    tolerance = RESISTOR_TOLERANCE + abs(zero.voltage_v) / read_v + error_a * ohm / read_v
    if tolerance > LARGEST_TOLERANCE:
        raise ConfigError(
            f"a read at {format_quantity(read_v, 'V')} tells {format_quantity(ohm, 'ohm')} to "
            f"{tolerance:.0%} only; lower limits.read.current_a or take a smaller resistor"
        )
    return tolerance


def _refuse_without_pytest() -> None:
    """Raise MissingExtra where the contract cannot run."""
    if find_spec("pytest") is None:
        raise MissingExtra(
            "the contract is a pytest suite, which the extra test installs: python -m pip install "
            '-e ".[test]"'
        )


def _show_contract(console: Console, bench: Bench) -> None:
    """Show the worst that the contract sends, before anybody is asked."""
    from hil.testing.on_bench import contract_programs

    if bench.limits.read.positive_v == 0:
        raise ConfigError(
            "the contract reads at half of limits.read.positive_v, and at 0 V nothing flows; "
            "raise it"
        )
    console.line("contract, over and over:")
    for name, program in contract_programs(bench).items():
        show_cost(console, name, bench.check(program))


def _run_contract(
    console: Console,
    named: NamedBench,
    seed: int,
    lab: VirtualLab | None,
    out: Path,
    ohm: float,
    tolerance: float,
) -> None:
    from hil.testing.on_bench import Stated, run_contract

    @contextmanager
    def held() -> Iterator[Bench]:
        bench = named.build(seed, lab)
        with at_bench_briefly(bench, out, "contract"):
            yield bench

    console.line(f"contract on the resistor, measured to {tolerance:.0%}, a test at a time")
    with redirect_stdout(sys.stderr if console.json else sys.stdout):
        kept = run_contract(Stated(held, ohm, tolerance))
    if not kept:
        raise InstrumentError("the bench does not keep its contract; what failed stands above")


def _figures(bench: Bench, identity: str, found: list[Finding]) -> dict[str, Any]:
    return {
        "bench": bench.name,
        "kind": bench.kind,
        "identity": identity,
        "promises": [promise._asdict() for promise in bench.assurances()],
        "found": found,
    }
