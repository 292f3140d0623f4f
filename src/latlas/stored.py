"""What lies in a space's folder, read on first use and written back whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from latlas.checkpoint import (
    drop_old_part,
    inside,
    read_arrays,
    read_json,
    read_part,
    write_json,
    write_part,
)
from latlas.contracts import (
    SPLITS,
    FloatArray,
    Images,
    IntArray,
    Latents,
    OptionError,
    Projection,
    Score,
    Skipped,
    SourceError,
    SpaceError,
    UInt8Array,
)
from latlas.data.source import open_images
from latlas.devices import choose_device
from latlas.encode import Coder, Explained
from latlas.locks import locked
from latlas.manifest import Manifest, PartInfo, SourceInfo, read_manifest, versions
from latlas.models import SCOPES, AnyModel, PerClass, restore_model
from latlas.projections import PROJECTIONS, Panels
from latlas.store import LatentStore
from latlas.thumbnails import MOST_SIDE, read_thumbnails

__all__ = ["StoredSpace", "previous_of", "skipped_note", "write_scores"]

Entry = TypeVar("Entry", Score, Skipped)


class StoredSpace:
    """The parts of a space on disk.

    Args:
        folder: the space's folder, ``NAME.latlas``.
        device: where its model computes: ``auto``, ``cpu``, ``cuda``, ``mps``.
        threads: CPU threads; None takes all cores.
        unfinished: open it although its fit is still under way.

    Raises:
        SpaceError: the folder holds no space, or one that is unfinished, damaged or too new.
    """

    def __init__(
        self,
        folder: str | Path,
        device: str = "auto",
        *,
        threads: int | None = None,
        unfinished: bool = False,
    ) -> None:
        self.folder = Path(folder)
        self.manifest: Manifest = read_manifest(self.folder)
        if self.manifest.status != "complete" and not unfinished:
            previous = previous_of(self.folder)
            kept = f" The space that it was to replace lies in {previous}." * previous.exists()
            raise SpaceError(
                f"{self.folder} is not finished: its fit was stopped. Go on with: "
                f"latlas fit {self.manifest.sources[0].uri} -o {self.folder} --resume{kept}"
            )
        self._device, self._threads = device, threads

    def __repr__(self) -> str:
        return (
            f"Space({str(self.folder)!r}: {len(self):,} images, D = {self.latent_dim}, "
            f"model {self.manifest.model.name if self.manifest.model else None})"
        )

    def __len__(self) -> int:
        return len(self.store)

    # --- what is in it ------------------------------------------------------------------

    @property
    def classes(self) -> tuple[str, ...]:
        """The label names; ``latents.labels`` are indices into them."""
        return self.manifest.classes

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the images."""
        return self.manifest.shape

    @property
    def latent_dim(self) -> int:
        """D, the length of a latent vector."""
        return self.manifest.latent_dim

    @property
    def resize(self) -> str:
        """How images of another size are made to fit: ``"crop"`` or ``"pad"``."""
        return str(self.manifest.config.get("resize", "crop"))

    @property
    def scope(self) -> str:
        """``"global"``, ``"per-class"`` or ``"conditional"``; see ``latlas.models.SCOPES``."""
        return str(self.manifest.config.get("scope", SCOPES[0]))

    @property
    def scores(self) -> list[Score]:
        """Every score taken of this space."""
        return self._listed("scores.json", Score)

    @property
    def skipped(self) -> list[Skipped]:
        """Files of the source that could not be decoded."""
        return self._listed("skipped.json", Skipped)

    def _listed(self, file: str, kind: type[Entry]) -> list[Entry]:
        path = inside(self.folder, file)
        if not path.exists():
            return []
        names = {field.name for field in fields(kind)}
        try:
            return [
                kind(**{name: entry[name] for name in names & set(entry)})
                for entry in read_json(path)
            ]
        except (TypeError, KeyError, AttributeError) as error:
            raise SpaceError(
                f"{path} is damaged or was edited. Restore it from a copy, or delete it."
            ) from error

    @cached_property
    def latents(self) -> Latents:
        """All latent vectors with ids, uris, labels, splits and reconstruction errors."""
        return self.store.latents(self.classes)

    @cached_property
    def model(self) -> AnyModel | PerClass:
        """The trained model, on the CPU and ready to encode and decode."""
        part = self.manifest.model
        if part is None:
            raise SpaceError(f"{self.folder} has no model. Fit the space again.")
        config, tensors = read_part(inside(self.folder, "model"), part.digest)
        try:
            for settings in config.get("members", [config]):
                if (*settings["shape"], settings["latent_dim"]) != (*self.shape, self.latent_dim):
                    raise ValueError("another shape")
            # Without memory of its own: what the file holds decides how large the model is.
            with torch.device("meta"):
                model = restore_model(part.name, config)
            model.load_state_dict(dict(tensors), assign=True)
        except (RuntimeError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise SpaceError(
                f"the weights in {self.folder / 'model'} do not fit its config.json. Restore the "
                "folder from a copy, or fit the space again."
            ) from error
        return model.eval()

    @cached_property
    def coder(self) -> Coder:
        """The model in use: whole arrays in and out, on this space's device."""
        return Coder(self.model, self.shape, choose_device(self._device), self._threads)

    @cached_property
    def store(self) -> LatentStore:
        """The table of latents, at the version that the other parts belong to."""
        # Rows of a write that never came to its end lie beyond this version.
        return LatentStore.open(inside(self.folder, "latents"), self.manifest.latents_version)

    def thumbnails(self, ids: Sequence[int] | IntArray) -> UInt8Array:
        """The images with these ids as stored, at most 64 pixels a side: uint8 [N, h, w, C]."""
        return read_thumbnails(self.store.thumbnails(ids))

    def projection(self, name: str) -> Projection | Panels:
        """The fitted projection behind a stored map, which places other latents on it."""
        part = self.manifest.maps[name]
        config, arrays = read_arrays(inside(self.folder, "maps", name), part.digest)
        fitted = int(config["rows"])
        z, xy = self.latents.z[:fitted], self.store.map(name)[:fitted]
        if "panels" in config:
            rows = (z, xy, self.latents.told[:fitted])
            return Panels.from_state(PROJECTIONS[name], config, arrays, rows)
        projection: Projection = PROJECTIONS[name].from_state(config, arrays, z, xy)
        return projection

    def pixels(self, rows: IntArray) -> UInt8Array:
        """The images of rows of ``latents``, as the encoder took them: uint8 [N, H, W, C].

        Images of at most 64 pixels a side lie in the space itself; larger ones are read from
        their source, or from the cache of it.

        Raises:
            SpaceError: a source is not where it was, or has changed.
        """
        ids = self.latents.ids[rows]
        if max(self.shape[:2]) <= MOST_SIDE:
            return self.thumbnails(ids)
        pixels = np.empty((len(ids), *self.shape), np.uint8)
        first = 0
        for source in self.manifest.sources:
            own = (ids >= first) & (ids < first + source.images)
            if own.any():
                pixels[own] = self._source_pixels(source)[ids[own] - first]
            first += source.images
        return pixels

    def images(self, rows: IntArray | None = None) -> Images:
        """The space's images (or those of some rows) with labels and splits, as one dataset.

        Raises:
            SpaceError: a source is not where it was, see ``pixels``.
        """
        latents = self.latents
        chosen = np.arange(len(latents)) if rows is None else rows
        return Images(
            pixels=self.pixels(chosen),
            labels=latents.labels[chosen],
            classes=self.classes,
            splits=latents.splits[chosen],
            uris=[latents.uris[int(row)] for row in chosen],
            source=self.manifest.sources[0].uri,
            digest="+".join(source.digest for source in self.manifest.sources),
        )

    def _source_pixels(self, source: SourceInfo) -> UInt8Array:
        height, width, channels = self.shape
        try:
            images = open_images(source.uri, (height, width), channels, **self.image_options())
        except SourceError as error:
            raise self._source_moved(source) from error
        if images.digest != source.digest:
            raise self._source_moved(source)
        return np.asarray(images.pixels)

    def _source_moved(self, source: SourceInfo) -> SpaceError:
        return SpaceError(
            f"this needs the images of {source.uri}, which is not where it was or has changed, "
            f"and images of more than {MOST_SIDE} pixels are not kept in the space. Put the "
            "source back. What works on latents alone still does: map, sample, walk, neighbours, "
            "find."
        )

    def image_options(self) -> dict[str, Any]:
        """How the images of the first source were opened, as far as it is another than usual."""
        stored = self.manifest.config
        names = ("resize", "seed", "test_fraction", "labels", "split")
        options = {name: stored[name] for name in names if name in stored}
        return options | ({"seed": stored["split_seed"]} if "split_seed" in stored else {})

    def explained(self, rows: IntArray) -> Explained:
        """What each label's model (or the one model told each label) makes of some images.

        Raises:
            SpaceError: the images are needed and their source is gone, see ``pixels``.
        """
        return self.coder.explain(self.pixels(rows), len(self.classes))

    def unlabelled_latents(self, rows: IntArray) -> FloatArray:
        """Latents of rows that do not know the rows' own labels: float32 [N, D] or [N, K D].

        In the scope global, the stored ones. In the scope conditional, those that the encoder
        gives when it is told no label. In the scope per-class, those in the spaces of all K
        labels, one after the other.

        Raises:
            SpaceError: the images are needed and their source is gone, see ``pixels``.
        """
        if self.scope == "conditional":
            return self.coder.encode(self.pixels(rows))
        if self.scope == "per-class":
            return self.explained(rows).z.reshape(len(rows), -1)
        return self.latents.z[rows]

    def label_number(self, name: str) -> int:
        """The index of a label name.

        Raises:
            OptionError: the space has no labels, or not this one.
        """
        if not self.classes:
            raise OptionError(
                f"the label {name!r} is asked for, but this space has no labels. Leave the label "
                "out, or fit the space on labelled images."
            )
        if str(name) not in self.classes:
            known = ", ".join(self.classes[:20]) + (", ..." if len(self.classes) > 20 else "")
            raise OptionError(f"there is no label {name!r}; the space has {known}.")
        return self.classes.index(str(name))

    def label(self, index: int) -> str:
        """The name of a label index; an empty string for -1."""
        return self.classes[index] if index >= 0 else ""

    # --- info ---------------------------------------------------------------------------

    def info(self) -> dict[str, Any]:
        """What the space is and what made it, as JSON values."""
        counts = np.bincount(self.latents.splits, minlength=len(SPLITS))
        return {
            "folder": str(self.folder),
            "images": len(self),
            "splits": {name: int(counts[i]) for i, name in enumerate(SPLITS)},
            "scores": [asdict(score) for score in self.scores],
            "bytes": sum(f.stat().st_size for f in self.folder.rglob("*") if f.is_file()),
        } | self.manifest.model_dump(mode="json")

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Holds the space for one change, which begins at what is on disk now.

        Raises:
            SpaceError: another process is changing it.
        """
        with locked(self.folder):
            now = read_manifest(self.folder)
            if now != self.manifest:
                self.manifest = now
                for name in ("store", "latents"):
                    self.__dict__.pop(name, None)
            self.store.restore()
            yield

    def keep_part(
        self,
        kind: str,
        name: str,
        config: Mapping[str, Any],
        arrays: Mapping[str, NDArray[Any]],
        scores: Mapping[str, float],
    ) -> None:
        """Writes ``KIND/NAME`` and makes it part of the space; kind is a field of the manifest.

        Raises:
            StorageError: the disk is full or cannot be written; the old part stays.
        """
        parts: dict[str, PartInfo] = getattr(self.manifest, kind)
        folder, old = inside(self.folder, kind, name), parts.get(name)
        digest = write_part(folder, config, arrays, keep=old.digest if old else None)
        parts[name] = PartInfo(name=name, digest=digest, scores=dict(scores))
        self.write()
        drop_old_part(folder)

    def complete(self) -> None:
        """Marks the fit as finished: every part is there."""
        self.manifest.status = "complete"
        self.write()

    def write(self) -> None:
        """Writes ``space.json``: from now on what was changed is part of the space."""
        self.manifest.latents_version = self.store.version
        self.manifest.write(self.folder)


def previous_of(folder: Path) -> Path:
    """Where a space waits while another is made to replace it."""
    return folder.with_name(f".{folder.name}.previous")


def skipped_note(images: Images) -> str:
    """What to say of files that could not be decoded; there must be some."""
    lost = [entry for entry in images.skipped if entry.is_image]
    others = [entry for entry in images.skipped if not entry.is_image]
    parts = []
    if lost:
        parts.append(f"{_files(lost)} that cannot be read, such as {lost[0].uri}: {lost[0].reason}")
    if others:
        parts.append(f"{_files(others)} without the name of an image, such as {others[0].uri}")
    return f"{'warning: ' if lost else ''}skipped {'; '.join(parts)}"


def _files(entries: Sequence[Skipped]) -> str:
    return f"{len(entries):,} file{'s' * (len(entries) > 1)}"


def write_scores(folder: Path, scores: Sequence[Score]) -> None:
    """Writes ``scores.json``."""
    now = versions()["latlas"]
    stamped = [asdict(score) | {"version": score.version or now} for score in scores]
    write_json(folder / "scores.json", stamped)
