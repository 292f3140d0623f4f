"""What a comparison is made of: candidates, measured rows, and the whole."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from latlas.checkpoint import write_file
from latlas.measures.intervals import seeds_interval

__all__ = ["MEASURES", "Candidate", "Comparison", "Row"]

MEASURES: dict[str, tuple[str, str, str]] = {
    "reconstruction_mse": ("reconstruction error", "lower", ".5f"),
    "frechet_distance": ("Fréchet distance", "lower", ".2f"),
    "kernel_distance": ("kernel distance", "lower", ".4f"),
    "precision": ("precision", "higher", ".3f"),
    "recall": ("recall", "higher", ".3f"),
    "density": ("density", "higher", ".3f"),
    "coverage": ("coverage", "higher", ".3f"),
    "label_agreement": ("label agreement", "higher", ".4f"),
    "memorisation": ("memorisation", "lower", ".3f"),
    "accuracy_own": ("accuracy, own way", "higher", ".4f"),
    "accuracy_linear": ("accuracy, linear probe", "higher", ".4f"),
    "train_seconds": ("training, seconds", "lower", ".0f"),
    "images_seen": ("images seen", "", ",.0f"),
    "parameters": ("parameters", "", ",.0f"),
    "model_bytes": ("model, bytes", "", ",.0f"),
}
"""Every row of the table: its name in print, which way is better, and how it is printed."""


SHARES = {
    *("precision", "recall", "coverage", "label_agreement", "memorisation"),
    *("accuracy_own", "accuracy_linear"),
}
"""Measures that lie in 0..1, and so do the ends of their intervals."""


@dataclass(frozen=True)
class Candidate:
    """What takes part: a model of one scope and one latent dimension, and a prior."""

    scope: str
    model: str
    latent_dim: int
    prior: str

    @property
    def space_name(self) -> str:
        """Name of its spaces' folders, without the seed; priors share a space."""
        return f"{self.model}-{self.latent_dim}-{self.scope}"


@dataclass(frozen=True)
class Row:
    """One measure of one candidate over all seeds.

    Attributes:
        measure: a key of ``MEASURES``, perhaps with ``":CLASS"`` behind.
        candidate: its name in this comparison.
        values: one for each seed.
        mean: their mean.
        low, high: 95% t-interval over the seeds; with a single seed a bootstrap interval over
            the images, or None where there is none.
        floor: the same measure on real images; None where there is none.
    """

    measure: str
    candidate: str
    values: tuple[float, ...]
    mean: float
    low: float | None
    high: float | None
    floor: float | None = None

    @classmethod
    def of(
        cls,
        measure: str,
        candidate: str,
        values: Sequence[float],
        floor: float | None = None,
        interval: tuple[float, float] | None = None,
    ) -> Row:
        """The row of values: with their t-interval, or with one seed the interval given."""
        given = tuple(float(value) for value in values)
        if len(given) < 2:
            low, high = interval or (None, None)
            return cls(measure, candidate, given, given[0], low, high, floor)
        found = seeds_interval(given)
        low, high = found.low, found.high
        if measure.split(":", maxsplit=1)[0] in SHARES:
            low, high = max(low, 0.0), min(high, 1.0)
        return cls(measure, candidate, given, found.value, low, high, floor)


@dataclass(frozen=True)
class Comparison:
    """Candidates measured side by side at equal budget, and what follows.

    Attributes:
        source: the images.
        folder: where its spaces, tables and pictures lie.
        candidates: by their names, in the order asked for.
        rows: every measure of every candidate.
        answers: plain sentences, each backed by rows.
        seeds: the seeds that each candidate was trained with.
        curve: by images per class and candidate: measures at that size; empty if not taken.
        judge_accuracy: share of unseen images that the judge puts right; None without a judge.
        pictures: what was drawn.
    """

    source: str
    folder: Path
    candidates: Mapping[str, Candidate]
    rows: tuple[Row, ...]
    answers: tuple[str, ...]
    seeds: tuple[int, ...]
    curve: Mapping[int, Mapping[str, Mapping[str, float]]] = field(default_factory=dict)
    judge_accuracy: float | None = None
    pictures: tuple[Path, ...] = ()

    def row(self, measure: str, candidate: str) -> Row | None:
        """One row, None where it was not measured."""
        for row in self.rows:
            if (row.measure, row.candidate) == (measure, candidate):
                return row
        return None

    def table(self) -> list[str]:
        """The table as lines of text: a line for each measure, a column for each candidate."""
        names = list(self.candidates)
        lines: list[list[str]] = [["", *names, "real images"]]
        for measure, (title, better, how) in MEASURES.items():
            rows = [self.row(measure, name) for name in names]
            if not any(rows):
                continue
            cells = [_cell(row, how) for row in rows]
            floor = next((row.floor for row in rows if row and row.floor is not None), None)
            arrow = {"lower": " ↓", "higher": " ↑"}.get(better, "")
            lines.append([title + arrow, *cells, "" if floor is None else format(floor, how)])
        widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
        return [
            "  ".join(
                cell.ljust(width) if i == 0 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        ]

    def as_json(self) -> dict[str, Any]:
        """Everything but the pictures, as JSON values."""
        return {
            "source": self.source,
            "seeds": list(self.seeds),
            "candidates": {name: vars(c) for name, c in self.candidates.items()},
            "judge_accuracy": self.judge_accuracy,
            "rows": [vars(row) | {"values": list(row.values)} for row in self.rows],
            "curve": {str(size): dict(points) for size, points in self.curve.items()},
            "answers": list(self.answers),
        }

    def write_csv(self, path: Path) -> Path:
        """Writes a line for each row: measure, candidate, mean, low, high, floor, values."""
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(["measure", "candidate", "mean", "low", "high", "floor", "values"])
        for row in self.rows:
            ends = ["" if end is None else end for end in (row.low, row.high, row.floor)]
            values = " ".join(map(str, row.values))
            writer.writerow([row.measure, row.candidate, row.mean, *ends, values])
        write_file(path, table.getvalue().encode())
        return path


def _cell(row: Row | None, how: str) -> str:
    if row is None:
        return ""
    if row.low is None or row.high is None or how.startswith(","):
        return format(row.mean, how)
    return f"{format(row.mean, how)} ± {format((row.high - row.low) / 2, how)}"
