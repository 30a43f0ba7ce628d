"""``hil fit``: from what was measured to a model file, which is a bench at once."""

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import click

from hil.cli.console import Console, caption_of
from hil.cli.points import (
    beside,
    measured_of,
    noise_of,
    place_of,
    points_options,
    refuse_loud,
    show_measured,
)
from hil.cli.probe import Quantity
from hil.cli.run import parameters_of
from hil.cli.settings import pairs, struct_of
from hil.decode import unknown
from hil.errors import ConfigError, MissingExtra
from hil.keeper import Progress
from hil.whole_file import refuse_unwritable, told

if TYPE_CHECKING:
    from hil.protocols.jump_table.fitting.method import Method
    from hil.protocols.jump_table.judging.fitted import Fitted, Meter, Tried
    from hil.protocols.jump_table.reading.measured import Measured
    from hil.protocols.jump_table.reading.read_noise import ReadNoise


@click.group(epilog="Example: hil fit jump-table last --method binning")
def fit() -> None:
    """Fit a model to what was measured."""


def _show_help(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from hil.protocols.jump_table.fitting.methods import METHODS

        name = context.params.get("method_name") or "spline"
        method = METHODS.load(name)
        click.echo(context.get_help() + parameters_of(method, f"method {name}"))
        context.exit()


@fit.command(
    "jump-table", add_help_option=False,
    epilog="Example: hil fit jump-table last --out tiox-w3.toml",
)  # fmt: skip
@click.argument("source", metavar="RUN|FILE.csv")
@click.option(
    "--method", "method_name", default="spline", show_default=True, is_eager=True,
    metavar="NAME",
    help="binning, binning-cv, kriging, local, optuna, polynomial or spline.",
)  # fmt: skip
@click.option(
    "--set", "settings", multiple=True, metavar="KEY=VALUE",
    help="A setting of the method: sign=by-voltage.",
)  # fmt: skip
@click.option(
    "--compare", metavar="all|NAME,NAME",
    help="Judge these methods too, by points that none of them sees.",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False),
    help="The model file; its pictures go beside it. Beside the points if left out.",
)  # fmt: skip
@click.option(
    "--pulse-high",
    type=Quantity("s"),
    help="Flat top of the pulses, where the file does not tell it.",
)
@click.option("--one-sided", is_flag=True, help="Take amplitudes of one sign alone.")
@click.option(
    "--keep-read-noise", is_flag=True,
    help="Leave the meter's noise in the table, even where 0 V pulses tell it.",
)  # fmt: skip
@points_options
@click.option(
    "-h", "--help", is_flag=True, is_eager=True, expose_value=False, callback=_show_help,
    help="Show this, and the settings of --method.",
)  # fmt: skip
def jump_table(
    source: str,
    method_name: str,
    settings: tuple[str, ...],
    compare: str | None,
    out: Path | None,
    pulse_high: float | None,
    one_sided: bool,
    keep_read_noise: bool,
    bounds: str | None,
    cell: int | None,
    voltage: float | None,
    read_noise: float | None,
    seed: int,
    runs_folder: Path,
    as_json: bool,
) -> None:
    """Fit the steps of each pulse amplitude over the conductance; write them as a model file."""
    console = Console(as_json)
    methods = _methods(method_name, settings, compare)
    place = place_of(source, runs_folder)
    measured = measured_of(place, bounds, cell, voltage, read_noise, one_sided=one_sided)
    show_measured(console, measured)
    path = _out(place, method_name, out)
    high_s = _pulse_high_s(measured, pulse_high)
    noise, about_noise = noise_of(measured, read_noise, seed)
    console.line(f"noise    {about_noise}")
    if noise is not None and not keep_read_noise:
        refuse_loud(noise)
    work = _Work(console, measured, None if keep_read_noise else noise, seed)
    tried = work.judged(methods, able_only=compare == "all")
    fits = work.fitted(methods[method_name])
    _show_noise(console, measured, fits, noise, keep=keep_read_noise)
    _write(path, method_name, work.meter, fits, high_s)
    pictures = _draw(path, method_name, measured, fits, tried)
    console.line(f"model    {path}")
    for picture in pictures:
        console.line(f"picture  {picture}")
    _show(console, fits, tried, method_name)
    console.result(_figures(path, pictures, fits, tried, noise, measured, seed))


