"""Search for polynomial profiles by the Kolmogorov-Smirnov distance (Yousuf 2023, algorithm 3)."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import msgspec
import numpy as np
from msgspec import Meta

from hil.export import needed
from hil.protocols.jump_table.fitting.binning import Binning
from hil.protocols.jump_table.fitting.checks import check_points
from hil.protocols.jump_table.fitting.method import Fit, Method
from hil.protocols.jump_table.fitting.polynomial_space import PolynomialSpace
from hil.protocols.jump_table.fitting.search_journal import journal_storage
from hil.protocols.jump_table.fitting.synthetic import synthetic
from hil.protocols.jump_table.metrics.ks2d import ks2d
from hil.protocols.jump_table.points import Points
from hil.protocols.jump_table.profile import Profile

_LEAST = 80
"""Points: 40, the fewest that binning makes anything of, in the half that is modelled."""

_REPORT_REDRAWS = 10
_SPLIT, _SEARCH, _STOP, _REPORT, _SAMPLER = range(5)
"""What random numbers are for."""


class OptunaSearch(Method, frozen=True, kw_only=True):
    """Polynomials of G for mean and sigma, searched by what they draw.

    Algorithm 3 of O. Yousuf et al., IEEE JETCAS 13(1) 382-394 (2023), arXiv 2211.15925: the
    tree-structured Parzen estimator (J. Bergstra et al., NIPS 24 2546 (2011)) of Optuna, started
    from polynomials through the profile that binning gives, looks for the smallest two-dimensional
    Kolmogorov-Smirnov distance between synthetic and measured points, until that is below
    binning's own. The degrees there are 1 for SET and 2 for RESET.

    Two faults of it are repaired by default. The distance of one synthetic data set is as much
    luck as merit, and the smallest of many trials is that of the luckiest: here it is the mean
    over several draws, with the random numbers that all trials share. And the points that a search
    is judged by were those that it searched on: here it searches on one half of the points, a
    quarter decides when it ends, and the distance from the last quarter, which neither has seen,
    is reported. ``redraws=1, third_split=False`` is the paper's.

    Where the points do not start uniformly over the range, the distance of uniform synthetic data
    from them is that of their conductances, whatever the steps; so these are taken from the
    points that are modelled, unless `starts` says "uniform", as algorithm 2 has it.

    A search with a journal goes on where it was killed and ends as if it had not been, if it is
    given the same points, settings and seed.
    """

    quick: ClassVar[bool] = False

    mean_degree: Annotated[
        int, Meta(ge=0, le=9, description="degree of the mean's polynomial")
    ] = 2
    sigma_degree: Annotated[int, Meta(ge=0, le=9, description="degree of sigma's polynomial")] = 2
    trials: Annotated[int, Meta(ge=1, le=1_000_000, description="trials at most")] = 200
    redraws: Annotated[
        int, Meta(ge=1, le=1_000, description="synthetic data sets that a distance is the mean of")
    ] = 5
    third_split: Annotated[
        bool, Meta(description="search, stop and report on three different parts of the points")
    ] = True
    stop_at_binning: Annotated[
        bool, Meta(description="end when better than binning; all trials otherwise")
    ] = True
    starts: Annotated[
        Literal["measured", "uniform"],
        Meta(description="where synthetic conductances are drawn from"),
    ] = "measured"
    width: Annotated[
        float, Meta(gt=0, description="standard errors searched to each side of the start")
    ] = 6.0
    g_bins: Annotated[int, Meta(ge=2, le=10_000, description="bins of the conductance")] = 20
    step_bins: Annotated[int, Meta(ge=3, le=10_000, description="bins of the step")] = 50
    journal: Annotated[
        str | None, Meta(description="file that keeps the trials, to go on after a kill")
    ] = None

    def fit(self, points: Points, rng: np.random.Generator) -> Fit:
        """Search; see `Method.fit`. The generator gives one seed, from which all else follows."""
        check_points(points, _LEAST, "the search")
        optuna = needed("optuna", "learn")
        seed = int(rng.integers(2**62))
        parts = self._parts(points, seed)
        binning = Binning(g_bins=self.g_bins, step_bins=self.step_bins).fit(parts.model, rng)
        degrees = {"mean": self.mean_degree, "sigma": self.sigma_degree}
        space = PolynomialSpace.around(binning.profile, parts.model, degrees, self.width)
        judge = _Judge(self, parts, seed)
        below = judge.at_stop(binning.profile)
        with self._storage() as storage, _silent(optuna):
            study = optuna.create_study(
                storage=storage, study_name=_name(self, points, seed), load_if_exists=True
            )
            found = _search(optuna, study, judge, space, self.trials, below)
        profile = space.profile(found.parameters)
        figures: dict[str, Any] = {
            "trials": found.trials,
            "stopped_by": "binning" if found.better else "trials",
            "ks_best": found.distance,
            "ks_to_beat": below,
            "ks_redrawn": judge.redrawn(profile, parts.search),
            "ks_binning": judge.redrawn(binning.profile, parts.search),
        }
        if self.third_split:
            figures["ks_unseen"] = judge.redrawn(profile, parts.unseen)
            figures["ks_unseen_binning"] = judge.redrawn(binning.profile, parts.unseen)
        figures |= space.coefficients(found.parameters)
        return Fit(profile, figures=figures)

    def _parts(self, points: Points, seed: int) -> "_Parts":
        rng = np.random.default_rng([seed, _SPLIT])
        if self.third_split:
            model, stop, unseen = points.split(rng, (0.5, 0.25, 0.25))
            return _Parts(model, model, stop, unseen)
        model, test = points.split(rng, (0.5, 0.5))
        return _Parts(model, test, test, test)

    @contextmanager
    def _storage(self) -> Iterator[Any]:
        with nullcontext() if self.journal is None else journal_storage(Path(self.journal)) as it:
            yield it


class _Parts(NamedTuple):
    """Points that are modelled, that distances are searched on, that end it, that judge it."""

    model: Points
    search: Points
    stop: Points
    unseen: Points


class _Found(NamedTuple):
    """The best trial, after how many, and whether it is better than binning."""

    parameters: dict[str, float]
    distance: float
    trials: int
    better: bool


@dataclass(frozen=True)
class _Judge:
    """Distances of profiles from points, by synthetic data."""

    settings: OptunaSearch
    parts: _Parts
    seed: int

    def objective(self, profile: Profile, trial: int) -> float:
        """Give what the search makes small; draws of one data set are each trial's own."""
        own = [] if self.settings.redraws > 1 else [trial]
        return self._mean(profile, self.parts.search, self.settings.redraws, _SEARCH, *own)

    def at_stop(self, profile: Profile) -> float:
        """Give the distance that is compared with binning's."""
        return self._mean(profile, self.parts.stop, self.settings.redraws, _STOP)

    def redrawn(self, profile: Profile, points: Points) -> float:
        """Give a distance by draws that decided nothing."""
        return self._mean(profile, points, _REPORT_REDRAWS, _REPORT)

    def better(self, profile: Profile, distance: float, below: float) -> bool:
        """Say whether a best trial ends the search."""
        if not self.settings.stop_at_binning:
            return False
        return (self.at_stop(profile) if self.settings.third_split else distance) < below

    def _mean(self, profile: Profile, points: Points, redraws: int, *purpose: int) -> float:
        measured = np.column_stack([points.conductance_s, points.step_s])
        model = self.parts.model
        starts_s = None if self.settings.starts == "uniform" else model.conductance_s
        distances = []
        for k in range(redraws):
            drawn = synthetic(
                profile,
                len(points),
                points.low_s,
                points.high_s,
                np.random.default_rng([self.seed, *purpose, k]),
                starts_s=starts_s,
            )
            sample = np.column_stack([drawn.conductance_s, drawn.step_s])
            distances.append(ks2d(sample, measured))
        return float(np.mean(distances))


