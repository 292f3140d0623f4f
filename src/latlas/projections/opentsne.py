"""t-SNE by openTSNE, an optional package: the reference that our own t-SNE is measured against."""

from __future__ import annotations

import importlib
import warnings

import numpy as np
import torch

from latlas.contracts import FloatArray, MissingExtraError, Progress
from latlas.projections.placement import NeighbourMap

__all__ = ["OpenTSNE"]

ITERATIONS = 750
REPORT_EVERY = 25


class OpenTSNE(NeighbourMap):
    """openTSNE with its own defaults (Poličar, Stražar & Zupan, "openTSNE", 2019).

    Args:
        seed: seed of the layout, from 0 on.
        perplexity: effective number of neighbours, above 0; less where there are few points.
    """

    name = "opentsne"
    settings = ("seed", "perplexity")

    def __init__(self, seed: int = 0, perplexity: float = 30.0) -> None:
        super().__init__(seed)
        self.perplexity = perplexity

    def _layout(self, z: FloatArray, progress: Progress) -> FloatArray:
        with (
            progress.stage("laying out the map", ITERATIONS, "steps") as stage,
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            try:
                package = importlib.import_module("openTSNE")
            except ImportError as error:
                raise MissingExtraError("the openTSNE map", "maps") from error

            def tell(_iteration: int, divergence: float, _places: object) -> None:
                stage.advance(REPORT_EVERY, divergence=float(divergence))

            layout = package.TSNE(
                perplexity=min(self.perplexity, (len(z) - 1) / 3),
                n_jobs=torch.get_num_threads(),
                random_state=self.seed,
                callbacks=tell,
                callbacks_every_iters=REPORT_EVERY,
            )
            xy: FloatArray = np.asarray(layout.fit(z), dtype=np.float32)
        return xy
