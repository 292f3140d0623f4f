"""``fit``, the main job: source -> trained model -> stored latents -> maps -> pictures."""

from __future__ import annotations

import contextlib
import itertools
import shutil
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import torch

from latlas.batches import to_input
from latlas.checkpoint import has_part, write_json, write_part
from latlas.contracts import (
    TEST,
    TRAIN,
    Images,
    OptionError,
    Progress,
    Score,
    SpaceError,
    StorageError,
)
from latlas.data.source import open_images
from latlas.devices import choose_device, limited_threads
from latlas.edits import FOLDER, LOG
from latlas.encode import encode_rows
from latlas.jobs import (
    DEFAULT_LATENT_DIM,
    DEFAULT_MODEL,
    MODEL_OPTIONS,
    TRAIN_OPTIONS,
    FitOptions,
    Job,
    check,
    plain_numbers,
    resumed,
    stored_settings,
)
from latlas.manifest import (
    Manifest,
    PartInfo,
    is_space,
    read_manifest,
    source_info,
    versions,
)
from latlas.measures.spaces import knn_accuracy
from latlas.models import VAE, ModelConfig, default_net
from latlas.pictures import draw_pictures
from latlas.progress import default_progress
from latlas.scopes import DONE, check_scope, model_config, train_scope
from latlas.settings import TrainConfig
from latlas.space import Space
from latlas.store import LatentStore
from latlas.stored import previous_of, skipped_note, write_scores
from latlas.train import CHECKPOINT

__all__ = ["FitOptions", "fit", "stem_of"]

ACCURACY_NEIGHBOURS = 5
BLOCKS_PER_COMMIT = 31
KL_IMAGES = 2048
FEW_IMAGES = 300
ACTIVE_VARIANCE = 0.01
"""Burda, Grosse, Salakhutdinov, "Importance Weighted Autoencoders", ICLR 2016, section 5.2."""


def fit(
    source: Any,
    output: str | Path | None = None,
    *,
    model: str | None = None,
    latent_dim: int | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress | None = None,
    **options: Unpack[FitOptions],
) -> Space:
    """Turns an image source into a latent space.

    Trains a model on the source's training split, encodes every image into the store, lays out
    the maps, scores them and draws the pictures.

    Args:
        source: a name (``digits``, ``mnist``, ...), a file or folder, or an array of images.
        output: folder of the space; by default the source's name with ``.latlas`` here.
        model: a key of ``latlas.models.MODELS``: rae (the default), ae, vae, wae or pca.
        latent_dim: D, length of a latent vector; 16 by default.
        resume: go on with a fit that was stopped, from its last checkpoint.
        overwrite: replace a space that is there; the old one is kept until the new is complete.
        progress: where to report; by default a bar on a terminal.
        **options: see ``FitOptions``.

    Returns:
        The finished space.

    Raises:
        SourceError: the images cannot be opened.
        OptionError: a setting is out of range, or ``output`` is there already.
        SpaceError: nothing to resume.
        TrainingError: the loss left the numbers.
        StorageError: the disk is full or cannot be written.
    """
    folder = Path(output) if output is not None else Path(f"{stem_of(source)}.latlas")
    job = Job(
        source,
        folder,
        model if model is not None else ("" if resume else DEFAULT_MODEL),
        int(latent_dim) if latent_dim is not None else (0 if resume else DEFAULT_LATENT_DIM),
        plain_numbers(options),
        resume,
        progress or default_progress(),
    )
    replaced = _check_output(job, overwrite)
    if resume:
        job = resumed(job, read_manifest(folder).config)
    check(job)
    try:
        with limited_threads(job.threads):
            space = _fit(job, replaced)
    except BaseException:
        if not resume:
            _put_back(folder)
        raise
    _keep_edits(previous_of(folder), space, job.progress)
    shutil.rmtree(previous_of(folder), ignore_errors=True)
    return space


def stem_of(source: Any) -> str:
    """What results are called after a source, for instance ``mnist``."""
    if isinstance(source, str | Path):
        return Path(source).expanduser().resolve().name.split(".")[0] or "images"
    return "images"


