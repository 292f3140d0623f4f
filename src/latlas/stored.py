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
    TEST,
    TRAIN,
    Images,
    IntArray,
    Latents,
    Projection,
    Score,
    Skipped,
    SpaceError,
    UInt8Array,
)
from latlas.devices import choose_device
from latlas.encode import Coder
from latlas.locks import locked
from latlas.manifest import Manifest, PartInfo, SourceInfo, read_manifest
from latlas.models import AnyModel, ModelConfig, build_model
from latlas.projections import PROJECTIONS
from latlas.store import LatentStore
from latlas.thumbnails import read_thumbnails

__all__ = ["StoredSpace", "previous_of", "skipped_note", "source_info", "write_scores"]

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
    def model(self) -> AnyModel:
        """The trained model, on the CPU and ready to encode and decode."""
        part = self.manifest.model
        if part is None:
            raise SpaceError(f"{self.folder} has no model. Fit the space again.")
        config, tensors = read_part(inside(self.folder, "model"), part.digest)
        try:
            settings = ModelConfig(**_with_tuples(config))
            if (settings.shape, settings.latent_dim) != (self.shape, self.latent_dim):
                raise ValueError("another shape")
            # Without memory of its own: what the file holds decides how large the model is.
            with torch.device("meta"):
                model = build_model(part.name, settings)
            model.load_state_dict(dict(tensors), assign=True)
        except (RuntimeError, TypeError, ValueError) as error:
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

    def projection(self, name: str) -> Projection:
        """The fitted projection behind a stored map, which places other latents on it."""
        part = self.manifest.maps[name]
        config, arrays = read_arrays(inside(self.folder, "maps", name), part.digest)
        fitted = int(config["rows"])
        projection: Projection = PROJECTIONS[name].from_state(
            config, arrays, self.latents.z[:fitted], self.store.map(name)[:fitted]
        )
        return projection

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


def source_info(images: Images) -> SourceInfo:
    """What the manifest keeps of a source."""
    return SourceInfo(
        uri=images.source,
        digest=images.digest,
        images=len(images),
        train=int((images.splits == TRAIN).sum()),
        test=int((images.splits == TEST).sum()),
        skipped=len(images.skipped),
    )


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
    write_json(folder / "scores.json", [asdict(score) for score in scores])


def _with_tuples(config: Mapping[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in config.items()}
