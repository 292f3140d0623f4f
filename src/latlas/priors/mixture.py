"""A mixture of Gaussians with full covariances: its density, its samples, its arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from latlas.contracts import FloatArray
from latlas.lazily import lazy_import

covariances = lazy_import("sklearn.covariance")

__all__ = ["Mixture", "mean_and_deviations", "shrunk_covariance", "shrunk_gaussian"]

Float64Array = NDArray[np.float64]

FLOOR = 1e-3  # least standard deviation, as a share of the usual one: a constant has a density
UNRESOLVED = 1e-7  # a spread below this share of the values is the rounding of float32
BLOCK_ROWS = 16_384


@dataclass(frozen=True)
class Mixture:
    """p(z) = Σₖ πₖ N(z; μₖ, LₖLₖᵀ) over vectors of dimension D; a single Gaussian where K = 1.

    Attributes:
        weights: π, float64 [K], above 0, with the sum 1.
        means: μ, float64 [K, D].
        roots: L, float64 [K, D, D], lower triangular with a positive diagonal.
    """

    weights: Float64Array
    means: Float64Array
    roots: Float64Array

    def __len__(self) -> int:
        return len(self.weights)

    def log_density(self, z: FloatArray) -> Float64Array:
        """Log p(z) of float32 [N, D], in nats: float64 [N]."""
        whiten = np.linalg.inv(self.roots)  # [K, D, D]
        volumes = np.log(np.diagonal(self.roots, axis1=1, axis2=2)).sum(axis=1)  # [K]
        constants = np.log(self.weights) - volumes - z.shape[1] / 2 * math.log(2 * math.pi)
        density = np.full(len(z), -np.inf)
        for start in range(0, len(z), BLOCK_ROWS):
            rows = slice(start, start + BLOCK_ROWS)
            for constant, mean, turn in zip(constants, self.means, whiten, strict=True):
                white = (z[rows] - mean) @ turn.T  # [B, D], float64
                own = constant - np.square(white).sum(axis=1) / 2
                density[rows] = np.logaddexp(density[rows], own)
        return density

    def sample(self, n: int, seed: int, temperature: float) -> FloatArray:
        """Draws n vectors, deviations from the means times ``temperature``: float32 [n, D].

        Fewer draws with the same seed are the first of more, and other temperatures move them
        along the lines to their means.
        """
        which = np.random.default_rng((seed, 0)).random(n)
        noise = np.random.default_rng((seed, 1)).standard_normal((n, self.means.shape[1]))
        owner = np.searchsorted(self.weights.cumsum()[:-1], which, side="right")  # [n]
        for k in np.unique(owner):
            rows = owner == k
            noise[rows] = self.means[k] + temperature * noise[rows] @ self.roots[k].T
        return noise.astype(np.float32)

    def standardise(self, z: FloatArray) -> Float64Array:
        """Rows [N, D] in the frame where the first component is N(0, I): float64 [N, D]."""
        x: Float64Array = (z - self.means[0]) @ np.linalg.inv(self.roots[0]).T
        return x

    def carry(self, other: Mixture) -> Mixture:
        """A mixture from the frame of ``standardise``, as it is among the rows themselves."""
        root = self.roots[0]
        return Mixture(other.weights, self.means[0] + other.means @ root.T, root @ other.roots)

    def arrays(self, name: str) -> dict[str, Float64Array]:
        """The parameters as arrays called ``NAME.weights``, ``NAME.means``, ``NAME.roots``."""
        return {f"{name}.{part}": getattr(self, part) for part in ("weights", "means", "roots")}

    @classmethod
    def from_arrays(cls, name: str, arrays: Mapping[str, NDArray[Any]], latent_dim: int) -> Self:
        """Rebuilds what ``arrays`` gave, for vectors of dimension ``latent_dim``.

        Raises:
            ValueError: an array is missing, or is not what ``arrays`` gives.
        """
        try:
            weights, means, roots = (arrays[f"{name}.{p}"] for p in ("weights", "means", "roots"))
        except KeyError as error:
            raise ValueError(f"the array {error} is missing") from error
        K, D = len(weights), latent_dim
        shapes = [(K,), (K, D), (K, D, D)]
        sound = K > 0 and all(
            array.dtype == np.float64 and array.shape == shape and np.isfinite(array).all()
            for array, shape in zip((weights, means, roots), shapes, strict=True)
        )
        if not sound:
            raise ValueError(
                f"the arrays {name}.weights, means and roots must be finite float64 of the shapes "
                f"[K], [K, {D}] and [K, {D}, {D}]"
            )
        if not ((weights > 0).all() and abs(weights.sum() - 1) < 1e-6):
            raise ValueError(f"{name}.weights must be above 0 and have the sum 1")
        upright = (np.diagonal(roots, axis1=1, axis2=2) > 0).all() and not np.triu(roots, 1).any()
        if not upright:
            raise ValueError(f"{name}.roots must be lower triangular with a positive diagonal")
        return cls(weights, means, roots)


def mean_and_deviations(z: FloatArray) -> tuple[Float64Array, Float64Array]:
    """The mean [D] of float32 [N, D] and the deviations from it, 0 below the rounding of z."""
    mean = z.mean(axis=0, dtype=np.float64)
    deviations = z - mean
    deviations[:, np.abs(deviations).max(axis=0) <= UNRESOLVED * np.abs(mean)] = 0
    return mean, deviations


def shrunk_covariance(deviations: Float64Array) -> Float64Array:
    """Covariance of deviations [N, D] from a mean: float64 [D, D], never singular.

    The sample covariance, shrunk towards a multiple of the identity by as much as lowers the
    expected squared error most where rows are Gaussian (Chen, Wiesel, Eldar & Hero, "Shrinkage
    Algorithms for MMSE Covariance Estimation", IEEE Transactions on Signal Processing 2010,
    equation 23). Every direction keeps a thousandth of the usual standard deviation. The identity
    where nothing deviates.
    """
    identity = np.eye(deviations.shape[1])
    if not deviations.any():
        return identity
    shrunk: Float64Array = np.atleast_2d(covariances.oas(deviations, assume_centered=True)[0])
    covariance: Float64Array = shrunk + FLOOR**2 * np.trace(shrunk) / len(shrunk) * identity
    return covariance


def shrunk_gaussian(z: FloatArray, borrowed: Float64Array | None = None) -> Mixture:
    """The Gaussian of float32 [N, D], N ≥ 1, well defined however few or constant the rows.

    Its covariance is that around the mean of the rows, times 1 + 1/N, because other rows deviate
    from that mean and not from the true one.

    Args:
        z: the rows.
        borrowed: B, float64 [D, D], a covariance to lean on. With the unbiased covariance S of the
            rows, theirs is ((N - 1) S + ν B) / (N - 1 + ν) with ν = D, so B for a single row
            (after Friedman, "Regularized Discriminant Analysis", 1989). None:
            ``shrunk_covariance`` of the rows alone.
    """
    mean, deviations = mean_and_deviations(z)
    N, D = z.shape
    if borrowed is None:
        covariance = shrunk_covariance(deviations)
    else:
        covariance = (deviations.T @ deviations + D * borrowed) / (N - 1 + D)
    root: Float64Array = np.linalg.cholesky(covariance * (1 + 1 / N))
    return Mixture(np.ones(1), mean[None], root[None])