def _check_output(job: Job, overwrite: bool) -> bool:
    """Whether the output holds a space to be replaced; anything else that is there is kept."""
    folder = job.folder
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        if job.resume:
            raise SpaceError(
                f"there is nothing to resume: {folder} does not exist. Start without resume."
            )
        return False
    manifest = read_manifest(folder)
    if job.resume or overwrite:
        return not job.resume
    done = "is there already" if manifest.status == "complete" else "is half-finished"
    hint = "" if manifest.status == "complete" else "go on with it (--resume), "
    raise OptionError(f"{folder} {done}. Choose another output, {hint}or replace it (--overwrite).")


def _step_aside(folder: Path) -> None:
    """Lets a space wait beside until the one that replaces it is whole."""
    previous = previous_of(folder)
    if read_manifest(folder).status == "complete" or not previous.exists():
        shutil.rmtree(previous, ignore_errors=True)
        folder.rename(previous)
    else:
        shutil.rmtree(folder)


def _keep_edits(previous: Path, space: Space, progress: Progress) -> None:
    """Takes the labels and tags of readers over from the space that is replaced.

    They name images by id, so they go on where the images are the same; else they stay beside.
    """
    log = previous / FOLDER / LOG
    if not log.is_file():
        return
    then, now = (
        [(s.digest, s.images) for s in each.sources]
        for each in (read_manifest(previous), space.manifest)
    )
    if then == now:
        shutil.copytree(log.parent, space.folder / FOLDER, dirs_exist_ok=True)
        progress.note("labels and tags that readers gave are kept")
        return
    beside = space.folder.with_name(f"{space.folder.name}.{log.name}")
    log.replace(beside)
    progress.note(
        f"the images are others, so labels and tags that readers gave now lie in {beside}"
    )


def _put_back(folder: Path) -> None:
    """After a fit that came to nothing: leaves no half-made folder, and the old space in place."""
    if is_space(folder):
        manifest = read_manifest(folder)
        kept = (CHECKPOINT, f"member-*/{CHECKPOINT}", f"member-*/{DONE}")
        parts = (part for name in kept for part in (folder / "run").glob(name))
        begun = manifest.model is not None or any(has_part(part) for part in parts)
        if manifest.status == "complete" or begun:
            return
        shutil.rmtree(folder, ignore_errors=True)
    if previous_of(folder).exists() and not folder.exists():
        previous_of(folder).rename(folder)


def _fit(job: Job, replaced: bool) -> Space:
    images = open_images(job.source, progress=job.progress, **job.image_options)
    _say_images(images, job.progress)
    settings = job.chosen(MODEL_OPTIONS)
    if settings.get("net", "auto") == "auto":
        settings["net"] = default_net(images.shape, choose_device(job.device).type)
    check_scope(job.scope, images, settings.get("label_weight", 0.0))
    config = model_config(job.scope, images, job.latent_dim, settings)
    if job.resume:
        manifest = read_manifest(job.folder)
        if manifest.sources[0].digest != images.digest:
            raise SpaceError(
                f"{job.folder} began with other images (their digest differs). Resume with the "
                f"source of the first run, unchanged: {manifest.sources[0].uri}"
            )
    else:
        if replaced:
            _step_aside(job.folder)
        manifest = _begin(job, images, config.net)
    if manifest.model is None:
        _train(job, manifest, config, images)
    _encode(job, images)
    space = Space(job.folder, job.device, threads=job.threads, unfinished=True)
    write_scores(job.folder, _scores(space))
    for name in job.maps:
        space.map(name, seed=job.seed, progress=job.progress)
    if job.options.get("pictures", True):
        draw_pictures(space, job.progress)
    with contextlib.suppress(StorageError):  # what stays is only older versions
        space.store.tidy(timedelta(0))  # nobody else has read this space yet
    space.complete()
    for name in (f"*{CHECKPOINT}*", f"member-*/*{CHECKPOINT}*", f"member-*/{DONE}"):
        for rest in (job.folder / "run").glob(name):
            shutil.rmtree(rest, ignore_errors=True)
    return space


def _begin(job: Job, images: Images, net: str) -> Manifest:
    """Makes the folder with a manifest that says that the fit is under way."""
    manifest = Manifest(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        shape=images.shape,
        classes=images.classes,
        latent_dim=job.latent_dim,
        sources=[source_info(images)],
        config=stored_settings(job) | {"net": net},
        made_by=versions(),
    )
    try:
        job.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"cannot make the folder {job.folder} ({error.strerror}). Choose another output."
        ) from error
    manifest.write(job.folder)
    if images.skipped:
        write_json(job.folder / "skipped.json", [asdict(entry) for entry in images.skipped])
    return manifest


