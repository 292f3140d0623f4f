"""The decoded plane: for two latent dimensions, an image at every place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from latlas.contracts import IntArray, OptionError
from latlas.plots.checks import as_images, as_labels, as_plane, same_length
from latlas.plots.colours import MUTED
from latlas.plots.crisp import fill_axes
from latlas.plots.maps import draw_points, write_names
from latlas.plots.mosaics import mosaic_of
from latlas.plots.page import MARGIN, axes_at, head, new_page, plain_ticks, write

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["plane_grid"]


def plane_grid(
    images: NDArray[Any],
    rows: int,
    columns: int,
    extent: tuple[float, float, float, float],
    *,
    xy: NDArray[Any] | None = None,
    labels: IntArray | None = None,
    classes: Sequence[str] = (),
    title: str = "",
) -> Figure:
    """For D = 2: the decoded grid of the latent plane, beside it the latents of the images.

    Args:
        images: uint8 [rows * columns, H, W, C], row by row; the first row is the top one, where
            z1 is largest, the first column the left one, where z0 is smallest.
        rows: images on top of each other.
        columns: images side by side.
        extent: left, right, bottom and top of the grid's outer edges, in latent units.
        xy: [N, 2], the latents, for a second panel on the same axes; None: no panel.
        labels: int64 [N], -1 where unknown; None: colour by density.
        classes: the K class names.
        title: heading; empty for none.

    Returns:
        A figure 8 inches wide, or 14 with the second panel.

    Raises:
        OptionError: no images, or arrays whose shapes do not fit.
    """
    images = as_images("images", images)
    same_length("images", len(images), f"places ({rows} x {columns})", rows * columns)
    left, right, bottom, top = extent
    if not (left < right and bottom < top and np.isfinite(extent).all()):
        raise OptionError(f"extent is {extent}; expected left < right and bottom < top.")
    mosaic = mosaic_of(images.reshape(rows, columns, *images.shape[1:]), 0, 0)
    panels = 1 if xy is None else 2
    side, gutter, foot = 0.3, 0.75, 0.3
    panel = 6.4 if xy is None else 5.9
    height = panel * mosaic.shape[0] / mosaic.shape[1]
    dpi = mosaic.shape[1] * max(1, round(200 * panel / mosaic.shape[1])) / panel
    width = 2 * MARGIN + side + panels * panel + (panels - 1) * gutter
    subtitle = "every place of the latent plane, decoded" if title else ""
    page_height = height + 2 * MARGIN + foot + head(title, subtitle)
    figure = new_page(width, page_height, title, subtitle, dpi)
    axes = axes_at(figure, MARGIN + side, MARGIN + foot, panel, height)
    fill_axes(axes, mosaic, extent)
    all_axes = [axes]
    if xy is not None:
        points, finite = as_plane(xy)
        known = as_labels(labels, len(points), classes)
        beside = axes_at(figure, MARGIN + side + panel + gutter, MARGIN + foot, panel, height)
        inside = finite & (points >= [left, bottom]).all(axis=1)
        inside &= (points <= [right, top]).all(axis=1)
        size = (round(height * dpi), round(panel * dpi))
        if inside.any():
            shown, points = None if known is None else known[inside], points[inside]
            draw_points(beside, points, shown, len(classes), window=extent, size=size)
            if shown is not None:
                write_names(beside, points, shown, classes)
        all_axes.append(beside)
    for each in all_axes:
        plain_ticks(each)
        write(each, 0.5, -0.065, "z0", size=9, colour=MUTED, ha="center", transform=each.transAxes)
        write(each, -0.075, 0.5, "z1", size=9, colour=MUTED, va="center", transform=each.transAxes)
    return figure
