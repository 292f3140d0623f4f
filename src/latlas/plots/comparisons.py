"""Samples of several spaces side by side, and a walk with what a classifier says on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from latlas.contracts import FloatArray, IntArray, OptionError, UInt8Array
from latlas.lazily import lazy_import
from latlas.plots.checks import as_images, same_length
from latlas.plots.colours import (
    ACCENT,
    INK,
    MUTED,
    class_colours,
    darkened,
    hexadecimal,
)
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
from latlas.plots.odds import as_probabilities
from latlas.plots.page import MARGIN, SIDE, head, write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

patches = lazy_import("matplotlib.patches")

__all__ = ["film_with_odds", "sample_rows"]

_LEAST = 0.26
"""Least width of an image among samples, inches."""
_MOST_ROWS = 20
_MOST_BLOCKS = 8
_TALLEST = 9.0
"""All rows of samples together, inches, where their images may be smaller for it."""
_APART = 0.24
"""Between two blocks of samples, inches."""


def sample_rows(
    groups: Mapping[str, NDArray[Any]],
    title: str = "",
    *,
    classes: Sequence[str] = (),
    notes: Mapping[str, str] | None = None,
    subtitle: str | None = None,
) -> Figure:
    """Samples of several spaces side by side, the first group usually real images.

    Groups of [n, H, W, C] are one row each, with their names on the left. Groups of
    [K, n, H, W, C] are blocks side by side, with one row for each class.

    Args:
        groups: name to uint8 [n, H, W, C] or [K, n, H, W, C], C = 1 or 3; images of one size and
            the same K in all, n may differ. What finds no room on the page is left out, and the
            subtitle says so.
        title: heading; empty for none.
        classes: the K class names, for blocks; empty: none.
        notes: name of a group to a short text under the name, for instance its score; or None.
        subtitle: second line; None: what is left out, if anything.

    Returns:
        A figure 8 inches wide.

    Raises:
        OptionError: no group, or groups whose shapes do not fit.
    """
    blocks = _as_blocks(groups)
    notes = {} if notes is None else dict(notes)
    if np.ndim(next(iter(groups.values()))) == 4:
        most = max(block.shape[1] for block in blocks.values())
        padded = [_padded(block, most) for block in blocks.values()]
        rows = [(name, notes.get(name, "")) for name in blocks]
        return _blocks({"": np.concatenate(padded)}, rows, {}, (title, subtitle))
    K = len(next(iter(blocks.values())))
    if len(classes):
        same_length("class names", len(classes), "rows of samples", K)
    named = [(name or f"class {k}", "") for k, name in enumerate(classes)] or [("", "")] * K
    heads = {name: notes.get(name, "") for name in blocks}
    return _blocks(blocks, named, heads, (title, subtitle))


def film_with_odds(
    images: NDArray[Any],
    probabilities: NDArray[Any],
    classes: Sequence[str],
    flip: int | None = None,
    *,
    title: str = "",
    subtitle: str | None = None,
) -> Figure:
    """A walk frame by frame with the odds of the classes under each frame.

    The odds are one stacked bar a frame. Up to eight classes that reach a tenth anywhere have
    their colours; all others together are grey. The frame where the answer flips is framed.

    Args:
        images: uint8 [S, H, W, C], C = 1 or 3; more than 12 run on in further rows.
        probabilities: float [S, K] in 0..1, each row with sum 1.
        classes: the K class names.
        flip: number of the frame to frame, from 0; None: the first whose likeliest class is
            another than that of the frame before, if there is one.
        title: heading; empty for none.
        subtitle: second line; None: which answer becomes which, and where.

    Returns:
        A figure 8 inches wide.

    Raises:
        OptionError: no frames, a flip outside them, or arrays whose shapes do not fit.
    """
    frames = as_images("images", images, "S")
    odds = as_probabilities("probabilities", probabilities, "S", len(classes))
    same_length("rows of probabilities", len(odds), "frames", len(frames))
    answers = odds.argmax(axis=1)
    if flip is None:
        changes = np.flatnonzero(answers[1:] != answers[:-1])
        at = int(changes[0]) + 1 if len(changes) else None
    else:
        at = int(flip)
        if not 0 <= at < len(frames):
            raise OptionError(f"flip is {flip}; expected a frame from 0 to {len(frames) - 1}.")
    if subtitle is None:
        subtitle = _told(answers, at, classes)
    reached = odds.max(axis=0)
    chosen = [int(k) for k in np.argsort(-reached, kind="stable")[:8] if reached[k] >= 0.1]
    chosen.sort(key=lambda k: float((odds[:, k] * np.arange(len(odds))).sum() / odds[:, k].sum()))
    film = _Film(frames, (title, subtitle), len(chosen))
    for row in range(film.rows):
        here = slice(row * film.columns, (row + 1) * film.columns)
        film.strip(row, odds[here], chosen, None if at is None else at - here.start)
    film.legend(chosen, classes, others=len(classes) > len(chosen))
    return film.figure


# --- samples -----------------------------------------------------------------------------


def _as_blocks(groups: Mapping[str, NDArray[Any]]) -> dict[str, UInt8Array]:
    """Groups as uint8 [K, n, H, W, 3]; K = 1 for groups of one row."""
    if not groups:
        raise OptionError("There are no groups of samples; expected at least one name with images.")
    axes = {np.ndim(images) for images in groups.values()}
    if axes == {5} and len(groups) > _MOST_BLOCKS:
        raise OptionError(
            f"There are {len(groups)} groups of samples by class; expected at most {_MOST_BLOCKS} "
            "side by side. Draw several pictures."
        )
    before = "K, n" if axes == {5} else "n"
    blocks = {name: as_images(f"samples of {name}", each, before) for name, each in groups.items()}
    if before == "n":
        blocks = {name: images[None] for name, images in blocks.items()}
    shapes = {(block.shape[0], *block.shape[2:]) for block in blocks.values()}
    if len(shapes) > 1:
        raise OptionError(
            "Groups of samples differ in the number of classes or the size of images: "
            + ", ".join(f"{name} {list(np.shape(each))}" for name, each in groups.items())
            + ". Expected one size and the same classes in all; resize or select first."
        )
    return blocks


def _padded(block: UInt8Array, count: int) -> UInt8Array:
    K, n, h, w = block.shape[:4]
    full = np.full((K, count, h, w, 3), 255, dtype=np.uint8)
    full[:, :n] = block
    return full


def _blocks(
    blocks: Mapping[str, UInt8Array],
    rows: Sequence[tuple[str, str]],
    heads: Mapping[str, str],
    headings: tuple[str, str | None],
) -> Figure:
    """Blocks [R, n, h, w, 3] side by side, ``rows`` named on the left, ``heads`` above."""
    names = [fitted(name, 1.25, 8.5, "bold") for name, _ in rows]
    second = [fitted(note, 1.25, 7.5) for _, note in rows]
    wide = [width_of(name, 8.5, "bold") for name in names] + [width_of(n, 7.5) for n in second]
    left = max(wide) + (0.1 if max(wide) else 0.0)
    room = (ROOM - left - _APART * (len(blocks) - 1)) / len(blocks)
    most = max(block.shape[1] for block in blocks.values())
    kept = min(most, max(1, int(room / _LEAST)))
    shown = min(len(rows), _MOST_ROWS) if heads else len(rows)
    subtitle = headings[1]
    if subtitle is None:
        subtitle = _left_out((shown, len(rows)), (kept, most))
    pixels = next(iter(blocks.values())).shape[3]
    tallest = max(_TALLEST / shown * pixels / next(iter(blocks.values())).shape[2], _LEAST)
    inches = min(tile_width(pixels, kept, room, 0.035), tallest, 1.1)
    cut = [shrunk(_padded(block[:shown], most)[:, :kept], inches) for block in blocks.values()]
    h, w = cut[0].shape[2:4]
    dpi, zoom = crisp_dpi(w, inches)
    gap = gap_of(w, 0.035)
    step = (h + gap) * zoom / dpi
    above = 0.0 if not heads else 0.4 if any(heads.values()) else 0.24
    height = 2 * MARGIN + head(headings[0], subtitle) + above + shown * step
    figure = crisp_page(SIDE, height, headings[0], subtitle, dpi)
    top = figure.get_size_inches()[1] - MARGIN - head(headings[0], subtitle)
    across = (kept * (w + gap) - gap) * zoom / dpi
    for n, (name, block) in enumerate(zip(blocks, cut, strict=True)):
        x = MARGIN + left + n * (across + _APART)
        place(figure, mosaic_of(block, gap, gap), x, top - above, zoom)
        if heads:
            _head(figure, (x, top), fitted(name, across, 9.5, "bold"), heads[name], across)
    for k in range(shown):
        middle = top - above - k * step - h * zoom / dpi / 2
        _row_name(figure, MARGIN + left - 0.1, middle, names[k], second[k])
    return figure


def _left_out(rows: tuple[int, int], images: tuple[int, int]) -> str:
    """What a page of samples does not show; empty if nothing. Both: drawn, and given."""
    parts = [f"{rows[0]} of {rows[1]} classes"] if rows[0] < rows[1] else []
    parts += [f"{images[0]} of {images[1]} images a row"] if images[0] < images[1] else []
    return "first " + ", ".join(parts) if parts else ""


def _head(figure: Figure, at: tuple[float, float], name: str, note: str, room: float) -> None:
    width, height = figure.get_size_inches()
    x, y = at
    write(figure, x / width, y / height, name, size=9.5, weight="bold", va="top", gid="group")
    if note:
        text = fitted(note, room, 8)
        write(figure, x / width, (y - 0.18) / height, text, size=8, colour=MUTED, va="top")


def _row_name(figure: Figure, right: float, middle: float, name: str, note: str) -> None:
    width, height = figure.get_size_inches()
    lift = 0.08 if note else 0.0
    how: dict[str, Any] = {"ha": "right", "va": "center"}
    bold: dict[str, Any] = {"size": 8.5, "weight": "bold", "gid": "row"}
    write(figure, right / width, (middle + lift) / height, name, **bold, **how)
    if note:
        y = (middle - lift) / height
        write(figure, right / width, y, note, size=7.5, colour=MUTED, **how)


# --- film --------------------------------------------------------------------------------


def _told(answers: IntArray, at: int | None, classes: Sequence[str]) -> str:
    def name(k: int) -> str:
        return fitted(classes[k], 2.2, 9.5, otherwise=f"class {k}")

    if at is None or at == 0:
        return f"{len(answers)} frames · answer {name(answers[0])}"
    before, after = name(answers[at - 1]), name(answers[at])
    return f"answer {before} → {after} · flips at frame {at + 1} of {len(answers)} (framed)"


class _Place(NamedTuple):
    left: float
    top: float


class _Film:
    """The page of a walk: strips of frames, each with its bars under it."""

    _bars, _value, _between = 0.85, 0.2, 0.2  # inches

    def __init__(self, frames: UInt8Array, headings: tuple[str, str], named: int) -> None:
        self.rows = -(-len(frames) // 12)
        self.columns = -(-len(frames) // self.rows)
        wanted = min(tile_width(frames.shape[2], self.columns, ROOM, 0.06), 1.1)
        self.frames = shrunk(frames, wanted)
        self.h, self.w = self.frames.shape[1:3]
        self.dpi, self.zoom = crisp_dpi(self.w, wanted)
        self.gap = gap_of(self.w, 0.06)
        self.tall = self.h * self.zoom / self.dpi
        self.step = self.tall + 0.07 + self._bars + self._value + self._between
        self.key = 0.24 * -(-(named + 1) // 5)
        height = 2 * MARGIN + head(*headings) + self.rows * self.step + self.key
        self.figure = crisp_page(SIDE, height, *headings, self.dpi)
        self.top = self.figure.get_size_inches()[1] - MARGIN - head(*headings)

    def strip(self, row: int, odds: FloatArray, chosen: Sequence[int], at: int | None) -> None:
        """One strip: frames, bars, and the probability of each answer."""
        first = row * self.columns
        tiles = self.frames[first : first + self.columns][None]
        top = self.top - row * self.step
        axes = place(self.figure, mosaic_of(tiles, self.gap, 0), MARGIN, top, self.zoom)
        inch = self.dpi / self.zoom  # image pixels
        self._stack(axes, odds, chosen, self.h + 0.07 * inch, inch)
        if at is not None and 0 <= at < len(odds):
            frame: dict[str, Any] = {
                "fill": False,
                "clip_on": False,
                "ec": ACCENT,
                "lw": 2.2,
                "zorder": 5,
            }
            tall = self.h + (0.07 + self._bars) * inch
            left = at * (self.w + self.gap)
            axes.add_patch(patches.Rectangle((left, 0), self.w, tall, gid="flip", **frame))

    def _stack(
        self, axes: Axes, odds: FloatArray, chosen: Sequence[int], top: float, inch: float
    ) -> None:
        colours = class_colours(odds.shape[1])
        dark = darkened(colours)
        shares = np.concatenate([odds[:, chosen], 1 - odds[:, chosen].sum(1, keepdims=True)], 1)
        ends = np.cumsum(np.clip(shares, 0, 1), axis=1)
        fills = [hexadecimal(colours[k]) for k in chosen] + ["#d5dae1"]
        size = float(np.clip(self.w / inch * 14, 5.5, 8.5))
        for s, row in enumerate(ends):
            left = s * (self.w + self.gap)
            starts = np.concatenate([[0], row[:-1]])
            for start, end, fill in zip(starts, row, fills, strict=True):
                low, tall = top + start * self._bars * inch, (end - start) * self._bars * inch
                if end - start > 1e-4:
                    axes.add_patch(
                        patches.Rectangle(
                            (left, low), self.w, tall, fc=fill, lw=0, clip_on=False, gid="odds"
                        )
                    )
            k = int(odds[s].argmax())
            text = f"{odds[s, k]:.0%}"
            y = top + (self._bars + 0.04) * inch
            how: dict[str, Any] = {"ha": "center", "va": "top", "weight": "bold"}
            colour = hexadecimal(dark[k]) if k in chosen else INK
            write(axes, left + self.w / 2, y, text, size=size, colour=colour, **how)

    def legend(self, chosen: Sequence[int], classes: Sequence[str], *, others: bool) -> None:
        """Squares with class names at the foot of the page."""
        colours = class_colours(len(classes))
        width, height = self.figure.get_size_inches()
        entries = [
            (fitted(classes[k], 1.9, 8.5, otherwise=f"class {k}"), hexadecimal(colours[k]))
            for k in chosen
        ]
        entries += [("all others", "#d5dae1")] if others else []
        x, y = MARGIN, MARGIN + self.key - 0.2
        for name, colour in entries:
            wide = 0.2 + width_of(name, 8.5)
            if x + wide > SIDE - MARGIN:
                x, y = MARGIN, y - 0.22
            square = (x / width, y / height)
            self.figure.add_artist(
                patches.Rectangle(square, 0.13 / width, 0.13 / height, fc=colour, lw=0,
                          transform=self.figure.transFigure)
            )  # fmt: skip
            at = ((x + 0.2) / width, (y + 0.06) / height)
            write(self.figure, *at, name, size=8.5, colour=MUTED, va="center", gid="legend")
            x += wide + 0.25
