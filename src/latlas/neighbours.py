"""Nearest neighbours in Euclidean distance, on arrays.

``nearest`` is exact. ``approximate_neighbours`` finds the neighbours of every point among the
points themselves, several times quicker, and misses a few of them.

Both rank candidates by one matrix product, |q - p|² - |q|² = |p|² - 2 q·p, block by block, so
that scratch memory stays at a few tens of megabytes for any number of points. The distances of
the winners are then taken again from the differences themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from latlas.contracts import FloatArray, IntArray, OptionError

__all__ = [
    "FEWEST_FOR_A_LAYOUT",
    "Neighbours",
    "approximate_neighbours",
    "as_points",
    "nearest",
    "single_threaded",
]

FEWEST_FOR_A_LAYOUT = 50
"""With fewer points neighbourhoods say little, and layouts collapse or burst: maps are PCA's."""

_CHUNK = 65_536  # points in one product
_VALUES = 2_000_000  # distances that one product gives: 8 MB, which stay in the cache
_ROUND = 65_536  # queries whose candidates are held at once
_GROUP = 64  # distances that compete as one before the winners are sorted
_SLACK = 8  # spare candidates, because rounding may swap nearly equal distances
_PROBES = 32  # nearest cells that a cell's points are compared with


@dataclass(frozen=True)
class Neighbours:
    """The k nearest points of each of M queries, nearest first.

    Attributes:
        indices: int64 [M, k], rows of the searched points.
        distances: float32 [M, k], Euclidean distances in the unit of the points.
    """

    indices: IntArray
    distances: FloatArray


def nearest(
    queries: NDArray[Any], points: NDArray[Any], k: int, *, exclude_self: bool = False
) -> Neighbours:
    """Finds the k nearest points of each query, exactly.

    Equal distances come in the order of their index. Blocks of queries are shared out over as
    many threads as ``torch.get_num_threads()`` says; their number does not change the result.

    Args:
        queries: floats [M, D].
        points: floats [N, D].
        k: number of neighbours, 1..N (1..N-1 with ``exclude_self``).
        exclude_self: the queries are the points themselves, row by row, and no point counts as
            its own neighbour.

    Raises:
        OptionError: shapes that do not match, values that are not finite, k out of range.
    """
    q, p = as_points(queries, "queries"), as_points(points, "points")
    if q.shape[1] != p.shape[1]:
        raise OptionError(
            f"The queries have {q.shape[1]} dimensions and the points {p.shape[1]}. "
            "Give both from the same space."
        )
    if exclude_self and q.shape != p.shape:
        raise OptionError(
            f"exclude_self needs the same rows as queries and points, got {len(q)} and {len(p)}."
        )
    _check_k(k, len(p) - exclude_self)
    indices = np.empty((len(q), k), dtype=np.int64)
    distances = np.empty((len(q), k), dtype=np.float32)
    centre = torch.from_numpy(p.mean(axis=0, dtype=np.float64)).float()
    all_points = torch.from_numpy(p)
    with single_threaded() as threads, ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(q), _ROUND):
            rows = slice(start, start + _ROUND)
            own = torch.arange(len(q))[rows] if exclude_self else None
            search = _Search(torch.from_numpy(q)[rows], all_points, centre, own, pool)
            found, squares = search.run(k)
            indices[rows], distances[rows] = found.numpy(), squares.sqrt().numpy()
    return Neighbours(indices, distances)


