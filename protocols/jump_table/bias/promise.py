"""What a model promises of a network's accuracy, beside what the device keeps."""

from collections.abc import Iterator, Sequence
from typing import Any, Self

import msgspec
import numpy as np

from hil.protocols.jump_table.profile import Floats

LEVEL = 0.95


def difference(model: Floats, target: Floats) -> tuple[Floats, Floats, Floats]:
    """Give the difference of two means and its 95 % interval (Welch).

    B. L. Welch, "The generalization of 'Student's' problem when several different population
    variances are involved", Biometrika 34, 28-35 (1947): Student's t with the degrees of freedom
    that fit two variances which need not be equal. A rare failure (one training in thirty that
    ends at chance) may be in none of 20 networks, and then is in no interval either.

    Parameters
    ----------
    model, target : (instances, epochs) float64
        Two or more instances each, independent of each other.

    Returns
    -------
    tuple of (epochs,) float64
        Mean of the model less that of the target, and the lower and upper end of the interval.
    """
    from scipy.special import stdtrit

    bias = model.mean(axis=0) - target.mean(axis=0)
    parts = np.stack([each.var(axis=0, ddof=1) / len(each) for each in (model, target)])
    variance = parts.sum(axis=0)
    less = np.array([[len(model) - 1], [len(target) - 1]])
    spread = (parts**2 / less).sum(axis=0)
    freedom = np.divide(variance**2, spread, out=np.ones_like(variance), where=spread > 0)
    half = stdtrit(freedom, (1 + LEVEL) / 2) * np.sqrt(variance)
    return bias, bias - half, bias + half


class Promise(msgspec.Struct, frozen=True, kw_only=True):
    """The modeling bias of one model of one data set, after each epoch (percentage points).

    Attributes
    ----------
    model : str
        Its name.
    dataset : int
        Which data set it was fitted to, from 1.
    accuracy : tuple of float
        Mean accuracy on the model (%).
    bias, low, high : tuple of float
        Mean accuracy on the model less that on the target, and its 95 % interval, each epoch by
        itself.
    unbiased : tuple of float
        What ``abs(bias)`` is on average for a model without any, as networks differ:
        ``sqrt(2 / pi)`` standard errors.
    """

    model: str
    dataset: int
    accuracy: tuple[float, ...]
    bias: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    unbiased: tuple[float, ...]

    @classmethod
    def of(cls, name: str, dataset: int, model: Floats, target: Floats) -> Self:
        """Compare accuracies (%), (instances, epochs) each."""
        bias, low, high = difference(model, target)
        variance = sum(each.var(axis=0, ddof=1) / len(each) for each in (model, target))
        return cls(
            model=name,
            dataset=dataset,
            accuracy=_plain(model.mean(axis=0)),
            bias=_plain(bias),
            low=_plain(low),
            high=_plain(high),
            unbiased=_plain(np.sqrt(2 / np.pi * variance)),
        )

    @property
    def verdict(self) -> str:
        """Say what the last epoch shows."""
        if self.low[-1] > 0:
            return "over-promises"
        if self.high[-1] < 0:
            return "under-promises"
        return "no bias seen"

    def line(self, *, several: bool) -> str:
        """Say it with figures, and which data set it is if there are *several*."""
        bias, low, high = self.bias[-1], self.low[-1], self.high[-1]
        words = {
            "over-promises": f"over-promises by {bias:.1f} points",
            "under-promises": f"under-promises by {-bias:.1f} points",
            "no bias seen": "no bias seen",
        }[self.verdict]
        return (
            f"{self.model}{f', data set {self.dataset}' if several else ''}: {words} "
            f"(bias {bias:+.1f}, 95 % interval {low:+.1f} to {high:+.1f}); "
            f"accuracy {self.accuracy[-1]:.1f} %"
        )


class Bias(msgspec.Struct, frozen=True, kw_only=True):
    """What networks made of models.

    Attributes
    ----------
    rate : float
        The learning rate of all networks.
    rates : dict of float to float
        Mean accuracy of the target (%) at each rate that was tried.
    instances : int
        Networks on the target, and on each model.
    target, target_sigma : tuple of float
        Mean and standard deviation of the accuracy on the target (%), after each epoch.
    promises : tuple of Promise
        Each model of each data set.
    """

    rate: float
    rates: dict[float, float]
    instances: int
    target: tuple[float, ...]
    target_sigma: tuple[float, ...]
    promises: tuple[Promise, ...]

    @classmethod
    def of(
        cls, rate: float, rates: dict[float, float], target: Floats, promises: Sequence[Promise]
    ) -> Self:
        """Put together; *target* are accuracies (%), (instances, epochs)."""
        return cls(
            rate=rate,
            rates=rates,
            instances=len(target),
            target=_plain(target.mean(axis=0)),
            target_sigma=_plain(target.std(axis=0, ddof=1)),
            promises=tuple(promises),
        )

    def models(self) -> dict[str, list[Promise]]:
        """Give what was found for each model, a data set each."""
        groups: dict[str, list[Promise]] = {}
        for promise in self.promises:
            groups.setdefault(promise.model, []).append(promise)
        return groups

    def lines(self) -> Iterator[str]:
        """Say it to people."""
        yield self._rate_line()
        yield (
            f"target: accuracy {self.target[-1]:.1f} % after {len(self.target)} epochs, on "
            f"{self.instances} networks (standard deviation {self.target_sigma[-1]:.1f})"
        )
        for model, promises in self.models().items():
            for promise in promises:
                yield promise.line(several=len(promises) > 1)
            yield _summary_line(model, promises)

    def figures(self) -> dict[str, Any]:
        """Give it to programs."""
        figures: dict[str, Any] = msgspec.to_builtins(self, str_keys=True)
        for told, promise in zip(figures["promises"], self.promises, strict=True):
            told["verdict"] = promise.verdict
        figures["models"] = {name: _summary(found) for name, found in self.models().items()}
        return figures

    def _rate_line(self) -> str:
        if not self.rates:
            return f"learning rate {self.rate:g}, as given"
        tried = ", ".join(f"{rate:g}: {mean:.1f} %" for rate, mean in self.rates.items())
        edge = self.rate in (min(self.rates), max(self.rates))
        advice = "; it is at the end of those tried: try more beyond" if edge else ""
        return f"learning rate {self.rate:g}, the target's best ({tried}){advice}"


def _summary(promises: Sequence[Promise]) -> dict[str, Any]:
    """Average over data sets, and say how many fall on which side."""
    verdicts = [promise.verdict for promise in promises]
    return {
        "datasets": len(promises),
        "mean_absolute_bias": float(np.mean([np.abs(each.bias) for each in promises])),
        "mean_absolute_bias_without_any": float(np.mean([each.unbiased for each in promises])),
        "last_absolute_bias": float(np.mean([abs(each.bias[-1]) for each in promises])),
        "over_promise": verdicts.count("over-promises"),
        "under_promise": verdicts.count("under-promises"),
    }


def _summary_line(model: str, promises: Sequence[Promise]) -> str:
    found = _summary(promises)
    sets = "1 data set" if len(promises) == 1 else f"{len(promises)} data sets"
    return (
        f"{model}: mean |bias| {found['mean_absolute_bias']:.1f} points over all epochs and "
        f"{sets} (a model without any would show {found['mean_absolute_bias_without_any']:.1f}); "
        f"over-promising {found['over_promise']}, under-promising {found['under_promise']}"
    )


def _plain(values: Floats) -> tuple[float, ...]:
    return tuple(values.tolist())
