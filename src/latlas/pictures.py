"""The pictures that every fit draws, so that a person sees what was learnt."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from latlas.contracts import TEST, FloatArray, IntArray, Progress
from latlas.plots import (
    kl_per_dimension,
    loss_curves,
    plane_grid,
    reconstructions,
    save,
    traversals,
)
from latlas.space import Space
from latlas.thumbnails import read_thumbnails, thumbnails

__all__ = ["draw_pictures"]

SHOWN = 20
STEPS = 9
ROWS_PER_PAGE, MOST_PAGES = 16, 4
PLANE = 20
WALK_STEPS = 10


def draw_pictures(space: Space, progress: Progress) -> list[Path]:
    """Draws every picture that fits the space into its folder ``pictures``.

    The maps by class, originals beside reconstructions, a walk between two images, traversals of
    the latent dimensions (16 to a page, the 64 of widest spread), the loss curves, for D = 2 the
    decoded plane, and for a VAE what each dimension carries.

    Returns:
        The paths of those that fit the space, in that order.
    """
    folder = space.folder / "pictures"
    drawers: dict[str, Callable[[Space, Path], Any]] = {
        "reconstructions": _reconstructions,
        "walk": _walk,
    }
    for page in range(min(MOST_PAGES, -(-space.latent_dim // ROWS_PER_PAGE))):
        name = "traversals" if page == 0 else f"traversals-{page + 1}"
        drawers[name] = partial(_traversals, page=page)
    if (space.folder / "run" / "log.jsonl").exists():
        drawers["loss"] = _loss
    if space.latent_dim == 2:
        drawers["plane"] = _plane
    if "kl_per_dimension" in space.manifest.training:
        drawers["kl"] = _kl
    paths = []
    with progress.stage("drawing", len(drawers) + len(space.manifest.maps), "pictures") as stage:
        for name in space.manifest.maps:
            paths.append(space.map(name).plot(folder / f"map-{name}.png"))
            stage.advance()
        for name, draw in drawers.items():
            paths.append(folder / f"{name}.png")
            draw(space, paths[-1])
            stage.advance()
    return [path for path in paths if path.exists()]


def _held_out(space: Space, count: int) -> IntArray:
    """Ids of held-out images spread evenly over the classes; of any images when none are held."""
    latents = space.latents
    rows = np.flatnonzero(latents.splits == TEST)
    rows = rows if len(rows) else np.arange(len(latents))
    generator = np.random.default_rng(0)
    rows = generator.permutation(rows)
    # The first image of each class, then the second of each, and so on.
    order = np.argsort(latents.labels[rows], kind="stable")
    sizes = np.unique(latents.labels[rows], return_counts=True)[1]
    rank = np.empty(len(rows), np.int64)
    rank[order] = np.concatenate([np.arange(size) for size in sizes])
    chosen = rows[np.lexsort((latents.labels[rows], rank))][:count]
    return latents.ids[chosen]


def _rows(space: Space, ids: IntArray) -> IntArray:
    return np.searchsorted(space.latents.ids, ids).astype(np.int64)


def _reconstructions(space: Space, path: Path) -> None:
    rows = _rows(space, _held_out(space, SHOWN))
    originals = space.thumbnails(space.latents.ids[rows])
    decoded = space.coder.decode(space.latents.z[rows], space.latents.told[rows])
    decoded = read_thumbnails(thumbnails(decoded))  # as small as the stored originals
    labels = [space.label(int(label)) for label in space.latents.labels[rows]]
    save(reconstructions(originals, decoded, labels, title="Reconstructions"), path)


def _traversals(space: Space, path: Path, page: int) -> None:
    """One page of the dimensions, which come in the order of their spread."""
    z, told = space.latents.z, space.latents.told
    label = -1
    if space.scope != "global":  # one space, or one condition, at a time
        label = int(np.bincount(told[told >= 0]).argmax())
        z = z[told == label]
    # Around a real image: between the classes, where the median lies, there may be none.
    centre = z[np.square(z - np.median(z, axis=0)).sum(1).argmin()]
    first = page * ROWS_PER_PAGE
    dims = np.argsort(-z.std(0), kind="stable")[first : first + ROWS_PER_PAGE]
    quantiles = np.linspace(0.01, 0.99, STEPS)
    values = np.quantile(z[:, dims], quantiles, axis=0).T.astype(np.float32)  # [d, S]
    grid = np.broadcast_to(centre, (len(dims), STEPS, len(centre))).copy()
    grid[np.arange(len(dims))[:, None], np.arange(STEPS), dims[:, None]] = values
    images = space.coder.decode(
        grid.reshape(-1, len(centre)), np.full(len(dims) * STEPS, label, np.int64)
    )
    shape = (len(dims), STEPS, *images.shape[1:])
    title = "Traversals of the latent dimensions"
    if label >= 0:
        title += f" of {space.label(label)}"
    if space.latent_dim > ROWS_PER_PAGE:
        title += f", {first + 1} to {first + len(dims)} of {space.latent_dim} by spread"
    save(traversals(images.reshape(shape), values, dims, title=title), path)


def _walk(space: Space, path: Path) -> None:
    ids = _held_out(space, 2)
    if space.scope == "per-class":  # both ends in one space
        told = space.latents.told
        own = told[_rows(space, ids[:1])]
        ids = space.latents.ids[np.flatnonzero((told == own) & (space.latents.splits == TEST))[:2]]
    if len(ids) == 2:
        space.walk(int(ids[0]), int(ids[1]), steps=WALK_STEPS).plot(path)


def _loss(space: Space, path: Path) -> None:
    lines = (space.folder / "run" / "log.jsonl").read_text(encoding="utf-8").splitlines()
    save(loss_curves([json.loads(line) for line in lines], title="Training"), path)


def _plane(space: Space, path: Path) -> None:
    z = space.latents.z
    label = -1
    if space.scope != "global":
        told = space.latents.told
        label = int(np.bincount(told[told >= 0]).argmax())
        z = z[told == label]
    low, high = np.quantile(z, [0.005, 0.995], axis=0)
    point = high - low <= 0  # images that are all alike have a plane of no extent
    low, high = low - point, high + point
    x, y = (np.linspace(low[i], high[i], PLANE, dtype=np.float32) for i in (0, 1))
    grid: FloatArray = np.stack(np.meshgrid(x, y[::-1]), axis=-1).reshape(-1, 2)
    half = (high - low) / (2 * (PLANE - 1))  # the extent is that of the cells' outer edges
    left, bottom = low - half
    right, top = high + half
    extent = (float(left), float(right), float(bottom), float(top))
    title = "The decoded plane"
    title += f" of {space.label(label)}" if label >= 0 else ""
    images = space.coder.decode(grid, np.full(len(grid), label, np.int64))
    save(plane_grid(images, PLANE, PLANE, extent, title=title), path)


def _kl(space: Space, path: Path) -> None:
    kl = np.array(space.manifest.training["kl_per_dimension"])
    save(kl_per_dimension(kl, title="What each dimension carries"), path)
