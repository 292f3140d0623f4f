"""A sheet of what was found in the data: likely wrong labels, duplicates, outliers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from latlas.contracts import OptionError, UInt8Array
from latlas.plots.checks import as_images, same_length
from latlas.plots.colours import INK, MUTED
from latlas.plots.layout import crisp_dpi, crisp_page, gap_of, place, shrunk, tile_width, wrapped
from latlas.plots.mosaics import ROOM, mosaic_of
from latlas.plots.page import MARGIN, SIDE, head, words, write

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["findings_sheet"]

_MOST = 60
_GAP = 0.2
_LINE = 0.165
_SIZE = 8.5


def findings_sheet(
    images: NDArray[Any],
    titles: Sequence[str],
    subtitles: Sequence[str],
    pairs: NDArray[Any] | None = None,
    *,
    title: str = "",
    subtitle: str = "",
) -> Figure:
    """Findings in their order, each an image (or two) with its rank, a title and a second line.

    Args:
        images: uint8 [N, H, W, C], C = 1 or 3, the strongest finding first; of more than 60 the
            first 60 are drawn, and the subtitle says so.
        titles: N texts, for instance ``"given 4, looks like 9"``; over two lines where they must.
        subtitles: N short texts, for instance ``"0.98"``; empty ones print nothing.
        pairs: uint8 [N, H, W, C], what each image is beside, for instance its duplicate; or None.
        title: heading; empty for none.
        subtitle: second line.

    Returns:
        A figure 8 inches wide.

    Raises:
        OptionError: no images, or arrays whose shapes do not fit.
    """
    tiles = as_images("images", images)
    same_length("titles", len(titles), "images", len(tiles))
    same_length("subtitles", len(subtitles), "images", len(tiles))
    if pairs is not None:
        others = as_images("pairs", pairs)
        if others.shape != tiles.shape:
            raise OptionError(
                f"images are {list(tiles.shape)} and pairs {list(others.shape)}; expected the "
                "same shape. Give each image its partner, resized to one size."
            )
        tiles = np.stack([tiles, others], axis=1)
    else:
        tiles = tiles[:, None]
    if len(tiles) > _MOST:
        first = f"first {_MOST} of {len(tiles):,}"
        subtitle = f"{subtitle} · {first}" if subtitle else first
        tiles = tiles[:_MOST]
    texts = [f"{n + 1}. {words(text, longest=200)}" for n, text in enumerate(titles[:_MOST])]
    below = [words(text, longest=200) for text in subtitles[:_MOST]]
    columns, room = _columns(texts, len(tiles), tiles.shape[1])
    lines = [
        [(line, INK) for line in wrapped(text, room, _SIZE)]
        + [(line, MUTED) for line in (wrapped(second, room, _SIZE) if second else [])]
        for text, second in zip(texts, below, strict=True)
    ]
    return _sheet(tiles, lines, columns, room, (title, subtitle))


def _columns(texts: Sequence[str], count: int, in_card: int) -> tuple[int, float]:
    """As many columns as let the titles stand on two lines each, and the width of one, inches."""
    most = 5 if in_card == 1 else 4
    for columns in range(most, 2, -1):
        room = (ROOM - (columns - 1) * _GAP) / columns
        if all(_fits(text, room) for text in texts):
            break
    return min(columns, count), room


def _fits(text: str, room: float) -> bool:
    return "".join(wrapped(text, room, _SIZE)).replace(" ", "") == text.replace(" ", "")


def _sheet(
    tiles: UInt8Array,
    lines: Sequence[Sequence[tuple[str, str]]],
    columns: int,
    room: float,
    headings: tuple[str, str],
) -> Figure:
    """``tiles`` [N, 1 or 2, h, w, 3] in cards ``room`` inches wide, ``lines`` under each."""
    in_card = tiles.shape[1]
    most = 1.15 if in_card == 1 else 0.95
    inches = min(tile_width(tiles.shape[3], in_card, room, 0.06), most)
    tiles = shrunk(tiles, inches)
    h, w = tiles.shape[2:4]
    dpi, zoom = crisp_dpi(w, inches)
    count = len(tiles)
    heights = [
        max(len(card) for card in lines[n : n + columns]) * _LINE + inches * h / w + 0.24
        for n in range(0, count, columns)
    ]
    total = sum(heights) - 0.14 + 2 * MARGIN + head(*headings)
    figure = crisp_page(SIDE, total, *headings, dpi)
    page_width, page_height = figure.get_size_inches()
    top = page_height - MARGIN - head(*headings)
    for n in range(count):
        row, column = divmod(n, columns)
        left = MARGIN + column * (room + _GAP)
        y = top - sum(heights[:row])
        card = mosaic_of(tiles[n][None], gap_of(w, 0.06), 0)
        place(figure, card, left, y, zoom)
        y -= inches * h / w + 0.055
        for k, (line, colour) in enumerate(lines[n]):
            at = (left / page_width, (y - k * _LINE) / page_height)
            write(figure, *at, line, size=_SIZE, colour=colour, va="top", gid="finding")
    return figure
