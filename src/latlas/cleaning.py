"""What may be wrong with a dataset, found in its space: copies, strangers, doubtful labels."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latlas.checkpoint import write_file
from latlas.contracts import IntArray, NoProgress, OptionError, Progress, SpaceError, UInt8Array
from latlas.findings import duplicates, mislabelled, outliers
from latlas.models import SCOPES
from latlas.plots import findings_sheet, save
from latlas.stored import StoredSpace

__all__ = ["KINDS", "Findings", "find"]

KINDS = ("duplicates", "outliers", "mislabelled")
SHOWN = 40
HEADINGS = {
    "duplicates": "Near duplicates",
    "outliers": "Outliers",
    "mislabelled": "Suspicious labels",
}
MOST_VALUES = 200_000_000
"""Up to so many values in all, images also take part as they are when labels are judged."""


@dataclass(frozen=True)
class Findings:
    """A ranking of images, the most suspicious first.

    Attributes:
        kind: one of ``KINDS``.
        ids: int64 [N].
        partners: int64 [N], the other id of each pair of duplicates; empty for other kinds.
        scores: float64 [N], higher is more suspicious; see ``latlas.findings``.
        columns: names of further columns.
        values: a row for each finding with the values of those columns.
        uris: N strings, what the images are called.
        thumbnails: gives the images of ids, uint8 [n, h, w, C].
    """

    kind: str
    ids: IntArray
    partners: IntArray
    scores: NDArray[np.float64]
    columns: tuple[str, ...]
    values: Sequence[tuple[Any, ...]]
    uris: Sequence[str]
    thumbnails: Callable[[IntArray], UInt8Array]

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, most: int | None = None) -> list[dict[str, Any]]:
        """A mapping for each of the first ``most`` findings; all with None."""
        shown = slice(0, most)
        rows = zip(
            self.ids[shown], self.uris[shown], self.scores[shown], self.values[shown], strict=True
        )
        return [
            {"id": int(number), "uri": uri, "score": round(float(score), 4)}
            | dict(zip(self.columns, values, strict=True))
            for number, uri, score, values in rows
        ]

    def write(self, path: str | Path) -> Path:
        """Writes a ranked ``.csv``, or a picture of the first 40 (``.png``, ``.svg``, ``.pdf``).

        Raises:
            OptionError: another suffix, or a picture of nothing.
            StorageError: the file cannot be written.
        """
        path = Path(path)
        if path.suffix != ".csv":
            return self.plot(path)
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(["rank", "id", "uri", "score", *self.columns])
        for rank, row in enumerate(self.rows(), 1):
            writer.writerow([rank, *row.values()])
        write_file(path, table.getvalue().encode())
        return path

    def plot(self, path: str | Path) -> Path:
        """Draws the first 40 findings to a PNG, SVG or PDF file.

        Raises:
            OptionError: there is nothing to draw, or another suffix.
            StorageError: the file cannot be written.
        """
        if not len(self):
            raise OptionError(f"nothing was found, so there is nothing to draw in {path}.")
        most = SHOWN
        if self.kind == "mislabelled":  # below 0 the label as given is the likelier one
            most = min(SHOWN, max(1, int((self.scores > 0).sum())))
        shown = slice(0, most)
        pairs = self.thumbnails(self.partners[shown]) if len(self.partners) else None
        titles, subtitles = self._words(shown)
        figure = findings_sheet(
            self.thumbnails(self.ids[shown]),
            titles,
            subtitles,
            pairs,
            title=HEADINGS[self.kind],
            subtitle=f"the first {len(titles)} of {len(self):,}, most suspicious first",
        )
        return save(figure, Path(path))

    def _words(self, shown: slice) -> tuple[list[str], list[str]]:
        rows = list(self.values[shown])
        ids = self.ids[shown].tolist()
        if self.kind == "mislabelled":
            return (
                [f"labelled {given}, like {other}" for given, other, *_ in rows],
                [
                    f"id {i} · {s} at {float(p):.0%}"
                    for i, (_, s, p, _) in zip(ids, rows, strict=True)
                ],
            )
        if self.kind == "duplicates":
            partners = self.partners[shown].tolist()
            titles = [f"{i} and {p}" for i, p in zip(ids, partners, strict=True)]
            return titles, [f"distance {float(row[2]):.3f}" for row in rows]
        titles = [row[0] or "no label" for row in rows]
        return titles, [f"id {i} · {s:.1f}" for i, s in zip(ids, self.scores[shown], strict=True)]


def find(
    space: StoredSpace, kind: str, *, seed: int = 0, progress: Progress | None = None
) -> Findings:
    """Ranks the images of a space by how suspicious they are; nothing is changed.

    Args:
        space: the space.
        kind: ``duplicates``: pairs that are closer than chance allows; ``outliers``: images that
            the space does not know how to draw, or that lie alone; ``mislabelled``: images whose
            label others doubt.
        seed: seed of the search.
        progress: where to report.

    Raises:
        OptionError: an unknown kind, or labels are needed and there are none.
    """
    if kind not in KINDS:
        raise OptionError(f"kind is {kind!r}; choose one of {', '.join(KINDS)}.")
    progress = progress or NoProgress()
    if kind == "mislabelled":
        return _mislabelled(space, seed, progress)
    with progress.stage(f"looking for {kind}", None):
        return _duplicates(space, seed) if kind == "duplicates" else _outliers(space, seed)


def _groups(space: StoredSpace) -> list[IntArray]:
    """Rows whose latents can be compared: all, or those of each class's own space."""
    told = space.latents.told
    if space.scope != "per-class":
        return [np.arange(len(told))]
    return [np.flatnonzero(told == label) for label in np.unique(told)]


