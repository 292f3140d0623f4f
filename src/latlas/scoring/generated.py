"""How good the images are that a prior of a space gives, in the eyes of the source's judge."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from latlas.contracts import TEST, TRAIN, FloatArray, IntArray, Prior, Score
from latlas.judging import Reference
from latlas.measures.generation import (
    frechet_distance,
    kernel_distance,
    label_agreement,
    memorisation,
    precision_recall_density_coverage,
)
from latlas.measures.intervals import bootstrap
from latlas.models import SCOPES
from latlas.scoring.common import drawn, drawn_latents, interval_of
from latlas.stored import StoredSpace

__all__ = ["Drawn", "draw", "generation_scores", "reference_floors"]

BY_CLASS = " by class"
MOST_MEMORY = 20_000
NEIGHBOURS = 5


@dataclass(frozen=True)
class Drawn:
    """Samples that are judged.

    Attributes:
        z: float32 [n, D].
        told: int64 [n], the label that each was drawn for, -1 for none.
        features: float32 [n, F], of their images, by the judge.
        seen: int64 [n], the label that the judge sees.
    """

    z: FloatArray
    told: IntArray
    features: FloatArray
    seen: IntArray


def draw(
    space: StoredSpace,
    prior: Prior,
    reference: Reference,
    *,
    by_class: bool,
    seed: int = 0,
    temperature: float = 1.0,
) -> Drawn:
    """As many samples as there are real images; by class, with as many of each label.

    A label without training images has no density to draw from and is left out.
    """
    told = np.sort(reference.labels)
    told = told[np.isin(told, prior.classes)] if by_class else np.full(len(told), -1)
    z = drawn_latents(prior, told, seed, temperature)
    judged = reference.see(space.coder.decode(z, told))
    return Drawn(z, told, judged.features, judged.labels)


def reference_floors(space: StoredSpace, reference: Reference, seed: int = 0) -> dict[str, Any]:
    """What no sample can be better than, and what the decoder alone costs.

    Returns:
        ``real``: scores of other real images, and ``reconstructions``: those of decoded training
        images, each a mapping from the names of ``generation_scores``.
    """
    latents = space.latents
    rows = drawn(np.flatnonzero(latents.splits == TRAIN), len(reference.real), seed)
    decoded = space.coder.decode(latents.z[rows], latents.told[rows])
    return {
        "real": _distances(reference.real, reference.others, seed),
        "reconstructions": _distances(reference.real, reference.see(decoded).features, seed),
    }


def _distances(real: FloatArray, fake: FloatArray, seed: int) -> dict[str, float]:
    k = min(NEIGHBOURS, len(real) - 1, len(fake) - 1)
    found = precision_recall_density_coverage(real, fake, k=k)
    kernel = kernel_distance(real, fake, seed=seed)
    return {
        "frechet_distance": frechet_distance(real, fake),
        "kernel_distance": kernel.value,
        "kernel_error": kernel.standard_error,
        "precision": found.precision,
        "recall": found.recall,
        "density": found.density,
        "coverage": found.coverage,
    }


def generation_scores(
    space: StoredSpace,
    prior: Prior,
    reference: Reference,
    floors: dict[str, Any],
    *,
    by_class: bool,
    seed: int = 0,
    temperature: float = 1.0,
) -> list[Score]:
    """Fréchet and kernel distance, precision, recall, density, coverage, agreement, memorisation.

    Args:
        space: the space.
        prior: what samples are drawn from.
        reference: real images as the judge sees them.
        floors: what ``reference_floors`` gave.
        by_class: draw each label as often as it is among the real images; else from the density
            over everything, which only the scope global has.
        seed: seed of the draw.
        temperature: of the draw.
    """
    samples = draw(space, prior, reference, by_class=by_class, seed=seed, temperature=temperature)
    ending = f":{prior.name}{BY_CLASS if by_class else ''}"
    detail = {
        "prior": prior.name,
        "by_class": by_class,
        "temperature": temperature,
        "samples": len(samples.z),
        "real": reference.split,
        "judge_accuracy": reference.judge.accuracy,
    }
    scores = []
    values = _distances(reference.real, samples.features, seed)
    error = values.pop("kernel_error")
    for name, value in values.items():
        around = 1.96 * error
        scores.append(
            Score(
                name + ending,
                value,
                floor=floors["real"][name],
                seed=seed,
                interval=(value - around, value + around) if name == "kernel_distance" else None,
                detail=detail | {"baselines": {"reconstructions": floors["reconstructions"][name]}},
            )
        )
    if by_class:
        right = (samples.seen == samples.told).astype(np.float64)
        found = label_agreement(samples.seen, samples.told)
        names = [space.label(int(k)) for k in found.classes]
        shares = found.agreed / np.maximum(found.asked, 1)
        each = {
            n: float(s) for n, s, asked in zip(names, shares, found.asked, strict=True) if asked
        }
        scores.append(
            Score(
                "label_agreement" + ending,
                found.share,
                floor=reference.judge.accuracy,
                seed=seed,
                interval=interval_of(bootstrap(right, seed=seed)),
                detail=detail | {"by_label": each},
            )
        )
    copied = _memorised(space, samples, seed)
    if copied:
        auc = copied.pop("auc")
        more = detail | copied
        scores.append(Score("memorisation" + ending, auc, floor=0.5, seed=seed, detail=more))
    return scores


def _memorised(space: StoredSpace, samples: Drawn, seed: int) -> dict[str, float]:
    """How probably a sample lies nearer to a training latent than a held-out latent does.

    Where latents depend on the label, among those of each label, as the mean over the samples.
    """
    latents = space.latents
    apart = space.scope != SCOPES[0]
    total = {"auc": 0.0, "copied": 0.0, "nearer_training": 0.0, "expected_nearer": 0.0}
    weight = 0
    for label in np.unique(samples.told).tolist() if apart else [-1]:
        within = latents.told == label if apart else np.ones(len(latents), bool)
        train = drawn(np.flatnonzero(within & (latents.splits == TRAIN)), MOST_MEMORY, seed)
        held = drawn(np.flatnonzero(within & (latents.splits == TEST)), MOST_MEMORY, seed)
        own = samples.z[samples.told == label] if apart else samples.z
        if min(len(train), len(held), len(own)) < 2:
            continue
        found = memorisation(own, latents.z[train], latents.z[held])
        total = {name: value + getattr(found, name) * len(own) for name, value in total.items()}
        weight += len(own)
    return {name: value / weight for name, value in total.items()} if weight else {}
