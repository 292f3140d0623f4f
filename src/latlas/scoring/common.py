"""What all scores of a space share: which rows are judged, and intervals as pairs."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from latlas.contracts import TEST, TRAIN, FloatArray, IntArray, Prior, Score
from latlas.measures.intervals import Interval
from latlas.stored import StoredSpace

__all__ = [
    "MOST_JUDGED",
    "both_splits_labelled",
    "countable",
    "drawn",
    "drawn_latents",
    "interval_of",
    "judged_rows",
    "labelled_rows",
]

MOST_JUDGED = 10_000


def judged_rows(space: StoredSpace, seed: int, most: int = MOST_JUDGED) -> IntArray:
    """The held-out rows, or all where none are held out; a seeded draw where they are many."""
    splits = space.latents.splits
    held = np.flatnonzero(splits == TEST)
    return drawn(held if len(held) else np.arange(len(splits)), most, seed)


def labelled_rows(space: StoredSpace, split: int, seed: int, most: int) -> IntArray:
    """Rows of a split whose label is known; a seeded draw where they are many."""
    latents = space.latents
    return drawn(np.flatnonzero((latents.splits == split) & (latents.labels >= 0)), most, seed)


def drawn(rows: IntArray, most: int, seed: int) -> IntArray:
    """At most so many of some rows, ascending."""
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng((seed, 5)).choice(rows, most, replace=False))


def drawn_latents(prior: Prior, told: IntArray, seed: int, temperature: float = 1.0) -> FloatArray:
    """Latents drawn for labels int64 [n], from everything where -1: float32 [n, D]."""
    z = np.empty((len(told), prior.latent_dim), np.float32)
    for label in np.unique(told).tolist():
        own, which = told == label, None if label < 0 else label
        z[own] = prior.sample(int(own.sum()), which, seed=seed, temperature=temperature)
    return z


def interval_of(interval: Interval) -> tuple[float, float]:
    """Both ends, as a score keeps them."""
    return interval.low, interval.high


def countable(scores: Iterable[Score]) -> list[Score]:
    """The scores that are numbers, each with those of its rivals that are.

    A measure gives NaN where there is nothing to take it of, such as a silhouette of one class.
    """
    kept = []
    for score in scores:
        if not math.isfinite(score.value):
            continue
        rivals = score.detail.get("baselines", {})
        known = {name: value for name, value in rivals.items() if math.isfinite(value)}
        detail = {**score.detail, **({"baselines": known} if rivals else {})}
        baseline = score.baseline
        if baseline is not None and not math.isfinite(baseline):
            baseline = None
        kept.append(replace(score, baseline=baseline, detail=detail))
    return kept


def both_splits_labelled(space: StoredSpace) -> bool:
    """Whether there are labelled images to learn from and others to be tested on."""
    latents = space.latents
    known = latents.labels >= 0
    return all(bool((known & (latents.splits == split)).any()) for split in (TRAIN, TEST))
