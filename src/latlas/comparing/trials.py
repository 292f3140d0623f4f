"""Training the candidates at equal budget, and measuring each on held-out images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latlas.classification import OWN, space_classifier
from latlas.comparing.records import Candidate
from latlas.contracts import (
    TEST,
    TRAIN,
    Images,
    IntArray,
    LatlasError,
    NoProgress,
    OptionError,
    Progress,
)
from latlas.devices import choose_device
from latlas.encode import Coder
from latlas.fitting import fit
from latlas.jobs import MODEL_OPTIONS, TRAIN_OPTIONS
from latlas.judging import Reference
from latlas.manifest import is_space, read_manifest
from latlas.measures.generation import frechet_distance
from latlas.measures.intervals import bootstrap
from latlas.models import ModelConfig, count_parameters, default_net, width_for
from latlas.priors import PRIORS
from latlas.scopes import FEWEST_OF_THEIR_OWN, model_config, train_scope
from latlas.scoring.common import drawn_latents, interval_of
from latlas.scoring.generated import generation_scores, reference_floors
from latlas.settings import TrainConfig
from latlas.space import Space

__all__ = ["Budget", "Measured", "learning_curve", "measure_space", "trained_space"]

OWN_WAY_OF_ONE_SPACE = "knn"
"""In one space for all classes an image asks its neighbours, of whatever class they are."""


@dataclass(frozen=True)
class Budget:
    """What every candidate gets: as many parameters, as many images seen.

    Attributes:
        parameters: of the first candidate's model; the others have as nearly as many as the
            width of their nets allows.
        options: what ``fit`` is told of each, the same for all.
    """

    parameters: int
    options: dict[str, Any]

    @classmethod
    def of(cls, candidate: Candidate, images: Images, options: dict[str, Any]) -> Budget:
        """The budget that a candidate sets with its usual size."""
        settings = _net_of(images, options)
        settings.pop("label_weight", None)
        config = ModelConfig(images.shape, candidate.latent_dim, **settings)
        return cls(count_parameters(candidate.model, config), options)

    def config(self, candidate: Candidate, images: Images) -> ModelConfig:
        """The candidate's model at this budget; in the scope per-class, all members together."""
        settings = _net_of(images, self.options)
        config: ModelConfig = model_config(candidate.scope, images, candidate.latent_dim, settings)
        width = width_for(candidate.model, config, self.parameters)
        return config if candidate.model == "pca" else replace(config, width=width)


def _net_of(images: Images, options: dict[str, Any]) -> dict[str, Any]:
    settings = {name: options[name] for name in MODEL_OPTIONS if name in options}
    if settings.get("net", "auto") == "auto":
        device = choose_device(options.get("device", "auto"))
        settings["net"] = default_net(images.shape, device.type)
    return settings


@dataclass(frozen=True)
class Measured:
    """What one space gave.

    Attributes:
        values: by measure; a class's own stands behind a colon.
        floors: what real images give, by measure.
        intervals: 95% bootstrap intervals over the images, of measures that have one.
    """

    values: dict[str, float]
    floors: dict[str, float]
    intervals: dict[str, tuple[float, float]]


def trained_space(
    source: Any,
    images: Images,
    folder: Path,
    candidate: Candidate,
    seed: int,
    budget: Budget,
    progress: Progress,
) -> Space:
    """The space of a candidate and a seed: trained now, or read where a run before made it."""
    width = budget.config(candidate, images).width
    settings = {"scope": candidate.scope, "seed": seed, "width": width, **budget.options}
    if is_space(folder):
        manifest = read_manifest(folder)
        same = all(
            manifest.config.get(name) == _as_stored(settings.get(name)) for name in OF_THE_WEIGHTS
        ) and settings.get("net", "auto") in {"auto", manifest.config.get("net")}
        if manifest.status == "complete" and same and manifest.sources[0].digest == images.digest:
            progress.note(f"{folder.name} is there already and is used as it is")
            return Space(folder, settings.get("device", "auto"), threads=settings.get("threads"))
    progress.note(f"training {folder.name}")
    return fit(
        source,
        folder,
        model=candidate.model,
        latent_dim=candidate.latent_dim,
        overwrite=is_space(folder),
        progress=progress,
        maps=(),
        pictures=False,
        **settings,
    )


OF_THE_WEIGHTS = (
    *("scope", "seed", "width", "epochs", "max_seconds", "batch_size", "learning_rate", "ema"),
    *("patience", "beta", "label_weight", "image_size", "channels", "resize", "split"),
    *("test_fraction", "split_seed", "precision"),
)
"""Settings that a finished space must share, or both lack, to be taken for this candidate's."""


