"""How sure a number is: intervals over images and over seeds."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from latlas.contracts import OptionError

__all__ = [
    "Interval",
    "PairedDifference",
    "Statistic",
    "bootstrap",
    "paired_bootstrap",
    "seeds_interval",
]

Statistic = Callable[..., Any]
"""Called as ``statistic(values, axis=1)``, float64 [R, N] -> floats [R]: ``np.mean``, ..."""

LEVEL = 0.95
RESAMPLES = 2000
BLOCK_VALUES = 500_000  # values drawn at once


@dataclass(frozen=True)
class Interval:
    """A number with the interval that holds the true one in ``level`` of all repetitions.

    Attributes:
        value: the statistic of the values given.
        low: lower end.
        high: upper end.
        level: for instance 0.95.
    """

    value: float
    low: float
    high: float
    level: float


@dataclass(frozen=True)
class PairedDifference(Interval):
    """The difference of a statistic between two arrays of scores of the same images.

    Attributes:
        share_above: share of the resamples in which the first array's statistic is the greater,
            ties counted half: 0.5 where neither leads. It is no probability of a hypothesis.
    """

    share_above: float


def bootstrap(
    values: NDArray[Any],
    statistic: Statistic = np.mean,
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> Interval:
    """The percentile bootstrap interval of a statistic of N independent values.

    The statistic of R resamples, each of N values drawn with replacement; the interval runs
    between their (1 - level) / 2 and (1 + level) / 2 quantiles (Efron & Tibshirani, "An
    Introduction to the Bootstrap", 1993, section 13.3). It says how the number would change with
    other images, not with another training run, and is too narrow for a few dozen values.

    Args:
        values: numbers or booleans [N], N ≥ 2, for instance one error for each image.
        statistic: works along ``axis``; the mean by default.
        resamples: R, at least 100.
        level: between 0 and 1.
        seed: seed of the draw, from 0 on.

    Raises:
        OptionError: fewer than two values, values that are not finite, another shape, or an
            option out of its range.
    """
    checked = _values(values)
    (draws,) = _resampled([checked], statistic, resamples, level, seed)
    low, high = _ends(draws, level)
    value = float(statistic(checked[None], axis=1)[0])
    return Interval(value=value, low=low, high=high, level=level)


def paired_bootstrap(
    a: NDArray[Any],
    b: NDArray[Any],
    statistic: Statistic = np.mean,
    *,
    resamples: int = RESAMPLES,
    level: float = LEVEL,
    seed: int = 0,
) -> PairedDifference:
    """The percentile bootstrap interval of statistic(a) - statistic(b) over the same images.

    Each resample takes the same images from both, so that what is hard or easy for both cancels
    (Efron & Tibshirani 1993, chapter 8; Koehn, "Statistical significance tests for machine
    translation evaluation", EMNLP 2004, section 4).

    Args:
        a: numbers or booleans [N], N ≥ 2, one for each image.
        b: the same of the rival, for the same images in the same order.
        statistic: works along ``axis``; the mean by default.
        resamples: R, at least 100.
        level: between 0 and 1.
        seed: seed of the draw, from 0 on.

    Raises:
        OptionError: as ``bootstrap``, or arrays of two lengths.
    """
    first, second = _values(a), _values(b)
    if len(first) != len(second):
        raise OptionError(
            f"There are {len(first)} scores and {len(second)} of the rival; give one of each for "
            "every image, in the same order."
        )
    above, below = _resampled([first, second], statistic, resamples, level, seed)
    draws = above - below
    low, high = _ends(draws, level)
    value = float(statistic(first[None], axis=1)[0] - statistic(second[None], axis=1)[0])
    share = float((draws > 0).mean() + (draws == 0).mean() / 2)
    return PairedDifference(value=value, low=low, high=high, level=level, share_above=share)


def seeds_interval(values: ArrayLike, *, level: float = LEVEL) -> Interval:
    """The mean over a few seeds with its t-interval: mean ± t s / √n, n - 1 degrees of freedom.

    s is the standard deviation with n - 1 below the line (Student, "The probable error of a
    mean", Biometrika 1908). Runs are taken as independent and roughly normal. Three seeds give
    an interval of ± 2.5 s: wide, and rightly so.

    Args:
        values: numbers [n], n ≥ 2, one result for each seed.
        level: between 0 and 1.

    Raises:
        OptionError: fewer than two values, values that are not finite, another shape, or a level
            out of its range.
    """
    checked = _values(values)
    _check_level(level)
    count = len(checked)
    mean = float(checked.mean())
    half = _t_quantile(level, count - 1) * float(checked.std(ddof=1)) / math.sqrt(count)
    return Interval(value=mean, low=mean - half, high=mean + half, level=level)


def _values(values: ArrayLike) -> NDArray[np.float64]:
    array = np.asarray(values)
    if array.ndim != 1 or len(array) < 2 or array.dtype.kind not in "biuf":
        raise OptionError(
            f"The values are {array.dtype} {list(array.shape)}; expected at least two numbers [N]. "
            "One value alone says nothing about its own spread."
        )
    checked = array.astype(np.float64)
    bad = np.count_nonzero(~np.isfinite(checked))
    if bad:
        raise OptionError(
            f"{bad} of {len(checked)} values are NaN or infinite; expected finite numbers. Leave "
            "those out, and say how many they were."
        )
    return checked


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise OptionError(f"level is {level}; expected between 0 and 1, for instance 0.95.")


def _resampled(
    arrays: list[NDArray[np.float64]], statistic: Statistic, resamples: int, level: float, seed: int
) -> list[NDArray[np.float64]]:
    """The statistic of R resamples of each array, the same rows from each: float64 [R] each."""
    _check_level(level)
    if resamples < 100 or seed < 0:
        raise OptionError(
            f"resamples is {resamples} and seed {seed}; expected at least 100 resamples, because "
            "the ends of an interval rest on few of them, and a seed from 0 on."
        )
    generator = np.random.default_rng(seed)
    count = len(arrays[0])
    results = [np.empty(resamples) for _ in arrays]
    block = max(1, BLOCK_VALUES // count)
    for start in range(0, resamples, block):
        part = slice(start, min(start + block, resamples))
        rows = generator.integers(count, size=(part.stop - start, count), dtype=np.int32)
        for array, result in zip(arrays, results, strict=True):
            result[part] = statistic(array[rows], axis=1)
    return results


def _ends(draws: NDArray[np.float64], level: float) -> tuple[float, float]:
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _t_quantile(level: float, degrees: int) -> float:
    """The t for which P(|T| ≤ t) = level, with T of Student's distribution.

    The probability is a finite sum in θ = arctan(t / √ν) (Abramowitz & Stegun, "Handbook of
    Mathematical Functions", 1964, 26.7.3 and 26.7.4), whose root is found by bisection.
    """
    low, high = 0.0, math.pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        if _t_probability(middle, degrees) < level:
            low = middle
        else:
            high = middle
    return math.sqrt(degrees) * math.tan(low)


def _t_probability(angle: float, degrees: int) -> float:
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = degrees % 2
    term = cosine if odd else 1.0
    total = 0.0
    for power in range(1 + odd, degrees, 2):
        total += term
        term *= power / (power + 1) * cosine * cosine
    return 2 / math.pi * (angle + sine * total) if odd else sine * total
