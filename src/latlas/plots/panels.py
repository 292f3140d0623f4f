"""A small map for each class, for spaces that hold one latent space a class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from latlas.contracts import FloatArray, IntArray, OptionError, UInt8Array
from latlas.lazily import lazy_import
from latlas.plots.checks import as_images, as_labels, as_plane, same_length
from latlas.plots.colours import MUTED, RULE, UNKNOWN, ramp
from latlas.plots.crisp import fill_axes
from latlas.plots.layout import crisp_dpi, crisp_page, fitted, place, shrunk, width_of
from latlas.plots.maps import draw_points
from latlas.plots.mosaics import ROOM
from latlas.plots.page import MARGIN, SIDE, axes_at, head, number, words, write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

patches = lazy_import("matplotlib.patches")

__all__ = ["class_panels"]

_MOST = 24
"""Panels on one page."""
_GAP = 0.16
_LINE = 0.2
_STEPS = 64
_MOST_POINTS = 4000
"""Points of one panel that are coloured by error."""


class _Panel(NamedTuple):
    name: str
    xy: FloatArray
    images: UInt8Array | None
    steps: IntArray | None
    window: tuple[float, float, float, float]


def class_panels(
    xy: NDArray[Any],
    labels: IntArray,
    classes: Sequence[str],
    images: NDArray[Any] | None = None,
    *,
    errors: NDArray[Any] | None = None,
    page: int = 1,
    title: str = "",
    subtitle: str | None = None,
) -> Figure:
    """One small map for each class, each on its own scale.

    Without images the colour shows how dense the map is there, or the error of each point on one
    scale for all panels (from its 2% to its 98% quantile). With images, each panel is a grid of
    cells and each cell holds the image nearest to its middle, framed by its error if given.

    Args:
        xy: [N, 2], each point on the map of its own class; points that are not finite are left out.
        labels: int64 [N], index into ``classes``; -1 (unknown) is not drawn.
        classes: the K class names; classes without a point get no panel.
        images: uint8 [N, H, W, C] with C = 1 or 3, or None.
        errors: float [N], for instance squared errors of reconstruction; NaN is grey. Or None.
        page: which 24 classes; the first are page 1.
        title: heading; empty for none.
        subtitle: second line; None: how many images, and which classes if not all.

    Returns:
        A figure 8 inches wide.

    Raises:
        OptionError: no labelled point with finite coordinates, a page that does not exist, or
            arrays whose shapes do not fit.
    """
    points, known = _as_labelled(xy, labels, classes)
    present = [int(k) for k in np.flatnonzero(np.bincount(known[known >= 0]))]
    pages = -(-len(present) // _MOST)
    if not 1 <= page <= pages:
        raise OptionError(f"page is {page}; expected 1 to {pages}, with {_MOST} classes on each.")
    shown = present[(page - 1) * _MOST : page * _MOST]
    scale = None if errors is None else _Scale(errors, len(points))
    tiles = None if images is None else as_images("images", images)
    if tiles is not None:
        same_length("images", len(tiles), "points", len(points))
    if subtitle is None:
        subtitle = _facts(int((known >= 0).sum()), shown, present, page, pages)
    layout = _Layout(
        {k: (classes[k], int((known == k).sum())) for k in shown},
        None if tiles is None else tiles.shape[1:3],
    )
    above, foot = MARGIN + head(title, subtitle), 0.0 if scale is None else 0.42
    height = above + layout.rows * layout.step - _GAP + foot + MARGIN
    figure = crisp_page(SIDE, height, title, subtitle, layout.dpi)
    for n, k in enumerate(shown):
        of_class = np.flatnonzero(known == k)
        panel = _Panel(
            layout.names[k],
            points[of_class],
            None if tiles is None else tiles[of_class],
            None if scale is None else scale.steps[of_class],
            _square(points[of_class]),
        )
        row, column = divmod(n, layout.columns)
        left = MARGIN + column * (layout.side + _GAP)
        _draw(figure, panel, layout, left, height - above - row * layout.step)
    if scale is not None:
        _key(figure, scale)
    return figure


# --- input -------------------------------------------------------------------------------


def _as_labelled(
    xy: NDArray[Any], labels: IntArray, classes: Sequence[str]
) -> tuple[FloatArray, IntArray]:
    """Points and their labels, -1 also where a point is not finite."""
    points, finite = as_plane(xy)
    known = as_labels(labels, len(points), classes)
    if known is None or not (finite & (known >= 0)).any():
        raise OptionError(
            "No point has a label and finite coordinates; expected at least one. Draw the whole "
            "map with latent_map instead."
        )
    return points, np.where(finite, known, -1)


class _Layout:
    """Columns and rows of panels, the side of one in inches, its heading, how tiles fill it."""

    def __init__(self, shown: dict[int, tuple[str, int]], tile: tuple[int, ...] | None) -> None:
        count = len(shown)
        few = {1: 1, 2: 2, 4: 2}
        wide = next(c for c, most in ((3, 6), (4, 8), (5, 15), (6, _MOST)) if count <= most)
        self.columns = few.get(count, wide)
        self.rows = -(-count // self.columns)
        self.side = min((ROOM - (self.columns - 1) * _GAP) / self.columns, 3.4)
        named = {k: words(name, f"class {k}", 200) for k, (name, _) in shown.items()}
        wanted = (
            width_of(named[k], 8.5, "bold") + width_of(f"{n:,}", 7.5) for k, (_, n) in shown.items()
        )
        # One long name, and all counts stand on a line of their own.
        self.lines = 1 if max(wanted) + 0.08 <= self.side else 2
        self.names = {k: fitted(name, self.side, 8.5, "bold") for k, name in named.items()}
        self.step = self.side + _LINE * self.lines + _GAP
        self.dpi, self.cells, self.zoom, self.inches = 200.0, 0, 1, 0.0
        if tile is not None:
            self.cells = int(np.clip(round(self.side / 0.24), 3, 12))
            self.inches = self.side / self.cells
            width = min(tile[1], round(200 * self.inches))
            self.dpi, self.zoom = crisp_dpi((width + 2) * self.cells, self.side)


class _Scale:
    """Errors as steps of the ramp: int64 [N], -1 where there is none."""

    def __init__(self, errors: NDArray[Any], count: int) -> None:
        errors = np.asarray(errors, dtype=np.float64)
        if errors.ndim != 1:
            raise OptionError(f"errors are {list(errors.shape)}; expected [N], one for each point.")
        same_length("errors", len(errors), "points", count)
        finite = np.isfinite(errors)
        self.low, self.high = (
            (float(end) for end in np.quantile(errors[finite], [0.02, 0.98]))
            if finite.any()
            else (0.0, 1.0)
        )
        share = (np.where(finite, errors, 0) - self.low) / max(self.high - self.low, 1e-300)
        steps = (np.clip(share, 0, 1) * (_STEPS - 1)).astype(np.int64)
        self.steps = np.where(finite, steps, -1)


def _facts(count: int, shown: list[int], present: list[int], page: int, pages: int) -> str:
    facts = [f"{count:,} images", "each class on its own map"]
    if pages > 1:
        first = (page - 1) * _MOST + 1
        facts.append(
            f"classes {first} to {first + len(shown) - 1} of {len(present)} "
            f"(page {page} of {pages})"
        )
    return " · ".join(facts)


def _square(xy: FloatArray) -> tuple[float, float, float, float]:
    """A square window round the points, with a margin."""
    low, high = xy.min(axis=0).astype(np.float64), xy.max(axis=0).astype(np.float64)
    middle = (low + high) / 2
    floor = max(float(np.abs(middle).max()) * 1e-6, 1e-6)
    half = max(float((high - low).max()) / 2 * 1.08, floor)
    x, y = (float(value) for value in middle)
    return x - half, x + half, y - half, y + half


# --- drawing -----------------------------------------------------------------------------


def _draw(figure: Figure, panel: _Panel, layout: _Layout, left: float, top: float) -> None:
    width, height = figure.get_size_inches()
    below = top - _LINE * layout.lines
    name: dict[str, Any] = {"size": 8.5, "weight": "bold", "va": "top", "gid": "class"}
    write(figure, left / width, top / height, panel.name, **name)
    quiet: dict[str, Any] = {"size": 7.5, "colour": MUTED, "va": "top"}
    count = f"{len(panel.xy):,}"
    if layout.lines == 1:
        write(figure, (left + layout.side) / width, top / height, count, ha="right", **quiet)
    else:
        write(figure, left / width, (top - _LINE + 0.02) / height, count, **quiet)
    if panel.images is not None:
        axes = place(figure, _mosaic(panel, panel.images, layout), left, below, layout.zoom)
        extent = axes.get_xlim(), axes.get_ylim()
        side = extent[0][1], extent[1][0]
        axes.add_patch(patches.Rectangle((0, 0), *side, fill=False, ec=RULE, lw=0.8, clip_on=False))
        return
    axes = axes_at(figure, left, below - layout.side, layout.side, layout.side)
    _points(axes, panel, round(layout.side * layout.dpi))
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color(RULE)


def _points(axes: Axes, panel: _Panel, dots: int) -> None:
    if panel.steps is None:
        draw_points(axes, panel.xy, None, 0, window=panel.window, size=(dots, dots))
        return
    left, right, bottom, top = panel.window
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    order = np.random.default_rng(0).permutation(len(panel.xy))[:_MOST_POINTS]
    order = order[np.argsort(panel.steps[order], kind="stable")]  # large errors are looked for
    area = float(np.clip(60 / len(order) ** 0.45, 1.2, 16) * (dots / 400) ** 0.5)
    colours = np.concatenate([ramp(_STEPS), np.array([UNKNOWN], dtype=np.uint8)]) / 255
    axes.scatter(
        panel.xy[order, 0], panel.xy[order, 1], s=area, c=colours[panel.steps[order]],
        linewidths=0, rasterized=True,
    )  # fmt: skip


def _mosaic(panel: _Panel, images: UInt8Array, layout: _Layout) -> UInt8Array:
    """The image nearest to the middle of each cell, white where a cell is empty."""
    cells = layout.cells
    left, right, bottom, top = panel.window
    place = (panel.xy - [left, bottom]) / [right - left, top - bottom] * cells
    place[:, 1] = cells - place[:, 1]
    at = np.clip(place.astype(np.int64), 0, cells - 1)
    away = ((place - at - 0.5) ** 2).sum(axis=1)
    cell = at[:, 1] * cells + at[:, 0]
    order = np.lexsort((away, cell))
    taken, first = np.unique(cell[order], return_index=True)
    chosen = order[first]
    tiles = shrunk(images[chosen], layout.inches)
    h, w = tiles.shape[1:3]
    side = w + 2
    whole = np.full((cells, side, cells, side, 3), 255, dtype=np.uint8)
    if h > w:  # cells are square: the middle of a tall image
        tiles = tiles[:, (h - w) // 2 : (h - w) // 2 + w]
        h = w
    down = 1 + (w - h) // 2
    for n, (row, column) in enumerate(zip(*divmod(taken, cells), strict=True)):
        if panel.steps is not None:
            step = panel.steps[chosen[n]]
            whole[row, :, column] = UNKNOWN if step < 0 else ramp(_STEPS)[step]
        whole[row, down : down + h, column, 1 : 1 + w] = tiles[n]
    return whole.reshape(cells * side, cells * side, 3)


def _key(figure: Figure, scale: _Scale) -> None:
    """What the colours of the errors stand for."""
    width, height = figure.get_size_inches()
    quiet: dict[str, Any] = {"size": 7.5, "colour": MUTED, "va": "center"}
    text = "error"
    write(figure, MARGIN / width, (MARGIN + 0.055) / height, text, **quiet)
    low, high = number(scale.low), number(scale.high)
    left = MARGIN + width_of(text, 7.5) + 0.12
    write(figure, left / width, (MARGIN + 0.055) / height, low, **quiet)
    left += width_of(low, 7.5) + 0.06
    axes = axes_at(figure, left, MARGIN, 1.3, 0.11)
    axes.set_axis_off()
    fill_axes(axes, ramp(_STEPS)[None], (0, 1, 0, 1))
    write(figure, (left + 1.36) / width, (MARGIN + 0.055) / height, high, **quiet)
