"""Where a classifier's answer changes on a map."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from latlas.atlas.maps import MapView
from latlas.classifiers.base import LatentClassifier
from latlas.contracts import FloatArray
from latlas.lazily import lazy_import
from latlas.projections import PCA

__all__ = ["GRID", "MARGIN", "SIZE", "draw_borders"]

spatial = lazy_import("scipy.spatial")

SIZE = 128
"""Cells on a side of the grid."""
MARGIN = 0.06
NEAR = 8
FAR = 0.06
"""Cells further from any image than this share of the map's longer side show no class."""
NONE = 255
GRID = (SIZE, MARGIN, NEAR, FAR)
"""What the answers depend on beside the space."""


def draw_borders(
    view: MapView, z: FloatArray, classifier: LatentClassifier, plane: PCA | None
) -> NDArray[np.uint8]:
    """The classifier's answer at the middle of each cell of a grid over a map.

    A place is asked about by one latent vector. On the map of PCA that is the point of the plane
    itself. On other maps it is the mean of the latents of the 8 images whose places are nearest,
    weighted by 1 / (distance + cell): nearly what the page decodes there by the way "nearest".

    Args:
        view: the map.
        z: float32 [N, D], the latents of its rows.
        classifier: what is asked, of a space of scope global.
        plane: the fitted plane of the map of PCA; None for other maps.

    Returns:
        uint8 [128, 128, 2]: the class, 255 where no image is near (and for classes from 255 on),
        and the odds of that class in 0..255. The first row is the top one; the square spans the
        corners of the map, widened by 6% of each side.
    """
    there = np.isfinite(view.xy).all(axis=1)
    xy, latents = view.xy[there], z[there]
    low, high = view.box.astype(np.float64)
    side = high - low
    at = (np.arange(SIZE) + 0.5) / SIZE * (1 + 2 * MARGIN) - MARGIN
    x, y = low[0] + side[0] * at, low[1] + side[1] * at[::-1]
    cells = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2).astype(np.float32)
    near = np.arange(1, min(NEAR, len(xy)) + 1)
    # On a plane a tree is much the quickest.
    distances, rows = spatial.cKDTree(xy).query(cells, near)
    close = distances[:, 0] <= FAR * side.max()
    out = np.full((SIZE * SIZE, 2), (NONE, 0), np.uint8)
    if not close.any():
        return out.reshape(SIZE, SIZE, 2)
    if plane is not None:
        asked = plane.inverse(cells[close])
    else:
        weights = 1 / (distances[close] + side.max() / SIZE)
        weights /= weights.sum(axis=1, keepdims=True)
        mean = np.einsum("ck,ckd->cd", weights, latents[rows[close]])
        asked = mean.astype(np.float32)
    odds = classifier.probabilities(asked)
    best = odds.argmax(axis=1)
    out[close, 0] = np.minimum(classifier.classes[best], NONE)
    out[close, 1] = np.rint(255 * odds[np.arange(len(odds)), best])
    return out.reshape(SIZE, SIZE, 2)
