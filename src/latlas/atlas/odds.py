"""What a space's classifier says: of any latent vector, for the page, and of every row."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latlas.atlas.maps import as_list
from latlas.checkpoint import inside, read_arrays
from latlas.classification import OWN, space_classifier
from latlas.classifiers import CLASSIFIERS, DEFAULT_CLASSIFIER
from latlas.classifiers.base import LatentClassifier, neighbour_weights
from latlas.contracts import TRAIN, FloatArray, IntArray, LatlasError, SpaceError
from latlas.models import SCOPES
from latlas.neighbours import approximate_neighbours
from latlas.priors import DEFAULT_PRIOR
from latlas.stored import StoredSpace
from latlas.thumbnails import MOST_SIDE

__all__ = ["Odds", "RowOdds"]

BLOCK_ROWS = 8192
MOST_EXPLAINED = 2_000_000
"""So many images, times labels, are explained for a column at most: some minutes."""


@dataclass(frozen=True)
class RowOdds:
    """What a classifier says of all N rows.

    Attributes:
        predicted: int64 [N], the likeliest class.
        confidence: float32 [N], its odds, 0..1.
        surprise: float32 [N], 1 - odds of the given label; NaN where it is unknown.
    """

    predicted: IntArray
    confidence: FloatArray
    surprise: FloatArray


class Odds:
    """The classifiers that a space keeps, as far as they can be read; damaged ones are left out.

    Args:
        space: the space.

    Attributes:
        fitted: by method; each says the odds of what its method looks at.
        method: the one that speaks for the space; None without any.
    """

    def __init__(self, space: StoredSpace) -> None:
        self._space = space
        self.fitted: dict[str, LatentClassifier] = {}
        for method in space.manifest.classifiers:
            with contextlib.suppress(LatlasError, KeyError, TypeError, ValueError, IndexError):
                self.fitted[method] = _stored(space, method)
        usual = DEFAULT_CLASSIFIER if space.scope == SCOPES[0] else OWN
        known = sorted(self.fitted, key=lambda method: method != usual)
        self.method: str | None = known[0] if known else None

    @property
    def digest(self) -> str:
        """Of the classifier that speaks, and of what it depends on."""
        manifest = self._space.manifest
        if self.method is None:
            return ""
        parts = [manifest.classifiers[self.method].digest]
        parts += [manifest.model.digest] if manifest.model else []
        if self.method == OWN and DEFAULT_PRIOR in manifest.priors:
            parts.append(manifest.priors[DEFAULT_PRIOR].digest)
        return "+".join(parts)

    @property
    def of_latents(self) -> LatentClassifier | None:
        """The classifier that says the odds at any latent vector; only in the scope global."""
        if self.method is None or self._space.scope != SCOPES[0]:
            return None
        return self.fitted[self.method]

    @property
    def of_rows(self) -> bool:
        """Whether rows can be asked about without images that may be gone, and in some minutes."""
        if self.method is None or self.of_latents is not None:
            return self.method is not None
        small = max(self._space.shape[:2]) <= MOST_SIDE
        ready = self.method != OWN or DEFAULT_PRIOR in self._space.manifest.priors
        work = len(self._space) * len(self._space.classes)
        return small and ready and work <= MOST_EXPLAINED

    # --- for the page -------------------------------------------------------------------

    def linear_info(self) -> dict[str, Any] | None:
        """``LinearInfo``: odds = softmax(z W' + b'), with scale and temperature folded in.

        From s(z) = (z - μ) / σ · Wᵀ + b and odds = softmax(s / T): W' = (W / σ)ᵀ / T and
        b' = (b - μ / σ · Wᵀ) / T.
        """
        fitted = self.fitted.get("linear")
        if fitted is None or self._space.scope != SCOPES[0]:
            return None
        _, arrays = fitted.state()
        slopes = arrays["weights"] / arrays["deviations"]  # [K, D]
        bias = (arrays["offsets"] - slopes @ arrays["means"]) / fitted.temperature
        return {
            "classes": fitted.classes.tolist(),
            "weights": as_list((slopes.T / fitted.temperature).ravel()),
            "bias": as_list(bias),
            "accuracy": self._accuracy("linear"),
        }

    def knn_info(self) -> dict[str, Any] | None:
        """``KnnInfo``."""
        fitted = self.fitted.get("knn")
        if fitted is None or self._space.scope != SCOPES[0]:
            return None
        config, _ = fitted.state()
        return {
            "classes": fitted.classes.tolist(),
            "k": int(config["k"]),
            "temperature": float(fitted.temperature),
            "accuracy": self._accuracy("knn"),
        }

    def _accuracy(self, method: str) -> float | None:
        value = self._space.manifest.classifiers[method].scores.get("accuracy")
        return float(value) if value is not None and np.isfinite(value) else None

    # --- of rows ------------------------------------------------------------------------

    def rows(self) -> RowOdds:
        """What the classifier says of every row.

        A row that a kNN classifier has learnt from does not vote for itself, or it would never
        be surprised; its voters are looked for as in ``approximate_neighbours``. Other
        classifiers have learnt too little from each row for this to matter.

        Raises:
            SpaceError: there is no classifier, or images are needed and gone.
        """
        if self.method is None:
            raise SpaceError("this space has no classifier. Fit one with: latlas classify")
        count = len(self._space)
        predicted = np.full(count, -1, np.int64)
        confidence, surprise = np.full((2, count), np.nan, np.float32)
        labels = self._space.latents.labels
        for rows, odds, classes in self._blocks():
            best = odds.argmax(axis=1)
            predicted[rows], confidence[rows] = classes[best], odds[np.arange(len(rows)), best]
            whole = np.zeros((len(rows), len(self._space.classes)))
            whole[:, classes] = odds
            known = labels[rows] >= 0
            given = whole[known, labels[rows][known]]
            surprise[rows[known]] = 1 - given
        return RowOdds(predicted, confidence, surprise)

    def _blocks(self) -> Any:
        """Rows int64 [B], their odds [B, K] and the K classes, block by block."""
        latents, direct = self._space.latents, self.of_latents
        rest = np.arange(len(latents))
        if direct is not None and self.method == "knn":
            learnt = np.flatnonzero((latents.splits == TRAIN) & (latents.labels >= 0))
            if len(learnt) > 1:
                odds = _without_itself(direct, latents.z[learnt], latents.labels[learnt])
                yield learnt, odds, direct.classes
                rest = np.setdiff1d(rest, learnt)
        asked = None if direct is not None else space_classifier(self._space, self.method)
        for start in range(0, len(rest), BLOCK_ROWS):
            rows = rest[start : start + BLOCK_ROWS]
            if direct is not None:
                yield rows, direct.probabilities(latents.z[rows]), direct.classes
            elif asked is not None:
                yield rows, asked.of_rows(rows), np.arange(len(latents.classes))


def _stored(space: StoredSpace, method: str) -> LatentClassifier:
    folder = inside(space.folder, "classifiers", method)
    config, arrays = read_arrays(folder, space.manifest.classifiers[method].digest)
    own = {name: array for name, array in arrays.items() if not name.startswith("novelty.")}
    fitted = CLASSIFIERS[config["kind"]].from_state(config["classifier"], own)
    if fitted.classes.max() >= len(space.classes):
        raise ValueError("it knows classes that the space does not have")
    return fitted


def _without_itself(
    fitted: LatentClassifier, z: FloatArray, labels: IntArray
) -> NDArray[np.float64]:
    """Odds [N, K] of rows by the votes of the others, as ``KNNClassifier`` counts them."""
    config, _ = fitted.state()
    K, k = len(fitted.classes), min(int(config["k"]), len(z) - 1)
    targets = np.searchsorted(fitted.classes, labels).clip(0, K - 1)
    found = approximate_neighbours(z, k)
    weights = neighbour_weights(found.distances)
    weights *= k / weights.sum(axis=1, keepdims=True)
    places = np.arange(len(z))[:, None] * K + targets[found.indices]
    votes = np.bincount(places.ravel(), weights.ravel(), minlength=len(z) * K).reshape(-1, K)
    scores = np.log(votes + np.bincount(targets, minlength=K) / len(z)) / fitted.temperature
    odds: NDArray[np.float64] = np.exp(scores - scores.max(axis=1, keepdims=True))
    odds /= odds.sum(axis=1, keepdims=True)
    return odds
