"""FID of the samples of a space, where the user has Inception's weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from latlas.contracts import TEST, TRAIN, Prior, Score
from latlas.inception import Inception
from latlas.measures.generation import frechet_distance
from latlas.models import SCOPES
from latlas.scoring.common import drawn, drawn_latents
from latlas.scoring.generated import BY_CLASS
from latlas.stored import StoredSpace

__all__ = ["fid_scores"]

MOST = 10_000


def fid_scores(
    space: StoredSpace, priors: Sequence[Prior], inception: Inception, seed: int = 0
) -> list[Score]:
    """The Fréchet distance in Inception's features, of samples of each prior.

    As many samples as there are held-out images (training images, where those are fewer than
    1,000), at most 10,000; other real images are the floor, decoded training images a baseline.

    Args:
        space: the space.
        priors: what is drawn from.
        inception: the network.
        seed: seed of the draws.

    Raises:
        OptionError: the network is another one than Inception-v3.
    """
    latents = space.latents
    test, train = (np.flatnonzero(latents.splits == split) for split in (TEST, TRAIN))
    first, second = (test, train) if len(test) >= min(1000, len(train)) else (train, test)
    rows = drawn(first, MOST, seed)
    real = inception.features(space.pixels(rows))
    floor = None
    if len(second) > 1:
        others = drawn(second, len(rows), seed)
        floor = frechet_distance(real, inception.features(space.pixels(others)))
    learnt = drawn(train, len(rows), seed)
    decoded = space.coder.decode(latents.z[learnt], latents.told[learnt])
    reconstructed = frechet_distance(real, inception.features(decoded))
    scores = []
    for prior in priors:
        for by_class in (True, False):
            told = np.sort(latents.told[rows])
            told = told[np.isin(told, prior.classes)] if by_class else np.full(len(rows), -1)
            if len(told) < 2 or (not by_class and space.scope != SCOPES[0]):
                continue
            z = drawn_latents(prior, told, seed)
            value = frechet_distance(real, inception.features(space.coder.decode(z, told)))
            scores.append(
                Score(
                    f"fid:{prior.name}{BY_CLASS if by_class else ''}",
                    value,
                    floor=floor,
                    seed=seed,
                    detail={
                        "samples": len(told),
                        "network": inception.path.name,
                        "baselines": {"reconstructions": reconstructed},
                    },
                )
            )
    return scores
