"""One map for each label, side by side: latents of different spaces cannot share one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from latlas.contracts import FloatArray, IntArray, NoProgress, Progress, Projection

__all__ = ["Panels"]

FILLED = 0.9
"""The share of a panel's side that its points fill."""


class Panels:
    """A map of each label's latents, laid out alone and put on a grid of panels of side 1.

    Label k has the panel in row k // columns and column k % columns of a grid that is as square
    as can be; the first is at the top left, and its centre is the origin.

    Args:
        make: the class of the maps.
        count: K, the number of labels.
        seed: seed of each layout.
    """

    xy_: FloatArray

    def __init__(self, make: type[Projection], count: int, seed: int = 0) -> None:
        self.make, self.count, self.seed = make, count, seed
        self.name = make.name
        self._maps: dict[int, Projection] = {}
        self._frames: dict[int, NDArray[np.float64]] = {}

    def fit(self, z: FloatArray, told: IntArray, progress: Progress | None = None) -> Self:
        """Lays out latents float32 [N, D] of the labels ``told`` [N]; ``xy_`` is [N, 2] then."""
        self.xy_ = np.full((len(z), 2), np.nan, np.float32)
        labels = np.unique(told).tolist()
        with (progress or NoProgress()).stage("laying out panels", len(labels), "maps") as stage:
            for label in labels:
                rows = told == label
                own: Any = self.make
                fitted = own(seed=self.seed).fit(z[rows])
                self._maps[label] = fitted
                low, high = fitted.xy_.min(axis=0), fitted.xy_.max(axis=0)
                scale = FILLED / max(float((high - low).max()), 1e-30)
                self._frames[label] = np.array([*(low + high) / 2.0, scale])
                self.xy_[rows] = self._place(label, fitted.xy_)
                stage.advance()
        return self

    def transform(self, z: FloatArray, told: IntArray) -> FloatArray:
        """Places other latents [M, D] on the panels of their labels: float32 [M, 2].

        NaN for a label that had no images when the map was made.
        """
        xy = np.full((len(z), 2), np.nan, np.float32)
        for label in np.unique(told).tolist():
            if label in self._maps:
                rows = told == label
                xy[rows] = self._place(label, self._maps[label].transform(z[rows]))
        return xy

    def _corner(self, label: int) -> tuple[int, int]:
        columns = math.ceil(math.sqrt(self.count))
        return label % columns, -(label // columns)

    def _place(self, label: int, xy: FloatArray) -> FloatArray:
        x, y, scale = self._frames[label]
        placed = (xy - np.array([x, y])) * scale + np.array(self._corner(label))
        out: FloatArray = placed.astype(np.float32)
        return out

    def _unplace(self, label: int, xy: FloatArray) -> FloatArray:
        x, y, scale = self._frames[label]
        own = (xy - np.array(self._corner(label))) / scale + np.array([x, y])
        out: FloatArray = own.astype(np.float32)
        return out

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """The fitted maps as (JSON values, arrays), enough for ``from_state``."""
        configs: dict[str, Any] = {}
        arrays: dict[str, NDArray[Any]] = {}
        for label, fitted in self._maps.items():
            config, own = fitted.state()
            configs[str(label)] = config
            arrays |= {f"{label}.{name}": array for name, array in own.items()}
            arrays[f"{label}.frame"] = self._frames[label]
        return {"seed": self.seed, "count": self.count, "panels": configs}, arrays

    @classmethod
    def from_state(
        cls,
        make: type[Projection],
        config: Mapping[str, Any],
        arrays: Mapping[str, NDArray[Any]],
        rows: tuple[FloatArray, FloatArray, IntArray],
    ) -> Self:
        """Rebuilds fitted panels.

        Args:
            make: the class of the maps.
            config: what ``state`` gave.
            arrays: what ``state`` gave.
            rows: z [N, D], xy [N, 2] and told [N] of the rows that they were fitted on.
        """
        z, xy, told = rows
        restored = cls(make, int(config["count"]), int(config["seed"]))
        restored.xy_ = xy
        for name, own in config["panels"].items():
            label = int(name)
            mine = told == label
            prefix = f"{name}."
            parts = {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
            restored._frames[label] = parts.pop("frame")
            laid_out = restored._unplace(label, xy[mine])
            restored._maps[label] = make.from_state(own, parts, z[mine], laid_out)
        return restored
