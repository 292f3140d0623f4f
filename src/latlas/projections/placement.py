"""What all neighbour maps share: new points are placed among the neighbours that lie there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from latlas.contracts import FloatArray, IntArray, NoProgress, OptionError, Progress
from latlas.neighbours import FEWEST_FOR_A_LAYOUT, as_points, nearest
from latlas.projections.pca import PCA

__all__ = ["NeighbourMap"]

PLACING_NEIGHBOURS = 10
PLACING_STEPS = 10
PLACING_BLOCK = 16_384


class NeighbourMap(ABC):
    """A map that keeps neighbours together; a member is a name and a layout.

    Args:
        seed: seed of the layout, from 0 on.

    Attributes:
        z_: float32 [N, D], the fitted latents.
        xy_: float32 [N, 2], their places; the map has no unit.
    """

    name: str
    settings: tuple[str, ...] = ("seed",)
    z_: FloatArray
    xy_: FloatArray

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    @abstractmethod
    def _layout(self, z: FloatArray, progress: Progress) -> FloatArray:
        """Lays out checked latents float32 [N, D] with N ≥ 50: float32 [N, 2]."""

    def fit(self, z: FloatArray, progress: Progress | None = None) -> Self:
        """Lays out float32 [N, D]; fewer than 50 rows lie as on the map of PCA.

        Raises:
            OptionError: a shape other than [N, D], no rows, values that are not finite, or a
                setting out of its range.
            MissingExtraError: the package behind this map is not installed.
        """
        self.z_ = as_points(z)
        if self.seed < 0:
            raise OptionError(f"seed is {self.seed}; expected a whole number from 0 on.")
        if len(self.z_) < FEWEST_FOR_A_LAYOUT:
            self.xy_ = PCA().fit(self.z_).xy_
        else:
            self.xy_ = self._layout(self.z_, progress or NoProgress())
        return self

    def transform(self, z: FloatArray) -> FloatArray:
        """Places float32 [M, D] on the fitted map, which stays as it is: float32 [M, 2].

        Each point y goes where the pull of its 10 nearest fitted points is least,
        Σⱼ wⱼ log(1 + |y - yⱼ|²) with wⱼ = 1/dⱼ²: the attraction of t-SNE (van der Maaten &
        Hinton, JMLR 2008) with the weights of Shepard's interpolation (1968). So it lies inside
        one group of its neighbours, never in the gap between two. A point that was fitted lands
        on its own place (copies of one point on that of the first).

        Raises:
            OptionError: another D than that of the fit, no rows, or values that are not finite.
        """
        z = as_points(z)
        if z.shape[1] != self.z_.shape[1]:
            raise OptionError(
                f"The latents have {z.shape[1]} dimensions; this map was made from "
                f"{self.z_.shape[1]}. Encode them with the same model."
            )
        found = nearest(z, self.z_, min(PLACING_NEIGHBOURS, len(self.z_)))
        placed = np.empty((len(z), 2), dtype=np.float32)
        for start in range(0, len(z), PLACING_BLOCK):
            rows = slice(start, start + PLACING_BLOCK)
            placed[rows] = _place(self.xy_, found.indices[rows], found.distances[rows])
        return placed

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """The fitted map as (JSON values, no arrays): the latent store holds its rows."""
        return {setting: getattr(self, setting) for setting in self.settings}, {}

    @classmethod
    def from_state(
        cls,
        config: Mapping[str, Any],
        arrays: Mapping[str, NDArray[Any]],
        z: FloatArray,
        xy: FloatArray,
    ) -> Self:
        """Rebuilds a fitted map; ``z`` [N, D] and ``xy`` [N, 2] are the rows it was fitted on."""
        restored = cls()
        for setting in cls.settings:
            setattr(restored, setting, config[setting])
        restored.z_, restored.xy_ = z, xy
        return restored


def _place(xy: FloatArray, indices: IntArray, distances: FloatArray) -> FloatArray:
    """Minimises the pull of neighbours [M, k] by reweighted means, from the best of them on."""
    there = xy[indices].astype(np.float64)  # [M, k, 2]
    same = distances[:, 0] == 0
    weights = 1.0 / np.square(np.where(same[:, None], 1, distances), dtype=np.float64)  # [M, k]
    weights /= weights.sum(axis=1, keepdims=True)
    apart = np.square(there[:, :, None] - there[:, None]).sum(axis=3)  # [M, k, k]
    pull = (weights[:, None] * np.log1p(apart)).sum(axis=2)  # [M, k]
    place = there[np.arange(len(there)), pull.argmin(axis=1)]  # [M, 2]
    for _ in range(PLACING_STEPS):
        away = np.square(there - place[:, None]).sum(axis=2)  # [M, k]
        share = weights / (1 + away)
        place = (share[:, :, None] * there).sum(axis=1) / share.sum(axis=1, keepdims=True)
    return np.where(same[:, None], xy[indices[:, 0]], place).astype(np.float32)
