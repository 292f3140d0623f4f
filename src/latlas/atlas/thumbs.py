"""The pictures of the rows, sheet by sheet: what lies together on the map is fetched together."""

from __future__ import annotations

import io
import math
from typing import final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, features

from latlas.contracts import FloatArray, IntArray, UInt8Array
from latlas.stored import StoredSpace

__all__ = ["PicturePlan", "encode_sheet", "hilbert", "picture_type", "representatives"]

SHEET_SIDE = 1024
"""Pixels of a side of a sheet, about: some 200 kB of digits, and a quick fetch."""
LEVELS = 10
"""The curve runs through 2^10 x 2^10 cells."""
OVERVIEW_CELLS = 32


@final
class PicturePlan:
    """Which picture lies where.

    Rows are ordered along a Hilbert curve over the default map, so that neighbours on the map lie
    on the same sheet; rows without a place come last. Every row has exactly one cell.

    Args:
        space: the space whose thumbnails these are.
        xy: float32 [N, 2], the default map; NaN: no place.
        ids: int64 [N], the ids of these rows.

    Attributes:
        cell: height and width of a picture in pixels.
        columns: cells side by side on a sheet, and on top of each other at most.
        order: int64 [N], the place of each row.
        overview: int64 [M], rows from all over the map.
        overview_columns: cells side by side on the sheet of the overview.
    """

    def __init__(self, space: StoredSpace, xy: FloatArray, ids: IntArray) -> None:
        self._space, self._ids = space, ids
        height, width = space.thumbnails(ids[:1]).shape[1:3]
        self.cell = (height, width)
        self.columns: int = max(1, SHEET_SIDE // max(height, width))
        self._rows = np.argsort(hilbert(xy), kind="stable")
        self.order = np.empty(len(xy), np.int64)
        self.order[self._rows] = np.arange(len(xy))
        self.overview = representatives(xy)
        self.overview_columns = max(1, math.ceil(math.sqrt(len(self.overview))))

    @property
    def per_sheet(self) -> int:
        """Cells of a sheet."""
        return self.columns * self.columns

    @property
    def sheets(self) -> int:
        """Number of sheets."""
        return -(-len(self.order) // self.per_sheet)

    def sheet(self, index: int) -> bytes:
        """Sheet 0..sheets-1 as a file of ``picture_type``."""
        rows = self._rows[index * self.per_sheet : (index + 1) * self.per_sheet]
        return encode_sheet(self._pictures(rows), self.columns)

    def overview_sheet(self) -> bytes:
        """The overview as a file of ``picture_type``."""
        return encode_sheet(self._pictures(self.overview), self.overview_columns)

    def _pictures(self, rows: IntArray) -> UInt8Array:
        return self._space.thumbnails(self._ids[rows])


def hilbert(xy: FloatArray) -> IntArray:
    """The place of each row [N, 2] along a Hilbert curve over the map's box: int64 [N], 0..4^10.

    Rows without a place have 4^10. The curve visits neighbouring cells one after the other
    (Hilbert, "Über die stetige Abbildung einer Linie auf ein Flächenstück", 1891); turned level
    by level after Warren, "Hacker's Delight", 2nd edition, 2012, section 16-2.
    """
    there = np.isfinite(xy).all(axis=1)
    place = np.full(len(xy), 4**LEVELS, np.int64)
    if not there.any():
        return place
    low = xy[there].min(axis=0)
    side = max(float((xy[there].max(axis=0) - low).max()), 1e-30)
    cells = ((xy[there] - low) / side * (2**LEVELS - 1)).astype(np.int64)
    x, y = cells.T
    along = np.zeros(len(x), np.int64)
    for level in reversed(range(LEVELS)):
        right, up = x >> level & 1, y >> level & 1
        along += (3 * right ^ up) << 2 * level
        mask = (1 << level) - 1
        flip = (up == 0) & (right == 1)
        x, y = (
            np.where(flip, mask - (x & mask), x & mask),
            np.where(flip, mask - (y & mask), y & mask),
        )
        x, y = np.where(up == 0, y, x), np.where(up == 0, x, y)
    place[there] = along
    return place


def representatives(xy: FloatArray, cells: int = OVERVIEW_CELLS) -> IntArray:
    """Rows from all over a map [N, 2]: of each of 32 x 32 cells the one nearest to its middle.

    Returns:
        int64 [M], ascending cell by cell; without any place the first rows.
    """
    there = np.flatnonzero(np.isfinite(xy).all(axis=1))
    if not len(there):
        return np.arange(min(len(xy), cells * cells))
    low, high = xy[there].min(axis=0), xy[there].max(axis=0)
    side = max(float((high - low).max()), 1e-30)
    scaled = (xy[there] - low) / side * cells
    own = np.minimum(scaled.astype(np.int64), cells - 1)
    away = np.square(scaled - own - 0.5).sum(axis=1)
    cell = own[:, 1] * cells + own[:, 0]
    order = np.lexsort((away, cell))
    first = np.unique(cell[order], return_index=True)[1]
    chosen: IntArray = there[order[first]]
    return chosen


def picture_type() -> str:
    """``"image/webp"``, or ``"image/png"`` where Pillow was built without WebP."""
    return "image/webp" if features.check("webp") else "image/png"


def encode_sheet(pictures: UInt8Array, columns: int) -> bytes:
    """Pictures uint8 [n, h, w, C] side by side, row by row, as one file without loss."""
    count, height, width, channels = pictures.shape
    columns = min(columns, max(count, 1))
    lines = -(-count // columns)
    whole: NDArray[np.uint8] = np.zeros((lines * columns, height, width, channels), np.uint8)
    whole[:count] = pictures
    sheet = whole.reshape(lines, columns, height, width, channels).swapaxes(1, 2)
    sheet = sheet.reshape(lines * height, columns * width, channels)
    picture = Image.fromarray(sheet[:, :, 0] if channels == 1 else sheet)
    buffer = io.BytesIO()
    if picture_type() == "image/webp":
        # Half the bytes of PNG for photographs at the same speed; more effort gains a percent.
        picture.convert("RGB").save(buffer, "WEBP", lossless=True, method=1, quality=20)
    else:
        picture.save(buffer, "PNG")
    return buffer.getvalue()
