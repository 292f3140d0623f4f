"""The confusion matrix, and what the worst mistakes look like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from latlas.contracts import IntArray, OptionError, UInt8Array
from latlas.lazily import lazy_import
from latlas.plots.checks import as_images
from latlas.plots.colours import ACCENT, INK, MUTED, PAPER, RULE, ramp
from latlas.plots.layout import (
    crisp_dpi,
    crisp_page,
    fitted,
    gap_of,
    place,
    shrunk,
    tile_width,
    width_of,
)
from latlas.plots.mosaics import ROOM, mosaic_of
from latlas.plots.page import MARGIN, SIDE, axes_at, head, number, write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

patches = lazy_import("matplotlib.patches")

__all__ = ["confusion"]

_BESIDE = 2.05
"""Width of the list of mistakes, inches."""
_GUTTER = 0.4
_SHOWN = 4
"""Images of one mistake."""
_TILE = 0.49
"""Width of one image, inches."""
_COUNTED = 20
"""Up to so many classes, the counts stand in the cells."""
_LISTED = 8
_LINE = 0.18


class _Mistake(NamedTuple):
    true: int
    answered: int
    images: int
    share: float


def confusion(
    counts: NDArray[Any],
    classes: Sequence[str],
    examples: Mapping[tuple[int, int], NDArray[Any]] | None = None,
    *,
    title: str = "",
    subtitle: str | None = None,
) -> Figure:
    """The confusion matrix beside its fullest wrong cells, these with example images.

    Rows are true classes, columns answers. The colour of a cell is its share of the row on a root
    scale, so that 1% is still seen; with 20 classes at most, the counts stand in the cells.

    Args:
        counts: whole numbers [K, K], at least 0: images of class i that were answered j.
        classes: the K class names, K from 2 to 200.
        examples: (true, answered) to uint8 [n, H, W, C] with C = 1 or 3, all of one size; the
            first four of each listed cell are drawn. None: no images.
        title: heading; empty for none.
        subtitle: second line; None: how many answers are right.

    Returns:
        A figure 8 inches wide.

    Raises:
        OptionError: counts of another shape or below 0, other than 2 to 200 classes, or examples
            that do not fit.
    """
    counts = _as_counts(counts, classes)
    tiles = _as_examples(examples or {}, len(counts))
    if subtitle is None:
        right, total = int(np.trace(counts)), int(counts.sum())
        subtitle = f"{right:,} of {total:,} answers right ({right / max(total, 1):.1%})"
    first = next(iter(tiles.values()))[:1] if tiles else np.ones((1, 0, 1, 3), dtype=np.uint8)
    height, width = shrunk(first, _TILE).shape[1:3]
    tile = tile_width(width, _SHOWN, _BESIDE, 0.05)
    dpi, zoom = crisp_dpi(width, min(tile, _TILE)) if tiles else (200.0, 1)
    names = _Names(classes, len(counts))
    side = min(ROOM - _BESIDE - _GUTTER - names.left, 4.4, 1.15 * len(counts))
    cell = max(1, int(side * dpi) // len(counts))  # dots
    side = cell * len(counts) / dpi
    mistakes = _mistakes(counts)
    body = max(
        names.top + side + 0.48, 0.5 + min(3, len(mistakes)) * (_TILE * height / width + 0.4)
    )
    figure = crisp_page(SIDE, body + 2 * MARGIN + head(title, subtitle), title, subtitle, dpi)
    top = body + MARGIN
    axes = place(figure, _coloured(counts), MARGIN + names.left, top - names.top, cell)
    names.write(axes, side, len(counts))
    _key(figure, MARGIN + names.left, top - names.top - side - 0.3)
    left = MARGIN + names.left + side + _GUTTER
    entries = _Entries(figure, left, top, min(SIDE - MARGIN - left, 2.6), zoom)
    listed = entries.write(mistakes[:_LISTED], classes, tiles)
    _cells(axes, counts, listed, side)
    return figure


# --- input -------------------------------------------------------------------------------


def _as_counts(counts: NDArray[Any], classes: Sequence[str]) -> IntArray:
    counts = np.asarray(counts)
    K = len(classes)
    if counts.shape != (K, K) or not 2 <= K <= 200:
        raise OptionError(
            f"counts are {list(counts.shape)} with {K} class names; expected [K, K] with one name "
            "for each of 2 to 200 classes. Draw the classes of interest alone if there are more."
        )
    whole = np.rint(np.where(np.isfinite(counts), counts, -1)).astype(np.int64)
    if (whole < 0).any() or not np.array_equal(whole, counts):
        raise OptionError(
            "counts hold values that are not whole numbers of at least 0; expected how many "
            "images of each class got each answer. Give counts, not shares."
        )
    return whole


def _as_examples(
    examples: Mapping[tuple[int, int], NDArray[Any]], K: int
) -> dict[tuple[int, int], UInt8Array]:
    found = {}
    for (true, answered), images in examples.items():
        if not (0 <= true < K and 0 <= answered < K):
            raise OptionError(
                f"examples hold the cell ({true}, {answered}) but there are {K} classes; expected "
                f"numbers from 0 to {K - 1}. Use the numbers of the classes as keys."
            )
        if len(images):
            name = f"examples of ({true}, {answered})"
            found[int(true), int(answered)] = as_images(name, images, "n")[:_SHOWN]
    sizes = {images.shape[1:] for images in found.values()}
    if len(sizes) > 1:
        raise OptionError(
            f"examples have {len(sizes)} sizes of images; expected one. Resize them first."
        )
    return found


def _mistakes(counts: IntArray) -> list[_Mistake]:
    """Wrong cells, the fullest first; of equal ones that with the larger share of its row."""
    wrong = counts * (1 - np.eye(len(counts), dtype=np.int64))
    true, answered = np.nonzero(wrong)
    found = [
        _Mistake(int(i), int(j), int(wrong[i, j]), float(wrong[i, j] / counts[i].sum()))
        for i, j in zip(true, answered, strict=True)
    ]
    return sorted(found, key=lambda cell: (-cell.images, -cell.share, cell.true, cell.answered))


# --- matrix ------------------------------------------------------------------------------


class _Names:
    """How much room the class names take left of the matrix and above it, and the names."""

    def __init__(self, classes: Sequence[str], K: int) -> None:
        self.size = 9.0 if K <= 12 else 7.5 if K <= 24 else 6.5
        least = 3.3 - K / 160  # inches of the matrix, whole dots a cell
        self.every = max(1, int(np.ceil(K * 7.7 / 72 / least)))
        self.shown = list(range(0, K, self.every))
        longest = 1.05
        self.names = {
            k: fitted(classes[k], longest, self.size, otherwise=f"class {k}") for k in self.shown
        }
        self.widest = max(width_of(name, self.size) for name in self.names.values())
        self.left = 0.22 + self.widest + 0.07
        cell = min((ROOM - _BESIDE - _GUTTER - self.left) / K * self.every, 1.1)
        self.upright = self.widest + 0.06 > cell
        self.top = 0.24 + (self.widest if self.upright else 0.14) + 0.06

    def write(self, axes: Axes, side: float, K: int) -> None:
        """Round axes whose ``side`` inches hold K rows and columns."""
        away = 0.06 / side * K
        turn = {"rotation": 90, "rotation_mode": "anchor", "ha": "left", "va": "center"}
        above = turn if self.upright else {"ha": "center", "va": "bottom"}
        for k, name in self.names.items():
            beside: dict[str, Any] = {"ha": "right", "va": "center"}
            write(axes, -away, k + 0.5, name, size=self.size, gid="row", **beside)
            write(axes, k + 0.5, -away, name, size=self.size, gid="column", **above)
        outer = (self.left - 0.09) / side * K
        quiet: dict[str, Any] = {"size": 8.5, "colour": MUTED}
        write(axes, -outer, K / 2, "true", rotation=90, ha="center", va="center", **quiet)
        over = (self.top - 0.14) / side * K
        write(axes, K / 2, -over, "answered", ha="center", va="bottom", **quiet)


def _palette() -> UInt8Array:
    """White for nothing, then the ramp: uint8 [257, 3] for roots of shares 0, 1/256 .. 1."""
    colours = ramp(257).astype(np.float64)
    paper = np.clip(1 - np.arange(257) / 64, 0, 1)[:, None] * 0.75
    paper[0] = 1
    return np.rint(colours * (1 - paper) + 255 * paper).astype(np.uint8)


def _coloured(counts: IntArray) -> UInt8Array:
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    colours: UInt8Array = _palette()[np.ceil(256 * np.sqrt(share)).astype(np.int64)]
    return colours


def _cells(axes: Axes, counts: IntArray, mistakes: Sequence[_Mistake], side: float) -> None:
    """Lines between the cells, counts in them, frames round those that are listed beside."""
    K = len(counts)
    if K <= 60:
        lines = np.arange(1, K)
        for draw in (axes.hlines, axes.vlines):
            draw(lines, 0, K, color=RULE if K <= _COUNTED else "#e9ecf0", lw=0.5, zorder=2)
    frame: dict[str, Any] = {"fill": False, "clip_on": False}
    axes.add_patch(patches.Rectangle((0, 0), K, K, ec="#9aa4b1", lw=0.8, zorder=3, **frame))
    if K <= _COUNTED:
        size = float(np.clip(side / K * 72 * 0.34, 5.2, 11))
        bright = _coloured(counts) @ np.array([0.2126, 0.7152, 0.0722])
        for i, j in np.argwhere(counts):
            colour = PAPER if bright[i, j] < 140 else INK
            text = _short(int(counts[i, j]), tight=side / K < 0.3)
            place: dict[str, Any] = {"ha": "center", "va": "center", "zorder": 4}
            write(axes, j + 0.5, i + 0.5, text, size=size, colour=colour, gid="count", **place)
    around = max(0.0, 0.085 * K / side - 1) / 2
    for cell in mistakes:
        corner = (cell.answered - around, cell.true - around)
        across = 1 + 2 * around
        axes.add_patch(
            patches.Rectangle(
                corner, across, across, ec=ACCENT, lw=1.6, zorder=5, gid="mistake", **frame
            )
        )


def _short(count: int, *, tight: bool) -> str:
    if count < 1000 or (count < 10_000 and not tight):
        return str(count)
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return (
                f"{count / size:.1f}{letter}"
                if count < 10 * size
                else f"{count / size:.0f}{letter}"
            )
    return str(count)


def _key(figure: Figure, left: float, bottom: float) -> None:
    """What the colours stand for."""
    text = "share of the row"
    quiet: dict[str, Any] = {"size": 7.5, "colour": MUTED}
    width, height = figure.get_size_inches()
    write(figure, left / width, (bottom + 0.055) / height, text, va="center", **quiet)
    axes = axes_at(figure, left + width_of(text, 7.5) + 0.12, bottom, 1.3, 0.11)
    axes.set_axis_off()
    axes.imshow(_palette()[None], aspect="auto", extent=(0, 1, 0, 1), interpolation="nearest")
    for share in (0.01, 0.1, 0.4, 1.0):
        write(axes, share**0.5, -0.3, f"{share:.0%}", ha="center", va="top", **quiet)


# --- mistakes ----------------------------------------------------------------------------


class _Entries:
    """The list of mistakes beside the matrix; places are inches from the lower left corner."""

    def __init__(self, figure: Figure, left: float, top: float, room: float, zoom: int) -> None:
        self.figure, self.left, self.top, self.room, self.zoom = figure, left, top, room, zoom

    def write(
        self,
        mistakes: Sequence[_Mistake],
        classes: Sequence[str],
        tiles: Mapping[tuple[int, int], UInt8Array],
    ) -> list[_Mistake]:
        """Writes as many as find room and returns them."""
        self._line(self.top, "most frequent mistakes" if mistakes else "no mistakes", size=9.5)
        note = "true → answered, images, share of the class" if mistakes else ""
        self._line(self.top - 0.19, note, size=6.8, weight="normal", colour=MUTED)
        names = {
            k: fitted(classes[k], self.room, 8.5, "bold", otherwise=f"class {k}")
            for k in {k for cell in mistakes for k in (cell.true, cell.answered)}
        }
        pairs = [f"{names[cell.true]} → {names[cell.answered]}" for cell in mistakes]
        facts = [f"{number(cell.images, 6)} · {cell.share:.1%}" for cell in mistakes]
        free = self.room - max((width_of(fact, 8) for fact in facts), default=0) - 0.08
        if any(width_of(pair, 8.5, "bold") > free for pair in pairs):
            pairs = [
                f"{fitted(names[cell.true], free, 8.5, 'bold')}\n"
                f"{fitted('→ ' + names[cell.answered], self.room, 8.5, 'bold')}"
                for cell in mistakes
            ]
        y = self.top - 0.42
        for n, cell in enumerate(mistakes):
            images = tiles.get((cell.true, cell.answered))
            images = None if images is None else shrunk(images, _TILE)
            below = y - 0.04 - self._height(pairs[n], images)
            if below < MARGIN - 0.02 and n:
                return list(mistakes[:n])
            self._entry(y, pairs[n], facts[n], images)
            y = below - 0.1
        return list(mistakes)

    def _height(self, pair: str, images: UInt8Array | None) -> float:
        lines = _LINE * (1 + pair.count("\n"))
        dots = 0 if images is None else self.zoom * images.shape[1]
        return lines + dots / self.figure.dpi

    def _entry(self, y: float, pair: str, fact: str, images: UInt8Array | None) -> None:
        for n, line in enumerate(pair.split("\n")):
            self._line(y - n * _LINE, line, size=8.5, gid="pair")
        right: dict[str, Any] = {"ha": "right", "weight": "normal", "colour": MUTED}
        self._line(y, fact, size=8, **right)
        if images is not None:
            gap = gap_of(images.shape[2], 0.05)
            under = y - _LINE * (1 + pair.count("\n"))
            place(self.figure, mosaic_of(images[None], gap, 0), self.left, under, self.zoom)

    def _line(self, y: float, text: str, *, weight: str = "bold", **how: Any) -> None:
        width, height = self.figure.get_size_inches()
        x = self.left + (self.room if how.get("ha") == "right" else 0)
        write(self.figure, x / width, y / height, text, weight=weight, va="top", **how)
