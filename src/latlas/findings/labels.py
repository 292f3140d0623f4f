"""Labels that are probably wrong."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latlas.contracts import FloatArray, IntArray, NoProgress, OptionError, Progress
from latlas.lazily import lazy_import
from latlas.neighbours import approximate_neighbours, as_points, nearest
from latlas.vectors import train_vectors

decomposition = lazy_import("sklearn.decomposition")

__all__ = ["Mislabelled", "mislabelled"]

FOLDS = 5
NOISE = 0.15  # on standardised inputs
VOTERS = 15
DOUBT = 0.2  # votes that every count starts with, shared out over the classes
COMPONENTS = 50  # principal components that are kept of the features
EXACT_UP_TO = 10_000
Float64Array = NDArray[np.float64]


@dataclass(frozen=True)
class Mislabelled:
    """The M rows whose label can be judged, the most doubtful first.

    Attributes:
        rows: int64 [M].
        labels: int64 [M], as given.
        suggested: int64 [M], the most probable of the other labels.
        probabilities: float64 [M], that of the suggested label, 0..1.
        given: float64 [M], probability of the label as given, 0..1.
        scores: float64 [M], ln(probability / given): above 0 where the suggestion is more probable.
    """

    rows: IntArray
    labels: IntArray
    suggested: IntArray
    probabilities: Float64Array
    given: Float64Array
    scores: Float64Array


def mislabelled(
    z: NDArray[Any],
    labels: NDArray[Any],
    features: NDArray[Any] | None = None,
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> Mislabelled:
    """Ranks rows by how sure others are that their label is wrong.

    Two kinds of judge give p(y | z) for every row, and none has seen that row's own label: dense
    nets trained on four fifths of the rows, asked for the last fifth, and votes of the 15 nearest
    other rows with weights exp(-2 (r / r_15)²) for distances r. The mean of their ln p, made to
    sum to 1 again, is the verdict, and rows are ranked by the normalised margin

        s = ln max_{c ≠ y} p(c) - ln p(y),    y the label as given

    (Northcutt, Jiang & Chuang, "Confident learning: Estimating uncertainty in dataset labels",
    JAIR 2021, sections 3 and 4, with the margin in logarithms, because differences of
    probabilities near 1 are rounded away).

    Rows with label -1 are neither judged nor learnt from. The only row of its class is not
    judged, for nobody else knows what the class looks like; with fewer than two other rows to
    choose from there is no result at all.

    Args:
        z: floats [N, D], the latents.
        labels: integers [N], -1 where unknown.
        features: floats [N, F], anything else that is known of each image, for instance its
            thumbnail; cut to 50 principal components, on which two more judges sit.
        seed: of folds, nets and searches, from 0 on.
        progress: where to report to.

    Raises:
        OptionError: arrays of another shape or kind, values that are not finite, a seed below 0.
    """
    points, given = as_points(z), np.asarray(labels)
    if given.shape != (len(points),) or not np.issubdtype(given.dtype, np.integer):
        raise OptionError(
            f"labels are {given.dtype} {list(given.shape)}; expected one whole number for each of "
            f"the {len(points)} latents, -1 where it is unknown."
        )
    if seed < 0:
        raise OptionError(f"seed is {seed}; expected a whole number from 0 on.")
    views = [points]
    if features is not None:
        views.append(as_points(features, "features"))
        if len(views[1]) != len(points):
            raise OptionError(
                f"There are {len(points)} latents and {len(views[1])} features; give one row of "
                "features for each latent, in the same order."
            )
    known = np.flatnonzero(given >= 0)
    classes, codes, sizes = np.unique(given[known], return_inverse=True, return_counts=True)
    judged = sizes[codes] > 1
    known, classes = known[judged], classes[sizes > 1]
    if len(classes) < 2:
        known = known[:0]
        return _ranked(known, given[known], np.zeros((0, 2)), np.array([0, 1]))
    codes = np.searchsorted(classes, given[known])
    inputs = [_standardised(points[known])]
    if features is not None:
        inputs.append(_components(views[1][known], seed))
    verdict = _verdict(inputs, codes, len(classes), seed, progress or NoProgress())
    return _ranked(known, given[known], verdict, classes)


def _verdict(
    inputs: list[FloatArray], codes: IntArray, count: int, seed: int, progress: Progress
) -> Float64Array:
    """Log probabilities [M, K] from all judges, none of whom has seen the label it judges."""
    folds = _folds(codes, seed)
    total = np.zeros((len(codes), count))
    with progress.stage("judging labels", len(inputs) * FOLDS, "nets") as stage:
        for x, fold in product(inputs, range(FOLDS)):
            asked = folds == fold
            net = train_vectors(x[~asked], codes[~asked], count, noise=NOISE, seed=seed + fold)
            total[asked] += net.log_probabilities(x[asked])
            stage.advance()
    for x in inputs:
        total += _votes(x, codes, count, seed)
    return _log_softmax(total / (2 * len(inputs)))


def _ranked(rows: IntArray, labels: IntArray, logs: Float64Array, classes: IntArray) -> Mislabelled:
    """Sorts rows by ln p(best other label) - ln p(given label), highest first."""
    everyone, own = np.arange(len(rows)), np.searchsorted(classes, labels)
    others = logs.copy()
    others[everyone, own] = -np.inf
    best = others.argmax(axis=1)
    highest, given = others[everyone, best], logs[everyone, own]
    order = np.argsort(given - highest, kind="stable")
    return Mislabelled(
        rows[order],
        labels[order].astype(np.int64),
        classes[best[order]].astype(np.int64),
        np.exp(highest[order]),
        np.exp(given[order]),
        (highest - given)[order],
    )


def _folds(codes: IntArray, seed: int) -> IntArray:
    """A fold for each row, every class spread over all folds as evenly as can be."""
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(codes))
    order = order[codes[order].argsort(kind="stable")]
    folds = np.empty(len(codes), np.int64)
    folds[order] = np.arange(len(codes)) % FOLDS
    return folds


def _standardised(z: FloatArray) -> FloatArray:
    """Each dimension with mean 0 and deviation 1; one that is constant becomes 0."""
    wide = z.astype(np.float64)
    wide -= wide.mean(axis=0)
    spread = wide.std(axis=0)
    # What rounding to float32 leaves of a constant is no spread.
    wide[:, spread <= 1e-6 * np.abs(z).max(axis=0)] = 0
    return (wide / np.where(spread > 0, spread, 1)).astype(np.float32)


def _components(features: FloatArray, seed: int) -> FloatArray:
    """At most 50 principal components, learnt on 10,000 rows, scaled as a whole: mean square 7.

    Their proportions stay, as the later ones are mostly noise. The scale makes the noise that
    the nets add to their inputs small beside the first ones.
    """
    generator = np.random.default_rng(seed)
    sample = features[generator.permutation(len(features))[:10_000]].astype(np.float64)
    centre = sample.mean(axis=0)
    count = min(COMPONENTS, *sample.shape)
    solver = "full" if min(sample.shape) <= 2 * COMPONENTS else "randomized"
    pca = decomposition.PCA(count, svd_solver=solver, random_state=seed % 2**32)
    axes = pca.fit(sample - centre)
    parts = (features - centre.astype(np.float32)) @ axes.components_.T.astype(np.float32)
    scale = float(np.sqrt(np.square(parts, dtype=np.float64).mean()))
    return np.ascontiguousarray(parts * np.float32(7**0.5 / (scale or 1)), np.float32)


def _votes(x: FloatArray, codes: IntArray, count: int, seed: int) -> Float64Array:
    """Log shares [M, K] of the weighted votes of the nearest other rows."""
    k = min(VOTERS, len(x) - 1)
    if len(x) <= EXACT_UP_TO:
        found = nearest(x, x, k, exclude_self=True)
    else:
        found = approximate_neighbours(x, k, seed=seed)
    reach = np.maximum(found.distances[:, -1:].astype(np.float64), np.finfo(np.float32).tiny)
    weights = np.exp(-2 * (found.distances / reach) ** 2)
    places = np.arange(len(x))[:, None] * count + codes[found.indices]
    cast = np.bincount(places.ravel(), weights.ravel(), len(x) * count).astype(np.float64)
    votes: Float64Array = np.reshape(cast, (len(x), count)) + np.float64(DOUBT / count)
    shares: Float64Array = votes / votes.sum(axis=1, keepdims=True)
    return np.asarray(np.log(shares), np.float64)


def _log_softmax(logs: Float64Array) -> Float64Array:
    logs = logs - logs.max(axis=1, keepdims=True)
    result: Float64Array = logs - np.log(np.exp(logs).sum(axis=1, keepdims=True))
    return result
