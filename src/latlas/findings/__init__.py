"""What is wrong with a dataset, found in its latents: copies, strangers, wrong labels.

Each function takes arrays and gives a ranking, worst first; nothing is changed or thrown away.
``planted`` makes cases whose answer is known, to measure the rankings by.
"""

from latlas.findings.copies import Duplicates, duplicates
from latlas.findings.labels import Mislabelled, mislabelled
from latlas.findings.planted import (
    Planted,
    plant_copies,
    plant_foreign,
    plant_labels,
    precision_at,
)
from latlas.findings.strangers import Outliers, outliers

__all__ = [
    "Duplicates",
    "Mislabelled",
    "Outliers",
    "Planted",
    "duplicates",
    "mislabelled",
    "outliers",
    "plant_copies",
    "plant_foreign",
    "plant_labels",
    "precision_at",
]