def _as_stored(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def measure_space(
    space: Space,
    priors: Sequence[str],
    reference: Reference | None,
    seed: int,
    progress: Progress,
) -> dict[str, Measured]:
    """Scores of a space on held-out images, by prior; what no prior changes stands in each."""
    latents = space.latents
    held = latents.splits == TEST
    rows = np.flatnonzero(held if held.any() else ~held)
    training = space.manifest.training
    weights = space.folder / "model" / "weights.safetensors"
    common = {
        "reconstruction_mse": float(latents.errors[rows].mean()),
        "parameters": float(training.get("parameters", 0)),
        "images_seen": float(training.get("images_seen", 0)),
        "train_seconds": float(training.get("seconds", 0.0)),
        "model_bytes": float(weights.stat().st_size),
    }
    intervals = {"reconstruction_mse": interval_of(bootstrap(latents.errors[rows], seed=seed))}
    for label in np.unique(latents.labels[rows][latents.labels[rows] >= 0]).tolist():
        own = rows[latents.labels[rows] == label]
        common[f"reconstruction_mse:{space.label(label)}"] = float(latents.errors[own].mean())
    if len(space.classes) > 1 and (latents.labels[held] >= 0).any():
        accuracies = _accuracies(space, seed, progress)
        common |= {name: float(right.mean()) for name, right in accuracies.items()}
        for name, right in accuracies.items():
            if len(right) > 1:
                intervals[name] = interval_of(bootstrap(right, seed=seed))
    if reference is None:
        return {name: Measured(common, {"reconstruction_mse": 0.0}, intervals) for name in priors}
    floors = reference_floors(space, reference, seed)
    found = {}
    for name in priors:
        prior = space.prior(name, seed=seed, progress=progress)
        scores = generation_scores(space, prior, reference, floors, by_class=True, seed=seed)
        values = {score.name.split(":")[0]: score.value for score in scores}
        for score in scores:
            if score.name.startswith("label_agreement"):
                by_label = score.detail["by_label"]
                values |= {f"label_agreement:{label}": v for label, v in by_label.items()}
        real = {
            score.name.split(":")[0]: score.floor for score in scores if score.floor is not None
        }
        known = {s.name.split(":")[0]: s.interval for s in scores if s.interval is not None}
        floor = {"reconstruction_mse": 0.0} | real
        found[name] = Measured(common | values, floor, intervals | known)
    return found


def _accuracies(space: Space, seed: int, progress: Progress) -> dict[str, NDArray[np.bool_]]:
    """Which of the held-out images each way of classifying gets right: bool [N]."""
    ways = {
        "accuracy_own": OWN_WAY_OF_ONE_SPACE if space.scope == "global" else OWN,
        "accuracy_linear": "linear",
    }
    found = {}
    for measure, method in ways.items():
        asked = space_classifier(space, method, seed=seed, progress=progress)
        judged = asked.judge()
        if judged is not None:
            found[measure] = judged.answers == judged.truth
    return found


def learning_curve(
    images: Images,
    candidates: dict[str, Candidate],
    sizes: Sequence[int],
    budget: Budget,
    reference: Reference | None,
    progress: Progress,
) -> dict[int, dict[str, dict[str, float]]]:
    """Measures of each candidate that learns from only so many images of each class.

    Everything else is as in the whole comparison, with seed 0; a candidate that cannot be trained
    on so few is left out at that size.
    """
    curve: dict[int, dict[str, dict[str, float]]] = {}
    with progress.stage("with few images", len(sizes) * len(candidates), "models") as stage:
        for size in sizes:
            few = _few_of_each(images, size)
            curve[size] = {}
            for name, candidate in candidates.items():
                if candidate.scope == "per-class" and size < _fewest_of_their_own(candidate):
                    stage.advance()  # all classes would share one model
                    continue
                try:
                    point = _point(few, candidate, budget, reference)
                except LatlasError as error:
                    progress.note(f"{name} with {size} images per class: {error}")
                else:
                    curve[size][name] = point
                stage.advance()
    return curve


def _fewest_of_their_own(candidate: Candidate) -> int:
    """With fewer images, a class has no model of its own."""
    return max(FEWEST_OF_THEIR_OWN, candidate.latent_dim)


def _few_of_each(images: Images, size: int) -> Images:
    """Only so many training images of each class, drawn at random, and 2,000 of the others."""
    generator = np.random.default_rng((0, size))
    kept: list[IntArray] = []
    for label in range(len(images.classes)):
        own = np.flatnonzero((images.labels == label) & (images.splits == TRAIN))
        kept.append(generator.permutation(own)[:size])
    test = np.flatnonzero((images.labels >= 0) & (images.splits == TEST))
    kept.append(generator.permutation(test)[:2000])
    rows = np.sort(np.concatenate(kept))
    return replace(
        images,
        pixels=images.pixels[rows],
        labels=images.labels[rows],
        splits=images.splits[rows],
        uris=[images.uris[int(row)] for row in rows],
        digest=f"{images.digest}-{size}-each",
    )


def _point(
    few: Images, candidate: Candidate, budget: Budget, reference: Reference | None
) -> dict[str, float]:
    training = TrainConfig(**{k: v for k, v in budget.options.items() if k in TRAIN_OPTIONS})
    config = budget.config(candidate, few)
    model, _ = train_scope(
        candidate.model, candidate.scope, config, few, training, progress=NoProgress()
    )
    device = choose_device(budget.options.get("device", "auto"))
    coder = Coder(model, few.shape, device, budget.options.get("threads"))
    train, test = (np.flatnonzero(few.splits == split) for split in (TRAIN, TEST))
    if not len(test):
        raise OptionError("there are no held-out images to measure on.")
    coded = coder.encode_with_errors(few.pixels[test], few.labels[test])
    point = {"reconstruction_mse": float(coded.errors.mean())}
    if reference is None:
        return point
    learnt = coder.encode_with_errors(few.pixels[train], few.labels[train], errors=False)
    prior = PRIORS[candidate.prior](seed=0).fit(learnt.z, learnt.told)
    told = np.sort(reference.labels)
    told = told[np.isin(told, prior.classes)]
    z = drawn_latents(prior, told, seed=0)
    judged = reference.see(coder.decode(z, told))
    return point | {
        "label_agreement": float((judged.labels == told).mean()),
        "frechet_distance": frechet_distance(reference.real, judged.features),
    }
