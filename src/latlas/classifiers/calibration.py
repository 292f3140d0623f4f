"""How far probabilities can be believed: temperature scaling, and the calibration error."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latlas.contracts import IntArray, OptionError

__all__ = [
    "Reliability",
    "calibration_error",
    "fit_temperature",
    "log_loss",
    "reliability",
    "softmax",
]

Float64Array = NDArray[np.float64]

COLDEST, HOTTEST = 1e-3, 1e4  # temperatures that are searched
HALVINGS = 40


@dataclass(frozen=True)
class Reliability:
    """Confidence against accuracy, in B bins of equal width over 0..1.

    The confidence of a row is its highest probability; bin b holds those in (b / B, (b + 1) / B].

    Attributes:
        confidence: float64 [B], mean confidence of the rows in a bin; NaN where it is empty.
        accuracy: float64 [B], share of them whose most probable class is the true one; NaN where
            it is empty.
        count: int64 [B], number of rows in a bin.
    """

    confidence: Float64Array
    accuracy: Float64Array
    count: IntArray

    @property
    def error(self) -> float:
        """The expected calibration error Σ_b (count_b / N) |accuracy_b - confidence_b|, 0..1."""
        filled = self.count > 0
        gaps = np.abs(self.accuracy[filled] - self.confidence[filled])
        return float(gaps @ self.count[filled] / self.count.sum())


def reliability(probabilities: NDArray[Any], labels: NDArray[Any], bins: int = 15) -> Reliability:
    """Compares confidence with accuracy, bin by bin.

    After Guo, Pleiss, Sun & Weinberger, "On Calibration of Modern Neural Networks", ICML 2017,
    section 2. Rows with an unknown label are left out.

    Args:
        probabilities: floats [N, K], rows that sum to 1.
        labels: integers [N], columns of ``probabilities``; -1 where unknown.
        bins: B, from 1 on.

    Raises:
        OptionError: shapes that do not match, values outside 0..1, labels that are no columns,
            no known label, or ``bins`` below 1.
    """
    p, given = np.asarray(probabilities, dtype=np.float64), np.asarray(labels)
    if p.ndim != 2 or given.shape != p.shape[:1] or not np.issubdtype(given.dtype, np.integer):
        raise OptionError(
            f"probabilities are {list(p.shape)} and labels {given.dtype} {list(given.shape)}; "
            "expected [N, K] and one whole number for each of the N rows."
        )
    if bins < 1:
        raise OptionError(f"bins is {bins}; expected a whole number from 1 on.")
    if not ((p >= 0) & (p <= 1 + 1e-6)).all():
        raise OptionError(
            "Some probabilities are NaN or outside 0..1. Give what a classifier's probabilities "
            "returns."
        )
    if (given >= p.shape[1]).any() or not (given >= 0).any():
        raise OptionError(
            f"labels go up to {given.max(initial=-1)}; expected columns "
            f"0..{p.shape[1] - 1}, -1 where unknown, and at least one that is known."
        )
    p, given = p[given >= 0], given[given >= 0]
    sure = p.max(axis=1)
    right = p.argmax(axis=1) == given
    place = np.clip(np.ceil(sure * bins).astype(np.int64) - 1, 0, bins - 1)  # [N]
    count = np.bincount(place, minlength=bins)
    many = np.where(count > 0, count, np.nan)
    confidence = np.bincount(place, sure, minlength=bins) / many
    accuracy = np.bincount(place, right, minlength=bins) / many
    return Reliability(confidence, accuracy, count)


def calibration_error(probabilities: NDArray[Any], labels: NDArray[Any], bins: int = 15) -> float:
    """The expected calibration error, 0 (confidence is accuracy in every bin) to 1.

    Σ_b (n_b / N) |accuracy_b - confidence_b| over bins of equal width (Guo et al., ICML 2017,
    equation 3); arguments and errors are those of ``reliability``.
    """
    return reliability(probabilities, labels, bins).error


def softmax(scores: Float64Array) -> Float64Array:
    """exp(sᵢ) / Σⱼ exp(sⱼ) along the rows of [N, K], K ≥ 1; no row may be all -inf."""
    raised = np.exp(scores - scores.max(axis=1, keepdims=True))
    p: Float64Array = raised / raised.sum(axis=1, keepdims=True)
    return p


def log_loss(scores: Float64Array, targets: IntArray) -> float:
    """Mean of -log p(target) in nats, p the softmax of scores [N, K], targets int64 [N]."""
    shifted = scores - scores.max(axis=1, keepdims=True)
    own = shifted[np.arange(len(targets)), targets]
    return float((np.log(np.exp(shifted).sum(axis=1)) - own).mean())


def fit_temperature(scores: Float64Array, targets: IntArray) -> float:
    """The T > 0 with which softmax(s / T) fits labels best.

    T minimises the mean cross-entropy (Guo et al., ICML 2017, equation 9), which is convex in
    1 / T, so that halving finds the place where its derivative crosses 0. As the labels of few
    rows can all be right by chance, each counts for 1 - ε, and every class for ε / K, with
    ε = 1 / (N + 2) (after Platt, "Probabilistic Outputs for Support Vector Machines", 1999).

    Args:
        scores: s, finite float64 [N, K], logarithms of probabilities up to a constant in each
            row, of rows that the classifier did not learn from.
        targets: int64 [N], columns of the true classes.

    Returns:
        T within 0.001 to 10,000; 1 without rows or with one class.
    """
    N, K = scores.shape
    if N == 0 or K < 2:
        return 1.0
    shifted = scores - scores.max(axis=1, keepdims=True)
    share = 1 / (N + 2)
    wanted = (1 - share) * shifted[np.arange(N), targets].sum() + share * shifted.mean(axis=1).sum()
    low, high = math.log(COLDEST), math.log(HOTTEST)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        expected = (softmax(shifted / math.exp(middle)) * shifted).sum()
        if expected < wanted:  # too warm: other classes get more than their labels ask for
            high = middle
        else:
            low = middle
    return math.exp((low + high) / 2)
