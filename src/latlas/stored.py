"""What lies in a space's folder, read on first use and written back whole."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from latlas.checkpoint import read_arrays, read_json, read_part, write_json
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
from latlas.manifest import Manifest, SourceInfo, read_manifest
from latlas.models import AnyModel, ModelConfig, build_model
from latlas.projections import PROJECTIONS
from latlas.store import LatentStore

__all__ = ["StoredSpace", "source_info", "write_scores"]


class StoredSpace:
    """The parts of a space on disk.

    Args:
        folder: the space's folder, ``NAME.latlas``.
        device: where its model computes: ``auto``, ``cpu``, ``cuda``, ``mps``.
        unfinished: open it although its fit is still under way.

    Raises:
        SpaceError: the folder holds no space, or one that is unfinished, damaged or too new.
    """

    def __init__(
        self, folder: str | Path, device: str = "auto", *, unfinished: bool = False
    ) -> None:
        self.folder = Path(folder)
        self.manifest: Manifest = read_manifest(self.folder)
        if self.manifest.status != "complete" and not unfinished:
            raise SpaceError(
                f"{self.folder} is not finished: its fit was stopped. Go on with: "
                f"latlas fit {self.manifest.sources[0].uri} -o {self.folder} --resume"
            )
        self._device = device

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
        path = self.folder / "scores.json"
        return [Score(**entry) for entry in read_json(path)] if path.exists() else []

    @property
    def skipped(self) -> list[Skipped]:
        """Files of the source that could not be decoded."""
        path = self.folder / "skipped.json"
        return [Skipped(**entry) for entry in read_json(path)] if path.exists() else []

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
        config, tensors = read_part(self.folder / "model", part.digest)
        model = build_model(part.name, ModelConfig(**_with_tuples(config)))
        try:
            model.load_state_dict({name: torch.as_tensor(v) for name, v in tensors.items()})
        except RuntimeError as error:
            raise SpaceError(
                f"the weights in {self.folder / 'model'} do not fit its config.json. Restore the "
                "folder from a copy, or fit the space again."
            ) from error
        return model.eval()

    @cached_property
    def coder(self) -> Coder:
        """The model in use: whole arrays in and out, on this space's device."""
        return Coder(self.model, self.shape, choose_device(self._device))

    @cached_property
    def store(self) -> LatentStore:
        """The table of latents, at the version that the other parts belong to."""
        # Rows of a write that never came to its end lie beyond this version.
        return LatentStore.open(self.folder / "latents", self.manifest.latents_version)

    def thumbnails(self, ids: Sequence[int] | IntArray) -> UInt8Array:
        """The images with these ids as stored, at most 64 pixels a side: uint8 [N, h, w, C]."""
        files = [np.asarray(Image.open(io.BytesIO(f))) for f in self.store.thumbnails(ids)]
        return np.stack([file[..., None] if file.ndim == 2 else file for file in files])

    def projection(self, name: str) -> Projection:
        """The fitted projection behind a stored map, which places other latents on it."""
        part = self.manifest.maps[name]
        config, arrays = read_arrays(self.folder / "maps" / name, part.digest)
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

    def complete(self) -> None:
        """Marks the fit as finished: every part is there."""
        self.manifest.status = "complete"
        self.write()

    def write(self) -> None:
        """Writes ``space.json``: from now on what was changed is part of the space."""
        self.manifest.latents_version = self.store.version
        self.manifest.write(self.folder)


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


def write_scores(folder: Path, scores: Sequence[Score]) -> None:
    """Writes ``scores.json``."""
    write_json(folder / "scores.json", [asdict(score) for score in scores])


def _with_tuples(config: Mapping[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in config.items()}
