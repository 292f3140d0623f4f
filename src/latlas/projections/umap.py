"""UMAP by umap-learn, an optional package: it brings numba, which compiles at first use."""

from __future__ import annotations

import importlib
import warnings

from latlas.contracts import FloatArray, MissingExtraError, Progress
from latlas.projections.placement import NeighbourMap

__all__ = ["UMAP"]


class UMAP(NeighbourMap):
    """Uniform manifold approximation and projection (McInnes, Healy & Melville, 2018).

    New points are placed as on the other neighbour maps, not by umap-learn's own ``transform``:
    so a stored map needs none of umap-learn's objects.

    Args:
        seed: seed of the layout, from 0 on; a seeded layout of umap-learn uses one thread.
        neighbours: k, from 2 on; fewer where there are fewer other points.
    """

    name = "umap"
    settings = ("seed", "neighbours")

    def __init__(self, seed: int = 0, neighbours: int = 15) -> None:
        super().__init__(seed)
        self.neighbours = neighbours

    def _layout(self, z: FloatArray, progress: Progress) -> FloatArray:
        with progress.stage("laying out the map", 1) as stage, warnings.catch_warnings():
            # Its warnings tell of its own choices (one thread for a seed, a small graph).
            warnings.simplefilter("ignore")
            try:
                package = importlib.import_module("umap")
            except ImportError as error:
                raise MissingExtraError("the UMAP map", "maps") from error
            reducer = package.UMAP(
                n_neighbors=max(2, min(self.neighbours, len(z) - 1)), random_state=self.seed
            )
            xy: FloatArray = reducer.fit_transform(z).astype("float32")
            stage.advance()
        return xy