def _methods(name: str, settings: tuple[str, ...], compare: str | None) -> "dict[str, Method]":
    """Make the chosen method with its settings, and those it is compared with."""
    from hil.protocols.jump_table.fitting.methods import METHODS

    every = METHODS.names()
    if name not in every:
        raise ConfigError(unknown(name, every, "--method", "method"))
    others = [] if compare is None else every if compare == "all" else compare.split(",")
    for other in others:
        if other not in every:
            raise ConfigError(unknown(other, every, "--compare", "method"))
    texts = pairs(settings, "sign=by-voltage")
    methods: dict[str, Method] = {
        name: struct_of(METHODS.load(name), texts, f"method {name}", "setting")
    }
    return methods | {other: METHODS.load(other)() for other in others if other != name}


def _out(place: Path, method_name: str, out: Path | None) -> Path:
    """Find the place of the model file, and make sure that it can be written."""
    from hil.protocols.jump_table.models.model_file import refuse_other_name

    path = out or beside(place, f"{method_name}.toml")
    refuse_other_name(path)
    refuse_unwritable(path)
    return path


def _pulse_high_s(measured: "Measured", told_s: float | None) -> float:
    """Find the flat top of the pulses; raises ConfigError where nobody tells it."""
    high_s = measured.pulse_high_s if told_s is None else told_s
    if high_s is None:
        raise ConfigError(
            f"{measured.source} does not tell how wide the pulses were, which a model must know; "
            "add --pulse-high 500ns"
        )
    return high_s


class _Work:
    """Fits and judges, and says how far it is."""

    def __init__(
        self, console: Console, measured: "Measured", noise: "ReadNoise | None", seed: int
    ) -> None:
        from hil.protocols.jump_table.judging.fitted import Meter
        from hil.protocols.jump_table.models.truth import truths_of

        self.console = console
        self.measured = measured
        self.meter = Meter(measured, noise)
        self.seed = seed
        self.truths = truths_of(measured)

    def judged(self, methods: "dict[str, Method]", *, able_only: bool) -> "list[Tried]":
        """Judge methods by a third of the points; *able_only* leaves out what lacks its extra."""
        tried: list[Tried] = []
        lacking = []
        with _Line(self.console, self.measured, len(methods)) as line:
            for name, method in methods.items():
                try:
                    tried += self._judged(name, method, line)
                except MissingExtra as error:
                    if not able_only:
                        raise
                    lacking.append(f"without  {name}: {error}")
        for text in lacking:
            self.console.line(text)
        return tried

    def _judged(self, name: str, method: "Method", line: "_Line") -> "list[Tried]":
        from hil.protocols.jump_table.judging.fitted import held_out

        tried = []
        for points in self.measured.amplitudes:
            line.glance = f"judging {name}, {points.voltage_v:+.4g} V"
            tried.append(held_out(points, name, method, self.truths, self.seed, self.meter))
            line.done(len(points))
        return tried

    def fitted(self, method: "Method") -> "list[Fitted]":
        """Fit all points."""
        from hil.protocols.jump_table.judging.fitted import fit_all

        fits = []
        with _Line(self.console, self.measured, 1) as line:
            for points in self.measured.amplitudes:
                line.glance = f"fitting {points.voltage_v:+.4g} V"
                fits.append(fit_all(points, method, self.seed, self.meter))
                line.done(len(points))
        return fits


