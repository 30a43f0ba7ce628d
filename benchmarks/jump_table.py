"""Jump tables and modeling bias: how near a fitted table is to its device, by method.

    python benchmarks/jump_table.py [--quick] [--only PART,PART] [--mnist FOLDER] [--json FILE]

Parts, in this order: ``ks`` (the two-dimensional Kolmogorov-Smirnov test: exactness and time),
``points`` (SSD and OVLE over the number of points on the target device of Yousuf et al., IEEE
JETCAS 13(1) 382-394 (2023), Fig. 3c), ``profiles`` (all methods on three devices), ``tiox``
(binning, Optuna, spline on a run of the protocol on bench tiox), ``network`` (time of a device
update and an epoch, accuracy over sigma and non-linearity, modeling bias over the number of
points). The last trains on MNIST where --mnist names the folder of its four idx files, else on
scikit-learn's digits, whose figures are not the paper's. All devices are simulated; the truth is
known, and SSD and OVLE are to it, on 100 conductances.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
from devices import SIGNED, Device, curved, method, target
from machine import Figure, machine, repeated
from modeling_bias import network_part
from numpy.typing import NDArray

from hil.protocols.jump_table.judging.fitted import Meter, Tried, held_out
from hil.protocols.jump_table.judging.report import compared_lines
from hil.protocols.jump_table.metrics import ks2d, ovle, ssd
from hil.protocols.jump_table.models.truth import truths_of
from hil.protocols.jump_table.reading.measured import read_points

Floats = NDArray[np.float64]

COUNTS = (40, 100, 200, 500, 1000, 2000, 4000, 10000)
TABLED = {
    40: (0.1965, 0.3189, 0.1925, 0.3085), 100: (0.1558, 0.2368, 0.1523, 0.2362),
    200: (0.1006, 0.1466, 0.0983, 0.1463), 500: (0.0588, 0.0877, 0.0577, 0.0866),
    1000: (0.0428, 0.0646, 0.0416, 0.0638), 2000: (0.0288, 0.0483, 0.0289, 0.0473),
    4000: (0.0220, 0.0368, 0.0217, 0.0357), 10000: (0.0159, 0.0270, 0.0154, 0.0258),
}  # fmt: skip
"""SSD, OVLE of SET and of RESET that an independent program gave for algorithm 1, 20 seeds."""

METHODS_OF = {
    "points": ("binning", "binning-cv", "polynomial", "spline", SIGNED),
    "profiles": ("binning", "binning-cv", "kriging", "polynomial", "spline", "local"),
    "tiox": ("binning", "binning-cv", "optuna", "spline", "local"),
}


class Errors(NamedTuple):
    """How far fits are from the truth, and what they took; one entry a seed."""

    ssd: list[float]
    ovle: list[float]
    seconds: list[float]

    def line(self) -> str:
        """Write the means and the median time."""
        return (
            f"{statistics.mean(self.ssd):.4f} / {statistics.mean(self.ovle):.4f}"
            f"  {1e3 * statistics.median(self.seconds):8.1f} ms"
        )

    def figures(self) -> dict[str, float]:
        """Give the means and the median time."""
        return {
            "ssd": statistics.mean(self.ssd),
            "ovle": statistics.mean(self.ovle),
            "ms": 1e3 * statistics.median(self.seconds),
        }


def errors(name: str, device: Device, count: int, seeds: int) -> Errors:
    """Fit several drawings of one device."""
    found = Errors([], [], [])
    axis_s = np.linspace(*device.bounds_s, 100)
    truth = device.truth.moments(axis_s)
    for seed in range(seeds):
        points = device.points(count, seed)
        began_s = time.perf_counter()
        fit = method(name).fit(points, np.random.default_rng(seed))
        found.seconds.append(time.perf_counter() - began_s)
        fitted = fit.profile.moments(axis_s)
        found.ssd.append(ssd(*fitted, *truth))
        found.ovle.append(ovle(*fitted, *truth))
    return found


def points_part(quick: bool) -> dict[str, Any]:
    """SSD and OVLE over the number of points on the paper's target device."""
    seeds = 3 if quick else 100
    print(f"\nSSD / OVLE to the target device, means of {seeds} seeds, and the time of a fit")
    figures: dict[str, Any] = {}
    for side, direction in enumerate(("SET", "RESET")):
        device = target(direction)
        for count in COUNTS[::3] if quick else COUNTS:
            row = {name: errors(name, device, count, seeds) for name in METHODS_OF["points"]}
            tabled = TABLED[count][2 * side : 2 * side + 2]
            off = [
                statistics.mean(mine) / theirs - 1
                for mine, theirs in zip(row["binning"][:2], tabled, strict=True)
            ]
            ratio, signed = (
                [
                    statistics.mean(a) / statistics.mean(b)
                    for a, b in zip(row["binning"][:2], row[name][:2], strict=True)
                ]
                for name in ("spline", SIGNED)
            )
            print(f"{direction:>6} {count:>6} points")
            for name, found in row.items():
                print(f"        {name:<14} {found.line()}")
            print(
                f"        binning beside an independent program's {tabled[0]:.4f} / "
                f"{tabled[1]:.4f}: {off[0]:+.1%} / {off[1]:+.1%} (goal: within 10 %); spline "
                f"{ratio[0]:.2f} / {ratio[1]:.2f} times nearer than binning, with a sign "
                f"{signed[0]:.2f} / {signed[1]:.2f}"
            )
            figures[f"{direction} {count}"] = {
                **{name: found.figures() for name, found in row.items()},
                "off": off, "ratio": ratio, "ratio with a sign": signed,
            }  # fmt: skip
    return figures


