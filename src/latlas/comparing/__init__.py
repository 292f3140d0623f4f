"""``compare``: one space or one per class? Candidates at equal budget, a table, and an answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Unpack, cast

import numpy as np

from latlas.checkpoint import write_json
from latlas.comparing.answers import answers_of
from latlas.comparing.drawn import draw_comparison
from latlas.comparing.records import MEASURES, Candidate, Comparison, Row
from latlas.comparing.trials import Budget, Measured, learning_curve, measure_space, trained_space
from latlas.contracts import TEST, TRAIN, Images, OptionError, Progress, StorageError
from latlas.data.source import open_images
from latlas.devices import limited_threads
from latlas.fitting import stem_of
from latlas.jobs import DEFAULT_LATENT_DIM, DEFAULT_MODEL, IMAGE_OPTIONS, FitOptions, plain_numbers
from latlas.judging import Reference, reference_for
from latlas.models import MODELS, SCOPES
from latlas.priors import DEFAULT_PRIOR, PRIORS
from latlas.progress import default_progress
from latlas.scopes import FEWEST_OF_THEIR_OWN
from latlas.space import Space

__all__ = ["MEASURES", "Candidate", "CompareOptions", "Comparison", "Row", "compare"]

SIZES = (30, 100, 300, 1000)
FEW_TESTED = 100
OF_EACH_RUN = {"scope", "seed", "width", "maps", "pictures"}


class CompareOptions(FitOptions, total=False):
    """Further settings of ``compare``: its own, and those of ``fit``, the same for all.

    Scope, seed and width are for the comparison to choose.

    Attributes:
        seeds: how often each candidate is trained, with seeds 0, 1, ...; 3 by default.
        sizes: images per class of the learning curve that says what to use with few. By default
            30, 100, 300, 1000 up to half of what there is, when scopes are compared; empty: none.
    """

    seeds: int
    sizes: Sequence[int] | None


def compare(
    source: Any,
    output: str | Path | None = None,
    *,
    scopes: Sequence[str] = SCOPES,
    models: Sequence[str] = (DEFAULT_MODEL,),
    latent_dims: Sequence[int] = (DEFAULT_LATENT_DIM,),
    priors: Sequence[str] = (DEFAULT_PRIOR,),
    progress: Progress | None = None,
    **options: Unpack[CompareOptions],
) -> Comparison:
    """Trains candidates at equal budget, measures them on held-out images, and answers.

    A candidate is a scope, a model, a latent dimension and a prior; all combinations take part.
    Each sees as many images in training and has as nearly as many parameters as widths allow. A
    run that was stopped goes on with the same call: finished spaces are used again.

    Args:
        source: as in ``fit``.
        output: folder for spaces, table and pictures; by default the source's name with
            ``.compare`` here.
        scopes: of ``latlas.models.SCOPES``.
        models: keys of ``latlas.models.MODELS``.
        latent_dims: D of each.
        priors: keys of ``latlas.priors.PRIORS``, what images are generated from.
        progress: where to report.
        **options: see ``CompareOptions``.

    Raises:
        SourceError: the images cannot be opened.
        OptionError: an unknown name, fewer than two candidates, or a scope that needs labels.
        StorageError: the disk is full or cannot be written.
    """
    progress = progress or default_progress()
    settings: dict[str, Any] = {**options}
    seeds, sizes = int(settings.pop("seeds", 3)), settings.pop("sizes", None)
    settings = dict(plain_numbers(cast(FitOptions, settings)))
    settings.setdefault("split_seed", 0)  # the same held-out images for every seed
    candidates = _candidates(scopes, models, latent_dims, priors)
    _check(seeds, settings)
    folder = Path(output) if output is not None else Path(f"{stem_of(source)}.compare")
    _make(folder)
    opened = {k: v for k, v in settings.items() if k in IMAGE_OPTIONS}
    opened["seed"] = settings["split_seed"]
    images = open_images(source, progress=progress, **opened)
    if any(candidate.scope != SCOPES[0] for candidate in candidates.values()):
        _check_labels(images)
    with limited_threads(settings.get("threads")):
        return _compare(source, folder, images, candidates, seeds, sizes, settings, progress)


def _compare(
    source: Any,
    folder: Path,
    images: Images,
    candidates: dict[str, Candidate],
    seeds: int,
    sizes: Sequence[int] | None,
    settings: dict[str, Any],
    progress: Progress,
) -> Comparison:
    trained = [c for c in candidates.values() if c.model != "pca"]  # which has no size to choose
    budget = Budget.of((trained or list(candidates.values()))[0], images, settings)
    for candidate in candidates.values():
        budget.config(candidate, images)  # a mistake costs nothing now
    wanted = _sizes(sizes, images, candidates)
    reference = _reference(images, progress)
    spaces: dict[tuple[str, int], Space] = {}
    found: dict[str, list[Measured]] = {name: [] for name in candidates}
    used = list(dict.fromkeys(c.prior for c in candidates.values()))
    for seed in range(seeds):
        measured: dict[str, dict[str, Measured]] = {}
        for name, candidate in candidates.items():
            key = candidate.space_name
            if key not in measured:
                place = folder / f"{key}-seed{seed}.latlas"
                space = trained_space(source, images, place, candidate, seed, budget, progress)
                measured[key] = measure_space(space, used, reference, seed, progress)
                spaces[key, seed] = space
            found[name].append(measured[key][candidate.prior])
    rows = _rows(found)
    curve = {}
    if wanted:
        curve = learning_curve(images, candidates, wanted, budget, reference, progress)
    comparison = Comparison(
        source=images.source,
        folder=folder,
        candidates=candidates,
        rows=rows,
        answers=answers_of(rows, list(candidates), curve) + _warnings(images, candidates),
        seeds=tuple(range(seeds)),
        curve=curve,
        judge_accuracy=reference.judge.accuracy if reference else None,
        pictures=draw_comparison(
            folder,
            images,
            {name: spaces[c.space_name, 0] for name, c in candidates.items()},
            candidates,
            rows,
        ),
    )
    write_json(folder / "comparison.json", comparison.as_json())
    comparison.write_csv(folder / "comparison.csv")
    return comparison


def _warnings(images: Images, candidates: dict[str, Candidate]) -> tuple[str, ...]:
    """What the answers cannot be trusted in, for want of images."""
    counts = np.bincount(
        images.labels[(images.labels >= 0) & (images.splits == TRAIN)],
        minlength=len(images.classes),
    )
    said = []
    fewest = max(FEWEST_OF_THEIR_OWN, *(c.latent_dim for c in candidates.values()))
    few = int((counts < fewest).sum())
    if few and any(c.scope == "per-class" for c in candidates.values()):
        which = "every class has" if few == len(counts) else f"{few} of {len(counts)} classes have"
        said.append(
            f"Beware: {which} under {fewest} training images, and these share one model in the "
            "scope per-class."
        )
    tested = int((images.splits == TEST).sum())
    if tested < FEW_TESTED:
        said.append(f"Beware: only {tested} test images stand behind these figures.")
    return tuple(said)


def _candidates(
    scopes: Sequence[str], models: Sequence[str], dims: Sequence[int], priors: Sequence[str]
) -> dict[str, Candidate]:
    """All combinations, named by what tells them apart."""
    tables = {"scope": SCOPES, "model": tuple(MODELS), "prior": tuple(PRIORS)}
    for kind, asked in (("scope", scopes), ("model", models), ("prior", priors)):
        for name in asked:
            if name not in tables[kind]:
                raise OptionError(f"{kind} is {name!r}; choose from {', '.join(tables[kind])}.")
    if not all(asked for asked in (scopes, models, dims, priors)):
        raise OptionError("scopes, models, latent_dims and priors must name at least one each.")
    named: dict[str, Candidate] = {}
    for model in dict.fromkeys(models):
        for dim in dict.fromkeys(dims):
            for scope in dict.fromkeys(scopes):
                for prior in dict.fromkeys(priors):
                    parts = [model] * (len(models) > 1) + [f"D={dim}"] * (len(dims) > 1)
                    parts += [scope] * (len(scopes) > 1) + [prior] * (len(priors) > 1)
                    named[" ".join(parts) or scope] = Candidate(scope, model, int(dim), prior)
    if len(named) < 2:
        raise OptionError(
            "there is only one candidate, so nothing to compare it with. Name several scopes, "
            "models, latent dimensions or priors."
        )
    if any(c.model == "pca" and c.scope == "conditional" for c in named.values()):
        raise OptionError(
            "the model pca cannot be told the label; leave out pca or the scope conditional."
        )
    return named


def _check(seeds: int, settings: dict[str, Any]) -> None:
    if seeds < 1:
        raise OptionError(f"seeds is {seeds}; each candidate is trained at least once.")
    unknown = sorted(set(settings) - set(FitOptions.__annotations__))
    if unknown:
        known = sorted(set(CompareOptions.__annotations__) - OF_EACH_RUN)
        raise OptionError(f"compare has no option {', '.join(unknown)}; it has {', '.join(known)}.")
    own = sorted(OF_EACH_RUN & set(settings))
    if own:
        raise OptionError(f"compare chooses {', '.join(own)} itself; leave it out.")


def _check_labels(images: Images) -> None:
    if not (images.labels >= 0).any():
        raise OptionError(
            f"comparing scopes needs labels, and {images.source} has none. Give a folder with a "
            "sub-folder for each class; without labels models and latent dimensions can be "
            "compared: --models ae,rae --latent-dims 8,16."
        )


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"cannot make the folder {folder} ({error.strerror}). Choose another output."
        ) from error


def _reference(images: Images, progress: Progress) -> Reference | None:
    known = np.unique(images.labels[(images.labels >= 0) & (images.splits == TRAIN)])
    if len(known) < 2:
        progress.note("without two labels there is no judge: generation is not measured")
        return None
    return reference_for(images, progress=progress)


def _sizes(
    sizes: Sequence[int] | None, images: Images, candidates: dict[str, Candidate]
) -> list[int]:
    if sizes is not None:
        if any(size < 2 for size in sizes):
            raise OptionError(f"sizes are {list(sizes)}; each must be at least 2 images per class.")
        return sorted(set(sizes))
    if len({candidate.scope for candidate in candidates.values()}) < 2:
        return []
    counts = np.bincount(images.labels[(images.labels >= 0) & (images.splits == TRAIN)])
    return [size for size in SIZES if size <= np.median(counts) / 2]


def _rows(found: dict[str, list[Measured]]) -> tuple[Row, ...]:
    rows = []
    for name, runs in found.items():
        for measure in runs[0].values:
            values = [run.values[measure] for run in runs if measure in run.values]
            floor, interval = runs[0].floors.get(measure), runs[0].intervals.get(measure)
            rows.append(Row.of(measure, name, values, floor, interval))
    return tuple(rows)
