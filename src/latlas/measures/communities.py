"""Communities of the neighbour graph of points, and their merging into clusters.

Methods and sources stand with ``clustering.graph_clusters``, whose steps these are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from latlas.contracts import FloatArray, IntArray
from latlas.lazily import lazy_import
from latlas.neighbours import approximate_neighbours

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

sparse = lazy_import("scipy.sparse")

__all__ = ["communities", "merged", "neighbour_graph"]

NEIGHBOURS = 10
SEPARATE = 1 / 3  # links between two clusters, as a share of what chance would tie
SMALL = 50  # a community of less than this part of a mean cluster is no cluster
ROUNDS = 25
SHARE = 0.5  # of the nodes that move at once: if all did, neighbours would swap for ever


def neighbour_graph(z: FloatArray, seed: int) -> csr_matrix:
    """How often two points chose each other, 0, 1 or 2: symmetric float64 [N, N]."""
    k = min(NEIGHBOURS, len(z) - 1)
    found = approximate_neighbours(z, k, seed=seed).indices
    starts = np.arange(0, found.size + 1, k)
    chosen = sparse.csr_matrix((np.ones(found.size), found.ravel(), starts), (len(z), len(z)))
    return (chosen + chosen.T).tocsr()


def communities(graph: csr_matrix, resolution: float, generator: np.random.Generator) -> IntArray:
    """The communities of greatest modularity that moves lead to: int64 [N], 0..C-1."""
    found = np.arange(graph.shape[0])
    coarse = graph
    while True:
        joined = _moved(coarse, np.arange(coarse.shape[0]), resolution, generator)
        if joined.max() + 1 == coarse.shape[0]:
            return _moved(graph, found, resolution, generator)
        found = joined[found]
        coarse = _between(coarse, joined)


def _moved(
    graph: csr_matrix,
    owner: IntArray,
    resolution: float,
    generator: np.random.Generator,
) -> IntArray:
    """Lets nodes move to the community they gain most by, while enough of them do."""
    count = len(owner)
    weights = np.asarray(graph.sum(axis=1)).ravel()
    scale = resolution / weights.sum()
    loops = graph.diagonal()
    for _ in range(ROUNDS):
        ties = (graph @ _members(owner)).tocsr()  # [N, C], weight to each community
        rows = np.repeat(np.arange(count), np.diff(ties.indptr))
        own = ties.indices == owner[rows]
        totals = np.bincount(owner, weights)
        gains = ties.data - loops[rows] * own
        gains -= scale * weights[rows] * (totals[ties.indices] - weights[rows] * own)
        best = np.maximum.reduceat(gains, ties.indptr[:-1])
        # Of equal communities the first: the later entries are written before it.
        winners = np.flatnonzero(gains >= best[rows])[::-1]
        target = np.empty(count, dtype=np.int64)
        target[rows[winners]] = ties.indices[winners]
        now = -scale * weights * (totals[owner] - weights)  # no tie to one's own community
        now[rows[own]] = gains[own]
        movers = (best > now + 1e-9) & (target != owner)
        if np.count_nonzero(movers) <= 1e-4 * count:
            break
        movers &= generator.random(count) < SHARE
        owner = np.where(movers, target, owner)
        owner = np.unique(owner, return_inverse=True)[1]
    return owner


def _members(owner: IntArray) -> csr_matrix:
    """Which node belongs to which community: ones in float64 [N, C]."""
    count = len(owner)
    return sparse.csr_matrix(
        (np.ones(count), owner, np.arange(count + 1)), (count, int(owner.max()) + 1)
    )


def _between(graph: csr_matrix, owner: IntArray) -> csr_matrix:
    """The weight between communities, and inside them on the diagonal: float64 [C, C]."""
    members = _members(owner)
    return (members.T @ graph @ members).tocsr()


def merged(graph: csr_matrix, owner: IntArray, z: FloatArray, K: int | None) -> IntArray:
    """Joins communities until K are left, or while the links ask for it: int64 [N]."""
    weight = _between(graph, owner).toarray()
    sizes = np.bincount(owner).astype(np.float64)
    sums = _members(owner).T @ z.astype(np.float64)
    name = np.arange(len(sizes))
    while len(sizes) > (K or 1):
        ends = weight.sum(axis=1)
        tied = weight * ends.sum() / np.outer(ends, ends)
        np.fill_diagonal(tied, -np.inf)
        least = int(sizes.argmin())
        small = sizes[least] * SMALL * (K or len(sizes)) < sizes.sum()
        one = least if small else int(tied.max(axis=1).argmax())
        other = int(tied[one].argmax())
        if tied[one, other] <= 0:  # nothing hangs together any more: the nearest means
            one, other = _nearest_means(sums / sizes[:, None], one if small else None)
        if K is None and not small and tied[one, other] < SEPARATE:
            break
        low, high = min(one, other), max(one, other)
        for axis in range(2):
            weight = _folded(weight, low, high, axis)
        sizes, sums = _folded(sizes, low, high, 0), _folded(sums, low, high, 0)
        name = np.where(name == high, low, name - (name > high))
    joined: IntArray = name[owner]
    return joined


def _folded(values: NDArray[np.float64], low: int, high: int, axis: int) -> NDArray[np.float64]:
    """Adds slice ``high`` to slice ``low`` along an axis and takes it out."""
    moved = np.moveaxis(values.copy(), axis, 0)
    moved[low] += moved[high]
    return np.moveaxis(np.delete(moved, high, axis=0), 0, axis)


def _nearest_means(means: NDArray[np.float64], one: int | None) -> tuple[int, int]:
    """The two nearest of some means [C, D], or ``one`` and the mean nearest to it."""
    squares = np.square(means[:, None] - means).sum(axis=2)
    np.fill_diagonal(squares, np.inf)
    first = int(squares.min(axis=1).argmin()) if one is None else one
    return first, int(squares[first].argmin())
