"""A space as one HTML page: what it is, every score with its meaning, every picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from latlas.contracts import Score
from latlas.generation import draw_samples, space_prior
from latlas.plots import reconstructions, save
from latlas.priors import DEFAULT_PRIOR
from latlas.report import Cell, Picture, Report, Section, write_report
from latlas.stored import StoredSpace
from latlas.thumbnails import read_thumbnails, thumbnails

__all__ = ["report_space"]

SAMPLES, SAMPLED_CLASSES = 8, 10
CAPTIONS = {
    "map-": ("The map", "Each point is an image; near points have similar latent vectors."),
    "reconstructions": (
        "Reconstructions",
        "Originals beside what the decoder draws.",
    ),
    "worst": ("The worst", "The test images that come back with the largest error."),
    "traversals": ("Traversals", "Each row changes one latent dimension and keeps the others."),
    "walk": ("A walk", "From one image to another in equal steps through the latent space."),
    "plane": ("The decoded plane", "What the decoder draws at each place of the latent plane."),
    "loss": ("Training", "The loss over the images seen, on training and held-out images."),
    "kl": ("What each dimension carries", "Dimensions near zero are ignored by the decoder."),
    "samples": ("Samples", "New images from the distribution learnt over the space."),
    "confusion": ("Confusions", "Which classes the classifier takes for which."),
    "reliability": ("Reliability", "How often the classifier is right when it is so sure."),
    "regions": ("Decision regions", "Where on the map which class is answered; pale where unsure."),
    "find-": ("Findings", "The most suspicious images, for a person to decide about."),
}
GROUPS = {
    "How well images come back": (
        "Each image goes through the encoder to its latent vector and through the decoder back. "
        "What is lost on the way is the reconstruction error.",
        ("reconstruction_mse", "psnr", "ssim"),
        ("reconstructions", "worst", "traversals", "plane", "kl"),
    ),
    "How the classes lie": (
        "Images of one class share features, so their latent vectors should lie close together. "
        "These scores say how far that holds, beside raw pixels and PCA of the same dimension.",
        (
            *("knn_accuracy", "linear_accuracy", "silhouette", "within_between_ratio"),
            *("kmeans_accuracy", "kmeans_nmi", "kmeans_ari", "gmm_accuracy", "gmm_nmi", "gmm_ari"),
            *("graph_accuracy", "graph_nmi", "graph_ari"),
            *("trustworthiness", "neighbour_preservation"),
        ),
        ("map-", "regions"),
    ),
    "What it generates": (
        "A prior is a distribution learnt over the latent vectors. A vector drawn from it and "
        "decoded is a new image. A judge, a small classifier trained on the source itself, "
        "compares new images with real ones.",
        (
            *("fid", "frechet_distance", "kernel_distance", "precision", "recall", "density"),
            *("coverage", "label_agreement", "memorisation", "held_out_log_density"),
        ),
        ("samples", "walk"),
    ),
    "How it classifies": (
        "A boundary drawn through the latent space tells the classes apart.",
        ("accuracy", "calibration_error", "novelty_false_alarms", "judge_accuracy"),
        ("confusion", "reliability"),
    ),
}


def report_space(space: StoredSpace, path: str | Path) -> Path:
    """Writes one self-contained HTML page with what is known of a space.

    Args:
        space: the space.
        path: ends in ``.html`` or ``.htm``.

    Raises:
        OptionError: another suffix.
        StorageError: the file cannot be written.
    """
    folder = space.folder / "pictures"
    if space.manifest.priors and not list(folder.glob("samples*.png")):
        _draw_samples(space, folder / "samples.png")
    _draw_worst(space, folder / "worst.png")
    pictures = sorted(folder.glob("*.png"))
    scores = [*space.scores, *_part_scores(space)]
    sections = [_group(title, pictures, scores) for title in GROUPS]
    used = {name for _, names, _ in GROUPS.values() for name in names}
    others = tuple(score for score in scores if score.name.split(":")[0] not in used)
    taken = {str(picture.image) for section in sections for picture in section.pictures}
    rest = tuple(_picture(p) for p in pictures if str(p) not in taken)
    sections.append(Section("More", pictures=rest, scores=others))
    manifest, (height, width, channels) = space.manifest, space.shape
    facts: dict[str, Cell] = {
        "source": ", ".join(Path(source.uri).name for source in manifest.sources),
        "images": len(space),
        "size": f"{height} × {width}, {'colour' if channels == 3 else 'grey'}",
        "classes": len(space.classes),
        "model": manifest.model.name if manifest.model else "none",
        "scope": space.scope,
        "latent dimension D": space.latent_dim,
        "seed": int(manifest.config.get("seed", 0)),
    }
    made = manifest.made_by
    report = Report(
        title=f"The latent space of {Path(manifest.sources[0].uri).stem}",
        lead=(
            f"Each of {len(space):,} images was turned into {space.latent_dim} numbers, its latent "
            "vector, by a network that can draw the image again from these numbers alone. This "
            "page shows the space of these vectors and says how good it is."
        ),
        facts=facts,
        sections=tuple(s for s in sections if s.scores or s.pictures),
        footer=f"latlas {made.get('latlas', '?')} · PyTorch {made.get('torch', '?')} · "
        f"made {manifest.created}",
    )
    return write_report(report, path)


def _draw_samples(space: StoredSpace, path: Path) -> None:
    """A row of new images for each of at most ten classes, from a prior that the space has."""
    name = DEFAULT_PRIOR if DEFAULT_PRIOR in space.manifest.priors else [*space.manifest.priors][-1]
    labels = list(space.classes[:SAMPLED_CLASSES])
    prior = space_prior(space, name)
    count = SAMPLES * max(len(labels), 1) if labels else SAMPLES**2
    draw_samples(space, count, labels or None, prior).plot(path)


def _draw_worst(space: StoredSpace, path: Path) -> None:
    """The images that come back worst, above what the decoder draws; nothing if not measured."""
    found = [s for s in space.scores if s.name == "reconstruction_mse"]
    ids = found[-1].detail.get("worst_ids", []) if found else []
    rows = np.flatnonzero(np.isin(space.latents.ids, ids))
    if len(rows) == 0:
        return
    rows = rows[np.argsort(-space.latents.errors[rows], kind="stable")]
    decoded = space.coder.decode(space.latents.z[rows], space.latents.told[rows])
    labels = [space.label(int(label)) for label in space.latents.labels[rows]]
    figure = reconstructions(
        space.thumbnails(space.latents.ids[rows]),
        read_thumbnails(thumbnails(decoded)),
        labels,
        title="The worst reconstructions",
    )
    save(figure, path)


def _part_scores(space: StoredSpace) -> list[Score]:
    """The scores that maps, priors and classifiers carry."""
    known = {score.name for score in space.scores}
    parts = (space.manifest.maps, space.manifest.priors, space.manifest.classifiers)
    found = [
        Score(f"{name}:{part.name}", value)
        for kind in parts
        for part in kind.values()
        for name, value in part.scores.items()
    ]
    return [score for score in found if score.name not in known]


def _group(title: str, pictures: list[Path], scores: list[Score]) -> Section:
    text, names, files = GROUPS[title]
    chosen = [s for name in names for s in scores if s.name.split(":")[0] == name]
    shown = tuple(_picture(p) for file in files for p in pictures if p.stem.startswith(file))
    return Section(title, text, pictures=shown, scores=tuple(chosen))


def _picture(path: Path) -> Picture:
    for start, (title, says) in CAPTIONS.items():
        if path.stem.startswith(start):
            return Picture(says, f"{title}: {path.stem}", path)
    return Picture(path.stem.replace("-", " "), path.stem, path)
