"""Whether images of one class lie close together, beside raw pixels, PCA and chance."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from latlas.contracts import TEST, TRAIN, FloatArray, IntArray, OptionError, Progress, Score
from latlas.measures.classes import (
    baselines,
    chance_accuracy,
    linear_accuracy,
    silhouette,
    within_between_ratio,
)
from latlas.measures.clustering import (
    cluster_scores,
    gmm_clusters,
    graph_clusters,
    kmeans_clusters,
)
from latlas.measures.intervals import bootstrap
from latlas.measures.spaces import knn_answers
from latlas.scoring.common import both_splits_labelled, drawn, interval_of, labelled_rows
from latlas.stored import StoredSpace

__all__ = ["structure_scores"]

VOTERS = 5
MOST_TRAIN, MOST_TEST, MOST_CLUSTERED = 60_000, 10_000, 70_000
MOST_VALUES = 300_000_000
"""Pixels held at once as floats; of large images fewer are taken."""
CLUSTERINGS: dict[str, Callable[..., IntArray]] = {
    "kmeans": kmeans_clusters,
    "gmm": gmm_clusters,
    "graph": graph_clusters,
}
AGREEMENTS = ("accuracy", "nmi", "ari")


def structure_scores(space: StoredSpace, seed: int, progress: Progress) -> list[Score]:
    """Nearest neighbours, a linear probe, silhouette, distance ratio, and clusterings.

    All on latents that do not know the label (``unlabelled_latents``). Nothing where there are
    no labels of two classes.

    Args:
        space: the space.
        seed: seed of every draw.
        progress: where to report.
    """
    known = space.latents.labels[space.latents.labels >= 0]
    if len(np.unique(known)) < 2:
        progress.note("class structure is not measured: it needs labels of at least two classes")
        return []
    scores = []
    if both_splits_labelled(space):
        with progress.stage("class structure", None):
            scores += _supervised(space, seed)
    with progress.stage("clustering", len(CLUSTERINGS), "clusterings") as stage:
        rows = np.flatnonzero(space.latents.labels >= 0)
        rows = drawn(rows, _room(space, MOST_CLUSTERED), seed)
        z, labels = space.unlabelled_latents(rows), space.latents.labels[rows]
        plain = baselines(space.pixels(rows), space.latent_dim, seed=seed)
        for name, cluster in CLUSTERINGS.items():
            scores += _clustered(name, cluster, z, labels, plain.pca, seed)
            stage.advance()
    return scores


def _room(space: StoredSpace, most: int) -> int:
    return max(1000, min(most, MOST_VALUES // math.prod(space.shape)))


def _supervised(space: StoredSpace, seed: int) -> list[Score]:
    train = labelled_rows(space, TRAIN, seed, _room(space, MOST_TRAIN))
    test = labelled_rows(space, TEST, seed, _room(space, MOST_TEST))
    labels, truth = space.latents.labels[train], space.latents.labels[test]
    learnt = np.arange(len(train) + len(test)) < len(train)
    plain = baselines(
        space.pixels(np.concatenate([train, test])), space.latent_dim, train=learnt, seed=seed
    )
    spaces: dict[str, tuple[FloatArray, FloatArray]] = {
        "latents": (space.unlabelled_latents(train), space.unlabelled_latents(test)),
        "pixels": (plain.pixels[learnt], plain.pixels[~learnt]),
        "pca": (plain.pca[learnt], plain.pca[~learnt]),
    }
    k = min(VOTERS, len(train))
    right = {name: knn_answers(a, labels, b, k=k) == truth for name, (a, b) in spaces.items()}
    knn = {name: float(values.mean()) for name, values in right.items()}
    linear = {
        name: linear_accuracy(a, labels, b, truth, seed=seed) for name, (a, b) in spaces.items()
    }
    near = {name: silhouette(b, truth, seed=seed) for name, (_, b) in spaces.items()}
    ratio = {
        name: within_between_ratio(b, truth, seed=seed).ratio for name, (_, b) in spaces.items()
    }
    chance = chance_accuracy(labels, truth)
    interval = interval_of(bootstrap(right["latents"], seed=seed)) if len(test) > 1 else None
    detail = {"train": len(train), "test": len(test)}
    return [
        _score("knn_accuracy", knn, seed, detail | {"k": k}, chance, interval),
        _score("linear_accuracy", linear, seed, detail, chance),
        _score("silhouette", near, seed, {"images": len(test)}),
        _score("within_between_ratio", ratio, seed, {"images": len(test)}),
    ]


def _score(
    name: str,
    values: dict[str, float],
    seed: int,
    detail: dict[str, Any],
    chance: float | None = None,
    interval: tuple[float, float] | None = None,
) -> Score:
    rivals = {rival: value for rival, value in values.items() if rival != "latents"}
    rivals |= {} if chance is None else {"chance": chance}
    return Score(
        name,
        values["latents"],
        baseline=rivals.get("pixels"),
        seed=seed,
        interval=interval,
        detail=detail | {"baselines": rivals},
    )


def _clustered(
    name: str,
    cluster: Callable[..., IntArray],
    z: FloatArray,
    labels: IntArray,
    pca: FloatArray,
    seed: int,
) -> list[Score]:
    """Agreement of clusters, which saw no label, with the classes; beside clusters of PCA."""
    K = len(np.unique(labels))
    try:
        ours, theirs = cluster(z, K, seed=seed), cluster(pca, K, seed=seed)
    except OptionError:  # fewer images than clusters
        return []
    own, rival = cluster_scores(labels, ours), cluster_scores(labels, theirs)
    detail = {"images": len(labels), "clusters": K}
    return [
        Score(
            f"{name}_{agreement}",
            float(getattr(own, agreement)),
            baseline=float(getattr(rival, agreement)),
            seed=seed,
            detail=detail | {"baselines": {"pca": float(getattr(rival, agreement))}},
        )
        for agreement in AGREEMENTS
    ]
