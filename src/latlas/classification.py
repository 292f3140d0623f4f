"""Classes told apart in a space: classifiers kept in it, answers about images, and their proof."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latlas.answers import Answers
from latlas.checkpoint import inside, read_arrays
from latlas.classifiers import (
    CLASSIFIERS,
    DEFAULT_CLASSIFIER,
    LinearClassifier,
    Novelty,
    Reliability,
    calibration_error,
    reliability,
)
from latlas.contracts import (
    TEST,
    TRAIN,
    Classifier,
    FloatArray,
    IntArray,
    NoProgress,
    OptionError,
    Prior,
    Progress,
    SpaceError,
    UInt8Array,
)
from latlas.encode import Explained, block_rows
from latlas.generation import space_prior
from latlas.models import SCOPES
from latlas.stored import StoredSpace

__all__ = [
    "METHODS",
    "OWN",
    "Judgement",
    "SpaceClassifier",
    "space_classifier",
]

OWN = "own"
"""Each scope's own way: the class whose model (or told label) explains an image best."""
METHODS = (*CLASSIFIERS, OWN)
FALSE_ALARMS = 0.01
FEW_LABELS = 1000
"""With fewer labels for each class, labels are spread over the neighbour graph by default."""
MOST_EXPLAINED = 60_000
"""So many images, each explained by every class, are enough to weigh errors and densities."""
NOVELTY = "novelty."


@dataclass(frozen=True)
class Judgement:
    """How a classifier does on the held-out images.

    Attributes:
        rows: int64 [N], the rows of the space that were asked, all with a known label.
        truth: int64 [N], their labels.
        answers: int64 [N], what was answered.
        probabilities: float64 [N, C] over all C classes of the space.
        accuracy: share of right answers, 0..1.
        calibration: the expected calibration error, 0..1.
        bins: confidence against accuracy.
    """

    rows: IntArray
    truth: IntArray
    answers: IntArray
    probabilities: NDArray[np.float64]
    accuracy: float
    calibration: float
    bins: Reliability


class SpaceClassifier:
    """A classifier of a space, with what tells novel images from known ones.

    Args:
        space: the space.
        method: one of ``METHODS``.
        classifier: fitted on the evidence that the method looks at.
        novelty: fitted on held-out images.
        prior: the density that novelty, and the scope's own way, ask.
    """

    def __init__(
        self,
        space: StoredSpace,
        method: str,
        classifier: Classifier,
        novelty: Novelty,
        prior: Prior,
    ) -> None:
        self.space, self.method = space, method
        self.classifier, self.novelty, self.prior = classifier, novelty, prior

    def probabilities(self, pixels: UInt8Array) -> NDArray[np.float64]:
        """Over all C classes of the space, for images [N, H, W, C]: float64 [N, C]."""
        return self._spread_out(self.classifier.probabilities(_of_pixels(self, pixels)))

    def of_rows(self, rows: IntArray) -> NDArray[np.float64]:
        """The same for rows of the space: float64 [N, C]."""
        evidence = _evidence(self.space, self.method, self.prior, rows)
        return self._spread_out(self.classifier.probabilities(evidence))

    def of_latents(self, z: FloatArray) -> NDArray[np.float64]:
        """The same for latents float32 [N, D] of a space of scope global.

        Raises:
            OptionError: latents alone do not say enough in another scope, or for this method.
        """
        if self.space.scope != SCOPES[0] or self.method == OWN:
            raise OptionError("only in the scope global do latents alone tell the class.")
        return self._spread_out(self.classifier.probabilities(z))

    def _spread_out(self, known: NDArray[np.float64]) -> NDArray[np.float64]:
        whole = np.zeros((len(known), len(self.space.classes)))
        whole[:, self.classifier.classes] = known
        return whole

    def answer(self, pixels: UInt8Array, names: Sequence[str]) -> Answers:
        """What the images [N, H, W, C] show, and whether they are like any that are known."""
        p = self.probabilities(pixels)
        density, error = _familiarity(self.space, self.prior, pixels)
        return Answers(
            tuple(names),
            tuple(self.space.classes[k] for k in p.argmax(axis=1)),
            p,
            self.space.classes,
            self.novelty.is_novel(density, error),
            self.novelty.score(density, error),
            self.method,
            self.novelty.false_alarms,
        )

    def judge(self) -> Judgement | None:
        """Asks about every held-out image of a known label; None where there are none."""
        latents = self.space.latents
        rows = np.flatnonzero((latents.splits == TEST) & (latents.labels >= 0))
        if len(rows) == 0:
            return None
        p, truth = self.of_rows(rows), latents.labels[rows]
        answers = p.argmax(axis=1)
        return Judgement(
            rows,
            truth,
            answers,
            p,
            float((answers == truth).mean()),
            calibration_error(p, truth),
            reliability(p, truth),
        )


