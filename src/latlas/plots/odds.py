"""What the pictures ask of probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from latlas.contracts import FloatArray, OptionError

__all__ = ["as_probabilities"]


def as_probabilities(name: str, odds: NDArray[Any], before: str, classes: int) -> FloatArray:
    """Probabilities as float32 [..., K].

    Args:
        name: what the caller calls them.
        odds: float [..., K] in 0..1, sums of 1 over the last axis.
        before: the names of the leading axes, for instance ``"G, G"``.
        classes: K.

    Raises:
        OptionError: another shape, none at all, or values that are no probabilities.
    """
    odds = np.asarray(odds)
    if odds.ndim != before.count(",") + 2 or odds.shape[-1] != classes or odds.size == 0:
        raise OptionError(
            f"{name} are {list(odds.shape)} with {classes} class names; expected [{before}, K], "
            "one probability for each class. Give one name for each class."
        )
    total = odds.sum(axis=-1, dtype=np.float64)
    if not (np.abs(total - 1) < 0.01).all() or odds.min() < -1e-6:
        raise OptionError(
            f"{name} are not probabilities: they do not add up to 1 over the classes, or are below "
            "0 or not finite. Divide scores by their sum, or take a softmax of logits."
        )
    return odds.astype(np.float32)
