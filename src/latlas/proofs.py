"""Pictures that prove a classifier of a space: confusions, reliability, regions on the map."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from latlas.classification import Judgement, SpaceClassifier
from latlas.contracts import FloatArray, IntArray, UInt8Array
from latlas.neighbours import nearest
from latlas.plots import confusion, decision_regions, reliability_curve, save
from latlas.projections import DEFAULT_MAP
from latlas.stored import StoredSpace

__all__ = ["draw_proofs"]

EXAMPLES = 4
GRID = 160
NEAR = 12


def draw_proofs(asked: SpaceClassifier, judged: Judgement, folder: Path) -> list[Path]:
    """Draws the confusion matrix, the reliability curve and, on a map, the decision regions.

    Args:
        asked: the classifier.
        judged: how it does on held-out images.
        folder: where the pictures go: ``confusion-NAME.png``, ``reliability-NAME.png`` and
            ``regions-NAME.png``.

    Returns:
        The paths of those that fit the space.
    """
    space, name = asked.space, asked.method
    counts = _counts(judged, len(space.classes))
    paths = []
    if 2 <= len(space.classes) <= 200:
        figure = confusion(
            counts,
            space.classes,
            _examples(space, judged),
            title=f"What the classifier {name} mixes up",
        )
        paths.append(save(figure, folder / f"confusion-{name}.png"))
    figure = reliability_curve(
        judged.bins.confidence,
        judged.bins.accuracy,
        judged.bins.count,
        judged.calibration,
        title=f"How far to trust the classifier {name}",
    )
    paths.append(save(figure, folder / f"reliability-{name}.png"))
    chosen = [made for made in space.manifest.maps if made != "pca"] or list(space.manifest.maps)
    if chosen and space.scope != "per-class" and len(space.classes) <= 200:
        map_name = DEFAULT_MAP if DEFAULT_MAP in chosen else chosen[-1]
        paths.append(_regions(asked, judged, map_name, folder / f"regions-{name}.png"))
    return paths


def _counts(judged: Judgement, classes: int) -> IntArray:
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (judged.truth, judged.answers), 1)
    return counts


def _examples(space: StoredSpace, judged: Judgement) -> dict[tuple[int, int], UInt8Array]:
    """A few images of each wrong cell, the surest mistakes first."""
    wrong = np.flatnonzero(judged.truth != judged.answers)
    sure = judged.probabilities[wrong].max(axis=1)
    wrong = wrong[np.argsort(-sure, kind="stable")]
    cells: dict[tuple[int, int], list[int]] = {}
    for index in wrong.tolist():
        cell = (int(judged.truth[index]), int(judged.answers[index]))
        cells.setdefault(cell, []).append(index)
    largest = sorted(cells, key=lambda cell: -len(cells[cell]))[:12]
    ids = space.latents.ids
    return {
        cell: space.thumbnails(ids[judged.rows[np.array(cells[cell][:EXAMPLES])]])
        for cell in largest
    }


def _regions(asked: SpaceClassifier, judged: Judgement, map_name: str, path: Path) -> Path:
    """A map has no way back to the latents: a place is asked through the images around it."""
    space = asked.space
    xy = space.store.map(map_name)[judged.rows]
    placed = np.isfinite(xy).all(axis=1)
    xy, p = xy[placed], judged.probabilities[placed]
    low, high = xy.min(axis=0), xy.max(axis=0)
    margin = 0.03 * (high - low).max() + 1e-6
    left, bottom = (low - margin).tolist()
    right, top = (high + margin).tolist()
    grid = _grid(xy, p, (left, right, bottom, top))
    figure = decision_regions(
        xy,
        judged.truth[placed],
        space.classes,
        grid,
        (left, right, bottom, top),
        title=f"Where the classifier {asked.method} draws its borders",
    )
    return save(figure, path)


def _grid(
    xy: FloatArray, p: NDArray[np.float64], extent: tuple[float, float, float, float]
) -> NDArray[np.float64]:
    """Odds at the middles of a grid's cells, of the nearest points, by 1 / distance: [G, G, K]."""
    left, right, bottom, top = extent
    step_x, step_y = (right - left) / GRID, (top - bottom) / GRID
    x = left + step_x * (np.arange(GRID) + 0.5)
    y = top - step_y * (np.arange(GRID) + 0.5)
    cells = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2).astype(np.float32)
    found = nearest(cells, xy, min(NEAR, len(xy)))
    weights = 1 / (found.distances.astype(np.float64) + max(step_x, step_y))
    weights /= weights.sum(axis=1, keepdims=True)
    odds: NDArray[np.float64] = np.einsum("gk,gkc->gc", weights, p[found.indices])
    return odds.reshape(GRID, GRID, p.shape[1])
