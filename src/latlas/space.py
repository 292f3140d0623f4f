"""The space: one folder with the model, the latents, the maps and what made them.

Everything that latlas does reads or writes a space; its verbs are the methods here.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from latlas.checkpoint import (
    drop_old_part,
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
    FloatArray,
    Images,
    IntArray,
    LatentRows,
    Latents,
    NoProgress,
    OptionError,
    Progress,
    Projection,
    Score,
    Skipped,
    SpaceError,
    UInt8Array,
)
from latlas.data.source import as_pixels, open_images
from latlas.devices import choose_device
from latlas.encode import Coder, encode_rows
from latlas.manifest import Manifest, PartInfo, SourceInfo, read_manifest
from latlas.measures.spaces import neighbour_preservation, trustworthiness
from latlas.models import AnyModel, ModelConfig, build_model
from latlas.neighbours import nearest
from latlas.projections import PROJECTIONS
from latlas.results import Map, NearImages, Walk
from latlas.store import LatentStore

__all__ = ["DEFAULT_MAP", "Space", "open_space", "source_info", "write_scores"]

DEFAULT_MAP = "tsne"
QUALITY_NEIGHBOURS = 10


Query = int | np.integer[Any] | FloatArray | UInt8Array | str | Path | Any


class Space:
    """A latent space on disk.

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
        return len(self._store)

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
        return self._store.latents(self.classes)

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
    def _store(self) -> LatentStore:
        # Rows of a write that never came to its end lie beyond this version.
        return LatentStore.open(self.folder / "latents", self.manifest.latents_version)

    # --- encode, decode -----------------------------------------------------------------

    def encode(self, images: Any) -> FloatArray:
        """Images -> latent vectors float32 [N, D].

        Args:
            images: an array [N, H, W], [N, H, W, C] or [N, C, H, W], uint8 or float in 0..1; a
                Pillow image; or a list of Pillow images or paths. Other sizes are resized.

        Raises:
            SourceError: images that cannot be read as such.
        """
        return self.coder.encode(as_pixels(images, self.shape))

    def decode(self, z: NDArray[Any]) -> UInt8Array:
        """Latent vectors [N, D] -> images uint8 [N, H, W, C].

        Raises:
            OptionError: another shape, or values that are not finite.
        """
        return self.coder.decode(np.asarray(z, np.float32))

    def add(self, images: Images, progress: Progress | None = None) -> IntArray:
        """Encodes new images into the space and places them on its maps.

        What is there does not move. Labels are matched by name; new names join the classes.

        Args:
            images: decoded images of the space's shape, see ``open_images``.
            progress: where to report.

        Returns:
            int64 [N], the ids of the new rows.

        Raises:
            OptionError: this very source is in the space already.
        """
        if any(source.digest == images.digest for source in self.manifest.sources):
            raise OptionError(
                f"{images.source} is in {self.folder} already; nothing was added. Give images "
                "that are new."
            )
        first = int(self.latents.ids.max(initial=-1)) + 1
        names = [*self.classes, *(c for c in images.classes if c not in self.classes)]
        lookup = np.array([names.index(c) for c in images.classes] + [-1], np.int64)
        projections = {name: self.projection(name) for name in self.manifest.maps}

        def rows() -> Any:
            for block in encode_rows(self.coder, images, first_id=first, progress=progress):
                maps = {name: p.transform(block.z) for name, p in projections.items()}
                yield _relabelled(block, lookup[block.labels]), maps

        self._store.restore()
        self._store.append_stream(rows())
        self.manifest.classes = tuple(names)
        self.manifest.sources.append(source_info(images))
        self._write()
        self.__dict__.pop("latents", None)
        return np.arange(first, first + len(images), dtype=np.int64)

    def encode_source(
        self,
        source: Any = None,
        *,
        labels: Any = None,
        add: bool = False,
        progress: Progress | None = None,
    ) -> Latents:
        """Encodes an image source, and puts it into the space when asked to.

        Args:
            source: anything that ``open_images`` takes; None for the space's own rows.
            labels: a labels file of the new images.
            add: also add them, see ``add``.
            progress: where to report.

        Raises:
            SourceError: the images cannot be opened.
            OptionError: ``add`` without a source, or a source that is there already.
        """
        if source is None:
            if add:
                raise OptionError("there is nothing to add: name the source of new images.")
            return self.latents
        height, width, channels = self.shape
        given = {} if labels is None else {"labels": labels}
        images = open_images(source, (height, width), channels, progress=progress, **given)
        if add:
            ids = self.add(images, progress)
            return _rows_of(self.latents, self.latents.ids >= ids[0])
        blocks = list(encode_rows(self.coder, images, progress=progress))
        return Latents(
            ids=np.concatenate([block.ids for block in blocks]),
            uris=images.uris,
            labels=images.labels,
            classes=images.classes,
            splits=images.splits,
            z=np.concatenate([block.z for block in blocks]),
            errors=np.concatenate([block.errors for block in blocks]),
        )

    def thumbnails(self, ids: Sequence[int] | IntArray) -> UInt8Array:
        """The images with these ids as stored, at most 64 pixels a side: uint8 [N, h, w, C]."""
        files = [np.asarray(Image.open(io.BytesIO(f))) for f in self._store.thumbnails(ids)]
        return np.stack([file[..., None] if file.ndim == 2 else file for file in files])

    # --- map ----------------------------------------------------------------------------

    def map(
        self,
        name: str | None = None,
        *,
        seed: int = 0,
        refresh: bool = False,
        progress: Progress | None = None,
    ) -> Map:
        """A 2-D map of the space; made and stored when it is not there yet.

        Args:
            name: ``pca``, ``tsne``, or another name in ``PROJECTIONS``; None takes the
                neighbour map that the space has, or makes the default one.
            seed: seed of the layout.
            refresh: lay it out again although it is there.
            progress: where to report.

        Raises:
            OptionError: no projection has this name.
            MissingExtraError: its package is not installed.
        """
        if name is None:
            own = [made for made in self.manifest.maps if made != "pca"]
            name = own[-1] if own else DEFAULT_MAP
        if name not in PROJECTIONS:
            raise OptionError(f"map is {name!r}; choose one of {', '.join(PROJECTIONS)}.")
        if refresh or name not in self.manifest.maps:
            self._make_map(name, seed, progress or NoProgress())
        part = self.manifest.maps[name]
        return Map(name, self._store.map(name), self.latents, part.scores)

    def projection(self, name: str) -> Projection:
        """The fitted projection behind a stored map, which places other latents on it."""
        part = self.manifest.maps[name]
        config, arrays = read_arrays(self.folder / "maps" / name, part.digest)
        fitted = int(config["rows"])
        projection: Projection = PROJECTIONS[name].from_state(
            config, arrays, self.latents.z[:fitted], self._store.map(name)[:fitted]
        )
        return projection

    def _make_map(self, name: str, seed: int, progress: Progress) -> None:
        z = self.latents.z
        projection: Projection = PROJECTIONS[name](seed=seed).fit(z, progress)
        self._store.restore()
        self._store.set_map(name, projection.xy_)
        config, arrays = projection.state()
        part = self.folder / "maps" / name
        old = self.manifest.maps.get(name)
        keep = old.digest if old else None
        digest = write_part(part, config | {"rows": len(z)}, arrays, keep=keep)
        k = min(QUALITY_NEIGHBOURS, max(1, (len(z) - 1) // 2))
        scores = {}
        if len(z) > 3:
            scores = {
                "trustworthiness": trustworthiness(z, projection.xy_, k=k, seed=seed),
                "neighbour_preservation": neighbour_preservation(z, projection.xy_, k=k, seed=seed),
            }
        self.manifest.maps[name] = PartInfo(name=name, digest=digest, scores=scores)
        self._write()
        drop_old_part(part)
        said = ", ".join(f"{key.replace('_', ' ')} {value:.3f}" for key, value in scores.items())
        progress.note(f"map {name}: {said or 'too few images for a score'}")

    # --- walk, neighbours ---------------------------------------------------------------

    def walk(self, start: Query, end: Query, steps: int = 10, path: str = "linear") -> Walk:
        """The way from one image to another through the latent space.

        Args:
            start: an id, an image, the path of one, or a latent vector [D].
            end: the same.
            steps: number of images, both ends included; at least 2.
            path: ``linear``, or ``spherical``, which keeps the length of the vectors between
                those of the ends (Shoemake, "Animating Rotation with Quaternion Curves", 1985).

        Raises:
            OptionError: a value outside its range, or an id that is not there.
        """
        if steps < 2:
            raise OptionError(f"steps is {steps}; a walk has at least 2, its two ends.")
        if path not in {"linear", "spherical"}:
            raise OptionError(f"path is {path!r}; choose linear or spherical.")
        a, b = self._vector(start), self._vector(end)
        t = np.linspace(0, 1, steps, dtype=np.float32)[:, None]  # [S, 1]
        weights = (1 - t, t) if path == "linear" else _slerp_weights(a, b, t)
        z = (weights[0] * a + weights[1] * b).astype(np.float32)  # [S, D]
        z[0], z[-1] = a, b
        return Walk(z, self.decode(z))

    def neighbours(self, query: Query, k: int = 10) -> NearImages:
        """The k nearest images in the latent space.

        Args:
            query: an id (that image itself is left out), an image, the path of one, or a
                latent vector [D].
            k: how many.

        Raises:
            OptionError: k below 1, or an id that is not there.
        """
        if k < 1:
            raise OptionError(f"k is {k}; ask for at least 1 neighbour.")
        latents = self.latents
        own = int(query) if isinstance(query, int | np.integer) else None
        known = own is not None
        wanted = min(k + known, len(latents))
        vector = self._vector(query)
        found = nearest(vector[None], latents.z, wanted)
        rows, distances = found.indices[0], found.distances[0]
        if known:
            keep = latents.ids[rows] != query
            rows, distances = rows[keep][:k], distances[keep][:k]
        return NearImages(
            latents.ids[rows],
            distances,
            tuple(latents.uris[row] for row in rows),
            tuple(self.label(int(latents.labels[row])) for row in rows),
            self.thumbnails(latents.ids[rows]),
            self.thumbnails([own])[0] if own is not None else self.decode(vector[None])[0],
        )

    def label(self, index: int) -> str:
        """The name of a label index; an empty string for -1."""
        return self.classes[index] if index >= 0 else ""

    def _vector(self, query: Query) -> FloatArray:
        if isinstance(query, int | np.integer):
            rows = np.flatnonzero(self.latents.ids == query)
            if len(rows) == 0:
                raise OptionError(
                    f"there is no image with id {query}; ids here run from "
                    f"{self.latents.ids.min()} to {self.latents.ids.max()}."
                )
            vector: FloatArray = self.latents.z[rows[0]]
            return vector
        if isinstance(query, np.ndarray) and query.ndim == 1:
            if len(query) != self.latent_dim:
                raise OptionError(
                    f"the latent vector has {len(query)} values; this space has {self.latent_dim}."
                )
            return query.astype(np.float32)
        images = query[None] if isinstance(query, np.ndarray) and query.ndim in {2, 3} else query
        z = self.encode([images] if isinstance(images, str | Path) else images)
        if len(z) != 1:
            raise OptionError(f"the query holds {len(z)} images; give one.")
        only: FloatArray = z[0]
        return only

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
        self._write()

    def _write(self) -> None:
        self.manifest.latents_version = self._store.version
        self.manifest.write(self.folder)


def open_space(folder: str | Path, device: str = "auto") -> Space:
    """Opens a space that ``fit`` made; see ``Space``."""
    return Space(folder, device)


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


def _rows_of(latents: Latents, keep: NDArray[np.bool_]) -> Latents:
    rows = np.flatnonzero(keep)
    return Latents(
        ids=latents.ids[rows],
        uris=[latents.uris[int(row)] for row in rows],
        labels=latents.labels[rows],
        classes=latents.classes,
        splits=latents.splits[rows],
        z=latents.z[rows],
        errors=latents.errors[rows],
    )


def _relabelled(rows: LatentRows, labels: IntArray) -> LatentRows:
    return LatentRows(
        rows.ids, rows.uris, labels, rows.splits, rows.z, rows.errors, rows.thumbnails
    )


def _slerp_weights(a: FloatArray, b: FloatArray, t: FloatArray) -> tuple[FloatArray, FloatArray]:
    norms = float(np.linalg.norm(a) * np.linalg.norm(b))
    cosine = float(np.clip(a @ b / norms, -1, 1)) if norms > 0 else 1.0
    angle = np.arccos(cosine)
    if np.sin(angle) < 1e-4:
        return 1 - t, t
    return np.sin((1 - t) * angle) / np.sin(angle), np.sin(t * angle) / np.sin(angle)


def _with_tuples(config: Mapping[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in config.items()}