def space_classifier(
    space: StoredSpace,
    method: str | None = None,
    *,
    labels_per_class: int | None = None,
    seed: int = 0,
    refresh: bool = False,
    progress: Progress | None = None,
) -> SpaceClassifier:
    """A classifier of the space: read from it, or fitted on its training images and kept there.

    Args:
        space: the space.
        method: one of ``METHODS``; None takes ``knn`` in the scope global (``spread`` with few
            labels), and elsewhere ``own``.
        labels_per_class: learn from only so many labels of each class, drawn at random; such a
            classifier is not kept.
        seed: seed of the fit and of that draw.
        refresh: fit it again although it is there.
        progress: where to report.

    Raises:
        OptionError: no method has this name, or there is no label to learn from.
        SpaceError: the stored classifier is damaged, or images are needed and gone.
    """
    progress = progress or NoProgress()
    if not len(space.classes) or not (space.latents.labels >= 0).any():
        raise OptionError(
            "this space has no labels, so there are no classes to tell apart. Fit it on labelled "
            "images; without labels these still work: map, sample, walk, neighbours, measure, "
            "find --duplicates and --outliers."
        )
    few = labels_per_class is not None and labels_per_class < FEW_LABELS
    if method is None:
        usual = "spread" if few else DEFAULT_CLASSIFIER
        method = usual if space.scope == SCOPES[0] else OWN
    if method not in METHODS:
        raise OptionError(f"method is {method!r}; choose one of {', '.join(METHODS)}.")
    if method == OWN and space.scope == SCOPES[0]:
        raise OptionError(
            "the method own asks which class's model explains an image best, and this space has "
            f"one model for all. Choose {', '.join(CLASSIFIERS)}, or fit with --scope per-class."
        )
    if labels_per_class is not None and space.scope != SCOPES[0]:
        raise OptionError(
            f"the scope {space.scope} has learnt from every label, so a classifier of few labels "
            "would not be one. Fit the images with the scope global."
        )
    if labels_per_class is not None and space.manifest.config.get("label_weight"):
        progress.note("note: label_weight let this space see every label while it was trained")
    if labels_per_class is not None and labels_per_class < 1:
        raise OptionError(f"labels_per_class is {labels_per_class}; it must be at least 1.")
    if labels_per_class is None and not refresh and method in space.manifest.classifiers:
        return _stored(space, method, progress)
    prior = space_prior(space, seed=seed, progress=progress)
    return _fitted(space, method, prior, labels_per_class, seed, progress)


def _fitted(
    space: StoredSpace,
    method: str,
    prior: Prior,
    labels_per_class: int | None,
    seed: int,
    progress: Progress,
) -> SpaceClassifier:
    latents = space.latents
    labels = np.where(latents.splits == TRAIN, latents.labels, -1)
    if labels_per_class is not None:
        labels = _few(labels, labels_per_class, seed)
    if not (labels >= 0).any():
        raise OptionError("no training image of this space has a label to learn from.")
    learns_from_all = method == "spread"
    rows = np.flatnonzero((latents.splits == TRAIN) if learns_from_all else (labels >= 0))
    if method == OWN and len(rows) > MOST_EXPLAINED:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MOST_EXPLAINED, replace=False))
    kind = LinearClassifier.name if method == OWN else method
    with progress.stage(f"fitting classifier {method}", None):
        evidence = _evidence(space, method, prior, rows)
        classifier = CLASSIFIERS[kind](seed=seed).fit(evidence, labels[rows])
        novelty = _novelty(space, prior)
    made = SpaceClassifier(space, method, classifier, novelty, prior)
    judged = made.judge()
    scores = (
        {}
        if judged is None
        else {"accuracy": judged.accuracy, "calibration_error": judged.calibration}
    )
    if labels_per_class is None:
        config, arrays = classifier.state()
        novel, tails = novelty.state()
        with space.changing():
            space.keep_part(
                "classifiers",
                method,
                {"kind": kind, "classifier": config, "novelty": novel, "rows": len(rows)},
                arrays | {NOVELTY + name: array for name, array in tails.items()},
                scores,
            )
    if judged is not None:
        used = f" from {labels_per_class} labels a class" if labels_per_class else ""
        progress.note(
            f"classifier {method}{used}: {judged.accuracy:.2%} of {len(judged.rows):,} held-out "
            f"images right, calibration error {judged.calibration:.2%}"
        )
    return made


