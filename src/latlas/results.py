"""What the verbs of a space give back, as named results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from latlas.contracts import FloatArray, IntArray, Latents, OptionError, UInt8Array
from latlas.neighbours import FEWEST_FOR_A_LAYOUT
from latlas.plots import animate, class_panels, latent_map, neighbour_row, save, walk_strip

__all__ = ["METHODS", "Map", "NearImages", "Walk"]


@dataclass(frozen=True)
class Map:
    """A 2-D map of a space.

    Attributes:
        name: the method, for instance ``"pca"``.
        xy: float32 [N, 2], one place for each row of ``latents``.
        latents: the rows that are shown.
        scores: trustworthiness and neighbour preservation at 10 neighbours, each in 0..1.
        source: what the images are called.
        panels: each label has a space, and so a map, of its own.
    """

    name: str
    xy: FloatArray
    latents: Latents
    scores: Mapping[str, float]
    source: str = "images"
    panels: bool = False

    def plot(self, path: str | Path, title: str | None = None) -> Path:
        """Draws the map by class to a PNG, SVG or PDF file and returns its path.

        Raises:
            OptionError: the suffix is none of these.
            StorageError: the file cannot be written.
        """
        if self.panels:
            figure = class_panels(
                self.xy,
                self.latents.told,
                self.latents.classes,
                errors=self.latents.errors,
                title=f"One space for each class of {self.source}" if title is None else title,
                subtitle=f"{self._method_of_panels()} of D = {self.latents.z.shape[1]}, each class "
                "alone; colour: squared error of the reconstruction",
            )
            return save(figure, Path(path))
        figure = latent_map(
            self.xy,
            self.latents.labels,
            self.latents.classes,
            title=f"Latent space of {self.source}" if title is None else title,
            method=f"{self._method()} of D = {self.latents.z.shape[1]}",
            trustworthiness=self.scores.get("trustworthiness"),
        )
        return save(figure, Path(path))

    def _method_of_panels(self) -> str:
        counts = np.bincount(self.latents.told[self.latents.told >= 0])
        if self.name == "pca" or (counts >= FEWEST_FOR_A_LAYOUT).all():
            return METHODS[self.name]
        some = "PCA" if (counts < FEWEST_FOR_A_LAYOUT).all() else f"{METHODS[self.name]} or PCA"
        return f"{some} (PCA for classes of under {FEWEST_FOR_A_LAYOUT} images)"

    def _method(self) -> str:
        few = self.name != "pca" and len(self.xy) < FEWEST_FOR_A_LAYOUT
        return "PCA (too few images for a neighbour map)" if few else METHODS[self.name]


METHODS = {"pca": "PCA", "tsne": "t-SNE", "umap": "UMAP", "opentsne": "openTSNE"}
"""How the maps are called in print."""


@dataclass(frozen=True)
class NearImages:
    """The nearest images of a query, the nearest first.

    Attributes:
        ids: int64 [K].
        distances: float32 [K], Euclidean, in the latent space.
        uris: K strings.
        labels: K label names; empty strings where unknown.
        images: uint8 [K, h, w, C], their thumbnails.
        query: uint8 [h, w, C], what was asked for; for a vector, what the decoder makes of it.
    """

    ids: IntArray
    distances: FloatArray
    uris: tuple[str, ...]
    labels: tuple[str, ...]
    images: UInt8Array
    query: UInt8Array

    def plot(self, path: str | Path) -> Path:
        """Draws the query and its neighbours to a PNG, SVG or PDF file and returns its path."""
        title = "Nearest in the latent space"
        figure = neighbour_row(self.query, self.images, self.distances, self.labels, title=title)
        return save(figure, Path(path))


@dataclass(frozen=True)
class Walk:
    """A way through the latent space.

    Attributes:
        z: float32 [S, D], the latents along the way, both ends included.
        images: uint8 [S, H, W, C], what the decoder makes of them.
        told: int64 [S], the labels that the decoder was told, -1 for none.
    """

    z: FloatArray
    images: UInt8Array
    told: IntArray

    def plot(self, path: str | Path) -> Path:
        """Draws the walk as a strip (PNG, SVG, PDF) or as a film (GIF) and returns its path.

        Raises:
            OptionError: another suffix.
            StorageError: the file cannot be written.
        """
        suffix = Path(path).suffix
        if suffix == ".gif":
            return animate(self.images, Path(path))
        if suffix not in {".png", ".svg", ".pdf"}:
            raise OptionError(
                f"a walk goes to a .png, .svg or .pdf (a strip) or to a .gif (a film); got {path}."
            )
        title = "A walk through the latent space"
        return save(walk_strip(self.images, title=title), Path(path))
