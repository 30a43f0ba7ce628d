"""The network part of ``benchmarks/jump_table.py``: writes, epochs, accuracy, modeling bias."""

import statistics
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import torch
from devices import AXIS_S, HIGH_S, LOW_S, SIGNED, Device, method, target
from machine import Figure
from numpy.typing import NDArray
from scipy.special import ndtr

from hil.protocols.campaign import run_campaign
from hil.protocols.jump_table.bias.accuracy import (
    PlainSynapses,
    Setting,
    accuracies,
    modeling_bias,
)
from hil.protocols.jump_table.bias.images import digits, load_images, prepared
from hil.protocols.jump_table.bias.synapses import Synapses
from hil.protocols.jump_table.bias.training import Training, time_epochs
from hil.protocols.jump_table.profile import Profile

Floats = NDArray[np.float64]

WEIGHTS = 324 * 50 + 50 * 10
SIGMAS_S = (0.2e-9, 1.2e-9, 2e-9, 4e-9, 12e-9)
NON_LINEARITIES = (1, 2, 5, 10)
RATES = (0.3, 1.0, 3.0)
MODELS = ("binning", "binning-cv", "spline", SIGNED)


class Pictures(NamedTuple):
    """What networks are trained on."""

    images: str
    training: Training


def pictures(folder: Path | None, epochs: int) -> Pictures:
    """Take MNIST from a folder, or the digits of scikit-learn."""
    if folder is None:
        return Pictures("digits", Training(epochs=epochs, crop=8, batch=256))
    return Pictures(str(folder.resolve()), Training(epochs=epochs))


def synapses(sigma_s: float = 1.2e-9, k: float = 1.0) -> Synapses:
    """Make the target device of Yousuf 2023, its mean times k."""
    up, down = (target(name, sigma_s, k).truth for name in ("SET", "RESET"))
    return Synapses(up, down, LOW_S, HIGH_S)


class NearestRow:
    """The usual look-up in a published table, pulse by pulse.

    For the k-th pulse of all devices that have one: the row of the nearest of 100 conductances, in
    it the entry of the 100 whose probability is nearest to a uniform number.
    """

    def __init__(self, device: Synapses) -> None:
        self.bounds_s = device.low_s, device.high_s
        self.tables = [
            (sign, np.linspace(-reach_s, reach_s, 100), self._cdf(profile, reach_s))
            for sign, profile, reach_s in ((1, device.set, 8e-9), (-1, device.reset, 9e-9))
        ]

    @staticmethod
    def _cdf(profile: Profile, reach_s: float) -> Floats:
        step_s = np.linspace(-reach_s, reach_s, 100)
        return np.asarray(ndtr((step_s - profile.mean_s[:, None]) / profile.sigma_s[:, None]))

    def update(
        self, conductance_s: Floats, pulses: NDArray[np.int64], rng: np.random.Generator
    ) -> None:
        """Play pulses in place."""
        for sign, step_s, cdf in self.tables:
            for k in range(max(0, int((sign * pulses).max()))):
                on = np.flatnonzero(sign * pulses > k)
                row = np.abs(conductance_s[on, None] - AXIS_S).argmin(axis=1)
                share = rng.random((len(on), 1))
                entry = np.abs(cdf[row] - share).argmin(axis=1)
                conductance_s[on] = np.clip(conductance_s[on] + step_s[entry], *self.bounds_s)


def update_part(quick: bool) -> dict[str, Any]:
    """Time one update of all weights, in turns."""
    print(f"\none update of {WEIGHTS:,} devices, in turns")
    device = synapses()
    rng = np.random.default_rng(0)
    figures: dict[str, Any] = {}
    ways: dict[str, Callable[..., None]] = {
        "nearest row": NearestRow(device).update,
        "exact": device.update_exact,
        "aggregate": device.update_aggregate,
    }
    for mean in (0.05, 1, 10, 20):
        pulses = rng.poisson(mean, WEIGHTS) * rng.choice([-1, 1], WEIGHTS)
        start_s = rng.uniform(LOW_S, HIGH_S, WEIGHTS)
        taken: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(4 if quick else 15):
            for name, update in ways.items():
                conductance_s = start_s.copy()
                began_s = time.perf_counter()
                update(conductance_s, pulses, rng)
                taken[name].append(1e3 * (time.perf_counter() - began_s))
        medians = {name: statistics.median(times[1:]) for name, times in taken.items()}
        ratio = medians["nearest row"] / medians["exact"]
        goal = "  (goal: 20)" if mean == 10 else ""
        print(
            f"  mean of {mean:>5} pulses: "
            + ", ".join(f"{name} {ms:.2f} ms" for name, ms in medians.items())
            + f"; exact {ratio:.0f} times faster than nearest row{goal}"
        )
        figures[str(mean)] = medians | {"ratio": ratio}
    return figures


