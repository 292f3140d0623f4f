"""What all priors made of Gaussians share: one density over everything and one for each label."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from latlas.contracts import FloatArray, IntArray, NoProgress, OptionError, Progress
from latlas.neighbours import as_points
from latlas.priors.mixture import Float64Array, Mixture, mean_and_deviations, shrunk_covariance

__all__ = ["MixturePrior", "label_of", "name_of"]

ALL = "all"  # what the density over everything is called in a state


class MixturePrior(ABC):
    """A density over latents, for all of them and for each label; a member says how to fit one.

    No result of ``fit`` depends on the order of the rows.

    Args:
        seed: seed of whatever is random in ``fit``, from 0 on.

    Attributes:
        classes: int64 [C], the labels that have a density of their own, ascending; empty when
            fitted without labels.
        latent_dim: D.

    Raises:
        OptionError: ``seed`` below 0.
    """

    name: ClassVar[str]
    classes: IntArray
    latent_dim: int

    def __init__(self, *, seed: int = 0) -> None:
        _check_seed(seed)
        self.seed = seed
        self._densities: dict[int | None, Mixture] = {}

    @abstractmethod
    def _fit_one(self, z: FloatArray, label: int | None, borrowed: Float64Array | None) -> Mixture:
        """The density of rows float32 [N, D], N ≥ 1.

        ``borrowed``, float64 [D, D], is the covariance that the rows of a label may lean on
        where they are few; None for the density over everything.
        """

    def fit(
        self, z: FloatArray, labels: IntArray | None = None, progress: Progress | None = None
    ) -> Self:
        """Fits one density to all rows of float32 [N, D], and one to those of each label.

        Args:
            z: the latents.
            labels: int64 [N], -1 where unknown; None without labels.
            progress: where to report to.

        Raises:
            OptionError: no rows, values that are not finite, or labels of another shape or kind.
        """
        z = as_points(z)
        given = np.full(len(z), -1) if labels is None else np.asarray(labels)
        if given.shape != (len(z),) or not np.issubdtype(given.dtype, np.integer):
            raise OptionError(
                f"labels are {given.dtype} {list(given.shape)}; expected one whole number for "
                f"each of the {len(z)} latents, -1 where it is unknown."
            )
        rows = np.dtype((np.void, z.dtype.itemsize * z.shape[1]))
        order = z.view(rows)[:, 0].argsort(kind="stable")  # by their bits: equal rows stay equal
        z, given = z[order], given[order].astype(np.int64)
        self.latent_dim = z.shape[1]
        self.classes = np.unique(given[given >= 0])
        self._densities = {}
        total = 1 + len(self.classes)
        with (progress or NoProgress()).stage("fitting densities", total, "densities") as stage:
            self._densities[None] = self._fit_one(z, None, None)
            stage.advance()
            borrowed = _within_classes(z, given, self._densities[None])
            for label in self.classes.tolist():
                self._densities[label] = self._fit_one(z[given == label], label, borrowed)
                stage.advance()
        return self

    def sample(
        self, n: int, label: int | None = None, *, seed: int = 0, temperature: float = 1.0
    ) -> FloatArray:
        """Draws n latents of one label, or of everything with None: float32 [n, D].

        The first rows of a longer draw are those of a shorter one with the same seed.

        Args:
            n: number of latents, from 0 on.
            label: one of ``classes``; None draws from the density over all rows.
            seed: seed of the draw, from 0 on.
            temperature: above 0; multiplies the deviations from the mean (of the component that a
                latent is drawn from), so covariances by its square. The weights of the components
                stay. Below 1 latents are more typical and less varied.

        Raises:
            OptionError: not fitted, an unknown label, or a number out of its range.
        """
        density = self._density(label)
        if n < 0:
            raise OptionError(f"n is {n}; expected a whole number from 0 on.")
        _check_seed(seed)
        if not (math.isfinite(temperature) and temperature > 0):
            raise OptionError(
                f"temperature is {temperature}; expected a number above 0 (1 draws from the "
                "density as it was fitted)."
            )
        return density.sample(n, seed, temperature)

    def log_density(self, z: FloatArray, label: int | None = None) -> NDArray[np.float64]:
        """Log p(z) of latents float32 [N, D], in nats: float64 [N].

        Args:
            z: the latents.
            label: one of ``classes``, for log p(z | label); None for the density over all rows.

        Raises:
            OptionError: not fitted, an unknown label, another D, no rows, values not finite.
        """
        density, z = self._density(label), as_points(z)
        if z.shape[1] != self.latent_dim:
            raise OptionError(
                f"The latents have {z.shape[1]} dimensions; this prior was fitted on "
                f"{self.latent_dim}. Encode them with the same model."
            )
        return density.log_density(z)

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """The fitted prior as (JSON values, arrays), enough for ``from_state``.

        Raises:
            OptionError: not fitted.
        """
        self._density(None)
        arrays: dict[str, NDArray[Any]] = {"classes": self.classes}
        for label, density in self._densities.items():
            arrays |= density.arrays(name_of(label))
        return {"seed": self.seed, "latent_dim": self.latent_dim} | self._report(), arrays

    @classmethod
    def from_state(cls, config: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Rebuilds a fitted prior from what ``state`` gave, to the bit.

        Raises:
            ValueError: something is missing, or is not what ``state`` gives.
        """
        try:
            restored = cls(seed=_whole(config, "seed", 0))
            restored.latent_dim = _whole(config, "latent_dim", 1)
            classes = arrays["classes"]
            ascending = classes.ndim == 1 and bool((np.diff(classes, prepend=-1) > 0).all())
            if classes.dtype != np.int64 or not ascending:
                raise ValueError("the classes must be ascending int64 from 0 on")
            restored.classes = classes
            for label in (None, *classes.tolist()):
                density = Mixture.from_arrays(name_of(label), arrays, restored.latent_dim)
                restored._densities[label] = density
            restored._restore(config)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(
                f"The stored prior {cls.name!r} is damaged or of another version: {error}. Fit it "
                "again."
            ) from error
        return restored

    def _report(self) -> dict[str, Any]:
        """What a member adds to the JSON values of its state."""
        return {}

    def _restore(self, config: Mapping[str, Any]) -> None:  # noqa: B027, what ``_report`` gave
        """Takes it back."""

    def _density(self, label: int | None) -> Mixture:
        if not self._densities:
            raise OptionError("This prior has not been fitted yet. Call fit with latents first.")
        if label not in self._densities:
            known = ", ".join(map(str, self.classes)) or "none, as it was fitted without labels"
            raise OptionError(
                f"label is {label}; this prior knows {known}. Choose one of them, or None for all."
            )
        return self._densities[label]