def approximate_neighbours(points: NDArray[Any], k: int, *, seed: int = 0) -> Neighbours:
    """Finds nearly all of the k nearest other points of each point, several times quicker.

    The points are cut into about √N cells by k-means; the points of a cell are compared with
    those of the 32 nearest cells (an inverted file, after Sivic & Zisserman, "Video Google",
    ICCV 2003). Small sets have no more cells than that, and the result is then exact. The
    result is the same for one seed and any number of threads.

    Args:
        points: floats [N, D].
        k: number of neighbours, 1..N-1; a point is not its own neighbour.
        seed: picks the points that the cells are learnt from.

    Raises:
        OptionError: a bad shape, values that are not finite, k out of range.
    """
    checked = as_points(points, "points")
    _check_k(k, len(checked) - 1)
    centred = torch.from_numpy(checked - checked.mean(axis=0, dtype=np.float64)).float()
    indices = torch.empty((len(centred), k), dtype=torch.int64)
    distances = torch.empty((len(centred), k))
    with single_threaded() as threads, ThreadPoolExecutor(threads) as pool:
        cells = _cells(centred, seed)
        p = centred[cells.order]  # cell by cell: what is read together lies together
        target = torch.cat([p, p.square().sum(dim=1, keepdim=True)], dim=1)  # [N, D + 1]

        def search(cell: int) -> None:
            members, candidates = cells.members(cell), cells.candidates(cell, k)
            theirs = target[candidates].T  # [D + 1, n]
            for rows in torch.split(members, max(1, _VALUES // len(candidates))):
                q = p[rows]
                scores = torch.cat([-2 * q, torch.ones_like(q[:, :1])], dim=1) @ theirs  # [B, n]
                own = rows - cells.starts[cell]  # the columns of a cell's own points come first
                scores[torch.arange(len(rows)), own] = torch.inf
                found = candidates[_smallest(scores, k)[1]]
                ranked, squares = _rank(q, p, found)
                to = cells.order[rows]
                indices[to], distances[to] = cells.order[ranked], squares.sqrt()

        filled = [i for i, (a, b) in enumerate(pairwise(cells.starts)) if a < b]
        list(pool.map(search, filled))
    return Neighbours(indices.numpy(), distances.numpy())


def as_points(values: NDArray[Any], name: str = "latents") -> FloatArray:
    """Checks floats [N, D] with N ≥ 1 and D ≥ 1, all finite, and returns them as float32.

    Raises:
        OptionError: another shape, no rows, or a value that is NaN or infinite.
    """
    array = np.ascontiguousarray(values, dtype=np.float32)
    if array.ndim != 2 or array.size == 0:
        raise OptionError(
            f"The {name} have shape {list(np.shape(values))}; expected [N, D] with at least one "
            "row and one column."
        )
    finite = np.isfinite(array).all(axis=1)
    if not finite.all():
        raise OptionError(
            f"{np.count_nonzero(~finite)} of {len(array)} rows of the {name} hold NaN or infinite "
            "values. Leave those rows out, or look for the step that made them."
        )
    return array


@contextmanager
def single_threaded() -> Iterator[int]:
    """Runs each of torch's operations on one thread; yields the number that was allowed.

    Whole blocks shared out over threads keep every core busy. Threads inside one small
    operation wait for each other in a spin, and lose tenfold when anything else runs. With one
    thread to an operation, results do not depend on the number of threads either.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield threads
    finally:
        torch.set_num_threads(threads)


def _check_k(k: int, available: int) -> None:
    if not 1 <= k <= available:
        raise OptionError(
            f"k is {k}, expected 1..{available}: there are {available} points to choose from. "
            "Choose a smaller k or give more points."
        )


@dataclass(frozen=True)
class _Search:
    """Exact search for the neighbours of queries [M, D] among points [N, D]."""

    queries: torch.Tensor
    points: torch.Tensor
    centre: torch.Tensor  # float32 [D], taken off both: products round less near the origin
    own: torch.Tensor | None  # int64 [M], the row of each query among the points
    pool: ThreadPoolExecutor

    def run(self, k: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Rows int64 [M, k] and squared distances float32 [M, k], nearest first."""
        available = len(self.points) - (self.own is not None)
        width = min(k + _SLACK, available)
        everyone = torch.arange(len(self.queries))
        bounds, rows = self._candidates(everyone, width, torch.float32)
        indices = torch.empty((len(rows), k), dtype=torch.int64)
        squares = torch.empty((len(rows), k))
        safe = torch.ones(len(rows), dtype=torch.bool)

        def finish(block: torch.Tensor) -> None:
            ranked, exact = _rank(self.queries[block], self.points, rows[block])
            indices[block], squares[block] = ranked[:, :k], exact[:, :k]
            norm = (self.queries[block] - self.centre).double().norm(dim=1)  # [B]
            kth = squares[block, -1].double()
            # Rounding of the product: a point that was left out and is nearer than the k-th has
            # a norm of at most norm + kth.sqrt(), which bounds the terms of its sum.
            error = 1.2e-7 * (self.points.shape[1] + 4) * (2 * norm + kth.sqrt()) ** 2
            safe[block] = kth <= bounds[block] + norm**2 - error

        list(self.pool.map(finish, torch.split(everyone, 1024)))
        doubtful = everyone[~safe]
        if width < available and len(doubtful):
            _, again = self._candidates(doubtful, width, torch.float64)
            for some, theirs in zip(
                torch.split(doubtful, 1024), torch.split(again, 1024), strict=True
            ):
                ranked, exact = _rank(self.queries[some], self.points, theirs)
                indices[some], squares[some] = ranked[:, :k], exact[:, :k]
        return indices, squares

    def _candidates(
        self, rows: torch.Tensor, width: int, dtype: torch.dtype
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The lowest scores |p|² - 2 q·p of some queries: the highest of them, and their rows."""
        centre = self.centre.to(dtype)
        queries = self.queries[rows].to(dtype) - centre
        scores = torch.full((len(rows), width), torch.inf, dtype=dtype)
        found = torch.zeros((len(rows), width), dtype=torch.int64)
        for start in range(0, len(self.points), _CHUNK):
            chunk = self.points[start : start + _CHUNK].to(dtype) - centre
            norms = chunk.square().sum(dim=1)
            # The norms ride along as one more dimension, which spares a pass over the product.
            chunk = torch.cat([chunk, norms[:, None]], dim=1).T.contiguous()  # [D + 1, n]

            def search(block: slice, chunk: torch.Tensor = chunk, start: int = start) -> None:
                q = queries[block]
                product = torch.cat([-2 * q, torch.ones_like(q[:, :1])], dim=1) @ chunk  # [B, n]
                if self.own is not None:
                    own = self.own[rows[block]] - start
                    here = ((own >= 0) & (own < chunk.shape[1])).nonzero()[:, 0]
                    product[here, own[here]] = torch.inf
                low, columns = _smallest(product, min(width, chunk.shape[1]))
                merged = torch.cat([scores[block], low], dim=1)
                sources = torch.cat([found[block], columns + start], dim=1)
                scores[block], best = merged.topk(width, dim=1, largest=False)
                found[block] = sources.gather(1, best)

            size = max(1, _VALUES // chunk.shape[1])
            blocks = [slice(i, i + size) for i in range(0, len(rows), size)]
            list(self.pool.map(search, blocks))
        return scores[:, -1], found


def _smallest(values: torch.Tensor, m: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The m lowest of each row of [B, n], with their columns.

    They all lie in the m groups of columns whose least values are lowest, which leaves only
    those groups to sort: about ten times quicker than ``topk`` on the whole rows.
    """
    groups = values.shape[1] // _GROUP
    if groups < 2 * m:
        low = values.topk(m, dim=1, largest=False)
        return low.values, low.indices
    whole = torch.unflatten(values[:, : groups * _GROUP], 1, (groups, _GROUP))  # [B, g, 64]
    best = whole.amin(dim=2).topk(m, dim=1, largest=False, sorted=False).indices[:, :, None]
    kept = whole.gather(1, best.expand(-1, -1, _GROUP)).flatten(1)  # [B, m * 64]
    columns = (best * _GROUP + torch.arange(_GROUP)).flatten(1)
    rest = torch.arange(groups * _GROUP, values.shape[1]).expand(len(values), -1)
    kept = torch.cat([kept, values[:, groups * _GROUP :]], dim=1)
    low = kept.topk(m, dim=1, largest=False)
    return low.values, torch.cat([columns, rest], dim=1).gather(1, low.indices)


def _rank(
    queries: torch.Tensor, points: torch.Tensor, rows: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Sorts candidate rows [B, m] by squared distance, then by row; returns both."""
    rows = rows.sort(dim=1).values
    squares = (points[rows] - queries[:, None]).square().sum(dim=2)  # [B, m]
    squares, order = squares.sort(dim=1, stable=True)
    return rows.gather(1, order), squares


@dataclass(frozen=True)
class _Cells:
    """Points sorted by the cell that they lie in."""

    order: torch.Tensor  # int64 [N], rows of the points, cell by cell
    starts: list[int]  # C + 1 places in ``order`` where the cells begin and end
    near: torch.Tensor  # int64 [C, C], cells by the distance of their centres, itself first

    def members(self, cell: int) -> torch.Tensor:
        """Places in ``order`` of a cell's points."""
        return torch.arange(self.starts[cell], self.starts[cell + 1])

    def candidates(self, cell: int, k: int) -> torch.Tensor:
        """Places in ``order`` of the points of the nearest cells, more than k of them."""
        chosen: list[torch.Tensor] = []
        count = 0
        for near in self.near[cell].tolist():
            if len(chosen) >= _PROBES and count > 4 * k:
                break
            chosen.append(self.members(near))
            count += len(chosen[-1])
        return torch.cat(chosen)


def _cells(points: torch.Tensor, seed: int) -> _Cells:
    """Cuts points [N, D] into about √N cells by a few rounds of k-means on a sample."""
    count = max(1, 2 ** round(np.log2(np.sqrt(len(points)))))
    generator = torch.Generator().manual_seed(seed)
    sample = points[torch.randperm(len(points), generator=generator)[: 64 * count]]
    centres = sample[:count].clone()
    for _ in range(8):
        owner = _nearest_centre(sample, centres)
        sizes = torch.bincount(owner, minlength=count)[:, None]
        sums = torch.zeros_like(centres).index_add_(0, owner, sample)
        centres = torch.where(sizes > 0, sums / sizes.clamp(min=1), centres)
    owner = _nearest_centre(points, centres)
    order = owner.argsort(stable=True)
    starts = [0, *torch.bincount(owner, minlength=count).cumsum(0).tolist()]
    near = torch.cdist(centres, centres).fill_diagonal_(-1).argsort(dim=1, stable=True)
    return _Cells(order, starts, near)


def _nearest_centre(points: torch.Tensor, centres: torch.Tensor) -> torch.Tensor:
    half_norms = centres.square().sum(dim=1) / 2
    blocks = [torch.addmm(half_norms, b, centres.T, alpha=-1) for b in torch.split(points, 4096)]
    return torch.cat([block.argmin(dim=1) for block in blocks])
