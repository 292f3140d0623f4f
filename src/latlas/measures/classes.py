"""How the classes of a dataset lie in a space, and the rivals that a space is read beside."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from latlas.contracts import FloatArray, IntArray, OptionError
from latlas.lazily import lazy_import
from latlas.neighbours import as_points, single_threaded

exceptions = lazy_import("sklearn.exceptions")
linear_model = lazy_import("sklearn.linear_model")
metrics = lazy_import("sklearn.metrics")

__all__ = [
    "Baselines",
    "ClassDistances",
    "baselines",
    "chance_accuracy",
    "linear_accuracy",
    "silhouette",
    "within_between_ratio",
]

SAMPLE = 5000
MOST_VALUES = 64_000_000  # training values that a linear classifier learns from: 256 MB
BLOCK_VALUES = 4_000_000
EXACT_UP_TO = 2048  # pixels; beyond, their covariance is too large to be held
SPARE = 10
PASSES = 4


def linear_accuracy(
    train_z: NDArray[Any],
    train_labels: NDArray[Any],
    test_z: NDArray[Any],
    test_labels: NDArray[Any],
    *,
    seed: int = 0,
) -> float:
    """The share of test latents that a linear classifier, learnt on the training ones, gets right.

    Multinomial logistic regression with an L2 penalty of C = 1 (Cox 1958; the linear probe of
    Alain & Bengio, "Understanding intermediate layers using linear classifier probes", 2016), by
    at most 200 steps of L-BFGS in float32. Each dimension is standardised by the training rows
    first. Beyond 64 million training values, N D, it learns from as many rows drawn at random: all
    60,000 images of 784 pixels are below (a third of them would cost it two points).

    Args:
        train_z: floats [N, D].
        train_labels: integers [N]; rows with -1 (unknown) are left out.
        test_z: floats [M, D].
        test_labels: integers [M]; rows with -1 are left out.
        seed: seed of the draw, from 0 on.

    Returns:
        0..1; with one class in training, the share of that class.

    Raises:
        OptionError: shapes or kinds that do not match, no known label in a split, values that are
            not finite, a seed below 0.
    """
    _check_seed(seed)
    train_z, train_labels = _known(train_z, train_labels, "train")
    test_z, test_labels = _known(test_z, test_labels, "test")
    if train_z.shape[1] != test_z.shape[1]:
        raise OptionError(
            f"train has {train_z.shape[1]} dimensions and test {test_z.shape[1]}; give both from "
            "the same space."
        )
    most = max(1, MOST_VALUES // train_z.shape[1])
    if len(train_z) > most:
        rows = np.random.default_rng(seed).choice(len(train_z), size=most, replace=False)
        train_z, train_labels = train_z[rows], train_labels[rows]
    if (train_labels == train_labels[0]).all():
        return float(np.mean(test_labels == train_labels[0]))
    mean = train_z.mean(axis=0, dtype=np.float64)
    spread = train_z.std(axis=0, dtype=np.float64)
    # A dimension whose spread is what rounding leaves of a constant has nothing to tell.
    spread[spread <= 1e-6 * np.abs(mean)] = np.inf
    spread[spread == 0] = np.inf
    model = linear_model.LogisticRegression(max_iter=200, tol=1e-3)
    with warnings.catch_warnings():
        # The last digits do not matter.
        warnings.simplefilter("ignore", exceptions.ConvergenceWarning)
        model.fit(((train_z - mean) / spread).astype(np.float32), train_labels)
    answers = model.predict(((test_z - mean) / spread).astype(np.float32))
    return float(np.mean(answers == test_labels))


def chance_accuracy(train_labels: NDArray[Any], test_labels: NDArray[Any]) -> float:
    """The accuracy of always answering the most frequent training label, 0..1.

    Among equally frequent labels the lowest. It is the floor of ``linear_accuracy`` and of the
    accuracy of neighbours.

    Args:
        train_labels: integers [N], -1 where unknown.
        test_labels: integers [M], -1 where unknown.

    Raises:
        OptionError: labels of another shape or kind, or no known label in a split.
    """
    train = _labels(train_labels, "train")
    test = _labels(test_labels, "test")
    for name, labels in (("train", train), ("test", test)):
        if not (labels >= 0).any():
            raise _nothing_known(name)
    values, counts = np.unique(train[train >= 0], return_counts=True)
    return float(np.mean(test[test >= 0] == values[counts.argmax()]))


def silhouette(
    z: NDArray[Any], labels: NDArray[Any], *, sample: int | None = SAMPLE, seed: int = 0
) -> float:
    """The mean silhouette of the points in their classes, -1..1; higher is clearer, 0 is none.

    s = (b - a) / max(a, b), where a is the mean distance to the other points of the class and b
    the least mean distance to the points of another class; 0 for a point alone in its class
    (Rousseeuw, "Silhouettes: a graphical aid to the interpretation and validation of cluster
    analysis", J. Comput. Appl. Math. 1987). Distances are taken among S points drawn at random.

    Args:
        z: floats [N, D].
        labels: integers [N], classes or clusters; rows with -1 (unknown) are left out.
        sample: S; None, or at least N, takes every point.
        seed: seed of the draw, from 0 on.

    Returns:
        The mean; NaN with fewer than two classes, which it cannot tell anything of.

    Raises:
        OptionError: shapes or kinds that do not match, no known label, values that are not
            finite, ``sample`` below 1, a seed below 0.
    """
    z, labels = _drawn(z, labels, sample, seed)
    classes = len(np.unique(labels))
    if classes < 2:
        return math.nan
    if classes == len(labels):
        return 0.0
    return float(metrics.silhouette_samples(z, labels).mean())


@dataclass(frozen=True)
class ClassDistances:
    """Mean distances between and within the C classes of a space.

    Attributes:
        ratio: ``within`` / ``between``; lower is clearer, 1 is no structure.
        within: mean of the diagonal of ``matrix``; each class counts alike.
        between: mean of the rest of it.
        matrix: float64 [C, C], mean distance of a point of one class to one of another, and on
            the diagonal to another of its own; NaN there for a class of one point.
        classes: int64 [C], the labels in the order of the matrix, ascending.

    ``ratio``, ``within`` and ``between`` are NaN where there is nothing to take the mean of.
    Distances are Euclidean, in the unit of the points.
    """

    ratio: float
    within: float
    between: float
    matrix: NDArray[np.float64]
    classes: IntArray


def within_between_ratio(
    z: NDArray[Any], labels: NDArray[Any], *, sample: int | None = SAMPLE, seed: int = 0
) -> ClassDistances:
    """Compares the mean distance within classes to that between classes.

    M_ab = mean of |zᵢ - zⱼ| over i of class a and j ≠ i of class b; ratio = mean M_aa / mean M_ab,
    a ≠ b (the comparison behind the intra- and inter-class distances of Fukunaga, "Introduction
    to Statistical Pattern Recognition", 1990, chapter 10).

    Args:
        z: floats [N, D].
        labels: integers [N]; rows with -1 (unknown) are left out.
        sample: number of points drawn at random; None, or at least N, takes every point.
        seed: seed of the draw, from 0 on.

    Raises:
        OptionError: shapes or kinds that do not match, no known label, values that are not
            finite, ``sample`` below 1, a seed below 0.
    """
    z, labels = _drawn(z, labels, sample, seed)
    classes, owner = np.unique(labels, return_inverse=True)
    counts = np.bincount(owner).astype(np.float64)
    points, member = torch.from_numpy(z).double(), torch.from_numpy(owner)
    sums = torch.zeros((len(classes), len(classes)), dtype=torch.float64)
    with single_threaded():
        for rows in torch.split(torch.arange(len(z)), max(1, BLOCK_VALUES // len(z))):
            # By products, quick for pixels too; in float64 near points keep their distance.
            distances = torch.cdist(points[rows], points, compute_mode="use_mm_for_euclid_dist")
            to = torch.zeros((len(rows), len(classes)), dtype=torch.float64)
            to.index_add_(1, member, distances)
            sums.index_add_(0, member[rows], to)
    pairs = np.outer(counts, counts) - np.diag(counts)
    matrix = np.full(pairs.shape, np.nan)
    np.divide(sums.numpy(), pairs, out=matrix, where=pairs > 0)
    own, off = np.diag(matrix), matrix[~np.eye(len(classes), dtype=bool)]
    own = own[~np.isnan(own)]
    within = float(own.mean()) if len(own) else math.nan
    between = float(off.mean()) if len(off) else math.nan
    ratio = within / between if between > 0 else math.nan
    return ClassDistances(ratio, within, between, matrix, classes.astype(np.int64))


@dataclass(frozen=True)
class Baselines:
    """The simple rivals of a latent space, row by row of the same images.

    Attributes:
        pixels: float32 [N, P], the images as they are, in 0..1, P = H W C.
        pca: float32 [N, min(D, P)], their leading principal components.
    """

    pixels: FloatArray
    pca: FloatArray


def baselines(
    pixels: NDArray[Any], D: int, *, train: NDArray[np.bool_] | None = None, seed: int = 0
) -> Baselines:
    """Raw pixels and their PCA of D dimensions, to repeat a measure on.

    z = (x - mean) Vᵀ with the leading eigenvectors V of the covariance of the training images
    (Pearson 1901); exact up to 2,048 pixels, beyond by randomised subspace iteration (Halko,
    Martinsson & Tropp, "Finding structure with randomness", SIAM Review 2011, algorithm 4.4).

    Args:
        pixels: images [N, ...], uint8 in 0..255 or floats in 0..1.
        D: number of components, from 1 on; at most P are there.
        train: which images the PCA may learn from, bool [N]; None takes all.
        seed: seed of the randomised iteration, from 0 on.

    Raises:
        OptionError: no images, values that are not finite, D below 1, ``train`` of another shape
            or without any image, a seed below 0.
    """
    _check_seed(seed)
    images = np.asarray(pixels)
    if images.ndim < 2 or images.size == 0:
        raise OptionError(
            f"The pixels have shape {list(images.shape)}; expected images [N, ...], at least one."
        )
    if D < 1:
        raise OptionError(f"D is {D}; expected 1 or more, as many as the latents have.")
    chosen = np.ones(len(images), dtype=bool) if train is None else np.asarray(train)
    if chosen.shape != (len(images),) or chosen.dtype != np.bool_ or not chosen.any():
        raise OptionError(
            f"train is {chosen.dtype} {list(chosen.shape)} with {np.count_nonzero(chosen)} images; "
            f"expected bool [{len(images)}] that marks at least one."
        )
    x = as_points(images.reshape(len(images), -1), "images")
    if images.dtype == np.uint8:
        x /= 255  # a copy of its own: uint8 had to become float32
    block = max(1, BLOCK_VALUES // x.shape[1])
    learnt = [np.flatnonzero(chosen)[i : i + block] for i in range(0, chosen.sum(), block)]
    with single_threaded():
        mean = sum(x[rows].sum(axis=0, dtype=np.float64) for rows in learnt) / chosen.sum()
        directions = _directions(x, learnt, mean.astype(np.float32), min(D, x.shape[1]), seed)
        projected = np.empty((len(x), directions.shape[1]), dtype=np.float32)
        for start in range(0, len(x), block):
            rows = slice(start, start + block)
            projected[rows] = _product(x[rows] - mean.astype(np.float32), directions)
    return Baselines(x, projected)


def _directions(
    x: FloatArray, learnt: list[IntArray], mean: FloatArray, D: int, seed: int
) -> FloatArray:
    """The leading eigenvectors of the covariance, as columns float32 [P, D]."""
    width = x.shape[1]
    if width <= EXACT_UP_TO:
        scatter = np.zeros((width, width))
        for rows in learnt:
            centred = x[rows] - mean
            scatter += _product(centred.T, centred)
        exact: FloatArray = np.linalg.eigh(scatter)[1][:, ::-1][:, :D].astype(np.float32)
        return exact
    basis = np.random.default_rng(seed).normal(size=(width, min(D + SPARE, width)))
    for _ in range(PASSES):
        q = np.linalg.qr(basis)[0].astype(np.float32)
        basis = np.zeros((width, q.shape[1]))
        for rows in learnt:
            centred = x[rows] - mean
            basis += _product(centred.T, _product(centred, q))
    # The covariance within the last subspace, whose own directions come out ordered.
    values, vectors = np.linalg.eigh((q.T @ basis + basis.T @ q) / 2)
    order = np.argsort(-values)[:D]
    leading: FloatArray = (q @ vectors[:, order]).astype(np.float32)
    return leading


def _product(a: FloatArray, b: FloatArray) -> FloatArray:
    product: FloatArray = (torch.from_numpy(a) @ torch.from_numpy(b)).numpy()
    return product


def _drawn(
    z: NDArray[Any], labels: NDArray[Any], sample: int | None, seed: int
) -> tuple[FloatArray, IntArray]:
    """Known rows, at most ``sample`` of them, around 0."""
    if sample is not None and sample < 1:
        raise OptionError(f"sample is {sample}; expected 1 or more, or None for every point.")
    _check_seed(seed)
    z, labels = _known(z, labels, "the space")
    if sample is not None and sample < len(z):
        rows = np.sort(np.random.default_rng(seed).choice(len(z), size=sample, replace=False))
        z, labels = z[rows], labels[rows]
    return (z - z.mean(axis=0, dtype=np.float64)).astype(np.float32), labels


def _known(z: NDArray[Any], labels: NDArray[Any], name: str) -> tuple[FloatArray, IntArray]:
    """Checked rows with a known label."""
    z, given = as_points(z), _labels(labels, name)
    if len(z) != len(given):
        raise OptionError(
            f"{name} has {len(z)} latents and {len(given)} labels; give one label for each latent."
        )
    known = given >= 0
    if not known.any():
        raise _nothing_known(name)
    return (z, given) if known.all() else (z[known], given[known])


def _labels(labels: NDArray[Any], name: str) -> IntArray:
    given = np.asarray(labels)
    if given.ndim != 1 or not np.issubdtype(given.dtype, np.integer):
        raise OptionError(
            f"The labels of {name} are {given.dtype} {list(given.shape)}; expected whole numbers "
            "[N], -1 where unknown."
        )
    return given.astype(np.int64)


def _nothing_known(name: str) -> OptionError:
    return OptionError(
        f"{name} has no known label; expected at least one that is not -1. Class structure can "
        "only be measured where classes are known."
    )


def _check_seed(seed: int) -> None:
    if seed < 0:
        raise OptionError(f"seed is {seed}; expected a whole number from 0 on.")
