"""Pictures made of images: grids, pairs, traversals, walks, neighbours."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from latlas.contracts import FloatArray, IntArray, OptionError
from latlas.lazily import lazy_import
from latlas.plots.checks import as_images, same_length
from latlas.plots.colours import ACCENT, MUTED
from latlas.plots.mosaics import CLOSE, ROOM, caption, mosaic_of, picture, sheet
from latlas.plots.page import LINE, number, write, write_whole

if TYPE_CHECKING:
    from matplotlib.figure import Figure

patches = lazy_import("matplotlib.patches")

__all__ = [
    "animate",
    "image_grid",
    "neighbour_row",
    "reconstructions",
    "traversals",
    "walk_strip",
]


def reconstructions(
    originals: NDArray[Any],
    decoded: NDArray[Any],
    titles: Sequence[str] | None = None,
    *,
    title: str = "",
    subtitle: str | None = None,
) -> Figure:
    """Each original (left) beside its reconstruction (right), the error under the pair.

    The error is the mean squared difference per pixel with pixels in 0..1.

    Args:
        originals: uint8 [N, H, W, C], C = 1 or 3.
        decoded: uint8 [N, H, W, C], in the same order.
        titles: N short texts that stand before the errors, for instance labels; None: none.
        title: heading; empty for none.
        subtitle: second line; None: what is shown, and the mean error.

    Returns:
        A figure 8 inches wide.

    Raises:
        OptionError: no images, or arrays whose shapes do not fit.
    """
    first, second = as_images("originals", originals), as_images("decoded images", decoded)
    if first.shape != second.shape:
        raise OptionError(
            f"originals are {list(first.shape)} and decoded images {list(second.shape)}; "
            "expected the same shape. Give each original with its reconstruction."
        )
    errors = ((first / 255.0 - second / 255.0) ** 2).mean(axis=(1, 2, 3))
    names = [""] * len(first) if titles is None else list(titles)
    same_length("titles", len(names), "originals", len(first))
    captions = [(name, f"{error:.4f}") for name, error in zip(names, errors, strict=True)]
    if subtitle is None:
        subtitle = (
            "left: original · right: reconstruction · "
            f"below: mean squared error (mean {errors.mean():.4f})"
        )
    seam = max(1, round(first.shape[2] * 0.04))
    pairs = _side_by_side(first, second, seam)
    columns = min(len(pairs), 5 if len(pairs) <= 30 else 8)
    return sheet(pairs, columns, captions, title=title, subtitle=subtitle, largest=2.6)


def image_grid(
    images: NDArray[Any],
    titles: Sequence[str] | None = None,
    *,
    columns: int | None = None,
    title: str = "",
    subtitle: str = "",
) -> Figure:
    """Images in rows, each with its title under it.

    Args:
        images: uint8 [N, H, W, C], C = 1 or 3.
        titles: N short texts, or None.
        columns: images in a row; None: 10 at most, fewer for large images.
        title: heading; empty for none.
        subtitle: second line.

    Returns:
        A figure 8 inches wide.

    Raises:
        OptionError: no images, or arrays whose shapes do not fit.
    """
    images = as_images("images", images)
    if titles is not None:
        same_length("titles", len(titles), "images", len(images))
    if columns is None:
        columns = int(np.clip(np.ceil(np.sqrt(len(images) * 1.4)), 1, 10))
    if columns < 1:
        raise OptionError(f"columns is {columns}; expected at least 1.")
    columns = min(columns, len(images))
    captions = None if titles is None else [(text, "") for text in titles]
    return sheet(images, columns, captions, title=title, subtitle=subtitle, largest=1.6)


def walk_strip(
    frames: NDArray[Any],
    titles: Sequence[str] | None = None,
    *,
    title: str = "",
    subtitle: str = "",
) -> Figure:
    """A walk through the latent space, from the first frame to the last.

    Args:
        frames: uint8 [S, H, W, C], C = 1 or 3; more than 12 run on in further rows.
        titles: S short texts; None: how far along the walk each frame is, 0..1.
        title: heading; empty for none.
        subtitle: second line.

    Returns:
        A figure 8 inches wide.

    Raises:
        OptionError: no frames, or arrays whose shapes do not fit.
    """
    frames = as_images("frames", frames, "S")
    if titles is None:
        titles = [
            f"{share:.2f}".rstrip("0").rstrip(".") for share in np.linspace(0, 1, len(frames))
        ]
    same_length("titles", len(titles), "frames", len(frames))
    rows = -(-len(frames) // 12)
    return sheet(
        frames, -(-len(frames) // rows), [(text, "") for text in titles],
        title=title, subtitle=subtitle, largest=1.6,
    )  # fmt: skip


def traversals(
    images: NDArray[Any],
    values: FloatArray,
    dims: Sequence[int] | IntArray | None = None,
    *,
    title: str = "",
    subtitle: str | None = None,
) -> Figure:
    """What each latent dimension does: one row a dimension, one column a step.

    Rows are sorted by influence, the largest first. Influence is the variance of each pixel over
    the steps, averaged over the image; it is printed as a share of the sum over all rows.

    Args:
        images: uint8 [D, S, H, W, C]: dimension d moved to its value s, the others fixed.
        values: float [D, S], the value of the latent dimension at each step.
        dims: D numbers of the dimensions; None: 0..D-1.
        title: heading; empty for none.
        subtitle: second line; None: what is shown.

    Returns:
        A figure 8 inches wide.

    Raises:
        OptionError: no images, or arrays whose shapes do not fit.
    """
    images = as_images("traversals", images, "D, S")
    values = np.asarray(values, dtype=np.float64)
    dims = list(range(len(images))) if dims is None else [int(d) for d in dims]
    if values.shape != images.shape[:2] or len(dims) != len(images):
        raise OptionError(
            f"traversals are {list(images.shape)}, values {list(values.shape)}, with {len(dims)} "
            "dimensions; expected images [D, S, H, W, C], values [D, S] and D dimensions."
        )
    influence = np.array([(row / 255.0).var(axis=0).mean() for row in images])
    order = np.argsort(-influence, kind="stable")
    share = influence / max(influence.sum(), 1e-12)
    if subtitle is None:
        subtitle = "each row moves one latent dimension · on the right: its share of all change"
    gap = max(1, round(images.shape[3] * 0.05))
    mosaic = mosaic_of(images[order], gap, gap)
    left, right, foot = 0.95, 0.5, 0.0
    figure, axes = picture(
        mosaic, title, subtitle, sides=(left, right), foot=foot, largest=1.1 * images.shape[1]
    )
    step = images.shape[2] + gap
    small = axes.bbox.height / figure.dpi / len(order) < 0.34  # no room for a second line
    for row, d in enumerate(order):
        middle = row * step + images.shape[2] / 2
        shift = 0.0 if small else 0.13 * step
        place: dict[str, Any] = {"ha": "right", "va": "center"}
        write(axes, -gap, middle - shift, f"z{dims[d]} ", size=9, weight="bold", **place)
        if not small:
            span = f"{number(values[d, 0])} to {number(values[d, -1])} "
            write(axes, -gap, middle + shift * 1.3, span, size=7, colour=MUTED, **place)
        right = mosaic.shape[1] + gap
        write(axes, right, middle, f" {share[d]:.0%}", size=8.5, colour=MUTED, va="center")
    return figure


def neighbour_row(
    query: NDArray[Any],
    neighbours: NDArray[Any],
    distances: FloatArray,
    titles: Sequence[str] | None = None,
    *,
    query_title: str = "query",
    title: str = "",
    subtitle: str = "framed: the image asked for · nearest first, distance in the latent space",
) -> Figure:
    """The query on the left, its nearest neighbours beside it, their distances below.

    Args:
        query: uint8 [H, W, C], C = 1 or 3.
        neighbours: uint8 [K, H, W, C], nearest first; more than 8 run on in further rows.
        distances: float [K], in the latent space; NaN prints nothing.
        titles: K short texts that stand before the distances, for instance labels; or None.
        query_title: what stands under the query.
        title: heading; empty for none.
        subtitle: second line.

    Returns:
        A figure 8 inches wide.

    Raises:
        OptionError: no images, or arrays whose shapes do not fit.
    """
    asked, found = as_images("query", query, ""), as_images("neighbours", neighbours, "K")
    away = np.asarray(distances, dtype=np.float64).reshape(-1)
    if asked.shape != found.shape[1:]:
        raise OptionError(
            f"The query is {list(asked.shape)} and the neighbours {list(found.shape)}; expected "
            "images of one size. Resize them first."
        )
    same_length("distances", len(away), "neighbours", len(found))
    names = [""] * len(found) if titles is None else list(titles)
    same_length("titles", len(names), "neighbours", len(found))
    height, width = asked.shape[:2]
    columns = min(len(found), 8)
    rows = -(-len(found) // columns)
    gap, apart = max(1, round(width * 0.08)), max(2, round(width * 0.4))
    across = width + apart + columns * (width + gap) - gap
    inches = min(ROOM * width / across, 1.3)  # of one image
    below = round((2 * LINE + 0.12) / inches * width)
    tiles = np.full((rows, columns, height, width, 3), 255, dtype=np.uint8)
    tiles.reshape(-1, height, width, 3)[: len(found)] = found
    grid = mosaic_of(tiles, gap, below)
    mosaic = np.full((len(grid), across, 3), 255, dtype=np.uint8)
    mosaic[:height, :width], mosaic[:, width + apart :] = asked, grid
    figure, axes = picture(mosaic, title, subtitle, foot=2 * LINE, largest=inches * across / width)
    axes.add_patch(
        patches.Rectangle((0, 0), width, height, fill=False, ec=ACCENT, lw=2.2, clip_on=False)
    )
    first_line = height + CLOSE * width / inches
    caption(axes, width / 2, first_line, query_title, "", inches)
    for k, (name, distance) in enumerate(zip(names, away, strict=True)):
        row, column = divmod(k, columns)
        away_text = number(distance) if np.isfinite(distance) else ""
        x = width * 1.5 + apart + column * (width + gap)
        line = first_line + row * (height + below)
        for text in filter(None, (name, away_text)):
            caption(axes, x, line, text, "", inches)
            line += LINE * width / inches
    return figure


def animate(frames: NDArray[Any], path: str | os.PathLike[str], *, seconds: float = 3.0) -> Path:
    """Writes frames as a GIF that runs there and back for ever.

    Args:
        frames: uint8 [S, H, W, C], C = 1 or 3; small images are enlarged to about 256 pixels.
        path: ends in ``.gif``; folders on the way are made.
        seconds: time of one way.

    Returns:
        The path written.

    Raises:
        OptionError: no frames, or another ending.
        StorageError: the file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() != ".gif":
        raise OptionError(
            f"Cannot write an animation as {path.name!r}: the ending is "
            f"{path.suffix or 'missing'}, expected .gif. Name the file {path.stem}.gif."
        )
    frames = as_images("frames", frames, "S")
    scale = max(1, 256 // max(frames.shape[1:3]))
    large = frames.repeat(scale, axis=1).repeat(scale, axis=2)
    pages = [Image.fromarray(frame) for frame in (*large, *large[-2:0:-1])]
    duration = max(20, round(1000 * seconds / len(frames) / 10) * 10)  # GIF counts in 1/100 s
    buffer = io.BytesIO()
    pages[0].save(
        buffer, "gif", save_all=True, append_images=pages[1:], loop=0, duration=duration,
    )  # fmt: skip
    write_whole(path, buffer.getvalue())
    return path


def _side_by_side(
    first: NDArray[np.uint8], second: NDArray[np.uint8], seam: int
) -> NDArray[np.uint8]:
    blank = np.full((*first.shape[:2], seam, 3), 255, dtype=np.uint8)
    return np.concatenate([first, blank, second], axis=2)
