"""What a classifier says of images, as a named result."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latlas.checkpoint import write_file
from latlas.contracts import OptionError

__all__ = ["Answers"]


@dataclass(frozen=True)
class Answers:
    """What a classifier says of images.

    Attributes:
        names: what the images are called.
        labels: the most probable class of each.
        probabilities: float64 [N, K], one column for each of ``classes``; rows sum to 1.
        classes: K label names.
        novel: bool [N], whether an image lies outside what the space knows.
        strangeness: float64 [N], -log10 of the share of known images that are as strange.
        method: name of the classifier.
        false_alarms: share of known images that ``novel`` calls so, 0..1.
    """

    names: tuple[str, ...]
    labels: tuple[str, ...]
    probabilities: NDArray[np.float64]
    classes: tuple[str, ...]
    novel: NDArray[np.bool_]
    strangeness: NDArray[np.float64]
    method: str
    false_alarms: float

    def __len__(self) -> int:
        return len(self.names)

    def rows(self) -> list[dict[str, Any]]:
        """A mapping for each image: path, label, probability, novel, strangeness."""
        return [
            {
                "path": name,
                "label": self.labels[row],
                "probability": round(float(self.probabilities[row].max()), 6),
                "novel": bool(self.novel[row]),
                "strangeness": round(float(self.strangeness[row]), 3),
            }
            for row, name in enumerate(self.names)
        ]

    def write(self, path: str | Path) -> Path:
        """Writes a CSV: path, label, probability, novel, strangeness, and the odds of each class.

        Raises:
            OptionError: the path does not end in ``.csv``.
            StorageError: the file cannot be written.
        """
        path = Path(path)
        if path.suffix != ".csv":
            raise OptionError(f"answers go to a file that ends in .csv; got {path}.")
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        odds = [f"p({name})" for name in self.classes]
        writer.writerow(["path", "label", "probability", "novel", "strangeness", *odds])
        for row, name in enumerate(self.names):
            p = self.probabilities[row]
            writer.writerow(
                [
                    name,
                    self.labels[row],
                    f"{p.max():.4f}",
                    str(bool(self.novel[row])).lower(),
                    f"{self.strangeness[row]:.2f}",
                    *(f"{value:.4f}" for value in p),
                ]
            )
        write_file(path, table.getvalue().encode())
        return path
