"""Judges generated images by the features that a judge network gives them.

Features are arrays [N, F], a row for each image. Print beside each number what real images score
against other real images, with as many rows. Numbers of different judges do not compare.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from latlas.contracts import FloatArray, IntArray, OptionError
from latlas.neighbours import as_points, nearest, single_threaded

__all__ = [
    "KernelDistance",
    "LabelAgreement",
    "Memorisation",
    "PrecisionRecall",
    "frechet_distance",
    "kernel_distance",
    "label_agreement",
    "memorisation",
    "precision_recall_density_coverage",
]

BLOCK_VALUES = 500_000  # held at once, as float64: 4 MB, which stay in the cache


@dataclass(frozen=True)
class KernelDistance:
    """A kernel distance and how sure it is.

    Attributes:
        value: the squared distance; 0 on average for equal distributions, so at times below 0.
        standard_error: of ``value``, rather too large than too small when that is near 0.
    """

    value: float
    standard_error: float


@dataclass(frozen=True)
class PrecisionRecall:
    """How real the fakes are, and how much of the real they cover.

    Attributes:
        precision: share of fakes inside a ball of a real image, 0..1.
        recall: share of real images inside a ball of a fake, 0..1.
        density: mean number of real balls around a fake, over k; about 1 for equal distributions.
        coverage: share of real balls with a fake inside, 0..1; about 1 - 2⁻ᵏ for equal ones.
    """

    precision: float
    recall: float
    density: float
    coverage: float


@dataclass(frozen=True)
class Memorisation:
    """How far the samples are copies of the training images.

    d is the distance to the nearest training row. Ties count half in every share.

    Attributes:
        auc: probability that a sample has a smaller d than a held-out image, 0..1; 0.5 if none is
            copied, and more for samples that are merely dull: see ``nearer_training``.
        deviations: (auc - 0.5) in standard deviations of the Mann-Whitney statistic.
        below_median: share of samples with d below the held-out median; 0.5 if none is copied.
        below_low: share with d below the held-out 5% quantile; 0.05 if none is copied.
        copied: share with d over the distance to the nearest held-out row below the 1% quantile of
            the same ratio of held-out images; about 0.01 or less if none is copied.
        median_ratio: median d of the samples over that of the held-out images; NaN if that is 0.
        nearer_training: share of samples nearer to a training row than to any held-out row.
        expected_nearer: the same share if none is copied, for samples of any quality: T / (T + H).
        most_copied: int64 [C], samples, the closest copy first.
        distances: float32 [M], d of every sample.
        nearest_training: int64 [M], the training row nearest to every sample.
    """

    auc: float
    deviations: float
    below_median: float
    below_low: float
    copied: float
    median_ratio: float
    nearer_training: float
    expected_nearer: float
    most_copied: IntArray
    distances: FloatArray
    nearest_training: IntArray


@dataclass(frozen=True)
class LabelAgreement:
    """How often a judge sees the class that was asked for.

    Attributes:
        share: of all images with a label asked for, 0..1.
        classes: int64 [K], every label asked for or seen, ascending.
        asked: int64 [K], images for which this label was asked.
        agreed: int64 [K], those of them in which the judge sees it too.
        judged: int64 [K], images in which the judge sees this label, whatever was asked.
    """

    share: float
    classes: IntArray
    asked: IntArray
    agreed: IntArray
    judged: IntArray


def frechet_distance(a: NDArray[Any], b: NDArray[Any]) -> float:
    """The squared Fréchet distance between the Gaussians fitted to two sets.

    d² = |m_a - m_b|² + tr(C_a + C_b - 2 (C_a C_b)^½), with means m and covariances C (Heusel,
    Ramsauer, Unterthiner, Nessler & Hochreiter, "GANs trained by a two time-scale update rule
    converge to a local Nash equilibrium", NeurIPS 2017, eq. 6). Here tr (C_a C_b)^½ is the sum of
    the singular values of R_a R_bᵀ, with roots C = RᵀR from a QR decomposition of the centred
    rows: nothing is inverted, no root of a rounded eigenvalue is taken, and singular covariances
    (N ≤ F, constant features) do no harm. Few rows add to the distance: compare at equal N only.

    Args:
        a: floats [N, F].
        b: floats [M, F].

    Returns:
        at least 0, in squared units of the features, and exactly 0 for equal sets.

    Raises:
        OptionError: not [N, F], a different F, or values that are not finite.
    """
    x, y = _features(first=a, second=b)
    mean_x, mean_y = (rows.mean(axis=0, dtype=np.float64) for rows in (x, y))
    with single_threaded():
        root_x, root_y = _covariance_root(x, mean_x), _covariance_root(y, mean_y)
        overlap = float(torch.linalg.svdvals(root_x @ root_y.T).sum())
    spread = float(root_x.square().sum() + root_y.square().sum())
    distance = float(np.square(mean_x - mean_y).sum()) + spread - 2 * overlap
    rounding = 8 * (x.shape[1] + 4) * np.finfo(np.float64).eps * spread
    return distance if distance > rounding else 0.0


def kernel_distance(
    a: NDArray[Any], b: NDArray[Any], seed: int = 0, *, most: int = 10_000
) -> KernelDistance:
    """The kernel distance (KID): an unbiased squared maximum mean discrepancy, cubic kernel.

    With k(x, y) = (x·y / F + 1)³, the mean of k over pairs of different rows of a, plus that of
    b, less twice that of pairs across (Bińkowski, Sutherland, Arbel & Gretton, "Demystifying MMD
    GANs", ICLR 2018, section 4; Gretton et al., "A kernel two-sample test", JMLR 2012, eq. 3).
    All pairs of at most 10,000 rows of each set are taken, where others average small subsets: it
    estimates the same, with less noise. The standard error is the jackknife's over the rows of
    both sets (Efron & Stein, "The jackknife estimate of variance", Annals of Statistics 1981).
    Few rows do not add to the distance. It depends on the scale and origin of the features.

    Args:
        a: floats [N, F], N ≥ 3.
        b: floats [M, F], M ≥ 3.
        seed: draws the rows where there are more than ``most``, from 0 on.
        most: rows of each set that are compared, at least 3.

    Raises:
        OptionError: sets that are not as above, values that are not finite, options out of range.
    """
    sets = _features(first=a, second=b)
    if min(most, *map(len, sets)) < 3 or seed < 0:
        raise OptionError(
            f"There are {len(a)} and {len(b)} rows of features, most is {most} and seed {seed}; "
            "expected at least three rows, because pairs are compared, and a seed from 0 on."
        )
    generator = np.random.default_rng(seed)
    chosen = (rows[np.sort(generator.permutation(len(rows))[:most])] for rows in sets)
    x, y = (torch.from_numpy(rows.astype(np.float64)) for rows in chosen)
    n, m = len(x), len(y)
    with single_threaded():
        within_x, within_y = (
            _kernel_sums(z, z)[0] - (z.square().mean(dim=1) + 1) ** 3 for z in (x, y)
        )
        across_x, across_y = _kernel_sums(x, y)
    within = within_x.sum() / (n * (n - 1)) + within_y.sum() / (m * (m - 1))
    variance = _jackknife(within_x, across_x, m) + _jackknife(within_y, across_y, n)
    value = within - 2 * across_x.sum() / (n * m)
    return KernelDistance(value=float(value), standard_error=math.sqrt(variance))


def precision_recall_density_coverage(
    real: NDArray[Any], fake: NDArray[Any], k: int = 5
) -> PrecisionRecall:
    """Precision, recall, density and coverage of fakes, by balls around images.

    The ball of an image reaches to the k-th nearest other image of its own set, border included.
    Precision is the share of fakes in any real ball, recall the share of real images in any fake
    ball (Kynkäänniemi, Karras, Laine, Lehtinen & Aila, "Improved precision and recall metric for
    assessing generative models", NeurIPS 2019, eq. 1 and 2); density = (1 / (k M)) Σ of the real
    balls that each fake lies in, coverage is the share of real balls with a fake in them (Naeem,
    Oh, Uh, Choi & Yoo, "Reliable fidelity and diversity metrics for generative models", ICML
    2020, eq. 3 and 4). All depend on N, M and k: compare only where these are equal.

    Args:
        real: floats [N, F].
        fake: floats [M, F].
        k: 1..N-1 and 1..M-1.

    Raises:
        OptionError: not [N, F], a different F, values that are not finite, k out of range.
    """
    x, y = _centred(_features(real=real, fake=fake))
    points, norms, radii = _balls(x, k)
    fakes, fake_norms, fake_radii = _balls(y, k)
    around = torch.zeros(len(y), dtype=torch.int64)  # real balls around each fake
    covered, recalled = torch.zeros(2, len(x), dtype=torch.bool)
    block = max(1, BLOCK_VALUES // len(x))
    with single_threaded():
        for start in range(0, len(y), block):
            rows = slice(start, start + block)
            squares = torch.addmm(norms, fakes[rows], points.T, alpha=-2)
            squares += fake_norms[rows, None]  # [B, N]
            recalled |= (squares <= fake_radii[rows, None]).any(dim=0)
            inside = squares <= radii
            covered |= inside.any(dim=0)
            around[rows] = inside.sum(dim=1)
    return PrecisionRecall(
        precision=float((around > 0).double().mean()),
        recall=float(recalled.double().mean()),
        density=float(around.double().mean()) / k,
        coverage=float(covered.double().mean()),
    )


def memorisation(
    samples: NDArray[Any], train: NDArray[Any], held_out: NDArray[Any], *, most: int = 16
) -> Memorisation:
    """Whether samples lie nearer to the training images than held-out images do.

    d is the Euclidean distance to the nearest training row, and auc = P(d(s) < d(h)) +
    ½ P(d(s) = d(h)) for a sample s and a held-out row h: the Mann-Whitney statistic, as in
    Meehan, Chaudhuri & Dasgupta, "A non-parametric test to detect data-copying in generative
    models", AISTATS 2020, section 3, but over the whole space at once instead of cell by cell.

    Samples that keep to the crowded regions score above 0.5 without being copies, and odd samples
    hide a few copies among them. So each sample's distances to the training and to the held-out
    rows are compared too: the share nearer to the former is T / (T + H) unless they were copied,
    because else the two may change places, and ``copied`` finds even one copy in a hundred.
    All need held-out images of the same source that are no copies of training images, and
    features that were not learnt from the training images alone.

    Args:
        samples: floats [M, F].
        train: floats [T, F], all the images that the model was trained on.
        held_out: floats [H, F].
        most: number of most copied samples to name, all M where there are fewer.

    Raises:
        OptionError: not [N, F], a different F, values that are not finite, H < 2, ``most`` < 0.
    """
    if most < 0 or len(held_out) < 2:
        raise OptionError(
            f"most is {most} and there are {len(held_out)} held-out rows; expected a number of "
            "samples to name from 0 on, and at least two held-out rows."
        )
    t, s, h = _centred(_features(train=train, samples=samples, held_out=held_out))
    found = nearest(s, t, 1)
    sampled, held = found.distances[:, 0], nearest(h, t, 1).distances[:, 0]
    other, apart = nearest(s, h, 1).distances[:, 0], nearest(h, h, 1, exclude_self=True).distances
    auc = float(_shares_below(sampled, held).mean())
    variance = (len(s) + len(h) + 1) / (12 * len(s) * len(h))
    middle, low = np.quantile(held, [0.5, 0.05])
    below_middle, below_low = _shares_below(sampled, np.array([middle, low]))
    relative = np.arctan2(sampled, other)  # grows with their ratio, and stands zeros
    copied = _shares_below(relative, np.quantile(np.arctan2(held, apart[:, 0]), [0.01]))
    return Memorisation(
        auc=auc,
        deviations=(auc - 0.5) / math.sqrt(variance),
        below_median=float(below_middle),
        below_low=float(below_low),
        copied=float(copied[0]),
        median_ratio=float(np.median(sampled) / middle) if middle > 0 else math.nan,
        nearer_training=float(np.mean(sampled < other) + np.mean(sampled == other) / 2),
        expected_nearer=len(t) / (len(t) + len(h)),
        most_copied=np.argsort(relative, kind="stable")[:most],
        distances=sampled,
        nearest_training=found.indices[:, 0],
    )


def label_agreement(judged: NDArray[Any], asked: NDArray[Any]) -> LabelAgreement:
    """How often the label that a judge gives to an image is the one that was asked for.

    A judge also errs on real images: print its accuracy on held-out images beside this.

    Args:
        judged: integers [N], the judge's labels, -1 where it does not know: never an agreement.
        asked: integers [N], the labels asked for; images with -1 are left out.

    Raises:
        OptionError: arrays of another shape or type, labels below -1, or no label asked for.
    """
    seen, wanted = np.asarray(judged), np.asarray(asked)
    whole = all(labels.dtype.kind in "iu" and labels.ndim == 1 for labels in (seen, wanted))
    fits = whole and len(seen) == len(wanted) and (wanted >= 0).any()
    if not fits or min(seen.min(), wanted.min()) < -1:
        raise OptionError(
            f"The labels are {seen.dtype} {list(seen.shape)} and {wanted.dtype} "
            f"{list(wanted.shape)}; expected whole numbers [N] from -1 on, judged and asked for "
            "each image. At least one must be asked for."
        )
    seen, wanted = (labels[wanted != -1].astype(np.int64) for labels in (seen, wanted))
    classes = np.unique(np.concatenate([seen, wanted]))
    classes = classes[classes >= 0]
    counts = [
        np.bincount(np.searchsorted(classes, labels[labels >= 0]), minlength=len(classes))
        for labels in (wanted, wanted[seen == wanted], seen)
    ]
    return LabelAgreement(float(np.mean(seen == wanted)), classes, *counts)


def _balls(points: FloatArray, k: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Balls from each point to its k-th nearest other: float64 points [N, F], |p|² and radius²."""
    found = torch.from_numpy(nearest(points, points, k, exclude_self=True).indices)
    exact = torch.from_numpy(points).double()
    squares = torch.empty(len(exact), dtype=torch.float64)
    block = max(1, BLOCK_VALUES // (k * exact.shape[1]))
    with single_threaded():
        for start in range(0, len(exact), block):
            rows = slice(start, start + block)
            between = exact[found[rows]] - exact[rows, None]  # [B, k, F]
            squares[rows] = between.square().sum(dim=2).amax(dim=1)
        # Less what |p|² + |q|² - 2 p·q may round by: a point on the border must count as inside.
        slack = 4 * (exact.shape[1] + 4) * np.finfo(np.float64).eps
        norms = exact.square().sum(dim=1) * (1 - slack)
    return exact, norms, squares


def _covariance_root(rows: NDArray[Any], mean: NDArray[np.float64]) -> torch.Tensor:
    """An R with RᵀR = the covariance (N - 1 below the line) of rows [N, F]: float64 [<= F, F]."""
    root = torch.empty((0, rows.shape[1]), dtype=torch.float64)
    block = max(4096, 4 * rows.shape[1])  # much more than the F rows taken along each time
    for start in range(0, len(rows), block):
        centred = torch.from_numpy(rows[start : start + block] - mean)
        root = torch.linalg.qr(torch.cat([root, centred]), mode="r").R
    return root.div_(max(1, len(rows) - 1) ** 0.5)


def _kernel_sums(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The cubic kernel of rows [N, F] and [M, F], summed over the latter and over the former."""
    over_y, over_x = x.new_zeros(len(x)), y.new_zeros(len(y))
    block = max(1, BLOCK_VALUES // len(y))
    for start in range(0, len(x), block):
        rows = slice(start, start + block)
        scaled = torch.addmm(x.new_ones(1), x[rows], y.T, alpha=1 / x.shape[1])  # [B, M]
        kernel = scaled.square().mul_(scaled)
        over_y[rows] = kernel.sum(dim=1)
        over_x += kernel.sum(dim=0)
    return over_y, over_x


def _jackknife(within: torch.Tensor, across: torch.Tensor, others: int) -> float:
    """Jackknife variance of the kernel distance, by sums [N] over the own and the other set."""
    left = len(within) - 1
    values = (within.sum() - 2 * within) / (left * (left - 1))
    values -= 2 * (across.sum() - across) / (left * others)
    return float(left * values.var(correction=0))


def _shares_below(values: FloatArray, limits: NDArray[Any]) -> NDArray[np.float64]:
    """The share of the values below each limit, ties counted half."""
    ordered = np.sort(values)
    below, up_to = (np.searchsorted(ordered, limits, side=side) for side in ("left", "right"))
    return np.asarray((below + up_to) / (2 * len(ordered)))


def _centred(sets: list[NDArray[Any]]) -> list[FloatArray]:
    """Sets less the mean of the first, taken off in float64: float32 rounds far from the origin."""
    centre = sets[0].mean(axis=0, dtype=np.float64)
    centred = [np.empty(rows.shape, dtype=np.float32) for rows in sets]
    for rows, out in zip(sets, centred, strict=True):
        np.subtract(rows, centre, out=out, casting="same_kind")
    return centred


def _features(**sets: NDArray[Any]) -> list[NDArray[Any]]:
    """Checked sets of features [N, F], as float32 where that holds them, else as float64."""
    checked = []
    for name, values in sets.items():
        as_points(values, f"{name.replace('_', '-')} features")
        rows = np.asarray(values)
        checked.append(rows.astype(np.result_type(rows, np.float32), copy=False))
    if len({rows.shape[1] for rows in checked}) > 1:
        found = [rows.shape[1] for rows in checked]
        raise OptionError(
            f"The sets have {found} features; expected the same. Use one judge for all."
        )
    return checked