def name_of(label: int | None) -> str:
    """What the density of a label is called in a state."""
    return ALL if label is None else str(label)


def label_of(name: str) -> int | None:
    """The label behind a name that ``name_of`` gave."""
    return None if name == ALL else int(name)


def _within_classes(z: FloatArray, labels: IntArray, everything: Mixture) -> Float64Array:
    """The covariance around the mean of each label, pooled over all labels: float64 [D, D].

    That of everything where no label has two rows that differ.
    """
    classes = np.unique(labels[labels >= 0])
    groups = [mean_and_deviations(z[labels == label])[1] for label in classes]
    deviations = np.concatenate([np.zeros((0, z.shape[1])), *groups])
    if not deviations.any():
        root = everything.roots[0]
        covariance: Float64Array = root @ root.T
        return covariance
    # Rows are nearer to a mean of their own than to the true one.
    return shrunk_covariance(
        deviations * math.sqrt(len(deviations) / (len(deviations) - len(classes)))
    )


def _check_seed(seed: int) -> None:
    if seed < 0:
        raise OptionError(f"seed is {seed}; expected a whole number from 0 on.")


def _whole(config: Mapping[str, Any], name: str, least: int) -> int:
    value = config[name]
    if type(value) is not int or value < least:
        raise ValueError(f"{name} is {value!r}; expected a whole number from {least} on")
    return value