def _train(job: Job, manifest: Manifest, config: ModelConfig, images: Images) -> None:
    model, result = train_scope(
        job.model,
        job.scope,
        config,
        images,
        TrainConfig(**job.chosen(TRAIN_OPTIONS)),
        run=job.folder / "run",
        resume=job.resume,
        progress=job.progress,
    )
    manifest.training = result | {"parameters": sum(p.numel() for p in model.parameters())}
    if "steps" in result:
        models = f"{result['members']} models, each " if "members" in result else ""
        job.progress.note(
            f"trained {models}{result['epochs']:.0f} epochs in {result['seconds']:.0f} s on "
            f"{result['device']}, {result['precision']}, threads: {result['threads']}, "
            f"{result['images_per_second']:,.0f} images/s"
        )
    if isinstance(model, VAE):
        _warn_of_collapse(model, images, manifest, job.progress)
    digest = write_part(job.folder / "model", model.settings(), dict(model.state_dict()))
    manifest.model = PartInfo(name=model.name, digest=digest)
    manifest.write(job.folder)


def _warn_of_collapse(model: VAE, images: Images, manifest: Manifest, progress: Progress) -> None:
    """Counts the dimensions that carry information, the field's most asked question."""
    rows = np.flatnonzero(images.splits == TRAIN)[:KL_IMAGES]
    kl, variance = model.usage(to_input(torch.tensor(images.pixels[rows])))
    active = int((variance > ACTIVE_VARIANCE).sum())
    manifest.training |= {"kl_per_dimension": kl.tolist(), "active_units": active}
    progress.note(f"{active} of {model.latent_dim} latent dimensions are active")
    if active <= model.latent_dim // 2:
        progress.note(
            f"warning: posterior collapse: the decoder ignores {model.latent_dim - active} of "
            f"{model.latent_dim} dimensions. Try a smaller --beta (now {model.beta:g}) or a "
            "smaller --latent-dim."
        )


def _encode(job: Job, images: Images) -> None:
    """Fills the latent store, going on after the last block of a run that was stopped."""
    space = Space(job.folder, job.device, threads=job.threads, unfinished=True)
    path = job.folder / "latents"
    first = 0
    if job.resume and (path / "_versions").exists():
        store = LatentStore.open(path)
        first = len(store)
    else:
        store = LatentStore.create(path, job.latent_dim, told=job.scope == "per-class")
    rows = encode_rows(space.coder, images, first, progress=job.progress)
    for block in rows:
        store.append_stream(itertools.chain([block], itertools.islice(rows, BLOCKS_PER_COMMIT)))


def _scores(space: Space) -> list[Score]:
    """What every fit is judged by: held-out reconstruction, and nearest neighbours by label."""
    latents = space.latents
    held = latents.splits == TEST
    split = "test" if held.any() else "train"
    rows = held if held.any() else ~held
    scores = [
        Score("reconstruction_mse", float(latents.errors[rows].mean()), detail={"split": split})
    ]
    known = latents.labels >= 0
    trained, tested = np.flatnonzero(known & ~held), np.flatnonzero(known & held)
    if len(latents.classes) > 1 and len(trained) and len(tested):
        value = knn_accuracy(
            space.unlabelled_latents(trained),
            latents.labels[trained],
            space.unlabelled_latents(tested),
            latents.labels[tested],
            k=ACCURACY_NEIGHBOURS,
        )
        scores.append(Score("knn_accuracy", value, detail={"k": ACCURACY_NEIGHBOURS}))
    return scores


def _say_images(images: Images, progress: Progress) -> None:
    height, width, channels = images.shape
    test = int((images.splits == TEST).sum())
    progress.note(
        f"{images.source}: {len(images):,} images of {height}x{width}x{channels} "
        f"({len(images) - test:,} train, {test:,} test), "
        f"{len(images.classes)} {'class' if len(images.classes) == 1 else 'classes'}"
    )
    if images.skipped:
        progress.note(skipped_note(images))
    if len(images) - test < FEW_IMAGES:
        progress.note(
            f"warning: {len(images) - test:,} images are few to learn from: expect those that were "
            "not trained on to come back worse. Some hundreds of each kind are a good start."
        )
