"""Images that are in a dataset more than once, whole or nearly so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latlas.contracts import FloatArray, IntArray, OptionError
from latlas.lazily import lazy_import
from latlas.neighbours import Neighbours, approximate_neighbours, as_points, nearest

csgraph = lazy_import("scipy.sparse.csgraph")
sparse = lazy_import("scipy.sparse")

__all__ = ["Duplicates", "duplicates"]

EXACT_UP_TO = 10_000
CERTAIN = 1e-6  # ratio of distances below which two latents are the same to float32


@dataclass(frozen=True)
class Duplicates:
    """P pairs of rows that are closer than chance allows, most alike first.

    Attributes:
        rows: int64 [P], the lower row of each pair.
        partners: int64 [P], the higher row.
        distances: float32 [P], between their latents.
        scores: float64 [P], see ``duplicates``; unit: powers of ten.
        groups: int64 [P], number of the group that a pair belongs to, 0 for the group of the first
            pair; the pairs of a group link all of its rows, directly or through others.
    """

    rows: IntArray
    partners: IntArray
    distances: FloatArray
    scores: NDArray[np.float64]
    groups: IntArray


def duplicates(
    z: NDArray[Any], *, neighbours: int = 10, least: float = 0.0, seed: int = 0
) -> Duplicates:
    """Ranks pairs of near copies by how unlikely their closeness is.

    Around a row whose k-th neighbour lies at distance r_k, points spread evenly in d dimensions
    have one closer than r with a chance of at most (k - 1) (r / r_k)^d. The score of a pair is

        s = -log10(N (k - 1) (r / r_k)^d),

    so that about 10^-s pairs as close as this one would be expected among all N rows without any
    copies; r_k is the smaller one of both ends. d is the dimension that the data fill: 1 / d is
    the median over all rows of the mean of ln(r_k / r_j) over j < k, and d is at least 1 (Levina &
    Bickel, "Maximum likelihood estimation of intrinsic dimension", NeurIPS 2004, eq. 8; 1 / d
    instead of d is averaged as MacKay & Ghahramani advise in their comments on it, 2005, and by
    the median, which copies do not move). To measure by the number of events expected by chance is
    the idea of Desolneux, Moisan & Morel, "Meaningful alignments", IJCV 2000. Scores do not change
    when latents are scaled, moved or turned. Ratios below 1e-6 count as 1e-6, beyond what float32
    holds.

    Rows with equal latents stand as one point in the above, so that many copies do not make their
    neighbourhood look dense, and are paired with the first of them. Above 10,000 different points
    the neighbours are approximate, and a few pairs may be missed.

    Args:
        z: floats [N, D], the latents.
        neighbours: k, from 2 on; all others where there are fewer. Groups of near copies larger
            than this hide each other.
        least: pairs with a lower score are left out; 0 expects about one false pair in all.
        seed: of the approximate search, from 0 on.

    Raises:
        OptionError: latents that are not finite floats [N, D], numbers out of their range.
    """
    points = as_points(z)
    if neighbours < 2:
        raise OptionError(f"neighbours is {neighbours}; expected 2 or more (usually 10).")
    if not np.isfinite(least):
        raise OptionError(f"least is {least}; expected a finite number (usually 0).")
    if seed < 0:
        raise OptionError(f"seed is {seed}; expected a whole number from 0 on.")
    first, owner = _first_of_equals(points)
    k = min(neighbours, len(first) - 1)
    rows, partners, ratios, distances = _equal_pairs(first, owner)
    dimension = 1.0
    if k >= 2:
        found = _neighbours(points[first], k, seed)
        dimension = _dimension(found)
        near = _near_pairs(found)
        rows = np.concatenate([rows, first[near[0]]])
        partners = np.concatenate([partners, first[near[1]]])
        ratios = np.concatenate([ratios, near[2]])
        distances = np.concatenate([distances, near[3]])
    chance = np.log10(len(points) * max(1, k - 1))
    scores = -chance - dimension * np.log10(np.maximum(ratios, CERTAIN))
    order = np.lexsort((partners, rows, distances, -scores))
    order = order[(scores[order] >= least) | (ratios[order] == 0)]
    rows, partners = rows[order], partners[order]
    low, high = np.minimum(rows, partners), np.maximum(rows, partners)
    groups = _groups(low, high, len(points))
    return Duplicates(low, high, distances[order].astype(np.float32), scores[order], groups)


def _first_of_equals(points: FloatArray) -> tuple[IntArray, IntArray]:
    """Rows [U] of different latents, ascending, and for each row [N] the first row equal to it."""
    _, first, inverse = np.unique(points, axis=0, return_index=True, return_inverse=True)
    return np.sort(first), first[inverse.reshape(-1)]


def _equal_pairs(
    first: IntArray, owner: IntArray
) -> tuple[IntArray, IntArray, NDArray[np.float64], NDArray[np.float64]]:
    later = np.setdiff1d(np.arange(len(owner)), first)
    nothing = np.zeros(len(later))
    return owner[later], later, nothing, nothing


def _neighbours(points: FloatArray, k: int, seed: int) -> Neighbours:
    if len(points) <= EXACT_UP_TO:
        return nearest(points, points, k, exclude_self=True)
    return approximate_neighbours(points, k, seed=seed)


def _dimension(found: Neighbours) -> float:
    """The dimension that the data fill, at least 1."""
    distances = np.maximum(found.distances.astype(np.float64), np.finfo(np.float32).tiny)
    logs = np.log(distances[:, -1:] / distances[:, :-1])  # [N, k - 1]
    # Copies would make space look thin; the median over rows does not see them.
    rate = float(np.median(logs.mean(axis=1)))
    return max(1.0, 1 / rate) if rate > 0 else 1.0


def _near_pairs(
    found: Neighbours,
) -> tuple[IntArray, IntArray, NDArray[np.float64], NDArray[np.float64]]:
    """Each pair of neighbours once: both ends, r / r_k, r."""
    n, k = found.indices.shape
    rows, partners = np.repeat(np.arange(n), k), found.indices.ravel()
    keys = np.minimum(rows, partners) * n + np.maximum(rows, partners)
    _, once = np.unique(keys, return_index=True)
    rows, partners = rows[once], partners[once]
    distances = found.distances.ravel()[once].astype(np.float64)
    reach = found.distances[:, -1].astype(np.float64)
    scale = np.minimum(reach[rows], reach[partners])
    ratios = np.divide(distances, scale, out=np.ones_like(distances), where=scale > 0)
    # A ratio of exactly 0 is kept for latents that are equal.
    return rows, partners, np.maximum(ratios, np.finfo(np.float64).tiny), distances


def _groups(low: IntArray, high: IntArray, n: int) -> IntArray:
    """The connected component of each pair, numbered by the first pair in it."""
    graph = sparse.coo_matrix((np.ones(len(low)), (low, high)), shape=(n, n))
    part = csgraph.connected_components(graph, directed=False)[1][low]
    _, first, inverse = np.unique(part, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[first.argsort()] = np.arange(len(first))
    return rank[inverse]