def _search(
    optuna: Any, study: Any, judge: _Judge, space: PolynomialSpace, trials: int, below: float
) -> _Found:
    """Go on with a study until it is better than *below* or has had its trials."""
    state = optuna.trial.TrialState
    for trial in study.get_trials(deepcopy=False, states=(state.RUNNING,)):
        study.tell(trial.number, state=state.FAIL)  # of a killed process: tried again
    ranges = {
        name: optuna.distributions.FloatDistribution(-half, half)
        for name, half in space.half_widths().items()
    }
    looked_at = -1
    better = False
    while True:
        done = study.get_trials(deepcopy=False, states=(state.COMPLETE,))[:trials]
        if done:
            best = min(done, key=lambda trial: float(trial.value))
            if best.number != looked_at:
                better = judge.better(space.profile(best.params), best.value, below)
                looked_at = best.number
            if better or len(done) >= trials:
                return _Found(dict(best.params), float(best.value), len(done), better)
        elif not study.get_trials(deepcopy=False, states=(state.WAITING,)):
            study.enqueue_trial(dict.fromkeys(ranges, 0.0))
        # a sampler of its own for each trial: what a killed one had drawn is not missed
        draws = np.random.default_rng([judge.seed, _SAMPLER, len(done)])
        study.sampler = optuna.samplers.TPESampler(seed=int(draws.integers(2**32)))
        trial = study.ask(ranges)
        study.tell(trial, judge.objective(space.profile(trial.params), len(done)))


def _name(settings: OptunaSearch, points: Points, seed: int) -> str:
    """Name a search after all that it follows from but the number of trials."""
    same = msgspec.structs.replace(settings, journal=None, trials=1)
    digest = hashlib.sha256(msgspec.json.encode([same, seed, points.low_s, points.high_s]))
    digest.update(points.conductance_s.tobytes() + points.step_s.tobytes())
    return f"jump-table {points.voltage_v:g} V {digest.hexdigest()[:16]}"


@contextmanager
def _silent(optuna: Any) -> Iterator[None]:
    """Keep Optuna from telling of each trial."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
