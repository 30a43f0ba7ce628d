"""``hil twin``: how far a model is from what was measured."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import click

from hil.cli.console import Console, caption_of
from hil.cli.points import beside, measured_of, place_of, points_options, show_measured
from hil.cli.run import parameters_of
from hil.cli.settings import pairs, struct_of
from hil.decode import decode_text
from hil.errors import ConfigError
from hil.keeper import Progress
from hil.units import quantity
from hil.whole_file import refuse_unwritable, told

if TYPE_CHECKING:
    from hil.protocols.jump_table.bias.promise import Bias
    from hil.protocols.jump_table.bias.training import Training
    from hil.protocols.jump_table.judging.twin import Comparison, Twin


def _show_help(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from hil.protocols.jump_table.bias.training import Training

        click.echo(context.get_help() + parameters_of(Training, "the training"))
        context.exit()


@click.command(add_help_option=False, epilog="Example: hil twin last tiox-w3.toml")
@click.argument("source", metavar="RUN|FILE.csv")
@click.argument("model", metavar="MODEL")
@click.option(
    "--network", metavar="FOLDER",
    help="Train networks on both, with the four idx files of MNIST; or on digits, a small set.",
)  # fmt: skip
@click.option(
    "--pair", metavar="V,V", help="SET and RESET amplitude of the network; the weakest of each."
)
@click.option(
    "--instances", type=click.IntRange(2), default=20, show_default=True,
    help="Networks on each.",
)  # fmt: skip
@click.option(
    "--rates", metavar="RATE,RATE",
    help="Learning rates to try on the device, 0.003 to 10 if left out; one is taken as it is.",
)  # fmt: skip
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE", help="Of the training: epochs=20."
)
@click.option(
    "--workers", type=click.IntRange(1), help="Processes; one for each processor if left out."
)
@click.option(
    "--cluster", metavar="ADDRESS", help="A Dask scheduler that does it: tcp://10.0.0.5:8786."
)
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False),
    help="The picture; beside the points if left out.",
)  # fmt: skip
@points_options
@click.option(
    "-h", "--help", is_flag=True, is_eager=True, expose_value=False, callback=_show_help,
    help="Show this, and the settings of the training.",
)  # fmt: skip
def twin(
    source: str,
    model: str,
    network: str | None,
    pair: str | None,
    instances: int,
    rates: str | None,
    settings: tuple[str, ...],
    workers: int | None,
    cluster: str | None,
    out: Path | None,
    bounds: str | None,
    cell: int | None,
    voltage: float | None,
    read_noise: float | None,
    seed: int,
    runs_folder: Path,
    as_json: bool,
) -> None:
    """Tell how far MODEL is from what was measured: SSD, OVLE, KS, and the modeling bias."""
    from hil.protocols.jump_table.judging.report import judgement_lines
    from hil.protocols.jump_table.judging.twin import Comparison

    console = Console(as_json)
    training, tried = _training(settings, network), _rates(rates)
    place = place_of(source, runs_folder)
    measured = measured_of(place, bounds, cell, voltage, read_noise, one_sided=True)
    show_measured(console, measured)
    comparison = Comparison(measured, model, seed)
    _show_task(console, comparison, model)
    path = out or beside(place, f"twin-{comparison.name}.png")
    refuse_unwritable(path)
    chosen = comparison.pair(_pair(pair)) if network is not None else None
    twins = _judged(console, comparison)
    bias = None
    if network is not None and chosen is not None:
        options = {
            "instances": instances, "rates": tried, "workers": workers,
            "cluster": cluster, "journal": beside(place, f"twin-{comparison.name}.jsonl"),
        }  # fmt: skip
        bias = _trained(console, comparison, chosen, network, training, seed, options)
    pictures = _draw(path, comparison, twins, bias, place)
    for picture in pictures:
        console.line(f"picture  {picture}")
    console.line()
    for line in judgement_lines([one.judgement for one in twins]):
        console.line(line)
    for line in () if bias is None else bias.lines():
        console.line(line)
    console.result(
        {
            "source": measured.source, "model": model, "seed": seed,
            "pictures": [str(picture) for picture in pictures],
            "amplitudes": [one.judgement.figures() for one in twins],
            "bias": None if bias is None else bias.figures(),
        }
    )  # fmt: skip


def _training(settings: tuple[str, ...], network: str | None) -> "Training":
    """Make the training with what is set; digits are 8 pixels wide."""
    from hil.protocols.jump_table.bias.training import Training

    small = {"crop": 8, "batch": 256} if network == "digits" else {}
    texts = pairs(settings, "epochs=20")
    return struct_of(Training, texts, "the training", "setting", small)


def _pair(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    volts: Any = decode_text(text, Annotated[tuple[float, ...], quantity("V", "")], "--pair")
    if len(volts) != 2 or volts[0] == volts[1]:
        raise ConfigError(f"--pair {text}: write two amplitudes, such as 1.5V,-1.5V")
    return float(volts[0]), float(volts[1])


def _rates(text: str | None) -> list[float]:
    from hil.protocols.jump_table.bias.accuracy import RATES

    rates: Any = RATES if text is None else decode_text(text, tuple[float, ...], "--rates")
    if not rates or min(rates) <= 0:
        raise ConfigError(f"--rates {text}: write learning rates above 0, such as 0.3,1,3")
    return [float(rate) for rate in rates]


def _show_task(console: Console, comparison: "Comparison", model: str) -> None:
    console.line(f"model    {model}: {comparison.tables.title}")
    console.line(f"         from {comparison.tables.source}")
    if comparison.same_run:
        console.line(
            "         it was fitted to these very points, which flatters it; measure others"
        )
    for volts in comparison.missing:
        console.line(f"         it has no table for {volts:+.4g} V, which is left out")
    against = "the simulated device itself" if comparison.truths else "a spline through the points"
    console.line(f"         SSD and OVLE are to {against}")


def _judged(console: Console, comparison: "Comparison") -> "list[Twin]":
    """Judge amplitude by amplitude."""
    measured = [
        points for points in comparison.measured.amplitudes
        if points.voltage_v in comparison.profiles
    ]  # fmt: skip
    total, done = sum(map(len, measured)), 0
    twins = []
    with console.progress() as line:
        for points in measured:
            twins.append(comparison.twin(points))
            done += len(points)
            line(Progress(done, total, f"{points.voltage_v:+.4g} V"))
    return twins


def _trained(
    console: Console,
    comparison: "Comparison",
    pair: tuple[float, float],
    network: str,
    training: "Training",
    seed: int,
    options: dict[str, Any],
) -> "Bias":
    """Train networks on the device and on the model."""
    from hil.protocols.jump_table.bias.accuracy import modeling_bias

    device, what = comparison.device(pair)
    console.line(
        f"network  {pair[0]:+.4g} V and {pair[1]:+.4g} V; the target is {what}; finished networks "
        f"are kept in {options['journal']}"
    )
    with console.progress("networks") as line:
        return modeling_bias(
            device, {comparison.name: [comparison.model(pair)]}, network, training, seed=seed,
            report=lambda done, total: line(Progress(done, total, "")), **options,
        )  # fmt: skip


def _draw(
    path: Path, comparison: "Comparison", twins: "list[Twin]", bias: "Bias | None", place: Path
) -> list[Path]:
    import numpy as np

    from hil.protocols.jump_table.judging.fit_picture import BiasCurve, Compared, draw_twin

    measured = comparison.measured
    origin = measured.title if measured.header is None else caption_of(measured.header, place)
    curve = None
    if bias is not None:
        promise = bias.promises[0]
        curve = BiasCurve(
            *(np.array(values) for values in (promise.bias, promise.low, promise.high))
        )
    compared = [
        Compared(
            one.points, one.model, one.truth,
            {"SSD": one.judgement.ssd.value, "OVLE": one.judgement.ovle.value,
             "KS": one.judgement.ks.value},
        )
        for one in twins
    ]  # fmt: skip
    with told(path):
        return draw_twin(compared, f"{origin}   |   {comparison.name}", path, bias=curve)
