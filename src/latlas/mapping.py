"""Maps of a space: laid out, scored and kept in it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from latlas.contracts import FloatArray, IntArray, Progress, Projection
from latlas.measures.spaces import neighbour_preservation, trustworthiness
from latlas.neighbours import FEWEST_FOR_A_LAYOUT
from latlas.projections import PROJECTIONS, Panels
from latlas.stored import StoredSpace

__all__ = ["make_map"]

QUALITY_NEIGHBOURS = 10
_MAP_MEASURES = {
    "trustworthiness": trustworthiness,
    "neighbour_preservation": neighbour_preservation,
}


def make_map(space: StoredSpace, name: str, seed: int, progress: Progress) -> None:
    """Lays out a map, scores it, and keeps it in the space; who calls holds the space."""
    z, told = space.latents.z, space.latents.told
    projection: Projection | Panels
    if space.scope == "per-class":
        projection = Panels(PROJECTIONS[name], len(space.classes), seed).fit(z, told, progress)
        groups = [np.flatnonzero(told == label) for label in np.unique(told)]
    else:
        projection = PROJECTIONS[name](seed=seed).fit(z, progress)
        groups = [np.arange(len(z))]
    space.store.set_map(name, projection.xy_)
    scores = _map_scores(z, projection.xy_, groups, seed)
    config, arrays = projection.state()
    space.keep_part("maps", name, config | {"rows": len(z)}, arrays, scores)
    said = ", ".join(f"{key.replace('_', ' ')} {value:.3f}" for key, value in scores.items())
    few = name != "pca" and len(z) < FEWEST_FOR_A_LAYOUT
    laid_out = f" (with under {FEWEST_FOR_A_LAYOUT} images it is the PCA map)" if few else ""
    progress.note(f"map {name}{laid_out}: {said or 'too few images for a score'}")


def _map_scores(
    z: FloatArray, xy: FloatArray, groups: Sequence[IntArray], seed: int
) -> dict[str, float]:
    """Scores of a map; of panels, which are maps of their own, the means over their images."""
    sums, total = {"trustworthiness": 0.0, "neighbour_preservation": 0.0}, 0
    for rows in groups:
        if len(rows) <= 3:
            continue
        k = min(QUALITY_NEIGHBOURS, max(1, (len(rows) - 1) // 2))
        for name, measure in _MAP_MEASURES.items():
            sums[name] += len(rows) * measure(z[rows], xy[rows], k=k, seed=seed)
        total += len(rows)
    return {name: value / total for name, value in sums.items()} if total else {}
