"""Principal component analysis: the plane of greatest variance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray

from latlas.contracts import FloatArray, OptionError, Progress
from latlas.neighbours import as_points, single_threaded

__all__ = ["PCA"]


class PCA:
    """The linear map onto the two directions of greatest variance.

    xy = (z - mean) Vᵀ, where the rows of V [2, D] are the leading eigenvectors of the covariance
    (Pearson, "On Lines and Planes of Closest Fit to Systems of Points in Space", 1901). The sign
    of each row is such that its largest entry is positive. With D = 1 the second coordinate is 0.

    Args:
        seed: taken for the sake of the contract; nothing here is random.

    Attributes:
        xy_: float32 [N, 2], the fitted rows on the map, in the unit of the latents.
        mean_: float32 [D].
        components_: float32 [2, D], orthonormal rows; zeros for a direction that is not there.
        explained_: share of the variance along each axis of the map, 0..1.
    """

    name = "pca"
    xy_: FloatArray
    mean_: FloatArray
    components_: FloatArray
    explained_: tuple[float, float]

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed

    def fit(self, z: FloatArray, progress: Progress | None = None) -> Self:
        """Learns the plane from float32 [N, D] and lays the rows out on it, at once.

        Raises:
            OptionError: a shape other than [N, D], no rows, or values that are not finite.
        """
        z = as_points(z)
        self.mean_ = z.mean(axis=0, dtype=np.float64).astype(np.float32)
        scatter = _scatter(z, self.mean_)  # [D, D]
        values, vectors = np.linalg.eigh(scatter)  # ascending
        leading = vectors[:, ::-1][:, :2].T  # [≤ 2, D]
        rows = np.arange(len(leading))
        leading = leading * np.sign(leading[rows, np.abs(leading).argmax(axis=1)])[:, None]
        self.components_ = np.zeros((2, z.shape[1]), dtype=np.float32)
        self.components_[: len(leading)] = leading
        shares = np.zeros(2)
        shares[: len(leading)] = values[::-1][:2].clip(0) / max(values.sum(), 1e-30)
        self.explained_ = float(shares[0]), float(shares[1])
        self.xy_ = self.transform(z)
        return self

    def transform(self, z: FloatArray) -> FloatArray:
        """Places float32 [M, D] on the map: float32 [M, 2].

        Raises:
            OptionError: a shape other than [M, D], no rows, or values that are not finite.
        """
        z = as_points(z)
        if z.shape[1] != len(self.mean_):
            raise OptionError(
                f"The latents have {z.shape[1]} dimensions; this map was made from "
                f"{len(self.mean_)}. Encode them with the same model."
            )
        with single_threaded():
            centred = torch.from_numpy(z - self.mean_)
            placed: FloatArray = (centred @ torch.from_numpy(self.components_).T).numpy()
        return placed

    def inverse(self, xy: NDArray[Any]) -> FloatArray:
        """The latents of points of the map, on its plane: [M, 2] -> float32 [M, D].

        ``transform(inverse(xy))`` is ``xy`` for every point (where D ≥ 2).
        """
        latents: FloatArray = self.mean_ + as_points(xy, "points of the map") @ self.components_
        return latents

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """The fitted map as (JSON values, arrays), enough for ``from_state``."""
        config = {"seed": self.seed, "explained": list(self.explained_)}
        return config, {"mean": self.mean_, "components": self.components_}

    @classmethod
    def from_state(
        cls,
        config: Mapping[str, Any],
        arrays: Mapping[str, NDArray[Any]],
        z: FloatArray,
        xy: FloatArray,
    ) -> Self:
        """Rebuilds a fitted map; ``z`` [N, D] and ``xy`` [N, 2] are the rows it was fitted on."""
        restored = cls(config["seed"])
        restored.mean_, restored.components_ = arrays["mean"], arrays["components"]
        restored.explained_ = (config["explained"][0], config["explained"][1])
        restored.xy_ = xy
        return restored


def _scatter(z: FloatArray, mean: FloatArray) -> NDArray[np.float64]:
    """Σ (z - mean)(z - mean)ᵀ in double precision, a block at a time: float64 [D, D]."""
    total = torch.zeros((z.shape[1], z.shape[1]), dtype=torch.float64)
    with single_threaded():
        for block in torch.split(torch.from_numpy(z), 65_536):
            centred = (block - torch.from_numpy(mean)).double()
            total += centred.T @ centred
    scatter: NDArray[np.float64] = total.numpy()
    return scatter