class _Line:
    """A line of progress that counts points."""

    def __init__(self, console: Console, measured: "Measured", times: int) -> None:
        self._stack = ExitStack()
        self._console = console
        self._total = times * sum(len(points) for points in measured.amplitudes)
        self._done = 0
        self.glance = ""

    def __enter__(self) -> Self:
        self._line = self._stack.enter_context(self._console.progress())
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def done(self, points: int) -> None:
        """Count the points of a fit that is finished."""
        self._done += points
        self._line(Progress(self._done, self._total, self.glance))


def _show_noise(
    console: Console,
    measured: "Measured",
    fits: "list[Fitted]",
    noise: "ReadNoise | None",
    *,
    keep: bool,
) -> None:
    """Say what read noise does to the points, and what becomes of it."""
    from hil.protocols.jump_table.reading.read_errors import effect

    if noise is None:
        return
    for one in fits:
        told = effect(one.seen.profile, noise, measured.alike(one.points)).sentence()
        console.line(f"         {one.points.voltage_v:+.4g} V: {told}")
    console.line(
        "         it stays in the tables" if keep else
        "         it is taken out of the tables and stands in the model as noise of readings, "
        f"{noise.relative:.2g} of their value"
    )  # fmt: skip


def _write(
    path: Path,
    method_name: str,
    meter: "Meter",
    fits: "list[Fitted]",
    pulse_high_s: float,
) -> None:
    from hil.protocols.jump_table.models.model_file import write_model

    measured, noise = meter
    low_s, high_s = measured.range_s
    points = sum(len(one) for one in measured.amplitudes)
    write_model(
        path,
        title=f"{measured.title}: jump tables by {method_name}",
        source=f"{measured.source}, {points:,} points",
        profiles={one.points.voltage_v: one.model.profile for one in fits},
        low_s=low_s, high_s=high_s, pulse_high_s=pulse_high_s,
        edge_s=None if measured.header is None else measured.header.parameters.get("edge_s"),
        read_noise=None if noise is None else noise.relative,
        about=[f"Fitted by hil fit jump-table --method {method_name}."],
    )  # fmt: skip


def _draw(
    path: Path,
    method_name: str,
    measured: "Measured",
    fits: "list[Fitted]",
    tried: "list[Tried]",
) -> list[Path]:
    """Draw the fit, and what it is compared with, beside the model file."""
    from hil.protocols.jump_table.judging.compare_picture import draw_compare
    from hil.protocols.jump_table.judging.fit_picture import draw_fit
    from hil.protocols.jump_table.judging.report import scores

    origin = measured.title
    if measured.header is not None:
        origin = caption_of(measured.header, Path(measured.source))
    caption = f"{origin}   |   {method_name}"
    drawn = [(one.points, one.seen, one.pit) for one in fits]
    file = path.with_suffix(".png")
    with told(file):
        pictures = draw_fit(drawn, caption, file)
    if len({one.method for one in tried}) > 1:
        compared = path.with_name(f"{path.stem}-compared.png")
        with told(compared):
            pictures += draw_compare(scores(tried), origin, compared)
    return pictures


def _show(console: Console, fits: "list[Fitted]", tried: "list[Tried]", method_name: str) -> None:
    from hil.protocols.jump_table.judging.report import compared_lines, fitted_lines, judged_lines

    console.line()
    for line in fitted_lines(fits, method_name):
        console.line(line)
    console.line()
    several = len({one.method for one in tried}) > 1
    for line in compared_lines(tried) if several else judged_lines(tried):
        console.line(line)


def _figures(
    path: Path,
    pictures: list[Path],
    fits: "list[Fitted]",
    tried: "list[Tried]",
    noise: "ReadNoise | None",
    measured: "Measured",
    seed: int,
) -> dict[str, Any]:
    from hil.protocols.jump_table.judging.report import fitted_figures

    return {
        "model": str(path),
        "pictures": [str(picture) for picture in pictures],
        "source": measured.source,
        "seed": seed,
        "bounds_s": [measured.low_s, measured.high_s],
        "read_noise_relative": None if noise is None else noise.relative,
        "amplitudes": fitted_figures(fits),
        "judged": [one.figures() for one in tried],
    }
