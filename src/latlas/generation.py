"""New images: priors fitted on the latents of a space, kept in it, and samples drawn from them."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from latlas.checkpoint import inside, read_arrays, write_file
from latlas.contracts import (
    TEST,
    TRAIN,
    FloatArray,
    IntArray,
    NoProgress,
    OptionError,
    Prior,
    Progress,
    SpaceError,
    UInt8Array,
)
from latlas.models import SCOPES
from latlas.neighbours import nearest
from latlas.outputs import GRID_SUFFIXES, write_images
from latlas.plots import image_grid, save
from latlas.priors import DEFAULT_PRIOR, PRIORS
from latlas.priors.learned import LearnedPrior
from latlas.stored import StoredSpace

__all__ = ["Samples", "draw_samples", "space_prior"]


@dataclass(frozen=True)
class Samples:
    """New latent vectors and what the decoder makes of them.

    Attributes:
        z: float32 [n, D].
        images: uint8 [n, H, W, C].
        labels: n label names; empty where the prior over everything was asked.
        log_density: float64 [n], of the prior that each was drawn from, in nats.
        nearest_ids: int64 [n], the training image whose latent vector is nearest.
        nearest_uris: what those images are called.
        nearest_distances: float32 [n], Euclidean, in the latent space.
        prior: name of the prior.
    """

    z: FloatArray
    images: UInt8Array
    labels: tuple[str, ...]
    log_density: NDArray[np.float64]
    nearest_ids: IntArray
    nearest_uris: tuple[str, ...]
    nearest_distances: FloatArray
    prior: str

    def __len__(self) -> int:
        return len(self.z)

    def plot(self, path: str | Path) -> Path:
        """Draws the images as a grid, a row for each label, to a PNG, SVG or PDF file."""
        shown = sorted(set(self.labels), key=self.labels.index)
        each = len(self) // len(shown)
        blocks = [name for name in shown for _ in range(each)] == list(self.labels)
        several = len(shown) > 1
        figure = image_grid(
            self.images,
            self.labels if several else None,
            columns=min(each, 12) if several and blocks else None,
            title="Samples" + (f" of {shown[0]}" if not several and shown[0] else ""),
            subtitle=f"drawn from the prior {self.prior}, none of them is an image of the source",
        )
        return save(figure, Path(path))

    def write(self, path: str | Path) -> Path:
        """Writes a picture (``.png``, ``.svg``, ``.pdf``), or a folder of PNGs with a table.

        The table, ``samples.csv``, has a row for each image: file, label, log density, and id,
        name and distance of the nearest training image.

        Raises:
            StorageError: the file or folder cannot be written.
        """
        path = Path(path)
        if path.suffix in GRID_SUFFIXES:
            return self.plot(path)
        if path.suffix.lower() in {".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff"}:
            raise OptionError(
                f"samples go to one picture ({', '.join(GRID_SUFFIXES)}) or to a folder of PNGs; "
                f"got {path}."
            )
        files = sorted(file.name for file in path.glob("*.png")) if path.is_dir() else []
        if files:
            raise OptionError(
                f"{path} holds images already, such as {files[0]}. Choose an empty folder."
            )
        write_images(path, self.images)
        digits = len(str(max(len(self) - 1, 0)))
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(
            ["file", "label", "log_density", "nearest_id", "nearest_uri", "nearest_distance"]
        )
        for row in range(len(self)):
            writer.writerow(
                [
                    f"{row:0{digits}d}.png",
                    self.labels[row],
                    f"{self.log_density[row]:.4f}",
                    int(self.nearest_ids[row]),
                    self.nearest_uris[row],
                    f"{self.nearest_distances[row]:.5f}",
                ]
            )
        write_file(path / "samples.csv", table.getvalue().encode())
        return path


def space_prior(
    space: StoredSpace,
    name: str = DEFAULT_PRIOR,
    *,
    seed: int = 0,
    refresh: bool = False,
    progress: Progress | None = None,
) -> Prior:
    """A prior of the space: read from it, or fitted on its training latents and kept there.

    Args:
        space: the space.
        name: a key of ``latlas.priors.PRIORS``.
        seed: seed of the fit.
        refresh: fit it again although it is there.
        progress: where to report.

    Raises:
        OptionError: no prior has this name, or there is no training image.
        SpaceError: the stored prior is damaged.
    """
    if name not in PRIORS:
        raise OptionError(f"prior is {name!r}; choose one of {', '.join(PRIORS)}.")
    progress = progress or NoProgress()
    if not refresh and name in space.manifest.priors:
        prior, rows = _stored(space, name)
        now = int((space.latents.splits == TRAIN).sum())
        if rows != now:
            progress.note(
                f"the prior {name} was fitted on {rows:,} images and the space has {now:,} to "
                "train on; fit it again with --refresh"
            )
        return prior
    with space.changing():
        latents = space.latents
        own = latents.splits == TRAIN
        if not own.any():
            raise OptionError("the space has no training image, so no prior can be fitted.")
        labels = latents.told[own] if len(latents.classes) else None
        prior = PRIORS[name](seed=seed)
        run = inside(space.folder, "priors", f"{name}.unfinished")
        if isinstance(prior, LearnedPrior):  # takes long: one that is stopped can go on
            prior.run = run
        with progress.stage(f"fitting prior {name}", None):
            prior.fit(latents.z[own], labels, progress)
        scores = {}
        if (latents.splits == TEST).any():
            scores["held_out_log_density"] = _held_out_density(space, prior)
        if name == DEFAULT_PRIOR and space.manifest.classifiers:
            # What is novel, and each scope's own way, were learnt from the prior that goes.
            space.manifest.classifiers.clear()
            progress.note("the classifiers depend on this prior and are fitted again on use")
        config, arrays = prior.state()
        space.keep_part("priors", name, config | {"rows": int(own.sum())}, arrays, scores)
        shutil.rmtree(run, ignore_errors=True)
    said = f"held-out log density {scores['held_out_log_density']:.2f} nats" if scores else "fitted"
    progress.note(f"prior {name}: {said}")
    return prior


def _held_out_density(space: StoredSpace, prior: Prior) -> float:
    """The mean log density of the held-out latents; where they depend on the label, of its own."""
    latents = space.latents
    held = latents.splits == TEST
    if space.scope == SCOPES[0]:
        return float(prior.log_density(latents.z[held]).mean())
    known = [
        prior.log_density(latents.z[held & (latents.told == label)], label)
        for label in prior.classes.tolist()
        if (held & (latents.told == label)).any()
    ]
    return float(np.concatenate(known).mean()) if known else float("nan")


def _stored(space: StoredSpace, name: str) -> tuple[Prior, int]:
    part = space.manifest.priors[name]
    config, arrays = read_arrays(inside(space.folder, "priors", name), part.digest)
    try:
        prior: Prior = PRIORS[name].from_state(config, arrays)
        return prior, int(config["rows"])
    except (KeyError, TypeError, ValueError) as error:
        raise SpaceError(
            f"the prior in {space.folder / 'priors' / name} is damaged ({error}). Fit it again "
            "with --refresh (refresh=True)."
        ) from error


def draw_samples(
    space: StoredSpace,
    n: int,
    label: str | Sequence[str] | None,
    prior: Prior,
    *,
    temperature: float = 1.0,
    seed: int = 0,
) -> Samples:
    """Draws n latent vectors and decodes them; several labels share them out evenly, in order.

    Raises:
        OptionError: n below 1, a temperature not above 0, a label that the space does not have.
    """
    names = [label] if label is None or isinstance(label, str) else list(label)
    if n < 1:
        raise OptionError(f"n is {n}; ask for at least 1 sample.")
    numbers = [None if name is None else space.label_number(name) for name in names]
    counts = [len(part) for part in np.array_split(np.arange(n), len(numbers))]
    given = np.concatenate(
        [
            _by_frequency(space, count, seed) if number is None else np.full(count, number)
            for number, count in zip(numbers, counts, strict=True)
        ]
    )
    vectors = np.empty((n, space.latent_dim), np.float32)
    density = np.empty(n)
    for number in np.unique(given).tolist():
        own = given == number
        which = None if number < 0 else number
        # The stream of a label does not depend on the labels beside it.
        stream = seed * 10_007 + number + 1
        vectors[own] = prior.sample(int(own.sum()), which, seed=stream, temperature=temperature)
        density[own] = prior.log_density(vectors[own], which)
    near, distances = _nearest_trained(space, vectors, given)
    return Samples(
        vectors,
        space.coder.decode(vectors, given),
        tuple(space.label(int(number)) for number in given),
        density,
        space.latents.ids[near],
        tuple(space.latents.uris[int(row)] for row in near),
        distances,
        prior.name,
    )


def _by_frequency(space: StoredSpace, count: int, seed: int) -> IntArray:
    """Labels of samples for which none is asked: none, or as frequent as among the images.

    A model of another scope than global cannot draw without a label.
    """
    if space.scope == SCOPES[0]:
        return np.full(count, -1, np.int64)
    told = space.latents.told[space.latents.splits == TRAIN]
    return np.random.default_rng((seed, 7)).choice(told[told >= 0], count)


def _nearest_trained(
    space: StoredSpace, z: FloatArray, labels: IntArray
) -> tuple[IntArray, FloatArray]:
    """The training row nearest to each latent, and its distance; within its own space."""
    latents = space.latents
    trained = latents.splits == TRAIN
    near, distances = np.empty(len(z), np.int64), np.empty(len(z), np.float32)
    apart = space.scope != SCOPES[0]
    for number in np.unique(labels) if apart else [-1]:
        own = labels == number if apart else np.ones(len(z), bool)
        rows = np.flatnonzero(trained & (latents.told == number) if apart else trained)
        found = nearest(z[own], latents.z[rows], 1)
        near[own], distances[own] = rows[found.indices[:, 0]], found.distances[:, 0]
    return near, distances