def epoch_part(quick: bool, shown: Pictures) -> dict[str, Any]:
    """Time an epoch on one thread, and its parts."""
    torch.set_num_threads(1)
    images = prepared(
        digits() if shown.images == "digits" else load_images(shown.images), shown.training.crop
    )
    training = Training(
        epochs=3 if quick else 12, crop=shown.training.crop, batch=shown.training.batch
    )
    epochs = time_epochs(training, synapses(), images, 0)[1:]
    total = Figure(
        f"an epoch of {shown.images}, one thread", "s", "<= 0.3", [one.total for one in epochs]
    )
    writes = Figure(
        "of which device writes", "", "<= 0.25", [one.writes / one.total for one in epochs]
    )
    print(f"\n{total.line()}\n{writes.line()}")
    return {"epoch_s": total.median, "writes": writes.median}


def best_of(
    devices: Mapping[str, Synapses], shown: Pictures, journal: Path, seeds: int
) -> dict[str, dict[str, float]]:
    """Find each device's best rate and what it reaches there."""
    settings = [
        Setting(
            name=name, dataset=0, seed=seed,
            training=Training(
                epochs=shown.training.epochs, crop=shown.training.crop,
                batch=shown.training.batch, rate=rate,
            ),
            images=shown.images, synapses=PlainSynapses.of(device),
        )
        for name, device in devices.items()
        for rate in RATES
        for seed in range(seeds)
    ]  # fmt: skip
    reached = np.array(run_campaign(accuracies, settings, journal=journal))
    reached = 100 * reached.reshape(len(devices), len(RATES), seeds, -1).mean(axis=2)
    found = {}
    for name, curves in zip(devices, reached, strict=True):
        best = int(curves.mean(axis=1).argmax())
        found[name] = {
            "rate": RATES[best],
            "mean": float(curves[best].mean()),
            "last": float(curves[best, -1]),
        }
        print(
            f"  {name:<22} best rate {RATES[best]:<4} mean of the epochs "
            f"{found[name]['mean']:.1f} %, last {found[name]['last']:.1f} %"
        )
    return found


def trends_part(quick: bool, shown: Pictures, journal: Path) -> dict[str, Any]:
    """Accuracy over sigma and over non-linearity, each at its best rate."""
    seeds = 1 if quick else 3
    print(f"\naccuracy over the sigma of a step (Fig. 4c; means of {seeds} networks)")
    sigmas = SIGMAS_S[1::2] if quick else SIGMAS_S
    sigma = best_of(
        {f"sigma {1e9 * s:g} nS": synapses(sigma_s=s) for s in sigmas}, shown, journal, seeds
    )
    print("accuracy over the non-linearity k (Fig. 5c)")
    ks = NON_LINEARITIES[::3] if quick else NON_LINEARITIES
    k = best_of({f"k = {k}": synapses(k=k) for k in ks}, shown, journal, seeds)
    return {"sigma": sigma, "k": k}


def modelled(device: Mapping[str, Device], name: str, count: int, seed: int) -> Synapses:
    """Draw points of a device and fit both directions."""
    way = method(name)
    rng = np.random.default_rng(seed)
    up, down = (
        way.fit(device[side].points(count, seed), rng).profile for side in ("SET", "RESET")
    )
    return Synapses(up, down, LOW_S, HIGH_S)


def bias_part(quick: bool, shown: Pictures, journal: Path) -> dict[str, Any]:
    """Modeling bias over the number of points, several data sets each (Fig. 3d)."""
    counts = (500,) if quick else (500, 1000, 4000, 10000)
    datasets, instances = (2, 2) if quick else (8, 4)
    names = ("binning", "spline") if quick else MODELS
    device = {side: target(side) for side in ("SET", "RESET")}
    models = {
        f"{name} {count}": [modelled(device, name, count, seed) for seed in range(datasets)]
        for count in counts
        for name in names
    }
    print(
        f"\nmodeling bias, {datasets} data sets each, {instances} networks on each model and on "
        "the target, rate 3"
    )
    bias = modeling_bias(
        synapses(), models, shown.images, shown.training, instances=instances, rates=(3.0,),
        seed=1, journal=journal,
    )  # fmt: skip
    print(f"  target {' '.join(f'{x:.1f}' for x in bias.target)} % after each epoch")
    for name, found in bias.models().items():
        last = " ".join(f"{one.bias[-1]:+.1f}" for one in found)
        mean = statistics.mean(abs(x) for one in found for x in one.bias)
        print(f"  {name:<22} mean |MB| {mean:5.1f} points; after the last epoch {last}")
    return bias.figures()


def network_part(quick: bool, mnist: Path | None) -> dict[str, Any]:
    """Measure all of it; networks that are finished are kept while the program runs."""
    shown = pictures(mnist, 3 if quick else 10)
    if mnist is None:
        print("\nno --mnist FOLDER: trained on scikit-learn's digits, the figures are not MNIST's")
    with TemporaryDirectory() as folder:
        journal = Path(folder) / "networks.jsonl"
        return {
            "update": update_part(quick),
            "epoch": epoch_part(quick, shown),
            "trends": trends_part(quick, shown, journal),
            "bias": bias_part(quick, shown, journal),
        }
