"""What is fitted on latent vectors: maps, priors, classifiers. They see arrays and labels only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from latlas.contracts.records import FloatArray, IntArray
from latlas.contracts.reports import Progress

__all__ = ["Classifier", "Prior", "Projection"]


class Projection(Protocol):
    """A map of the latent space: latents [N, D] -> plane [N, 2].

    ``fit`` learns the layout of the given latents and keeps it in ``xy_``; ``transform`` places
    other latents on the same map without moving those that are there.
    """

    name: str
    xy_: FloatArray

    def fit(self, z: FloatArray, progress: Progress | None = None) -> Self:
        """Lays out float32 [N, D]; afterwards ``xy_`` is float32 [N, 2]."""
        ...

    def transform(self, z: FloatArray) -> FloatArray:
        """Places float32 [M, D] on the fitted map: float32 [M, 2]."""
        ...

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """The fitted map as (JSON values, arrays), enough for ``from_state``.

        What the latent store already holds (latents and layout of the fitted rows) is left
        out of the arrays.
        """
        ...

    @classmethod
    def from_state(
        cls,
        config: Mapping[str, Any],
        arrays: Mapping[str, NDArray[Any]],
        z: FloatArray,
        xy: FloatArray,
    ) -> Self:
        """Rebuilds a fitted map; ``z`` [N, D] and ``xy`` [N, 2] are the rows it was fitted on."""
        ...


class Prior(Protocol):
    """A density over the latent space: one over everything, and one for each label.

    Where ``label`` is asked for, None means the density over everything.
    """

    name: ClassVar[str]
    latent_dim: int
    classes: IntArray
    """Labels that have a density of their own, ascending int64; empty when fitted without any."""

    def fit(
        self, z: FloatArray, labels: IntArray | None = None, progress: Progress | None = None
    ) -> Self:
        """Learns from latents float32 [N, D] and labels int64 [N], -1 where unknown."""
        ...

    def sample(
        self, n: int, label: int | None = None, *, seed: int = 0, temperature: float = 1.0
    ) -> FloatArray:
        """Draws float32 [n, D]; a temperature below 1 draws closer to the dense places."""
        ...

    def log_density(self, z: FloatArray, label: int | None = None) -> NDArray[np.float64]:
        """Natural logarithm of the density at float32 [N, D]: float64 [N]."""
        ...

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """The fitted prior as (JSON values, arrays), enough for ``from_state``."""
        ...

    @classmethod
    def from_state(cls, config: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Rebuilds a fitted prior; a damaged state is a ValueError."""
        ...


class Classifier(Protocol):
    """Tells classes apart by latent vectors."""

    name: ClassVar[str]
    classes: IntArray
    """Labels that can be answered, ascending int64 [K]."""

    def fit(self, z: FloatArray, labels: IntArray, progress: Progress | None = None) -> Self:
        """Learns from latents float32 [N, D] and labels int64 [N]; -1 marks an unknown label."""
        ...

    def probabilities(self, z: FloatArray) -> NDArray[np.float64]:
        """Calibrated probabilities of float32 [N, D]: float64 [N, K], rows that sum to 1."""
        ...

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """The fitted classifier as (JSON values, arrays), enough for ``from_state``."""
        ...

    @classmethod
    def from_state(cls, config: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Rebuilds a fitted classifier; a damaged state is a ValueError."""
        ...
