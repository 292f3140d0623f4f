"""The judge of a source: trained once, kept in the cache, asked by every space of that source."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace

import numpy as np

from latlas.checkpoint import has_part, read_arrays, write_part
from latlas.contracts import (
    TEST,
    TRAIN,
    FloatArray,
    Images,
    IntArray,
    LatlasError,
    NoProgress,
    Progress,
    StorageError,
    UInt8Array,
)
from latlas.data.cache import cache_root, digest_of
from latlas.judge import Judge, Judged, train_judge

__all__ = ["MOST_REAL", "Reference", "reference_for", "source_judge"]

VERSION = 1
"""Raised when judges are trained in another way, so that old ones are not taken for new."""
MOST_REAL = 10_000
FEWEST_TEST = 1_000


@dataclass(frozen=True)
class Reference:
    """Real images as the judge of their source sees them, to hold samples against.

    Attributes:
        judge: the judge.
        real: float32 [R, F], features of real images: held-out ones, where there are 1,000.
        labels: int64 [R], their labels.
        others: float32 [R', F], features of other real images, for the floor of each score.
        split: ``"test"`` or ``"train"``: where ``real`` comes from.
        scale: what features are multiplied by, so that the mean square of those of real images is
            1. A net that is surer of its answers has longer features; distances should not
            depend on that.
    """

    judge: Judge
    real: FloatArray
    labels: IntArray
    others: FloatArray
    split: str
    scale: float

    def see(self, pixels: UInt8Array) -> Judged:
        """What the judge sees in images uint8 [N, H, W, C], with features at this scale."""
        judged = self.judge.look(pixels)
        return replace(judged, features=judged.features * np.float32(self.scale))


def source_judge(images: Images, seed: int = 0, progress: Progress | None = None) -> Judge:
    """The judge of labelled images: from the cache, or trained now and kept there.

    Raises:
        OptionError: fewer than two labels.
        TrainingError: the loss is not a number any more.
    """
    progress = progress or NoProgress()
    mirror = images.shape[2] == 3  # photographs; drawings and digits are mostly grey
    key = digest_of(images.digest, len(images), seed, mirror, VERSION)[:24]
    folder = cache_root() / "judges" / key
    if has_part(folder):
        with contextlib.suppress(LatlasError, ValueError):
            return Judge.from_state(*read_arrays(folder))
    progress.note("training the judge of this source, once: a classifier that looks at samples")
    judge = train_judge(images, seed, progress, mirror=mirror)
    with contextlib.suppress(StorageError):  # trained again next time
        write_part(folder, *judge.state())
    said = "" if judge.accuracy is None else f" {judge.accuracy:.2%} of"
    progress.note(f"the judge puts{said} {judge.tested:,} images that it did not see right")
    return judge


def reference_for(images: Images, seed: int = 0, progress: Progress | None = None) -> Reference:
    """The judge of a source and what it sees in real images of it.

    Raises:
        OptionError: fewer than two labels.
    """
    judge = source_judge(images, seed, progress)
    known = images.labels >= 0
    test = np.flatnonzero(known & (images.splits == TEST))
    train = np.flatnonzero(known & (images.splits == TRAIN))
    generator = np.random.default_rng((seed, 3))
    held_out = len(test) >= min(FEWEST_TEST, len(train))
    # Scores of two sets can only be compared where both are as large: so is the floor's.
    halves = np.array_split(generator.permutation(train), 2)
    real, others = (test, train) if held_out else (np.sort(halves[0]), np.sort(halves[1]))
    real = _at_most(real, MOST_REAL, generator)
    others = _at_most(others, len(real), generator)
    seen = [judge.look(images.pixels[rows]).features for rows in (real, others)]
    scale = 1 / max(float(np.sqrt(np.square(seen[0], dtype=np.float64).mean())), 1e-12)
    first, second = (features * np.float32(scale) for features in seen)
    split = "test" if held_out else "train"
    return Reference(judge, first, images.labels[real], second, split, scale)


def _at_most(rows: IntArray, count: int, generator: np.random.Generator) -> IntArray:
    if len(rows) <= count:
        return rows
    return np.sort(generator.choice(rows, count, replace=False))