def _duplicates(space: StoredSpace, seed: int) -> Findings:
    latents = space.latents
    first: list[Any] = []
    for rows in _groups(space):
        if len(rows) < 3:
            continue
        found = duplicates(latents.z[rows], seed=seed)
        first.append((rows[found.rows], rows[found.partners], found.scores, found.distances))
    a, b, scores, distances = (
        (np.concatenate(parts) for parts in zip(*first, strict=True))
        if first
        else (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0), np.empty(0))
    )
    order = np.argsort(-scores, kind="stable")
    a, b, scores, distances = a[order], b[order], scores[order], distances[order]
    values = [
        (int(latents.ids[j]), latents.uris[int(j)], f"{d:.6f}", _name(space, i), _name(space, j))
        for i, j, d in zip(a, b, distances, strict=True)
    ]
    columns = ("partner_id", "partner_uri", "distance", "label", "partner_label")
    return _findings(space, "duplicates", a, scores, columns, values, partners=b)


def _outliers(space: StoredSpace, seed: int) -> Findings:
    latents = space.latents
    scores = np.zeros(len(latents))
    for rows in _groups(space):
        if len(rows) < 3:
            continue
        found = outliers(latents.z[rows], latents.errors[rows], seed=seed)
        scores[rows[found.rows]] = found.scores
    order = np.argsort(-scores, kind="stable")
    values = [(_name(space, row), f"{latents.errors[row]:.6f}") for row in order]
    return _findings(
        space, "outliers", order, scores[order], ("label", "reconstruction_error"), values
    )


def _mislabelled(space: StoredSpace, seed: int, progress: Progress) -> Findings:
    latents = space.latents
    if len(space.classes) < 2 or not (latents.labels >= 0).any():
        raise OptionError(
            "looking for wrong labels needs labels of at least two classes, and this space has "
            "none. Duplicates and outliers can be found without."
        )
    everything = np.arange(len(latents))
    # Latents that know the label would vouch for it.
    z = latents.z if space.scope == SCOPES[0] else space.unlabelled_latents(everything)
    pixels = None
    if len(latents) * int(np.prod(space.shape)) <= MOST_VALUES:
        try:
            pixels = space.pixels(everything).reshape(len(everything), -1)
        except SpaceError as error:
            progress.note(f"labels are judged by latents alone: {error}")
    features = None if pixels is None else pixels.astype(np.float32) / np.float32(255)
    found = mislabelled(z, latents.labels, features, seed=seed, progress=progress)
    values = [
        (space.label(int(given)), space.label(int(other)), f"{p:.4f}", f"{own:.6f}")
        for given, other, p, own in zip(
            found.labels, found.suggested, found.probabilities, found.given, strict=True
        )
    ]
    columns = ("label", "suggested", "p_suggested", "p_label")
    return _findings(space, "mislabelled", found.rows, found.scores, columns, values)


def _findings(
    space: StoredSpace,
    kind: str,
    rows: IntArray,
    scores: NDArray[np.float64],
    columns: tuple[str, ...],
    values: Sequence[tuple[Any, ...]],
    partners: IntArray | None = None,
) -> Findings:
    latents = space.latents
    return Findings(
        kind,
        latents.ids[rows],
        latents.ids[partners] if partners is not None else np.empty(0, np.int64),
        scores,
        columns,
        values,
        [latents.uris[int(row)] for row in rows],
        space.thumbnails,
    )


def _name(space: StoredSpace, row: int) -> str:
    return space.label(int(space.latents.labels[row]))
