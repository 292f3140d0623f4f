"""The maps of a space as the page shows them: the one to show first, corners, the exact plane."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latlas.atlas.quantised import corners
from latlas.contracts import FloatArray, LatlasError
from latlas.projections import PCA, Panels
from latlas.results import METHODS
from latlas.stored import StoredSpace

__all__ = ["MapView", "as_list", "map_views", "plane", "plane_info"]


@dataclass(frozen=True)
class MapView:
    """One map of the space.

    Attributes:
        name: a key of ``PROJECTIONS``.
        xy: float32 [N, 2]; NaN: the row has no place.
        low, high: the corners of the map, two numbers each.
        scores: what was measured of it.
        panels: each class has a map of its own.
    """

    name: str
    xy: FloatArray
    low: list[float]
    high: list[float]
    scores: dict[str, float]
    panels: bool

    @property
    def box(self) -> FloatArray:
        """The corners as float32 [2, 2]: low, high."""
        return np.array([self.low, self.high], np.float32)

    def info(self) -> dict[str, Any]:
        """``MapInfo`` of the page."""
        finite = {name: value for name, value in self.scores.items() if np.isfinite(value)}
        return {
            "name": self.name,
            "title": METHODS.get(self.name, self.name),
            "low": self.low,
            "high": self.high,
            "scores": finite,
            "panels": self.panels,
        }


def map_views(space: StoredSpace) -> list[MapView]:
    """The maps of a space, the one to show first: the newest neighbour map, else that of PCA.

    A space without any, or whose maps cannot be read, gets that of PCA, which takes no time.
    """
    panels = space.scope == "per-class"
    stored = list(space.manifest.maps)
    stored = [name for name in reversed(stored) if name != "pca"] + ["pca"] * ("pca" in stored)
    views = []
    for name in stored:
        with contextlib.suppress(LatlasError):
            xy = space.store.map(name)
            if np.isfinite(xy).all(axis=1).any():
                scores = dict(space.manifest.maps[name].scores)
                views.append(MapView(name, xy, *corners(xy), scores, panels))
    if views:
        return views
    z = space.latents.z
    if panels:
        xy = Panels(PCA, len(space.classes)).fit(z, space.latents.told).xy_
    else:
        xy = PCA().fit(z).xy_
    return [MapView("pca", xy, *corners(xy), {}, panels)]


def plane(space: StoredSpace) -> PCA | None:
    """The plane of the map of PCA; None in a space for each class, which has a plane for each."""
    if space.scope == "per-class":
        return None
    if "pca" in space.manifest.maps:
        with contextlib.suppress(LatlasError, KeyError, ValueError):
            fitted = space.projection("pca")
            if isinstance(fitted, PCA):
                return fitted
    return PCA().fit(space.latents.z)


def plane_info(fitted: PCA | None) -> dict[str, Any] | None:
    """The plane as JSON values: z = mean + x components[0] + y components[1]."""
    if fitted is None:
        return None
    return {"mean": as_list(fitted.mean_), "components": as_list(fitted.components_)}


def as_list(values: NDArray[Any]) -> Any:
    """An array as nested lists of numbers with seven figures, as many as float32 holds."""
    if values.ndim > 1:
        return [as_list(row) for row in values]
    return [float(f"{value:.7g}") for value in values.tolist()]
