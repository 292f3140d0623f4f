"""What ``fit`` can be told, checked before any work begins."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypedDict, cast

import numpy as np

from latlas.contracts import MissingExtraError, OptionError, Progress
from latlas.devices import choose_device
from latlas.manifest import is_space
from latlas.models import MODELS, SCOPES
from latlas.projections import DEFAULT_MAP, PCA, PROJECTIONS
from latlas.settings import TrainConfig

__all__ = ["FitOptions", "Job", "check", "plain_numbers", "resumed", "stored_settings"]

DEFAULT_MODEL, DEFAULT_LATENT_DIM = "rae", 16
DEFAULT_MAPS = (PCA.name, DEFAULT_MAP)
PACKAGES = {"umap": "umap", "opentsne": "openTSNE", "tensorboard": "tensorboard"}
CHANGEABLE = {
    "epochs",
    "max_seconds",
    "learning_rate",
    "patience",
    "device",
    "threads",
    "workers",
    "strict",
    "checkpoint_seconds",
    "tensorboard",
    "maps",
    "pictures",
}
"""What may differ when a fit goes on; everything else belongs to the weights that are there."""


class FitOptions(TypedDict, total=False):
    """Every further setting of ``fit``; what is left out follows the data and the machine.

    Images: image_size, channels, resize, labels, split, test_fraction, strict, workers: see
    ``open_images``; split_seed: seed of the split where the source has none, instead of seed.
    Model: scope (global, per-class or conditional), width, net, beta, label_weight: see
    ``ModelConfig``. In the scope per-class all models together have the size that width names.
    Training: epochs, max_seconds, batch_size, learning_rate, ema, patience, seed, device,
    precision, threads, checkpoint_seconds, tensorboard: see ``TrainConfig``.
    The space: maps (names, default PCA and the neighbour map), pictures (draw them).
    """

    image_size: int | tuple[int, int] | None
    channels: int | None
    resize: str
    labels: Any
    split: str | None
    test_fraction: float
    split_seed: int
    strict: bool
    workers: int | None
    width: float
    net: str
    beta: float | None
    scope: str
    label_weight: float
    epochs: int | None
    max_seconds: float | None
    batch_size: int
    learning_rate: float | None
    ema: float
    patience: int
    seed: int
    device: str
    precision: str
    threads: int | None
    checkpoint_seconds: float
    tensorboard: bool
    maps: Sequence[str]
    pictures: bool


IMAGE_OPTIONS = (
    "image_size",
    "channels",
    "resize",
    "labels",
    "split",
    "test_fraction",
    "strict",
    "workers",
    "seed",
)
MODEL_OPTIONS = ("width", "net", "beta", "label_weight")
TRAIN_OPTIONS = tuple(f.name for f in fields(TrainConfig))


@dataclass(frozen=True)
class Job:
    """One fit: where it goes and all that was asked for."""

    source: Any
    folder: Path
    model: str
    latent_dim: int
    options: FitOptions
    resume: bool
    progress: Progress

    def chosen(self, names: Sequence[str]) -> dict[str, Any]:
        """The options with these names that were given."""
        return {name: value for name, value in self.options.items() if name in names}

    @property
    def image_options(self) -> dict[str, Any]:
        """How to open the images."""
        options = self.chosen(IMAGE_OPTIONS)
        if "split_seed" in self.options:
            options["seed"] = self.options["split_seed"]
        return options

    @property
    def device(self) -> str:
        """Where to compute."""
        return self.options.get("device", "auto")

    @property
    def threads(self) -> int | None:
        """CPU threads that the user allows; None for all."""
        return self.options.get("threads")

    @property
    def seed(self) -> int:
        """Seed of everything random."""
        return self.options.get("seed", 0)

    @property
    def scope(self) -> str:
        """One model for all images, one for each label, or one that is told the label."""
        return self.options.get("scope", SCOPES[0])

    @property
    def maps(self) -> tuple[str, ...]:
        """The maps to lay out."""
        return tuple(self.options.get("maps", DEFAULT_MAPS))


def _missing(name: str) -> bool:
    return name in PACKAGES and importlib.util.find_spec(PACKAGES[name]) is None


def plain_numbers(options: FitOptions) -> FitOptions:
    """Numpy's numbers as Python's own, which JSON and PyTorch's seeds need."""
    plain = {k: v.item() if isinstance(v, np.generic) else v for k, v in options.items()}
    return cast(FitOptions, plain)


def check(job: Job) -> None:
    """Finds the mistakes that need no image.

    Raises:
        OptionError: an option that is unknown or out of its range.
        MissingExtraError: a map whose package is not installed.
    """
    unknown = set(job.options) - set(FitOptions.__annotations__)
    if unknown:
        raise OptionError(
            f"fit has no option {', '.join(sorted(unknown))}; it has "
            f"{', '.join(FitOptions.__annotations__)}."
        )
    if job.model not in MODELS:
        raise OptionError(f"model is {job.model!r}; choose one of {', '.join(MODELS)}.")
    if job.scope not in SCOPES:
        raise OptionError(f"scope is {job.scope!r}; choose one of {', '.join(SCOPES)}.")
    if isinstance(job.source, str | Path) and is_space(Path(job.source)):
        raise OptionError(
            f"{job.source} is a latent space, not a source of images. Give the images that it was "
            "made from, or look at it with: latlas info"
        )
    for name in job.maps:
        if name not in PROJECTIONS:
            raise OptionError(f"map is {name!r}; choose from {', '.join(PROJECTIONS)}.")
        if _missing(name):
            raise MissingExtraError(f"the map {name}", "maps")
    if job.options.get("tensorboard") and _missing("tensorboard"):
        raise MissingExtraError("TensorBoard logging", "track")
    TrainConfig(**job.chosen(TRAIN_OPTIONS))
    choose_device(job.device)


def stored_settings(job: Job) -> dict[str, Any]:
    """The settings as JSON values, for the manifest; labels given as an array are left out."""
    settings = {"model": job.model, "latent_dim": job.latent_dim, **job.options}
    kept: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, str | int | float):
            kept[name] = value
        elif isinstance(value, Path):
            kept[name] = str(value)
        elif isinstance(value, list | tuple) and name in {"maps", "image_size"}:
            kept[name] = list(value)
    return kept


def resumed(job: Job, stored: Mapping[str, Any]) -> Job:
    """The job with the settings of the run that it goes on with.

    Args:
        job: the job as asked for now; an empty model and a latent dimension of 0 ask for nothing.
        stored: the settings of the first run.

    Raises:
        OptionError: a setting that belongs to the weights is another one now.
    """
    nothing = {"model": "", "latent_dim": 0, "net": "auto"}
    asked = stored_settings(job)
    for name in sorted(set(asked) - CHANGEABLE):
        if asked[name] not in (nothing.get(name), stored.get(name)):
            raise OptionError(
                f"{name} is {asked[name]!r}, but the run to go on with has "
                f"{stored.get(name, 'its default')!r}. Leave {name} out, or start a new space."
            )
    options = {**stored, **job.options}
    model, latent_dim = options.pop("model"), options.pop("latent_dim")
    return replace(job, model=model, latent_dim=latent_dim, options=cast(FitOptions, options))
