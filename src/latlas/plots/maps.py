"""The latent map: every image a point, every class a colour, class names where the classes are.

The points are drawn by a small rasteriser of our own: discs with a lighter rim, in random order,
at twice the resolution, then averaged. It takes a fraction of the time that a scatter plot takes
for many points, and no class covers another.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from latlas.contracts import FloatArray, IntArray, UInt8Array
from latlas.plots.checks import as_labels, as_plane, same_length
from latlas.plots.colours import MUTED, UNKNOWN, class_colours, darkened, hexadecimal, mixed, ramp
from latlas.plots.crisp import fill_axes
from latlas.plots.page import MARGIN, SIDE, axes_at, head, new_page, words, write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_points", "latent_map", "write_names"]

_DPI = 200
_DENSITY_STEPS = 64
_ALWAYS_NAMED = 20
"""Up to so many classes, every one is named on the map; above, those that find room."""
_MOST_NAMES = 80


def latent_map(
    xy: NDArray[Any],
    labels: IntArray | None = None,
    classes: Sequence[str] = (),
    *,
    title: str = "",
    subtitle: str | None = None,
    method: str = "",
    trustworthiness: float | None = None,
    held_out: NDArray[np.bool_] | None = None,
) -> Figure:
    """The map of a latent space by class, with class names at their medians.

    Without labels the colour shows how dense the map is. Points without a label are grey.
    Point size follows N; the order of drawing is shuffled with a fixed seed.

    Args:
        xy: [N, 2], the map; points that are not finite are left out and counted in the subtitle.
        labels: int64 [N], index into ``classes``, -1 where unknown; None: no labels.
        classes: the K class names.
        title: heading; empty for none.
        subtitle: second line; None: N, ``method`` and ``trustworthiness``.
        method: what made the map, for instance ``"t-SNE of 16 dimensions"``.
        trustworthiness: 0..1, how far neighbours on the map are neighbours in the latent space.
        held_out: bool [N], True for images that training never saw: these are drawn in full
            colour over the others, which are paler.

    Returns:
        A figure 8 inches wide, its height after the shape of the map.

    Raises:
        OptionError: no finite point, or arrays whose shapes do not fit.
    """
    xy, finite = as_plane(xy)
    known = as_labels(labels, len(xy), classes)
    if held_out is not None:
        same_length("held-out flags", len(held_out), "points", len(xy))
        held_out = np.asarray(held_out, dtype=bool)[finite]
    left_out = len(xy) - int(finite.sum())
    xy = xy[finite]
    known = known if known is None else known[finite]
    width, height = _box(xy)
    crowded = known is not None and len(np.unique(known[known >= 0])) > _ALWAYS_NAMED
    foot = 0.25 if crowded or _both(held_out) else 0.0
    if subtitle is None:
        subtitle = _facts(len(xy), left_out, method, trustworthiness)
    page_height = height + 2 * MARGIN + foot + head(title, subtitle)
    figure = new_page(SIDE, page_height, title, subtitle, _DPI)
    axes = axes_at(figure, MARGIN, MARGIN + foot, width, height)
    axes.set_axis_off()
    window = _window(xy, width, height)
    size = (round(height * _DPI), round(width * _DPI))
    draw_points(axes, xy, known, len(classes), window=window, size=size, held_out=held_out)
    named = (0, 0) if known is None else write_names(axes, xy, known, classes)
    where = (MARGIN / SIDE, 0.8 * MARGIN / page_height)
    write(figure, *where, _key(held_out, named), size=8.5, colour=MUTED)
    return figure


def draw_points(
    axes: Axes,
    xy: FloatArray,
    labels: IntArray | None,
    classes: int,
    *,
    window: tuple[float, float, float, float],
    size: tuple[int, int],
    held_out: NDArray[np.bool_] | None = None,
) -> None:
    """Draws points as one image that fills the axes.

    Args:
        axes: where; its limits become ``window``.
        xy: float32 [N, 2], finite.
        labels: int64 [N], -1 where unknown, or None for colouring by density.
        classes: K, the number of classes.
        window: left, right, bottom and top of the axes in the units of ``xy``.
        size: height and width of the image in pixels, as large as the axes.
        held_out: bool [N], or None.
    """
    left, right, bottom, top = window
    if labels is None:
        palette = ramp(_DENSITY_STEPS)
        kind = _density_steps(xy)
    else:
        palette = np.concatenate([class_colours(classes), np.array([UNKNOWN], dtype=np.uint8)])
        kind = np.where(labels < 0, classes, labels)
    order = np.random.default_rng(0).permutation(len(xy))
    if labels is not None:  # points that tell nothing lie under the others
        order = order[np.argsort(labels[order] >= 0, kind="stable")]
    if held_out is not None and _both(held_out):
        kind = np.where(held_out, kind, kind + len(palette))
        palette = np.concatenate([palette, mixed(palette, (255, 255, 255), 0.55)])
        order = order[np.argsort(held_out[order], kind="stable")]
    scale = np.array([size[1] / (right - left), size[0] / (top - bottom)], dtype=np.float32)
    column_row = (xy - np.array([left, bottom], dtype=np.float32)) * scale
    column_row[:, 1] = size[0] - column_row[:, 1]
    radius = max(size) * float(np.clip(0.135 * len(xy) ** -0.4, 0.0006, 0.0075))
    image = _discs(column_row[order], kind[order], palette, size, radius)
    fill_axes(axes, image, window)


# --- points ------------------------------------------------------------------------------


def _discs(
    at: FloatArray,
    kind: NDArray[np.int64],
    palette: UInt8Array,
    size: tuple[int, int],
    radius: float,
) -> UInt8Array:
    """Discs at ``at`` [N, 2] (column, row), the later over the earlier: uint8 [H, W, 3]."""
    height, width = 2 * size[0], 2 * size[1]
    reach = int(np.ceil(2 * radius))
    offset = np.arange(-reach, reach + 1)
    distance = np.hypot(*np.meshgrid(offset, offset))
    rows, columns = np.nonzero(distance <= 2 * radius)
    rim = distance[rows, columns] > 2 * radius - min(max(1.7, 0.24 * radius), 0.55 * radius)
    # Every pixel holds the number of what lies on top: 0 paper, then disc and rim of each colour.
    kinds = np.uint16 if 2 * len(palette) + 1 > 255 else np.uint8
    number = np.add.outer((2 * kind + 1).astype(kinds), rim.astype(kinds))  # [N, disc pixels]
    padded = width + 2 * reach
    top = np.zeros((height + 2 * reach) * padded, dtype=kinds)
    centre = np.clip(np.rint(2 * at - 0.5), 0, [width - 1, height - 1]).astype(np.intp)
    start = centre[:, 1] * padded + centre[:, 0]  # upper left corner, thanks to the padding
    shape = rows * padded + columns
    for first in range(0, len(start), 2048):  # few at a time, to stay in the processor's cache
        chunk = slice(first, first + 2048)
        top[start[chunk, None] + shape] = number[chunk]
    top = top.reshape(-1, padded)[reach : reach + height, reach : reach + width]
    colours = np.full((2 * len(palette) + 1, 3), 255, dtype=np.uint32)
    colours[1::2] = palette
    colours[2::2] = mixed(palette, (255, 255, 255), 0.42)
    # Three channels of ten bits side by side: four neighbours add up without a carry.
    packed = (colours << np.array([0, 10, 20], dtype=np.uint32)).sum(axis=1, dtype=np.uint32)
    total = packed[top[::2, ::2]]
    for down, right in ((0, 1), (1, 0), (1, 1)):
        total += packed[top[down::2, right::2]]
    image = np.empty((*size, 3), dtype=np.uint8)
    for channel in range(3):  # a quarter of each sum
        image[..., channel] = (total >> np.uint32(10 * channel + 2)).astype(np.uint8)
    return image


def _density_steps(xy: FloatArray) -> NDArray[np.int64]:
    """How dense the plane is at each point: 0 the thinnest .. 63 the densest, int64 [N]."""
    bins = 192
    low, high = xy.min(axis=0), xy.max(axis=0)
    cell = (xy - low) / np.maximum((high - low).max(), 1e-9) * (bins - 1)
    column, row = np.rint(cell).astype(np.int64).T
    count = np.bincount(row * bins + column, minlength=bins * bins).reshape(bins, bins)
    kernel = np.exp(-0.5 * (np.arange(-6, 7) / 2.0) ** 2)
    smooth = count.astype(np.float64)
    for axis in (0, 1):
        smooth = np.apply_along_axis(np.convolve, axis, smooth, kernel, mode="same")
    density = np.sqrt(smooth[row, column])
    low_end, high_end = np.quantile(density, [0.02, 0.995])
    share = np.clip((density - low_end) / max(high_end - low_end, 1e-12), 0, 1)
    steps: NDArray[np.int64] = (share * (_DENSITY_STEPS - 1)).astype(np.int64)
    return steps


# --- page --------------------------------------------------------------------------------


def _box(xy: FloatArray) -> tuple[float, float]:
    """Width and height of the picture in inches: whole pixels, after the shape of the map."""
    span = np.maximum(np.ptp(xy.astype(np.float64), axis=0), 1e-12)
    width = SIDE - 2 * MARGIN
    height = width * float(np.clip(span[1] / span[0], 0.5, 1.05))
    return width, round(height * _DPI) / _DPI


def _window(xy: FloatArray, width: float, height: float) -> tuple[float, float, float, float]:
    """The part of the plane that fills ``width`` x ``height`` inches, one scale for both axes."""
    low, high = xy.min(axis=0).astype(np.float64), xy.max(axis=0).astype(np.float64)
    middle = (low + high) / 2
    floor = max(float(np.abs(middle).max()) * 1e-6, 1e-6)
    scale = max(float(((high - low) / [width, height]).max()), floor) * 1.035  # units an inch
    across, up = scale * width / 2, scale * height / 2
    return (
        float(middle[0] - across),
        float(middle[0] + across),
        float(middle[1] - up),
        float(middle[1] + up),
    )


def _facts(count: int, left_out: int, method: str, trustworthiness: float | None) -> str:
    facts = [f"{count:,} image{'s' if count != 1 else ''}"]
    if method:
        facts.append(method)
    if trustworthiness is not None:
        facts.append(f"trustworthiness {trustworthiness:.3f}")
    if left_out:
        facts.append(f"{left_out:,} without coordinates left out")
    return " · ".join(facts)


def _both(held_out: NDArray[np.bool_] | None) -> bool:
    return held_out is not None and bool(held_out.any()) and not bool(held_out.all())


def _key(held_out: NDArray[np.bool_] | None, named: tuple[int, int]) -> str:
    """What the reader needs to know besides; empty if nothing."""
    facts = []
    if held_out is not None and _both(held_out):
        seen, unseen = int((~held_out).sum()), int(held_out.sum())
        facts.append(f"full colour: {unseen:,} held out · pale: {seen:,} trained on")
    if named[0] < named[1]:
        facts.append(f"names: {named[0]} of the largest of {named[1]} classes")
    return " · ".join(facts)


# --- names -------------------------------------------------------------------------------


class _Name(NamedTuple):
    x: float
    y: float
    half_width: float
    half_height: float  # pixels


def write_names(
    axes: Axes, xy: FloatArray, labels: IntArray, classes: Sequence[str]
) -> tuple[int, int]:
    """Class names at the medians of their classes, the largest class first, none over another.

    Returns:
        How many classes are named, and how many there are.
    """
    counts = np.bincount(labels[labels >= 0], minlength=len(classes))
    present = [int(k) for k in np.argsort(-counts, kind="stable") if counts[k]]
    names = {k: words(classes[k], f"class {k}", 24) for k in present}
    size = _name_size(len(present), max(len(name) for name in names.values()))
    dark = darkened(class_colours(len(classes)))
    must = len(present) <= _ALWAYS_NAMED
    placed: list[_Name] = []
    for k in present if must else present[:_MOST_NAMES]:
        x, y = (float(value) for value in np.median(xy[labels == k], axis=0))
        artist = write(
            axes, x, y, names[k], size=size, colour=hexadecimal(dark[k]), weight="bold",
            halo=max(3.0, size / 4), ha="center", va="center", zorder=5, gid=f"class-{k}",
        )  # fmt: skip
        box = artist.get_window_extent()
        at_x, at_y = axes.transData.transform((x, y))
        # Where points are few, a name on the median would hide one.
        lift = box.height if len(xy) <= 100 else 0.0
        name = _Name(float(at_x), float(at_y) + lift, box.width / 2, box.height / 2)
        spot = _free_spot(name, placed, axes.bbox, must)
        if spot is None:
            artist.remove()
            continue
        if spot != (at_x, at_y):
            artist.set_position(axes.transData.inverted().transform(spot))
        placed.append(name._replace(x=spot[0], y=spot[1]))
    return len(placed), len(present)


def _name_size(count: int, longest: int) -> float:
    """Points, after the number of names and the letters of the longest."""
    if count <= 12:
        return 17.0 if longest <= 3 else 11.5
    if count <= 40:
        return 11.0 if longest <= 3 else 9.0
    return 7.5


def _free_spot(
    name: _Name, placed: list[_Name], frame: Any, must: bool
) -> tuple[float, float] | None:
    """The spot nearest to the median where the name touches no other, on a widening spiral.

    Returns:
        Pixels, or None if there is no free spot near; with ``must`` the median itself then.
    """
    low_x, high_x = frame.x0 + name.half_width, frame.x1 - name.half_width
    low_y, high_y = frame.y0 + name.half_height, frame.y1 - name.half_height
    gap = 0.25 * name.half_height
    for step in range(900 if must else 40):
        turn, away = 2.399963 * step, 0.42 * name.half_height * np.sqrt(step)
        x = float(np.clip(name.x + away * 1.5 * np.cos(turn), low_x, max(low_x, high_x)))
        y = float(np.clip(name.y + away * np.sin(turn), low_y, max(low_y, high_y)))
        if all(
            abs(x - other.x) > name.half_width + other.half_width + gap
            or abs(y - other.y) > name.half_height + other.half_height + gap * 0.5
            for other in placed
        ):
            return x, y
    return (name.x, name.y) if must else None
