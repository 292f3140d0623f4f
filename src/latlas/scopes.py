"""Training a model of any scope: one for all images, one for each label, or one told the label."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from latlas.batches import held_out_count
from latlas.checkpoint import has_part, read_part, write_part
from latlas.contracts import TEST, TRAIN, Images, OptionError, Progress, Solvable
from latlas.models import (
    AnyModel,
    ModelConfig,
    PerClass,
    build_model,
    count_parameters,
    restore_model,
    width_for,
)
from latlas.settings import TrainConfig, default_epochs
from latlas.train import CHECKPOINT, train

__all__ = ["FEWEST_OF_THEIR_OWN", "Trained", "check_scope", "model_config", "train_scope"]

FEWEST_OF_THEIR_OWN = 50
"""Labels with fewer training images share a model that is trained on all images."""
PER_CLASS_BATCH = 64
DONE = "member"
Trained = tuple[AnyModel | PerClass, dict[str, Any]]
"""A model with its weights, and what came of the training, as JSON values."""


def check_scope(scope: str, images: Images, label_weight: float = 0.0) -> None:
    """Finds out whether the images can be trained on in this scope.

    Raises:
        OptionError: it needs labels and the images have none, or it has no use for label_weight.
    """
    if scope == "per-class" and label_weight:
        raise OptionError(
            "label_weight pulls classes apart in one space; in the scope per-class each has its "
            "own. Leave label_weight out."
        )
    trained = images.labels[images.splits == TRAIN]
    if scope != "global" and not (trained >= 0).any():
        raise OptionError(
            f"the scope {scope} needs labels, but {images.source} has none to train on. Give a "
            "folder with a sub-folder for each class, or a labels file (--labels); or use the "
            "scope global, with which all but classify and the scores by class works."
        )


def model_config(scope: str, images: Images, latent_dim: int, settings: dict[str, Any]) -> Any:
    """The configuration of the scope's model; in the scope per-class, of one member."""
    classes = len(images.classes)
    conditional = scope == "conditional"
    if conditional or settings.get("label_weight"):
        settings = settings | {"classes": classes, "conditional": conditional}
    return ModelConfig(images.shape, latent_dim, **settings)


def train_scope(
    name: str,
    scope: str,
    config: ModelConfig,
    images: Images,
    training: TrainConfig,
    *,
    run: Path | None = None,
    resume: bool = False,
    progress: Progress,
) -> Trained:
    """Trains the model of a scope on the training split of ``images``.

    In the scope per-class the members share the number of parameters of one model of ``config``,
    and together they see as many images as that model would.

    Args:
        name: a key of ``latlas.models.MODELS``.
        scope: one of ``latlas.models.SCOPES``.
        config: what the model is made of; its width is that of all members together.
        images: decoded images.
        training: how to train.
        run: folder of the checkpoints and the diary; None keeps none.
        resume: go on from what lies there.
        progress: where to report.

    Raises:
        OptionError, TrainingError, StorageError: as ``train``.
    """
    check_scope(scope, images, config.label_weight)
    if scope != "per-class":
        model = build_model(name, config, training.seed)
        return model, _train_one(model, images, training, run, resume, progress)
    owners, parts = _share_out(images, max(FEWEST_OF_THEIR_OWN, config.latent_dim), progress)
    width = width_for(name, config, count_parameters(name, config) // len(parts))
    member = replace(config, width=width)
    each = _share_of_training(training, images, len(parts))
    members: list[AnyModel] = []
    results: list[dict[str, Any]] = []
    for index, part in enumerate(parts):
        folder = run / f"member-{index}" if run else None
        done = folder / DONE if folder else None
        if resume and done is not None and has_part(done):
            settings, tensors = read_part(done)
            restored: Any = restore_model(name, settings["settings"])
            restored.load_state_dict(dict(tensors))
            members.append(restored)
            results.append(settings["result"])
            continue
        model = build_model(name, member, training.seed)
        result = _train_one(model, part, each, folder, resume, progress)
        if done is not None:
            kept = {"settings": model.settings(), "result": result}
            write_part(done, kept, dict(model.state_dict()))
        members.append(model)
        results.append(result)
    whole = PerClass(members, owners, images.classes)
    return whole, _together(results)


def _share_out(images: Images, fewest: int, progress: Progress) -> tuple[list[int], list[Images]]:
    """Which member each label has, and the images that each member is trained on."""
    trained = images.splits == TRAIN
    counts = np.bincount(
        images.labels[trained & (images.labels >= 0)], minlength=len(images.classes)
    )
    large = counts >= fewest
    owners = np.where(large, np.cumsum(large) - 1, large.sum())
    parts = [
        _only(images, images.labels == label, label) for label in np.flatnonzero(large).tolist()
    ]
    if not large.all():
        parts.append(images)
        few = [f"{images.classes[k]} ({counts[k]})" for k in np.flatnonzero(~large)[:5]]
        more = ", ..." if (~large).sum() > 5 else ""
        progress.note(
            f"warning: {(~large).sum()} of {len(counts)} classes have under {fewest} "
            f"training images: {', '.join(few)}{more}. They share one model, trained on all images."
        )
    return owners.tolist(), parts


def _only(images: Images, rows: Any, label: int) -> Images:
    """The same images with only some of the training split left in it."""
    splits = np.where(rows, images.splits, TEST).astype(np.uint8)
    return replace(images, splits=splits, digest=f"{images.digest}-label-{label}")


def _share_of_training(training: TrainConfig, images: Images, members: int) -> TrainConfig:
    """How to train one of the members, so that all together see as many images as one model.

    Smaller batches make more steps of a class's few images.
    """
    epochs = training.epochs
    if epochs is None and training.max_seconds is None:
        count = int((images.splits == TRAIN).sum())
        epochs = default_epochs(count - held_out_count(count))
    seconds = None if training.max_seconds is None else training.max_seconds / members
    batch = min(training.batch_size, PER_CLASS_BATCH)
    return replace(training, epochs=epochs, max_seconds=seconds, batch_size=batch)


def _train_one(
    model: AnyModel,
    images: Images,
    training: TrainConfig,
    run: Path | None,
    resume: bool,
    progress: Progress,
) -> dict[str, Any]:
    if isinstance(model, Solvable):
        with progress.stage("solving", None):
            model.solve(images.pixels, np.flatnonzero(images.splits == TRAIN))
        return {"method": "closed form"}
    going_on = resume and run is not None and has_part(run / CHECKPOINT)
    result = train(model, images, training, folder=run, resume=going_on, progress=progress)
    seen = result.steps * min(training.batch_size, int((images.splits == TRAIN).sum()))
    return {k: v for k, v in asdict(result).items() if k != "history"} | {"images_seen": seen}


_SUMS = ("steps", "seconds", "images_seen")


def _together(results: list[dict[str, Any]]) -> dict[str, Any]:
    """What came of the training of all members."""
    first = results[0]
    if "method" in first:
        return first | {"members": len(results)}
    whole: dict[str, Any] = {name: sum(result[name] for result in results) for name in _SUMS}
    mean: Callable[[str], float] = lambda name: float(np.mean([r[name] for r in results]))  # noqa: E731
    return (
        first
        | whole
        | {
            "epochs": mean("epochs"),
            "best_loss": mean("best_loss"),
            "images_per_second": whole["images_seen"] / max(whole["seconds"], 1e-9),
            "members": len(results),
        }
    )
