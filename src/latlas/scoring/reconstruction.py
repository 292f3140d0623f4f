"""How well a space brings its images back."""

from __future__ import annotations

import math

import numpy as np
import torch

from latlas.batches import to_input
from latlas.contracts import TEST, TRAIN, FloatArray, IntArray, Score
from latlas.measures.images import (
    mean_squared_error,
    peak_signal_to_noise,
    structural_similarity,
)
from latlas.measures.intervals import bootstrap
from latlas.models import ModelConfig
from latlas.models.pca import PCAModel
from latlas.scoring.common import interval_of, judged_rows
from latlas.stored import StoredSpace

__all__ = ["pca_reconstructions", "reconstruction_scores"]

WORST = 16
PCA_IMAGES = 20_000


def reconstruction_scores(space: StoredSpace, seed: int = 0) -> list[Score]:
    """MSE, PSNR and SSIM of held-out images, beside those of PCA with the same D; by class too.

    Args:
        space: the space.
        seed: seed of the draw, where there are more images than are judged.
    """
    latents = space.latents
    rows = judged_rows(space, seed)
    pixels = space.pixels(rows)
    ours = space.coder.decode_floats(latents.z[rows], latents.told[rows])
    theirs = pca_reconstructions(space, rows, seed)
    split = "test" if (latents.splits[rows] == TEST).all() else "train"
    scores = []
    measures = {
        "reconstruction_mse": mean_squared_error,
        "psnr": peak_signal_to_noise,
        "ssim": structural_similarity,
    }
    for name, measure in measures.items():
        values = measure(pixels, ours)
        finite = values[np.isfinite(values)]
        rival = measure(pixels, theirs)
        baseline = _mean(rival[np.isfinite(rival)])
        detail = {"split": split, "images": len(rows), "baselines": {"pca": baseline}}
        if name == "reconstruction_mse":
            errors = values
            worst = rows[np.argsort(-values, kind="stable")[:WORST]]
            detail["worst_ids"] = latents.ids[worst].tolist()
        scores.append(
            Score(
                name,
                _mean(finite),
                baseline=baseline,
                floor=0.0 if name == "reconstruction_mse" else None,
                seed=seed,
                interval=interval_of(bootstrap(finite, seed=seed)) if len(finite) > 1 else None,
                detail=detail,
            )
        )
    return scores + _by_class(space, rows, errors, seed)


def _mean(values: FloatArray) -> float:
    """The mean; NaN of nothing, as where all images come back whole and no ratio is finite."""
    return float(values.mean()) if len(values) else math.nan


def _by_class(space: StoredSpace, rows: IntArray, errors: FloatArray, seed: int) -> list[Score]:
    labels = space.latents.labels[rows]
    scores = []
    for label in np.unique(labels[labels >= 0]).tolist():
        own = errors[labels == label]
        scores.append(
            Score(
                f"reconstruction_mse:{space.label(label)}",
                float(own.mean()),
                seed=seed,
                interval=interval_of(bootstrap(own, seed=seed)) if len(own) > 1 else None,
                detail={"images": len(own)},
            )
        )
    return scores if len(scores) > 1 else []


def pca_reconstructions(space: StoredSpace, rows: IntArray, seed: int) -> FloatArray:
    """The images of rows as the PCA of the training images with the same D draws them.

    float32 [N, H, W, C] in 0..1; the mean image where there are fewer images than dimensions.
    """
    latents = space.latents
    trained = np.flatnonzero(latents.splits == TRAIN)
    if len(trained) > PCA_IMAGES:
        trained = np.sort(np.random.default_rng(seed).choice(trained, PCA_IMAGES, replace=False))
    learnt = space.pixels(trained)
    dim = min(space.latent_dim, len(trained))
    model = PCAModel(ModelConfig(space.shape, dim))
    model.solve(learnt)
    out = np.empty((len(rows), *space.shape), np.float32)
    for start in range(0, len(rows), 1024):
        own = slice(start, start + 1024)
        with torch.inference_mode():
            x = to_input(torch.tensor(space.pixels(rows[own])))
            y = model.decode(model.encode(x)).clamp(0, 1)
        out[own] = y.permute(0, 2, 3, 1).numpy()
    return out
