"""What all classifiers share: checks, held-out rows, calibration, and the state."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from latlas.classifiers.calibration import fit_temperature, log_loss, softmax
from latlas.contracts import FloatArray, IntArray, NoProgress, OptionError, Progress
from latlas.neighbours import as_points

__all__ = [
    "LatentClassifier",
    "best_setting",
    "held_out_folds",
    "joined",
    "neighbour_weights",
    "stored_array",
    "stored_number",
    "without",
]

Float64Array = NDArray[np.float64]

FOLDS = 5
FEW = 2_500  # up to so many labels, each is held out once; above, one fold says enough
MOST_HELD_OUT = 10_000
BLOCK_ROWS = 65_536


class LatentClassifier(ABC):
    """p(class | z) of latents; a member says how to score the classes.

    p = softmax(s(z) / T), where s is the member's score, the logarithm of a probability up to a
    constant, and T the temperature that fits rows best which the member did not learn from (Guo,
    Pleiss, Sun & Weinberger, "On Calibration of Modern Neural Networks", ICML 2017). With up to
    2,500 labels these are all in turn, in five folds; with more, a fifth, or 10,000 where that is
    less. The row of a class that has no other is never held out, and T is 1 where none is. In the
    end the member learns from all rows.

    Args:
        seed: seed of whatever is random in ``fit``, from 0 on.

    Attributes:
        classes: int64 [K], the labels that can be answered, ascending.
        latent_dim: D.
        temperature: T.

    Raises:
        OptionError: ``seed`` below 0.
    """

    name: ClassVar[str]
    classes: IntArray
    latent_dim: int
    temperature: float

    def __init__(self, *, seed: int = 0) -> None:
        if seed < 0:
            raise OptionError(f"seed is {seed}; expected a whole number from 0 on.")
        self.seed = seed

    @abstractmethod
    def _learn(self, z: FloatArray, targets: IntArray, folds: Sequence[IntArray]) -> Float64Array:
        """Learns from float32 [N, D] and targets int64 [N] in 0..K-1, -1 where unknown.

        Returns the scores of the rows in ``folds``, one fold after the other, each by what was
        learnt without the targets of its fold: float64 [H, K].
        """

    @abstractmethod
    def _scores(self, z: FloatArray) -> Float64Array:
        """The scores s of float32 [N, D]: finite float64 [N, K]."""

    @abstractmethod
    def _parts(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """What a member has learnt, as JSON values and arrays."""

    @abstractmethod
    def _restore(self, config: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Takes back what ``_parts`` gave; damage is a KeyError, TypeError or ValueError."""

    def fit(self, z: FloatArray, labels: IntArray, progress: Progress | None = None) -> Self:
        """Learns from latents float32 [N, D] and labels int64 [N].

        Args:
            z: the latents.
            labels: from 0 on, -1 where unknown; at least one must be known.
            progress: where to report to.

        Raises:
            OptionError: no rows, values that are not finite, labels of another shape or kind, or
                none that is known.
        """
        z, given = as_points(z), np.asarray(labels)
        if given.shape != (len(z),) or not np.issubdtype(given.dtype, np.integer):
            raise OptionError(
                f"labels are {given.dtype} {list(given.shape)}; expected one whole number for each "
                f"of the {len(z)} latents, -1 where it is unknown."
            )
        known = given >= 0
        if not known.any():
            raise OptionError(
                f"None of the {len(z)} labels is known; a classifier needs at least one. Give "
                "labels from 0 on, -1 only where they are unknown."
            )
        with (progress or NoProgress()).stage(f"fitting classifier {self.name}", 1) as stage:
            self.latent_dim = z.shape[1]
            self.classes = np.unique(given[known]).astype(np.int64)
            targets = np.where(known, np.searchsorted(self.classes, given), -1)
            folds = held_out_folds(targets, self.seed)
            scores = self._learn(z, targets, folds)
            self.temperature = fit_temperature(scores, targets[joined(folds)])
            stage.advance()
        return self

    def probabilities(self, z: FloatArray) -> Float64Array:
        """Calibrated p(class | z) of float32 [N, D]: float64 [N, K], rows that sum to 1.

        Raises:
            OptionError: not fitted, another D, no rows, values that are not finite.
        """
        self._check_fitted()
        z = as_points(z)
        if z.shape[1] != self.latent_dim:
            raise OptionError(
                f"The latents have {z.shape[1]} dimensions; this classifier was fitted on "
                f"{self.latent_dim}. Encode them with the same model."
            )
        p = np.empty((len(z), len(self.classes)))
        for start in range(0, len(z), BLOCK_ROWS):
            rows = slice(start, start + BLOCK_ROWS)
            p[rows] = softmax(self._scores(z[rows]) / self.temperature)
        return p

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """The fitted classifier as (JSON values, arrays), enough for ``from_state``.

        Raises:
            OptionError: not fitted.
        """
        self._check_fitted()
        config, arrays = self._parts()
        shared = {
            "seed": self.seed,
            "latent_dim": self.latent_dim,
            "temperature": self.temperature,
        }
        return shared | config, {"classes": self.classes} | arrays

    @classmethod
    def from_state(cls, config: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Rebuilds a fitted classifier from what ``state`` gave, to the bit.

        Raises:
            ValueError: something is missing, or is not what ``state`` gives.
        """
        try:
            restored = cls(seed=int(stored_number(config, "seed", int, 0)))
            restored.latent_dim = int(stored_number(config, "latent_dim", int, 1))
            restored.temperature = stored_number(config, "temperature", float, 1e-9)
            restored.classes = stored_array(arrays, "classes", np.int64, (None,))
            ascending = (np.diff(restored.classes, prepend=-1) > 0).all()
            if not (ascending and len(restored.classes)):
                raise ValueError("the classes must be ascending int64 from 0 on")
            restored._restore(config, arrays)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(
                f"The stored classifier {cls.name!r} is damaged or of another version: {error}. "
                "Fit it again."
            ) from error
        return restored

    def _check_fitted(self) -> None:
        if not hasattr(self, "temperature"):
            raise OptionError(
                "This classifier has not been fitted yet. Call fit with latents and labels first."
            )


def held_out_folds(targets: IntArray, seed: int) -> list[IntArray]:
    """Rows to hold out, fold by fold, each class shared out evenly: int64 arrays, none empty.

    Every class keeps at least one row outside each fold.
    """
    known = np.flatnonzero(targets >= 0)
    order = np.random.default_rng(seed).permutation(known)
    order = order[np.argsort(targets[order], kind="stable")]  # by class, at random inside each
    owner = targets[order]
    sizes = np.bincount(owner)
    rank = np.arange(len(order)) - (np.cumsum(sizes) - sizes)[owner]
    count = max(FOLDS, -(-len(known) // MOST_HELD_OUT))
    fold = np.where(sizes[owner] > 1, (rank + owner) % count, -1)
    wanted = count if len(known) <= FEW else 1
    folds = [np.sort(order[fold == number]) for number in range(wanted)]
    return [rows for rows in folds if len(rows)]


def best_setting(trials: Sequence[Float64Array], targets: IntArray) -> int:
    """Which trial's scores [H, K] explain targets [H] best once calibrated; 0 without rows."""
    if not len(targets):
        return 0
    losses = [log_loss(scores / fit_temperature(scores, targets), targets) for scores in trials]
    return int(np.argmin(losses))


def neighbour_weights(distances: FloatArray) -> Float64Array:
    """exp(-4 d² / d_k²) of the distances [M, k] to the k nearest, nearest first: float64 [M, k].

    The width adapts to how dense the place is; 1 for each where all are 0 (Calder, Cook, Thorpe &
    Slepčev, "Poisson Learning", ICML 2020, section 4).
    """
    squares = np.square(distances, dtype=np.float64)
    return np.exp(-4 * squares / np.maximum(squares[:, -1:], np.finfo(np.float64).tiny))


def stored_number(
    config: Mapping[str, Any], name: str, kind: type[int] | type[float], least: float
) -> float:
    """A finite number of one kind out of a state.

    Raises:
        ValueError: it is missing, of another kind, or below ``least``.
    """
    value = config.get(name)
    if type(value) is not kind or not least <= value < float("inf"):
        raise ValueError(f"{name} is {value!r}; expected {kind.__name__} from {least:g} on")
    return value


def stored_array(
    arrays: Mapping[str, NDArray[Any]], name: str, dtype: type, shape: Sequence[int | None]
) -> NDArray[Any]:
    """A finite array out of a state; None in ``shape`` stands for any length.

    Raises:
        ValueError: it is missing, of another type or shape, or not finite.
    """
    if name not in arrays:
        raise ValueError(f"the array {name} is missing")
    array = arrays[name]
    fits = array.ndim == len(shape) and all(
        wanted in (None, got) for wanted, got in zip(shape, array.shape, strict=True)
    )
    if not fits or array.dtype != dtype or not np.isfinite(array).all():
        raise ValueError(
            f"the array {name} is {array.dtype} {list(array.shape)}; expected finite "
            f"{np.dtype(dtype)} {['any' if n is None else n for n in shape]}"
        )
    return array


def joined(folds: Sequence[IntArray]) -> IntArray:
    """The rows of all folds, one fold after the other: int64 [H]."""
    return np.concatenate([np.empty(0, dtype=np.int64), *folds])


def without(targets: IntArray, held: IntArray) -> IntArray:
    """The rows whose target is known, short of those held out: int64 [R], ascending."""
    known = targets >= 0
    known[held] = False
    return np.flatnonzero(known)