def profiles_part(quick: bool) -> dict[str, Any]:
    """All methods on a linear and two curved devices."""
    seeds = 2 if quick else 10
    print(f"\nSSD / OVLE of all methods, means of {seeds} seeds, and the time of a fit")
    figures: dict[str, Any] = {}
    for device in (target("SET"), *curved()):
        for count in (500,) if quick else (500, 4000):
            print(f"{device.name}, {count} points")
            row = {name: errors(name, device, count, seeds) for name in METHODS_OF["profiles"]}
            for name, found in row.items():
                ratio = [
                    statistics.mean(a) / statistics.mean(b)
                    for a, b in zip(row["binning"][:2], found[:2], strict=True)
                ]
                print(
                    f"        {name:<12} {found.line()}   {ratio[0]:.2f} / {ratio[1]:.2f} times "
                    "nearer than binning"
                )
            figures[f"{device.name} {count}"] = {
                name: found.figures() for name, found in row.items()
            }
    return figures


def ks_part(quick: bool) -> dict[str, Any]:
    """Exactness of the two-dimensional test in random cases with ties, and its time."""
    cases = 100 if quick else 1000
    rng = np.random.default_rng(5)
    wrong = 0
    for case in range(cases):
        sizes = rng.integers(1, 25, 2)
        x, y = (rng.normal(size=(size, 2)) for size in sizes)
        if case % 2:
            x, y = np.round(2 * x) / 2, np.round(2 * y) / 2
        wrong += ks2d(x, y) != brute_force(x, y)
    print(f"\nks2d against all origins in {cases} random cases, half with ties: {wrong} differ")
    figures: dict[str, Any] = {"cases": cases, "differ": wrong}
    for count, goal in ((500, None), (4000, 2.0), (10000, 6.0)):
        x, y = rng.normal(size=(2, count, 2))

        def once(x: Floats = x, y: Floats = y) -> float:
            began_s = time.perf_counter()
            ks2d(x, y)
            return 1e3 * (time.perf_counter() - began_s)

        figure = Figure(f"ks2d, {count:,} against {count:,}", "ms", f"<= {goal}" if goal else "-",
                        repeated(11 if quick else 51, once))  # fmt: skip
        print(figure.line())
        figures[figure.name] = figure.median
    return figures


def brute_force(x: Floats, y: Floats) -> float:
    """Give Peacock's distance by trying every origin between all coordinates."""
    both = np.concatenate((x, y))
    ups, rights = (np.append(np.unique(both[:, k]), np.inf) for k in (1, 0))
    most = 0
    for right in np.append(-np.inf, rights):
        for up in np.append(-np.inf, ups):
            quadrants = [
                np.array(
                    [
                        np.sum(((one[:, 0] <= right) == left) & ((one[:, 1] <= up) == low))
                        for left in (True, False)
                        for low in (True, False)
                    ]
                )
                for one in (x, y)
            ]  # fmt: skip
            most = max(most, int(np.abs(quadrants[0] * len(y) - quadrants[1] * len(x)).max()))
    return float(most / (len(x) * len(y)))


def tiox_part(quick: bool) -> dict[str, Any]:
    """Binning beside Optuna beside spline on a run of the protocol, judged by held-out points."""
    points = 500 if quick else 4000
    names = ("binning", "spline") if quick else METHODS_OF["tiox"]
    with TemporaryDirectory() as folder:
        command = [
            sys.executable, "-m", "hil", "run", "jump-table", "--bench", "tiox", "--seed", "1",
            "--set", f"points={points}", "--out", folder, "--json",
        ]  # fmt: skip
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        measured = read_points(json.loads(told)["run"])
    truths, meter = truths_of(measured), Meter(measured)
    print(f"\nbench tiox, 8 amplitudes x {points:,} points of hil run jump-table --seed 1")
    tried: list[Tried] = [
        held_out(one, name, method(name), truths, 0, meter)
        for name in names
        for one in measured.amplitudes
    ]
    for line in compared_lines(tried):
        print(f"  {line}")
    return {"tried": [one.figures() for one in tried]}


PARTS = ("ks", "points", "profiles", "tiox", "network")


def main() -> None:
    """Run the parts that are asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer of everything: under 40 s")
    parser.add_argument("--only", default=",".join(PARTS), help=f"some of {','.join(PARTS)}")
    parser.add_argument("--mnist", type=Path, help="folder of the four idx files of MNIST")
    parser.add_argument("--json", type=Path, help="write the figures there")
    asked = parser.parse_args()
    parts = asked.only.split(",")
    if not set(parts) <= set(PARTS):
        parser.error(f"--only {asked.only}: parts are {','.join(PARTS)}")
    print(machine("scipy", "torch", "optuna", "scikit-learn"))
    work = {
        "ks": lambda: ks_part(asked.quick),
        "points": lambda: points_part(asked.quick),
        "profiles": lambda: profiles_part(asked.quick),
        "tiox": lambda: tiox_part(asked.quick),
        "network": lambda: network_part(asked.quick, asked.mnist),
    }
    figures = {name: work[name]() for name in parts}
    if asked.json is not None:
        asked.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
