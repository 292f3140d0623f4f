"""Judges a latent space and its maps by who lies next to whom."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from latlas.contracts import IntArray, OptionError
from latlas.neighbours import as_points, nearest, single_threaded

__all__ = ["knn_accuracy", "knn_answers", "neighbour_preservation", "trustworthiness"]

SAMPLE = 2000
BLOCK_VALUES = 2_000_000  # distances held at once, as float64: 16 MB


def trustworthiness(
    z: NDArray[Any], xy: NDArray[Any], k: int = 10, *, sample: int | None = SAMPLE, seed: int = 0
) -> float:
    """How far the neighbours on the map are neighbours in the latent space, 0..1.

    T = 1 - 2 / (S k (2N - 3k - 1)) Σᵢ Σⱼ max(0, r(i, j) - k), where j runs over the k nearest
    points of i on the map, and r(i, j) is the rank of j among the neighbours of i in the latent
    space, 1 for the nearest (Venna & Kaski, "Neighborhood preservation in nonlinear projection
    methods: an experimental study", ICANN 2001). i runs over S points drawn at random, each
    ranked against all N; a random map scores 0.5.

    Args:
        z: floats [N, D], the latents.
        xy: floats [N, 2], their places on the map.
        k: number of neighbours, 1 <= k < N / 2.
        sample: S; None, or at least N, takes every point.
        seed: seed of the draw.

    Raises:
        OptionError: k or ``sample`` out of range, shapes that do not match, no finite values.
    """
    z, xy, rows = _checked(z, xy, k, sample, seed)
    near = _others(xy, rows, k)  # [S, k]
    points = torch.from_numpy(z - z.mean(axis=0, dtype=np.float64))
    norms = points.square().sum(dim=1)
    block = max(1, BLOCK_VALUES // len(z))
    penalty = 0
    for start in range(0, len(rows), block):
        own = rows[start : start + block]
        with single_threaded():
            # Short of each row's own norm, which does not change its order.
            squares = torch.addmm(norms, points[own], points.T, alpha=-2).numpy()  # [B, N]
        squares[np.arange(len(own)), own] = np.inf
        for row, theirs in zip(squares, near[start : start + block], strict=True):
            ranks = [1 + int(np.count_nonzero(row < row[j])) for j in theirs]
            penalty += sum(max(0, rank - k) for rank in ranks)
    return 1 - 2 * penalty / (len(rows) * k * (2 * len(z) - 3 * k - 1))


def neighbour_preservation(
    z: NDArray[Any], xy: NDArray[Any], k: int = 10, *, sample: int | None = SAMPLE, seed: int = 0
) -> float:
    """The share of a point's k nearest latents that are among its k nearest on the map, 0..1.

    The mean over S points drawn at random; about k / N for a random map (Lee & Verleysen,
    "Quality assessment of dimensionality reduction: Rank-based criteria", Neurocomputing 2009,
    Q_NX).

    Args:
        z: floats [N, D], the latents.
        xy: floats [N, 2], their places on the map.
        k: number of neighbours, 1 <= k < N / 2.
        sample: S; None, or at least N, takes every point.
        seed: seed of the draw.

    Raises:
        OptionError: k or ``sample`` out of range, shapes that do not match, no finite values.
    """
    z, xy, rows = _checked(z, xy, k, sample, seed)
    here, there = _others(z, rows, k), _others(xy, rows, k)
    return float((here[:, :, None] == there[:, None, :]).any(axis=2).mean())


def knn_accuracy(
    train_z: NDArray[Any],
    train_labels: NDArray[Any],
    test_z: NDArray[Any],
    test_labels: NDArray[Any],
    k: int = 5,
) -> float:
    """The share of test latents whose label the k nearest training latents agree on, 0..1.

    The majority decides; among labels with equal votes that of the nearest point (Cover & Hart,
    "Nearest neighbor pattern classification", 1967).

    Args:
        train_z: floats [N, D].
        train_labels: integers [N].
        test_z: floats [M, D].
        test_labels: integers [M].
        k: number of voters, from 1 on; all N where there are fewer.

    Raises:
        OptionError: k below 1, shapes that do not match, no finite values.
    """
    for split, vectors, labels in (
        ("train", train_z, train_labels),
        ("test", test_z, test_labels),
    ):
        if len(vectors) != len(labels):
            raise OptionError(
                f"{split} has {len(vectors)} latents and {len(labels)} labels; give one label for "
                "each latent."
            )
    return float(np.mean(knn_answers(train_z, train_labels, test_z, k) == np.asarray(test_labels)))


def knn_answers(
    train_z: NDArray[Any], train_labels: NDArray[Any], test_z: NDArray[Any], k: int = 5
) -> IntArray:
    """The label that the k nearest training latents of each test latent agree on: int64 [M].

    Arguments and errors are those of ``knn_accuracy``.
    """
    found = nearest(test_z, train_z, min(k, len(train_z)))
    votes = np.asarray(train_labels)[found.indices]  # [M, k]
    counts = (votes[:, :, None] == votes[:, None, :]).sum(axis=2)  # [M, k]
    answers: IntArray = votes[np.arange(len(votes)), counts.argmax(axis=1)]
    return answers


def _checked(
    z: NDArray[Any], xy: NDArray[Any], k: int, sample: int | None, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], IntArray]:
    """Latents and map as float32, and the rows that are judged."""
    z, xy = as_points(z), as_points(xy, "points of the map")
    if len(z) != len(xy):
        raise OptionError(
            f"There are {len(z)} latents and {len(xy)} points on the map; give one point for each "
            "latent, in the same order."
        )
    if not 1 <= k < len(z) / 2:
        raise OptionError(
            f"k is {k}; with {len(z)} points it must be at least 1 and less than {len(z) / 2:g}."
        )
    if sample is not None and sample < 1:
        raise OptionError(f"sample is {sample}; expected 1 or more, or None for every point.")
    if sample is None or sample >= len(z):
        return z, xy, np.arange(len(z))
    rows = np.random.default_rng(seed).choice(len(z), size=sample, replace=False)
    return z, xy, np.sort(rows)


def _others(points: NDArray[np.float32], rows: IntArray, k: int) -> IntArray:
    """The k nearest points of some rows, without those rows themselves: int64 [S, k]."""
    found = nearest(points[rows], points, k + 1).indices
    own = found == rows[:, None]
    own[~own.any(axis=1), -1] = True  # among many copies the row itself may not be listed
    others: IntArray = found[~own].reshape(len(rows), k)
    return others
