"""``measure``: every score of a space, each beside its floor and its baselines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from latlas.classification import space_classifier
from latlas.contracts import TRAIN, NoProgress, OptionError, Progress, Score, SpaceError
from latlas.generation import space_prior
from latlas.inception import Inception
from latlas.judging import Reference, reference_for
from latlas.models import SCOPES
from latlas.priors import DEFAULT_PRIOR
from latlas.scoring.common import countable, drawn
from latlas.scoring.fid import fid_scores
from latlas.scoring.generated import generation_scores, reference_floors
from latlas.scoring.reconstruction import reconstruction_scores
from latlas.scoring.structure import structure_scores
from latlas.stored import StoredSpace, write_scores

__all__ = ["PARTS", "measure", "space_reference"]

PARTS = ("reconstruction", "structure", "generation", "classification")
"""What can be measured."""
MOST_JUDGE_IMAGES = 200_000


def measure(
    space: StoredSpace,
    parts: Sequence[str] = PARTS,
    *,
    priors: Sequence[str] | None = None,
    inception: str | Path | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[Score]:
    """Takes scores of a space and keeps them in ``scores.json`` beside those that are there.

    Args:
        space: the space.
        parts: of ``PARTS``; all by default.
        priors: what images are generated from; by default the default prior and those that the
            space has already.
        inception: the TorchScript file of Inception-v3; with it the generation is measured by
            FID, too.
        seed: seed of every draw.
        progress: where to report.

    Returns:
        The scores that were taken now.

    Raises:
        OptionError: an unknown part or prior.
        SpaceError: the images are needed for every part, and their source is gone.
        SourceError: ``inception`` is no such file.
    """
    network = None if inception is None else Inception(inception)
    for part in parts:
        if part not in PARTS:
            raise OptionError(f"part is {part!r}; choose from {', '.join(PARTS)}.")
    progress = progress or NoProgress()
    names = list(priors or dict.fromkeys((DEFAULT_PRIOR, *space.manifest.priors)))
    takers: dict[str, Callable[[], list[Score]]] = {
        "reconstruction": lambda: _reconstruction(space, seed, progress),
        "structure": lambda: structure_scores(space, seed, progress),
        "generation": lambda: _generation(space, names, network, seed, progress),
        "classification": lambda: _classification(space, seed, progress),
    }
    scores: list[Score] = []
    failed: SpaceError | None = None
    for part in dict.fromkeys(parts):
        try:
            taken = countable(takers[part]())
        except SpaceError as error:  # the images are needed and gone; other parts may do without
            progress.note(f"{part} is not measured: {error}")
            failed = error
        else:
            _keep(space, taken)  # now: whoever stops the rest keeps what was measured
            scores += taken
    if failed is not None and not scores:
        raise failed
    return scores


def space_reference(
    space: StoredSpace, seed: int = 0, progress: Progress | None = None
) -> Reference | None:
    """The judge of the space's source and what it sees in real images; None without labels."""
    latents = space.latents
    labels = latents.labels[(latents.labels >= 0) & (latents.splits == TRAIN)]
    if len(np.unique(labels)) < 2:
        return None
    rows = drawn(np.arange(len(latents)), MOST_JUDGE_IMAGES, seed)
    return reference_for(space.images(rows), seed, progress)


def _reconstruction(space: StoredSpace, seed: int, progress: Progress) -> list[Score]:
    with progress.stage("reconstruction", None):
        return reconstruction_scores(space, seed)


def _generation(
    space: StoredSpace,
    names: Sequence[str],
    network: Inception | None,
    seed: int,
    progress: Progress,
) -> list[Score]:
    """By the source's judge where there are labels, and by FID where Inception is at hand."""
    scores = _by_judge(space, names, seed, progress)
    if network is not None:
        fitted = [space_prior(space, name, seed=seed, progress=progress) for name in names]
        with progress.stage("FID", None):
            scores += fid_scores(space, fitted, network, seed)
    return scores


def _by_judge(
    space: StoredSpace, names: Sequence[str], seed: int, progress: Progress
) -> list[Score]:
    reference = space_reference(space, progress=progress)
    if reference is None:
        progress.note(
            "generation is not measured: its judge learns from labels of at least two classes"
        )
        return []
    scores = []
    if reference.judge.accuracy is not None:
        tested = {"tested": reference.judge.tested}
        scores.append(Score("judge_accuracy", reference.judge.accuracy, detail=tested))
    fitted = [space_prior(space, name, seed=seed, progress=progress) for name in names]
    ways = [True, False] if space.scope == SCOPES[0] else [True]
    with progress.stage("generation", 1 + len(fitted) * len(ways), "scores") as stage:
        floors = reference_floors(space, reference, seed)
        stage.advance()
        for prior in fitted:
            for by_class in ways:
                scores += generation_scores(
                    space, prior, reference, floors, by_class=by_class, seed=seed
                )
                stage.advance()
    return scores


def _classification(space: StoredSpace, seed: int, progress: Progress) -> list[Score]:
    known = space.latents.labels[space.latents.splits == TRAIN] >= 0
    if not len(space.classes) or not known.any():
        progress.note("classification is not measured: it needs labels to learn from")
        return []
    scores: list[Score] = []
    usual = space_classifier(space, seed=seed, progress=progress)
    for method in dict.fromkeys((usual.method, *space.manifest.classifiers)):
        asked = space_classifier(space, method, seed=seed, progress=progress)
        judged = asked.judge()
        if judged is None:
            continue
        detail = {"images": len(judged.rows)}
        scores.append(Score(f"accuracy:{asked.method}", judged.accuracy, detail=detail))
        error = judged.calibration
        scores.append(Score(f"calibration_error:{asked.method}", error, floor=0.0, detail=detail))
    return scores


def _keep(space: StoredSpace, scores: Sequence[Score]) -> None:
    """New scores take the place of old ones of the same name; the others stay."""
    with space.changing():
        new = {score.name: score for score in scores}
        kept = [score for score in space.scores if score.name not in new]
        write_scores(space.folder, [*kept, *new.values()])
