from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest

from latlas.contracts import TEST, TRAIN, Images


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    """Every test decodes into a cache of its own."""
    monkeypatch.setenv("LATLAS_CACHE", str(tmp_path_factory.mktemp("cache")))


def blobs(count=400, shape=(8, 8, 1), classes=4, seed=0):
    """Images of a bright spot whose place depends on the class: small, real, learnable."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % classes
    height, width, channels = shape
    angle = 2 * np.pi * labels / classes + generator.normal(0, 0.2, count)
    y = height * (0.5 + 0.25 * np.sin(angle))
    x = width * (0.5 + 0.25 * np.cos(angle))
    rows, columns = np.mgrid[:height, :width]
    spread = (height / 6) ** 2
    spot = np.exp(
        -((rows - y[:, None, None]) ** 2 + (columns - x[:, None, None]) ** 2) / (2 * spread)
    )
    tint = np.linspace(1.0, 0.5, channels)
    pixels = (spot[..., None] * tint * 255).astype(np.uint8)
    splits = np.where(generator.random(count) < 0.2, TEST, TRAIN).astype(np.uint8)
    splits[0] = TRAIN
    return Images(
        pixels=pixels,
        labels=labels.astype(np.int64),
        classes=tuple("abcdefghij"[:classes]),
        splits=splits,
        uris=[f"spot/{i}" for i in range(count)],
        source="spots",
        digest=f"spots-{count}-{shape}-{classes}-{seed}",
    )


@pytest.fixture
def spots():
    return blobs()
