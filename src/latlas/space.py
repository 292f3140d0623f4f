"""The space: one folder with the model, the latents, the maps and what made them.

Everything that latlas does reads or writes a space; its verbs are the methods here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from latlas.checkpoint import write_json
from latlas.contracts import (
    FloatArray,
    Images,
    IntArray,
    LatentRows,
    Latents,
    NoProgress,
    OptionError,
    Prior,
    Progress,
    Projection,
    UInt8Array,
)
from latlas.data.source import as_pixels, open_images
from latlas.encode import block_rows, encode_rows
from latlas.generation import Samples, draw_samples, space_prior
from latlas.measures.spaces import neighbour_preservation, trustworthiness
from latlas.neighbours import FEWEST_FOR_A_LAYOUT, nearest
from latlas.priors import DEFAULT_PRIOR
from latlas.projections import DEFAULT_MAP, PROJECTIONS
from latlas.results import Map, NearImages, Walk
from latlas.stored import StoredSpace, skipped_note, source_info

__all__ = ["DEFAULT_MAP", "Space", "open_space"]

QUALITY_NEIGHBOURS = 10


Query = int | np.integer[Any] | FloatArray | UInt8Array | str | Path | Any


@final
class Space(StoredSpace):
    """A latent space on disk.

    Args:
        folder: the space's folder, ``NAME.latlas``.
        device: where its model computes: ``auto``, ``cpu``, ``cuda``, ``mps``.
        threads: CPU threads; None takes all cores.
        unfinished: open it although its fit is still under way.

    Raises:
        SpaceError: the folder holds no space, or one that is unfinished, damaged or too new.
    """

    # --- encode, decode -----------------------------------------------------------------

    def encode(self, images: Any) -> FloatArray:
        """Images -> latent vectors float32 [N, D].

        Args:
            images: an array [N, H, W], [N, H, W, C] or [N, C, H, W], uint8 or float in 0..1; a
                Pillow image; or a list of Pillow images or paths. Other sizes are resized.

        Raises:
            SourceError: images that cannot be read as such.
        """
        resize = self.manifest.config.get("resize", "crop")
        return self.coder.encode(as_pixels(images, self.shape, resize))

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
        with self.changing():
            return self._add(images, progress)

    def _add(self, images: Images, progress: Progress | None) -> IntArray:
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

        self.store.append_stream(rows())
        if images.skipped:
            (progress or NoProgress()).note(skipped_note(images))
            listed = [asdict(entry) for entry in (*self.skipped, *images.skipped)]
            write_json(self.folder / "skipped.json", listed)
        self.manifest.classes = tuple(names)
        self.manifest.sources.append(source_info(images))
        self.write()
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
        stored = self.manifest.config
        given: dict[str, Any] = {
            name: stored[name] for name in ("resize", "seed", "test_fraction") if name in stored
        }
        given |= {} if labels is None else {"labels": labels}
        images = open_images(source, (height, width), channels, progress=progress, **given)
        if add:
            ids = self.add(images, progress)
            return _rows_of(self.latents, self.latents.ids >= ids[0])
        z, step = np.empty((len(images), self.latent_dim), np.float32), block_rows(self.shape)
        with (progress or NoProgress()).stage("encoding", len(images), "images") as stage:
            for start in range(0, len(images), step):
                block = np.asarray(images.pixels[start : start + step], np.uint8)
                z[start : start + step] = self.coder.encode(block)
                stage.advance(len(block))
        return Latents(
            ids=np.arange(len(images), dtype=np.int64),
            uris=images.uris,
            labels=images.labels,
            classes=images.classes,
            splits=images.splits,
            z=z,
            errors=np.full(len(images), np.nan, np.float32),
        )

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
            with self.changing():
                self._make_map(name, seed, progress or NoProgress())
        part = self.manifest.maps[name]
        source = Path(self.manifest.sources[0].uri).name
        return Map(name, self.store.map(name), self.latents, part.scores, source)

    def _make_map(self, name: str, seed: int, progress: Progress) -> None:
        z = self.latents.z
        projection: Projection = PROJECTIONS[name](seed=seed).fit(z, progress)
        self.store.set_map(name, projection.xy_)
        k = min(QUALITY_NEIGHBOURS, max(1, (len(z) - 1) // 2))
        scores = {}
        if len(z) > 3:
            scores = {
                "trustworthiness": trustworthiness(z, projection.xy_, k=k, seed=seed),
                "neighbour_preservation": neighbour_preservation(z, projection.xy_, k=k, seed=seed),
            }
        config, arrays = projection.state()
        self.keep_part("maps", name, config | {"rows": len(z)}, arrays, scores)
        said = ", ".join(f"{key.replace('_', ' ')} {value:.3f}" for key, value in scores.items())
        few = name != "pca" and len(z) < FEWEST_FOR_A_LAYOUT
        laid_out = f" (with under {FEWEST_FOR_A_LAYOUT} images it is the PCA map)" if few else ""
        progress.note(f"map {name}{laid_out}: {said or 'too few images for a score'}")

    # --- sample -------------------------------------------------------------------------

    def prior(
        self,
        name: str | None = None,
        *,
        seed: int = 0,
        refresh: bool = False,
        progress: Progress | None = None,
    ) -> Prior:
        """A density over the space, global and for each class, kept in it; see ``space_prior``."""
        chosen = name or DEFAULT_PRIOR
        return space_prior(self, chosen, seed=seed, refresh=refresh, progress=progress)

    def sample(
        self,
        n: int = 64,
        label: str | Sequence[str] | None = None,
        *,
        prior: str | None = None,
        temperature: float = 1.0,
        seed: int = 0,
        progress: Progress | None = None,
    ) -> Samples:
        """New images: latents drawn from a prior and decoded.

        Args:
            n: how many.
            label: a label name; several share n evenly; None draws from everything.
            prior: ``normal``, ``gaussian`` or ``gmm`` (the default); fitted on first
                use and kept.
            temperature: scale of the deviations; below 1 images are more usual and less varied.
            seed: seed of the draw and, on first use, of the fit.
            progress: where to report.

        Raises:
            OptionError: a value outside its range, or a label that the space does not have.
        """
        fitted = self.prior(prior, seed=seed, progress=progress)
        return draw_samples(self, n, label, fitted, temperature=temperature, seed=seed)

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
        if isinstance(query, str | Path) and not Path(query).expanduser().exists():
            raise OptionError(
                f"{str(query)!r} is neither an id (a number from {self.latents.ids.min()} to "
                f"{self.latents.ids.max()}) nor the path of an image file."
            )
        images = query[None] if isinstance(query, np.ndarray) and query.ndim in {2, 3} else query
        z = self.encode([images] if isinstance(images, str | Path) else images)
        if len(z) != 1:
            raise OptionError(f"the query holds {len(z)} images; give one.")
        only: FloatArray = z[0]
        return only


def open_space(folder: str | Path, device: str = "auto") -> Space:
    """Opens a space that ``fit`` made; see ``Space``."""
    return Space(folder, device)


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