def _stored(space: StoredSpace, method: str, progress: Progress) -> SpaceClassifier:
    part = space.manifest.classifiers[method]
    folder = inside(space.folder, "classifiers", method)
    config, arrays = read_arrays(folder, part.digest)
    try:
        own = {k: v for k, v in arrays.items() if not k.startswith(NOVELTY)}
        tails = {k.removeprefix(NOVELTY): v for k, v in arrays.items() if k.startswith(NOVELTY)}
        classifier = CLASSIFIERS[config["kind"]].from_state(config["classifier"], own)
        novelty = Novelty.from_state(config["novelty"], tails)
        if classifier.classes.max() >= len(space.classes):
            raise ValueError("it knows classes that the space does not have")
    except (KeyError, TypeError, ValueError) as error:
        raise SpaceError(
            f"the classifier in {folder} is damaged ({error}). Fit it again with --refresh "
            "(refresh=True)."
        ) from error
    prior = space_prior(space, progress=progress)
    return SpaceClassifier(space, method, classifier, novelty, prior)


def _few(labels: IntArray, count: int, seed: int) -> IntArray:
    """Only ``count`` labels of each class, drawn at random; -1 elsewhere."""
    kept = np.full(len(labels), -1, np.int64)
    generator = np.random.default_rng((seed, 11))
    for label in np.unique(labels[labels >= 0]):
        own = np.flatnonzero(labels == label)
        chosen = generator.choice(own, min(count, len(own)), replace=False)
        kept[chosen] = label
    return kept


# --- what a method looks at ------------------------------------------------------------------


def _evidence(space: StoredSpace, method: str, prior: Prior, rows: IntArray) -> FloatArray:
    """What a method learns from and asks: latents, or how well each class explains an image."""
    if method != OWN:
        return space.unlabelled_latents(rows)
    step = block_rows(space.shape)
    parts = [
        _explained_well(space.explained(rows[start : start + step]), prior)
        for start in range(0, len(rows), step)
    ]
    return np.concatenate(parts) if parts else np.empty((0, 2 * len(space.classes)), np.float32)


def _of_pixels(asked: SpaceClassifier, pixels: UInt8Array) -> FloatArray:
    space, coder = asked.space, asked.space.coder
    if asked.method == OWN:
        return _explained_well(coder.explain(pixels, len(space.classes)), asked.prior)
    if space.scope == "per-class":
        return coder.explain(pixels, len(space.classes)).z.reshape(len(pixels), -1)
    return coder.encode(pixels)


def _explained_well(explained: Explained, prior: Prior) -> FloatArray:
    """Log error and log density of each class, float32 [N, 2 K].

    The error says how well a class's decoder draws the image, the density how usual its latent is
    among the latents of that class; a class without a density of its own takes part with the
    error alone.
    """
    errors = np.log(np.maximum(explained.errors, 1e-12))
    return np.concatenate([errors, _densities(explained, prior)], axis=1).astype(np.float32)


def _densities(explained: Explained, prior: Prior) -> NDArray[np.float64]:
    known = set(prior.classes.tolist())
    columns = [
        prior.log_density(explained.z[:, k], k) if k in known else np.zeros(len(explained.z))
        for k in range(explained.z.shape[1])
    ]
    return np.stack(columns, axis=1)


# --- what is novel ---------------------------------------------------------------------------


def _novelty(space: StoredSpace, prior: Prior) -> Novelty:
    latents = space.latents
    held = np.flatnonzero(latents.splits == TEST)
    rows = held if len(held) else np.arange(len(latents))
    if space.scope == SCOPES[0]:
        density = prior.log_density(latents.z[rows])
        with np.errstate(divide="ignore", invalid="ignore"):
            error = np.log(np.maximum(latents.errors[rows].astype(np.float64), 1e-12))
    else:
        density, error = _familiarity(space, prior, space.pixels(rows))
    return Novelty(FALSE_ALARMS).fit(density, error)


def _familiarity(
    space: StoredSpace, prior: Prior, pixels: UInt8Array
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Log density and log error of images; of the class that explains each best, by scope."""
    step = block_rows(space.shape)
    if len(pixels) > step:
        parts = [
            _familiarity(space, prior, pixels[start : start + step])
            for start in range(0, len(pixels), step)
        ]
        density, error = (np.concatenate(part) for part in zip(*parts, strict=True))
        return density, error
    if space.scope == SCOPES[0]:
        coded = space.coder.encode_with_errors(pixels)
        density = prior.log_density(coded.z)
        return density, np.log(np.maximum(coded.errors.astype(np.float64), 1e-12))
    explained = space.coder.explain(pixels, len(space.classes))
    best = explained.errors.argmin(axis=1)
    rows: Any = np.arange(len(pixels))
    error = np.log(np.maximum(explained.errors[rows, best].astype(np.float64), 1e-12))
    return _densities(explained, prior)[rows, best], error
