"""The pictures of a comparison: samples of every candidate side by side, and its scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from latlas.comparing.records import MEASURES, Candidate, Row
from latlas.contracts import TEST, Images, UInt8Array
from latlas.plots import sample_rows, save, score_bars
from latlas.space import Space

__all__ = ["draw_comparison"]

MOST_ROWS, EACH = 10, 5
MOST_BLOCKS = 4
DRAWN = (
    "label_agreement",
    "frechet_distance",
    "coverage",
    "reconstruction_mse",
    "accuracy_own",
    "accuracy_linear",
)


def draw_comparison(
    folder: Path,
    images: Images,
    spaces: Mapping[str, Space],
    candidates: Mapping[str, Candidate],
    rows: Sequence[Row],
) -> tuple[Path, ...]:
    """Draws ``scores.png`` and, where there are labels, ``samples.png`` into ``folder``.

    Args:
        folder: of the comparison.
        images: the source.
        spaces: one space of each candidate.
        candidates: by name.
        rows: the table.
    """
    paths = [save(score_bars(_bars(rows), title="Side by side"), folder / "scores.png")]
    known = np.unique(images.labels[images.labels >= 0])[:MOST_ROWS]
    if len(known) > 1:
        blocks = {"real images": _real(images, known)}
        for name, space in list(spaces.items())[: MOST_BLOCKS - 1]:
            blocks[name] = _samples(space, candidates[name].prior, known)
        agreement = {r.candidate: r.mean for r in rows if r.measure == "label_agreement"}
        figure = sample_rows(
            blocks,
            "New images of each class",
            classes=[images.classes[int(k)] for k in known],
            notes={n: f"label agreement {agreement[n]:.1%}" for n in blocks if n in agreement},
        )
        paths.append(save(figure, folder / "samples.png"))
    return tuple(paths)


def _real(images: Images, labels: Any) -> UInt8Array:
    blocks = []
    for label in labels:
        own = np.flatnonzero(images.labels == label)
        held = own[images.splits[own] == TEST]
        rows = np.resize(held if len(held) >= EACH else own, EACH)
        blocks.append(np.asarray(images.pixels[np.sort(rows)]))
    return np.stack(blocks)


def _samples(space: Space, prior: str, labels: Any) -> UInt8Array:
    names = [space.label(int(label)) for label in labels]
    drawn = space.sample(EACH * len(names), names, prior=prior)
    return drawn.images.reshape(len(names), EACH, *drawn.images.shape[1:])


def _bars(rows: Sequence[Row]) -> list[dict[str, Any]]:
    bars: list[dict[str, Any]] = []
    for measure in DRAWN:
        title, better, _ = MEASURES[measure]
        own = [row for row in rows if row.measure == measure]
        for row in own:
            bar = {"measure": title, "name": row.candidate, "value": row.mean, "better": better}
            ends = {} if row.low is None else {"low": row.low, "high": row.high}
            bars.append(bar | ends)
        floor = next((row.floor for row in own if row.floor is not None), None)
        if floor is not None and measure != "reconstruction_mse":
            bars.append(
                {"measure": title, "name": "real images", "value": floor, "better": better}
                | {"role": "floor"}
            )
    return bars
