"""Maps with more on them: the regions of a classifier, and a small map for each class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from latlas.contracts import FloatArray, IntArray, OptionError, UInt8Array
from latlas.plots.checks import as_labels, as_plane
from latlas.plots.colours import INK, MUTED, PAPER, UNKNOWN, class_colours
from latlas.plots.crisp import fill_axes
from latlas.plots.maps import write_names
from latlas.plots.mosaics import ROOM
from latlas.plots.odds import as_probabilities
from latlas.plots.page import MARGIN, SIDE, axes_at, head, new_page, write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["decision_regions"]

_DPI = 200
_MOST_POINTS = 6000
"""More points than that hide what lies under them."""
_KEY = "strong colour: sure · pale: unsure · line: the answer changes · ringed: another label"


def decision_regions(
    xy: NDArray[Any],
    labels: IntArray | None,
    classes: Sequence[str],
    grid_probabilities: NDArray[Any],
    extent: tuple[float, float, float, float],
    *,
    title: str = "",
    subtitle: str | None = None,
) -> Figure:
    """The points of a map on the regions that a classifier gives to each class.

    A place has the colour of its likeliest class, the stronger the larger the margin

        m = p_first - p_second

    between the two likeliest: where the classifier is unsure, the plane fades to white. A line
    runs where the answer changes. Points whose label is another than the answer at their place are
    ringed. Of more than 6,000 points a random 6,000 are drawn, always the same.

    Args:
        xy: [N, 2], the map; points outside ``extent`` or not finite are left out.
        labels: int64 [N], index into ``classes``, -1 where unknown (grey); None: all unknown.
        classes: the K class names.
        grid_probabilities: float [G, G, K] in 0..1 with sum 1 (or [rows, columns, K]), at the
            middles of a grid of equal cells; the first row is the top one, where y is largest.
        extent: left, right, bottom and top of the grid's outer edges, in units of the map.
        title: heading; empty for none.
        subtitle: second line; None: how many points, and how many are ringed.

    Returns:
        A figure 8 inches wide, its height after the shape of the extent.

    Raises:
        OptionError: no finite point inside, or arrays or an extent that do not fit.
    """
    points, inside = as_plane(xy)
    known = as_labels(labels, len(points), classes)
    known = np.full(len(points), -1, dtype=np.int64) if known is None else known
    probabilities = as_probabilities("grid_probabilities", grid_probabilities, "G, G", len(classes))
    left, right, bottom, top = _as_extent(extent)
    inside &= (points >= [left, bottom]).all(axis=1) & (points <= [right, top]).all(axis=1)
    if not inside.any():
        raise OptionError(
            f"No point lies inside the extent {extent}; expected left, right, bottom and top "
            "around the map. Compute the grid over the range of the points."
        )
    chosen = np.flatnonzero(inside)
    chosen = np.random.default_rng(0).permutation(chosen)[:_MOST_POINTS]
    points, known = points[chosen], known[chosen]
    aspect = (top - bottom) / (right - left)
    width = ROOM if aspect <= 1.1 else max(1.1 * ROOM / aspect, 1.0)
    size = (max(1, round(min(width * aspect, 12.0) * _DPI)), round(width * _DPI))
    painted, answers = _painted(probabilities, size)
    column, row = _dots(points, extent, size)
    wrong = (known >= 0) & (answers[row, column] != known)
    if subtitle is None:
        subtitle = _counted(len(points), int(inside.sum()), len(inside), int(wrong.sum()))
    page_height = size[0] / _DPI + 2 * MARGIN + 0.25 + head(title, subtitle)
    figure = new_page(SIDE, page_height, title, subtitle, _DPI)
    axes = axes_at(figure, MARGIN, MARGIN + 0.25, size[1] / _DPI, size[0] / _DPI)
    axes.set_axis_off()
    fill_axes(axes, painted, (left, right, bottom, top))
    _scatter(axes, points, known, wrong, len(classes))
    if (known >= 0).any():
        write_names(axes, points, known, classes)
    write(figure, MARGIN / SIDE, 0.8 * MARGIN / page_height, _KEY, size=8.5, colour=MUTED)
    return figure


# --- input -------------------------------------------------------------------------------


def _as_extent(extent: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
    left, right, bottom, top = (float(side) for side in extent)
    if not (left < right and bottom < top and np.isfinite([left, right, bottom, top]).all()):
        raise OptionError(f"extent is {extent}; expected left < right and bottom < top.")
    return left, right, bottom, top


# --- drawing -----------------------------------------------------------------------------


def _painted(
    probabilities: FloatArray, size: tuple[int, int]
) -> tuple[UInt8Array, NDArray[np.int64]]:
    """The plane in the colours of the answers, uint8 [H, W, 3], and the answers, int64 [H, W]."""
    first = np.zeros(size, dtype=np.float32)
    second = np.zeros(size, dtype=np.float32)
    answer = np.zeros(size, dtype=np.int64)
    for k in np.flatnonzero(probabilities.max(axis=(0, 1)) > 1e-3):
        plane = Image.fromarray(np.ascontiguousarray(probabilities[:, :, k]))
        p = np.asarray(plane.resize((size[1], size[0]), Image.Resampling.BILINEAR))
        better = p > first
        second = np.where(better, first, np.maximum(second, p))
        answer[better] = k
        first = np.maximum(first, p)
    strength = (0.05 + 0.45 * np.clip(first - second, 0, 1))[..., None]
    colour = class_colours(probabilities.shape[2])[answer].astype(np.float32)
    image = 255 + strength * (colour - 255)
    border = np.zeros(size, dtype=bool)
    for a, b in ((np.s_[1:], np.s_[:-1]), (np.s_[:, 1:], np.s_[:, :-1])):
        change = answer[a] != answer[b]
        border[a] |= change
        border[b] |= change
    ink = np.array(list(bytes.fromhex(INK[1:])), dtype=np.float32)
    image[border] = 0.45 * image[border] + 0.55 * ink
    return np.rint(image).astype(np.uint8), answer


def _dots(
    points: FloatArray, extent: tuple[float, float, float, float], size: tuple[int, int]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Column and row of each point in an image of ``size`` over ``extent``."""
    left, right, bottom, top = extent
    column = (points[:, 0] - left) / (right - left) * size[1]
    row = (top - points[:, 1]) / (top - bottom) * size[0]
    return (
        np.clip(column.astype(np.intp), 0, size[1] - 1),
        np.clip(row.astype(np.intp), 0, size[0] - 1),
    )


def _scatter(
    axes: Axes, points: FloatArray, labels: IntArray, wrong: NDArray[np.bool_], K: int
) -> None:
    """Small points, those on the wrong side ringed and on top."""
    palette = np.concatenate([class_colours(K), np.array([UNKNOWN], dtype=np.uint8)]) / 255
    area = float(np.clip(170 / len(points) ** 0.45, 3.8, 22))
    for which, rim, line, larger in ((~wrong, PAPER, 0.3, 1.0), (wrong, INK, 0.75, 2.6)):
        if which.any():
            axes.scatter(
                points[which, 0], points[which, 1], s=area * larger, c=palette[labels[which]],
                edgecolors=rim, linewidths=line, zorder=3 + larger, rasterized=True,
                gid="wrong" if larger > 1 else "points",
            )  # fmt: skip


def _counted(drawn: int, inside: int, given: int, wrong: int) -> str:
    facts = [f"{inside:,} points"] if drawn == inside else [f"{drawn:,} of {inside:,} points"]
    facts.append(f"{wrong:,} of them ringed: labelled otherwise than the region says")
    if inside < given:
        facts.append(f"{given - inside:,} outside")
    return " · ".join(facts)
