"""Tells whether an image is like the known ones at all."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from latlas.classifiers.base import Float64Array, stored_array, stored_number
from latlas.contracts import OptionError

__all__ = ["Novelty"]

TAIL_SHARE = 0.1  # of the held-out rows, which the shape of the tail is learnt from
FEWEST_IN_RANKS = 10  # with fewer rows beyond, their number says less than the shape of the tail
HEAVIEST = 0.9  # ξ, short of a tail without a mean
FINITE = 1e300


class Novelty:
    """How strange images are among known ones, by the density and the error together.

    Each of the two, -log density and log error, is turned into its surprise -log P, with P the
    share of known images that are as strange or stranger; the greater surprise counts. As it is
    greater than either alone, its own surprise among the known images is taken once more. The
    score is that in decades, -log₁₀ P: 2 means one known image in 100 is as strange. A row whose
    error is NaN, because there is no decoder, is judged by its density alone, by the same scale.

    P among the n held-out rows is (1 + number as strange or stranger) / (n + 1) (as in Vovk,
    Gammerman & Shafer, "Algorithmic Learning in a Random World", 2005, section 2.2), with -log P
    interpolated between rows. Ranks end with the rows: beyond the tenth strangest, where the score
    would stand still, the excess over the 90% quantile follows a generalised Pareto distribution,
    P(excess > x) = (1 + ξ x / σ)^(-1/ξ), or exp(-x / σ) for ξ = 0 (Pickands, "Statistical
    Inference Using Extreme Order Statistics", Annals of Statistics 1975), joined on without a
    step. ξ and σ have the moments of the excesses (Hosking & Wallis, "Parameter and Quantile
    Estimation for the Generalized Pareto Distribution", Technometrics 1987), with ξ in 0..0.9, so
    that the score grows without end and never jumps to infinity.

    Args:
        false_alarms: the share of known images that may be called new, above 0 and below 1.

    Raises:
        OptionError: ``false_alarms`` out of range.
    """

    def __init__(self, false_alarms: float = 0.01) -> None:
        if not 0 < false_alarms < 1:
            raise OptionError(
                f"false_alarms is {false_alarms}; expected a share above 0 and below 1, such as "
                "0.01 for one known image in 100."
            )
        self.false_alarms = float(false_alarms)
        self._tails: dict[str, _Tail] = {}

    def fit(self, log_density: NDArray[Any], error: NDArray[Any]) -> Self:
        """Learns what is usual from rows that neither prior nor encoder has learnt from.

        Args:
            log_density: floats [N], log p(z) in nats; low is strange.
            error: floats [N], log reconstruction error; high is strange; NaN where there is none.

        Raises:
            OptionError: no rows, shapes that do not match, or a log density that is NaN.
        """
        strange, error = _checked(log_density, error)
        seen = ~np.isnan(error)
        tails = {"density": _Tail.of(strange)}
        if seen.any():
            tails["error"] = _Tail.of(error[seen])
            both = (tails["density"].surprise(strange[seen]), tails["error"].surprise(error[seen]))
            tails["both"] = _Tail.of(np.maximum(*both))
        self._tails = tails
        return self

    def score(self, log_density: NDArray[Any], error: NDArray[Any]) -> Float64Array:
        """-log₁₀ of the share of known images that are as strange: float64 [N], from 0 on.

        Arguments and errors as in ``fit``; besides, OptionError where nothing is fitted.
        """
        self._check_fitted()
        strange, error = _checked(log_density, error)
        surprise = self._tails["density"].surprise(strange)
        seen = ~np.isnan(error)
        if "error" in self._tails and seen.any():
            greater = np.maximum(surprise[seen], self._tails["error"].surprise(error[seen]))
            surprise[seen] = self._tails["both"].surprise(greater)
        score: Float64Array = surprise / math.log(10)
        return score

    def is_novel(self, log_density: NDArray[Any], error: NDArray[Any]) -> NDArray[np.bool_]:
        """Whether images are stranger than all but the share ``false_alarms`` of known ones.

        Arguments and errors as in ``score``; bool [N].
        """
        threshold = -math.log10(self.false_alarms)
        novel: NDArray[np.bool_] = self.score(log_density, error) >= threshold * (1 - 1e-12)
        return novel

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """What was learnt as (JSON values, arrays), enough for ``from_state``.

        Raises:
            OptionError: not fitted.
        """
        self._check_fitted()
        shapes = {name: [tail.shape, tail.scale] for name, tail in self._tails.items()}
        arrays: dict[str, NDArray[Any]] = {}
        for name, tail in self._tails.items():
            arrays |= {f"{name}.values": tail.values, f"{name}.surprises": tail.surprises}
            arrays[f"{name}.start"] = np.array([tail.start])
        return {"false_alarms": self.false_alarms, "tails": shapes}, arrays

    @classmethod
    def from_state(cls, config: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Rebuilds what ``state`` gave, to the bit.

        Raises:
            ValueError: something is missing, or is not what ``state`` gives.
        """
        try:
            restored = cls(stored_number(config, "false_alarms", float, 0))
            names = set(config["tails"])
            if names not in ({"density"}, {"density", "error", "both"}):
                raise ValueError(f"the tails are {sorted(names)}")
            for name, (shape, scale) in config["tails"].items():
                values = stored_array(arrays, f"{name}.values", np.float64, (None,))
                surprises = stored_array(arrays, f"{name}.surprises", np.float64, values.shape)
                start = stored_array(arrays, f"{name}.start", np.float64, (1,))
                restored._tails[name] = _Tail(values, surprises, float(start[0]), shape, scale)
                restored._tails[name].check()
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(
                f"The stored novelty is damaged or of another version: {error}. Fit it again."
            ) from error
        return restored

    def _check_fitted(self) -> None:
        if not self._tails:
            raise OptionError(
                "Nothing is known yet about what is usual. Call fit with rows that were held out."
            )


def _checked(log_density: NDArray[Any], error: NDArray[Any]) -> tuple[Float64Array, Float64Array]:
    """-log density and log error as float64 [N], infinities as large numbers."""
    strange, errors = -np.asarray(log_density, np.float64), np.asarray(error, np.float64)
    if strange.ndim != 1 or strange.shape != errors.shape or not len(strange):
        raise OptionError(
            f"log_density has shape {list(strange.shape)} and error {list(errors.shape)}; expected "
            "[N] for both, with at least one row."
        )
    if np.isnan(strange).any():
        raise OptionError(
            f"{np.count_nonzero(np.isnan(strange))} of {len(strange)} log densities are NaN. Look "
            "for the step that made them; only errors may be missing."
        )
    return np.clip(strange, -FINITE, FINITE), np.clip(errors, -FINITE, FINITE)


@dataclass(frozen=True)
class _Tail:
    """-log P(V ≥ v) of a quantity of which n values are known."""

    values: Float64Array  # [U], ascending: the different known values that ranks speak for
    surprises: Float64Array  # [U], -log P at them, ascending
    start: float  # what excesses are counted from
    shape: float  # ξ
    scale: float  # σ, in the unit of the values

    @classmethod
    def of(cls, known: Float64Array) -> _Tail:
        """Learns from n ≥ 1 values."""
        n = len(known)
        values, counts = np.unique(known, return_counts=True)
        beyond = counts[::-1].cumsum()[::-1]  # [U], how many are as high or higher
        spoken = beyond >= min(FEWEST_IN_RANKS, -(-n // 2))
        most = min(n - 1, max(FEWEST_IN_RANKS, math.ceil(TAIL_SHARE * n)))
        start = float(np.sort(known)[n - 1 - most])
        shape, scale = _pareto(np.sort(known[known > start]) - start)
        surprises = -np.log((1 + beyond[spoken]) / (n + 1))
        return cls(values[spoken], surprises, min(start, values[spoken][-1]), shape, scale)

    def surprise(self, values: Float64Array) -> Float64Array:
        """-log P(V ≥ v) in nats at float64 [N]: float64 [N], from 0 on, never falling with v."""
        ranks = np.interp(values, self.values, self.surprises, left=0)
        last = self.values[-1]
        tail = self._excess(np.maximum(values, last)) - self._excess(last)
        return ranks + tail

    def check(self) -> None:
        """Raises ValueError where this is no tail."""
        rising = (np.diff(self.values) > 0).all() and (np.diff(self.surprises) > 0).all()
        if not (len(self.values) and rising and self.surprises[0] >= 0):
            raise ValueError("values and surprises must rise")
        numbers = (self.start, self.shape, self.scale)
        if not all(type(number) is float for number in numbers):
            raise ValueError("the shape of a tail must be two numbers")
        if not (self.start <= self.values[-1] and 0 <= self.shape <= 1 and 0 < self.scale < np.inf):
            raise ValueError("a tail is out of range")

    def _excess(self, values: Float64Array) -> Float64Array:
        """-log P(excess > v - start)."""
        x = (values - self.start) / self.scale
        logs: Float64Array = np.log1p(self.shape * x) / self.shape if self.shape > 0 else x
        return logs


def _pareto(excesses: Float64Array) -> tuple[float, float]:
    """ξ and σ of excesses above 0, ascending; (0, 1) where there is none.

    With the moments a₀ = E[X] and a₁ = E[X (1 - F(X))]: ξ = 2 - a₀ / (a₀ - 2 a₁) and
    σ = 2 a₀ a₁ / (a₀ - 2 a₁); where ξ leaves its range it is set, and σ = a₀ (1 - ξ).
    """
    n = len(excesses)
    if not n:
        return 0.0, 1.0
    mean = float(excesses.mean())
    above = (n - 0.65 - np.arange(n)) / n  # 1 - F by rank, the plotting position of the source
    first = float((excesses * above).mean())
    gap = mean - 2 * first
    shape = float(np.clip(2 - mean / gap, 0, HEAVIEST)) if gap > 0 else 0.0
    return shape, mean * (1 - shape)
