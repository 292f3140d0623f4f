"""Images that lie outside what a latent space knows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latlas.contracts import IntArray, OptionError
from latlas.neighbours import approximate_neighbours, as_points, nearest

__all__ = ["Outliers", "outliers"]

EXACT_UP_TO = 10_000


@dataclass(frozen=True)
class Outliers:
    """All N rows, strangest first.

    Attributes:
        rows: int64 [N].
        scores: float64 [N], see ``outliers``; row ``rows[i]`` has ``scores[i]``.
        evidence: float64 [N, E], what the scores are made of; 0 is the median, 1 the upper decile:
            reconstruction error, distance to the k-th neighbour, and where it was given the
            negative log density.
    """

    rows: IntArray
    scores: NDArray[np.float64]
    evidence: NDArray[np.float64]


def outliers(
    z: NDArray[Any],
    errors: NDArray[Any],
    log_density: NDArray[Any] | None = None,
    *,
    neighbours: int = 10,
    seed: int = 0,
) -> Outliers:
    """Ranks rows by how strange they are to the space, strangest first.

    Each kind of evidence x, the log of the reconstruction error, the log of the distance to the
    k-th neighbour (Ramaswamy, Rastogi & Shim, "Efficient algorithms for mining outliers from large
    data sets", SIGMOD 2000) and -log p(z), is put on one scale by its own median and upper decile,

        e = (x - median) / (upper decile - median),

    which outliers hardly move while they are fewer than one in ten, and which a long upper tail
    stretches, so that no kind of evidence drowns the others by its shape alone. The score is the
    largest e: one strong reason is enough, and 1 stands for the strangest tenth.

    Args:
        z: floats [N, D], the latents.
        errors: floats [N], reconstruction errors from 0 on; NaN where there is none, which then
            is no evidence.
        log_density: floats [N], log density of each latent; None to go without.
        neighbours: k, from 1 on; all others where there are fewer. A group of strangers that are
            alike is found by its distance only if it has no more than k members.
        seed: of the search for neighbours, which is approximate above 10,000 rows; from 0 on.

    Raises:
        OptionError: arrays of other shapes, a negative error, a value that is not finite where it
            should be, or a number out of its range.
    """
    points = as_points(z)
    n = len(points)
    if neighbours < 1:
        raise OptionError(f"neighbours is {neighbours}; expected 1 or more (usually 10).")
    if seed < 0:
        raise OptionError(f"seed is {seed}; expected a whole number from 0 on.")
    wrong = _column(errors, n, "errors")
    if (wrong < 0).any() or np.isinf(wrong).any():
        raise OptionError(
            "Some errors are negative or infinite; expected mean squared errors from 0 on, or NaN "
            "where there is none."
        )
    kinds = [_spreads(_log(wrong)), _spreads(_log(_reach(points, neighbours, seed)))]
    if log_density is not None:
        density = _column(log_density, n, "log_density")
        if not np.isfinite(density).all():
            raise OptionError(
                "Some values of log_density are not finite; expected the natural logarithm of the "
                "density at each latent."
            )
        kinds.append(_spreads(-density))
    evidence = np.stack(kinds, axis=1)
    scores = evidence.max(axis=1)
    rows = np.argsort(-scores, kind="stable")
    return Outliers(rows, scores[rows], evidence[rows])


def _column(values: NDArray[Any], n: int, name: str) -> NDArray[np.float64]:
    array = np.asarray(values, np.float64)
    if array.shape != (n,):
        raise OptionError(
            f"{name} has shape {list(array.shape)}; expected one value for each of the {n} latents."
        )
    return array


def _reach(points: NDArray[np.float32], neighbours: int, seed: int) -> NDArray[np.float64]:
    """Distance to the k-th neighbour, float64 [N]; 0 for a row that is alone."""
    k = min(neighbours, len(points) - 1)
    if k == 0:
        return np.zeros(len(points))
    if len(points) <= EXACT_UP_TO:
        found = nearest(points, points, k, exclude_self=True)
    else:
        found = approximate_neighbours(points, k, seed=seed)
    return found.distances[:, -1].astype(np.float64)


def _log(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logarithms; 0 becomes the least value above it, so that it stays finite."""
    positive = values[values > 0]
    least = positive.min() if len(positive) else 1.0
    return np.log(np.maximum(values, least))


def _spreads(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values on a scale with 0 at their median and 1 at their upper decile; NaN becomes 0."""
    known = values[np.isfinite(values)]
    if not len(known):
        return np.zeros(len(values))
    middle, high = np.quantile(known, [0.5, 0.9])
    spread = float(high - middle)
    if spread == 0:  # nearly all are equal
        spread = float(known.std()) or 1.0
    return np.where(np.isfinite(values), (values - middle) / spread, 0.0)
