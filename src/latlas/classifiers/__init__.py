"""Classifiers: they tell the classes of images apart by latents, with calibrated probabilities.

To add one, write a subclass of ``LatentClassifier`` and give it a name in ``CLASSIFIERS``.
``Novelty`` tells whether an image is like the known ones at all.
"""

from __future__ import annotations

from latlas.classifiers.base import LatentClassifier
from latlas.classifiers.bayes import BayesClassifier
from latlas.classifiers.calibration import Reliability, calibration_error, reliability
from latlas.classifiers.knn import KNNClassifier
from latlas.classifiers.linear import LinearClassifier
from latlas.classifiers.novelty import Novelty
from latlas.classifiers.spread import SpreadClassifier

__all__ = [
    "CLASSIFIERS",
    "DEFAULT_CLASSIFIER",
    "BayesClassifier",
    "KNNClassifier",
    "LatentClassifier",
    "LinearClassifier",
    "Novelty",
    "Reliability",
    "SpreadClassifier",
    "calibration_error",
    "reliability",
]

CLASSIFIERS: dict[str, type[LatentClassifier]] = {
    classifier.name: classifier
    for classifier in (
        LinearClassifier,
        KNNClassifier,
        BayesClassifier,
        SpreadClassifier,
    )
}
"""Every classifier by its name; each is made with ``CLASSIFIERS[name](seed=0)``."""

DEFAULT_CLASSIFIER = KNNClassifier.name
"""The classifier that a space gets when none is named."""
