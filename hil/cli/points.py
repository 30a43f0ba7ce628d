"""What ``hil fit jump-table`` and ``hil twin`` share: where points come from, what they are."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import click
import numpy as np

from hil.cli.console import RUNS, Console, find_run
from hil.cli.probe import Quantity
from hil.decode import decode_text
from hil.errors import ConfigError
from hil.runner import LARGEST_SEED
from hil.store import RunRecord
from hil.units import format_quantity, quantity

if TYPE_CHECKING:
    from hil.protocols.jump_table.reading.measured import Measured
    from hil.protocols.jump_table.reading.read_noise import ReadNoise

LARGEST_NOISE = 0.5
"""Largest `white` that the layer `noise` of a model takes."""

_FILES = (".csv", ".txt", ".tsv", ".dat")
_SIEMENS = Annotated[tuple[float, ...], quantity("S", "bounds")]


def points_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that say which points are meant."""
    for option in (
        click.option(
            "--bounds", metavar="LOW,HIGH",
            help="Bounds of the conductance, 5uS,30uS; found in the readings if left out.",
        ),
        click.option("--cell", type=click.IntRange(0), help="The only cell to take; else all."),
        click.option(
            "--voltage", type=Quantity("V"), help="Amplitude, where a file does not tell it."
        ),
        click.option(
            "--read-noise", type=Quantity("S"),
            help="Rms of the error of a reading; from 0 V pulses if left out.",
        ),
        click.option(
            "--seed", type=click.IntRange(0, LARGEST_SEED), default=0, show_default=True,
            help="Of splits, redraws and resamples.",
        ),
        click.option(
            "--runs", "runs_folder", type=click.Path(path_type=Path), default=RUNS,
            show_default=True, help="Where runs are kept.",
        ),
        click.option("--json", "as_json", is_flag=True, help="End with one JSON object."),
    ):  # fmt: skip
        command = option(command)
    return command


def measured_of(
    place: Path,
    bounds: str | None,
    cell: int | None,
    voltage: float | None,
    read_noise: float | None,
    *,
    one_sided: bool,
) -> "Measured":
    """Read the points of a run or a file."""
    from hil.protocols.jump_table.reading.measured import read_points

    return read_points(
        place,
        bounds_s=_bounds(bounds),
        cell=cell,
        voltage_v=voltage,
        read_noise_s=read_noise,
        one_sided=one_sided,
    )


def place_of(source: str, runs_folder: Path) -> Path:
    """Tell whether a run or a file is meant, and where it is."""
    if Path(source).is_file():
        return Path(source)
    if Path(source).suffix in _FILES and not Path(source).exists():
        raise ConfigError(f"there is no file {source}; name a file of points, or a run")
    return find_run(source, runs_folder)


def beside(place: Path, name: str) -> Path:
    """Name a file in the run's folder, or beside a file of points."""
    return place / name if place.is_dir() else place.with_name(f"{place.stem}-{name}")


def _bounds(text: str | None) -> tuple[float, float] | None:
    if text is None:
        return None
    values: Any = decode_text(text, _SIEMENS, "--bounds")
    if len(values) != 2 or not values[0] < values[1]:
        raise ConfigError(f"--bounds {text}: write two rising conductances, such as 5uS,30uS")
    return float(values[0]), float(values[1])


def show_measured(console: Console, measured: "Measured") -> None:
    """Say what there is to fit."""
    count = sum(len(points) for points in measured.amplitudes)
    several = "s" if len(measured.amplitudes) > 1 else ""
    low, high = (format_quantity(end, "S", 3) for end in measured.range_s)
    console.line(
        f"points   {measured.source}: {count:,} at {len(measured.amplitudes)} amplitude{several}, "
        f"G {low} to {high}"
    )
    if measured.header is not None:
        with RunRecord(Path(measured.source)) as record:
            status = record.status
        if status != "finished":
            console.line(f"         the run is {status}; these are the points that it has")
    ends = {"lower": measured.low_s, "upper": measured.high_s}
    if not np.isfinite([*ends.values()]).any():
        console.line(
            "         no bounds: readings pile up nowhere, as noisy ones never do; state them "
            "with --bounds LOW,HIGH, or a model ends at the extreme readings"
        )
    if measured.skipped:
        console.line(f"         {measured.skipped:,} points without a reading are left out")
    known = {name: end for name, end in ends.items() if np.isfinite(end)}
    for name, end in known.items():
        stopped = sum(
            int((points.at_low if name == "lower" else points.at_high).sum())
            for points in measured.amplitudes
        )
        console.line(
            f"         {name} bound {format_quantity(end, 'S', 4)}: {stopped:,} steps end there, "
            "and are taken as stopped by it"
        )


def noise_of(
    measured: "Measured", told_s: float | None, seed: int
) -> "tuple[ReadNoise | None, str]":
    """Take the read noise as told, or from the 0 V pulses, and say what is known of it."""
    from hil.protocols.jump_table.reading.read_noise import ReadNoise, read_noise

    if told_s is not None:
        noise = ReadNoise.constant(told_s, *measured.range_s)
        return noise, f"a reading is off by {format_quantity(told_s, 'S', 3)} rms, as told"
    try:
        noise = read_noise(measured.control, seed)
    except ConfigError as error:
        return None, str(error)
    middle = len(noise.tau_s) // 2
    tau, low, high = (
        format_quantity(float(values[middle]), "S", 3)
        for values in (noise.tau_s, noise.low_s, noise.high_s)
    )
    return noise, (
        f"{noise.points:,} pulses of 0 V: a reading is off by {tau} rms ({low} to "
        f"{high}) at {format_quantity(float(noise.conductance_s[middle]), 'S', 3)}, "
        f"{noise.relative:.2g} of its value on average"
    )


def refuse_loud(noise: "ReadNoise") -> None:
    """Raise ConfigError for a read noise that no model has, before anything is fitted."""
    if noise.relative > LARGEST_NOISE:
        raise ConfigError(
            f"a read noise of {noise.relative:.2g} of the reading is more than the "
            f"{LARGEST_NOISE:g} that a model may have; read longer, check --read-noise, or leave "
            "the noise in the tables with --keep-read-noise"
        )
