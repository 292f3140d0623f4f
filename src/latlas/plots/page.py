"""The page under every picture: size, typography, and the file at the end.

Figures are built from matplotlib's objects alone, without pyplot and without its settings, so
that threads do not meet and the same input gives the same bytes.
"""

from __future__ import annotations

import contextlib
import io
import os
import secrets
import threading
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from latlas.contracts import OptionError, StorageError
from latlas.lazily import lazy_import
from latlas.plots.colours import INK, MUTED, PAPER

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

agg = lazy_import("matplotlib.backends.backend_agg")
figures = lazy_import("matplotlib.figure")
fonts = lazy_import("matplotlib.font_manager")
mpl = lazy_import("matplotlib")
patheffects = lazy_import("matplotlib.patheffects")

__all__ = [
    "FORMATS",
    "LINE",
    "MARGIN",
    "SIDE",
    "axes_at",
    "head",
    "new_page",
    "number",
    "pixels",
    "plain_ticks",
    "save",
    "width_for",
    "words",
    "write",
    "write_whole",
]

FORMATS = (".png", ".svg", ".pdf")
SIDE = 8.0
"""Width of a page, inches."""
MARGIN = 0.45
"""White space round the picture, inches."""
LINE = 0.17
"""Height of one line of small text, inches."""

_FONT = "DejaVu Sans"  # ships with matplotlib
_OTHER_FONTS = (
    *("Noto Sans CJK KR", "Noto Sans KR", "NanumGothic", "Malgun Gothic", "Apple SD Gothic Neo"),
    *("AppleGothic", "Noto Sans CJK JP", "Noto Sans CJK SC", "PingFang SC", "Hiragino Sans"),
    *("Microsoft YaHei", "Yu Gothic", "WenQuanYi Zen Hei", "Noto Sans", "Noto Sans Devanagari"),
    *("Noto Sans Thai", "Nirmala UI", "Leelawadee UI", "Arial Unicode MS", "Unifont"),
)
_svg_lock = threading.Lock()


def new_page(width: float, height: float, title: str, subtitle: str, dpi: float = 200) -> Figure:
    """An empty white page of ``width`` x ``height`` inches with its heading."""
    figure: Figure = figures.Figure(figsize=(width, height), dpi=dpi, facecolor=PAPER)
    agg.FigureCanvasAgg(figure)
    left, top = MARGIN / width, height - MARGIN
    if title:
        size = _fitting(title, 16, 0.67, width)
        write(figure, left, top / height, title, size=size, weight="bold", va="top")
        top -= 0.36
    if subtitle:
        size = _fitting(subtitle, 9.5, 0.57, width)
        write(figure, left, top / height, subtitle, size=size, colour=MUTED, va="top")
    return figure


def _fitting(text: str, size: float, letter: float, width: float) -> float:
    """Points at which ``text`` fits the page; ``letter``: usual width of one over its size."""
    return min(size, (width - 2 * MARGIN) * 72 / (letter * max(len(text), 1)))


def width_for(title: str, subtitle: str, content: float) -> float:
    """Inches of a page that holds its content and, up to ``SIDE``, its heading at full size."""
    letters = max(len(title) * 16 * 0.67, len(subtitle) * 9.5 * 0.57) / 72
    return min(max(content, letters) + 2 * MARGIN, SIDE)


def head(title: str, subtitle: str) -> float:
    """Inches that the heading takes under the upper margin."""
    return (0.36 if title else 0.0) + (0.28 if subtitle else 0.0)


def axes_at(figure: Figure, left: float, bottom: float, width: float, height: float) -> Axes:
    """Axes at a place given in inches from the lower left corner of the page."""
    page_width, page_height = figure.get_size_inches()
    return figure.add_axes(
        (left / page_width, bottom / page_height, width / page_width, height / page_height)
    )


def write(
    target: Figure | Axes,
    x: float,
    y: float,
    text: str,
    *,
    size: float = 9,
    colour: str = INK,
    weight: str = "normal",
    halo: float = 0,
    **how: Any,
) -> Any:
    """Writes ``text`` as it stands (no markup) in a font that has its letters.

    Args:
        target: a figure (x, y are shares of the page) or axes (x, y are data).
        x: where, from the left.
        y: where, from below.
        text: any text; letters that no installed font has become boxes.
        size: points.
        colour: as matplotlib takes it.
        weight: ``"normal"`` or ``"bold"``.
        halo: width in points of a white rim that keeps the text readable on a picture; 0: none.
        **how: further properties of ``matplotlib.text.Text``; short ``ha`` and ``va`` included.

    Returns:
        The ``matplotlib.text.Text``.
    """
    shown, families = _typeset(text, weight)
    artist = target.text(
        x, y, shown, fontfamily=families, fontsize=size, color=colour, fontweight=weight,
        parse_math=False, **how,
    )  # fmt: skip
    if halo:
        rim = patheffects.withStroke(linewidth=halo, foreground=PAPER, alpha=0.9)
        artist.set_path_effects([rim])
    return artist


def words(text: str, otherwise: str = "", longest: int = 28) -> str:
    """One printable line: shortened in the middle, ``otherwise`` if no font has its letters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    if len(line) > longest:
        line = f"{line[: longest - longest // 3 - 1]}…{line[-(longest // 3) :]}"
    if otherwise and _typeset(line, "bold")[0].count("□") * 2 >= max(len(line), 1):
        return otherwise
    return line


def number(value: float, digits: int = 3) -> str:
    """A number for a person: ``digits`` figures, thousands whole, a true minus."""
    text = f"{value:,.0f}" if abs(value) >= 10**digits else f"{value:.{digits}g}"
    return text.replace("-", "−")


def plain_ticks(axes: Axes) -> None:
    """Quiet axes: no upper and right frame, small grey numbers, a light grid across."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color("#9aa4b1")
    axes.tick_params(colors=MUTED, labelsize=8.5, labelfontfamily=_FONT, length=3)


def save(figure: Figure, path: str | os.PathLike[str]) -> Path:
    """Writes a figure; a crash leaves the old file or the new one, never half of one.

    The same figure gives the same bytes.

    Args:
        figure: any figure of this package.
        path: ends in ``.png``, ``.svg`` or ``.pdf``; folders on the way are made.

    Returns:
        The path written.

    Raises:
        OptionError: another ending.
        StorageError: the file cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise OptionError(
            f"Cannot write a picture as {path.name!r}: the ending is {suffix or 'missing'}, "
            f"expected one of {', '.join(FORMATS)}. Name the file for instance {path.stem}.png."
        )
    buffer = io.BytesIO()
    if suffix == ".png":
        image = Image.fromarray(pixels(figure))
        image.save(buffer, "png", compress_level=5, dpi=(figure.dpi, figure.dpi))
    elif suffix == ".pdf":
        figure.savefig(buffer, format="pdf", metadata={"CreationDate": None})
    else:
        # The salt of the names inside an SVG can only be given as a setting of matplotlib.
        with _svg_lock:
            before = mpl.rcParams["svg.hashsalt"]
            mpl.rcParams["svg.hashsalt"] = "latlas"
            try:
                figure.savefig(buffer, format="svg", metadata={"Date": None})
            finally:
                mpl.rcParams["svg.hashsalt"] = before
    write_whole(path, buffer.getvalue())
    return path


def pixels(figure: Figure) -> NDArray[np.uint8]:
    """The figure drawn: uint8 [height, width, 3]."""
    canvas = figure.canvas if isinstance(figure.canvas, agg.FigureCanvasAgg) else None
    canvas = canvas or agg.FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def write_whole(path: Path, content: bytes) -> None:
    """Writes beside, forces to the disk, renames into place."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise StorageError(
            f"Cannot write the picture {path}: {error.strerror or error}. "
            "Give a path in a folder that you can write and that has room."
        ) from error


# --- fonts -------------------------------------------------------------------------------


def _typeset(text: str, weight: str) -> tuple[str, list[str]]:
    """The text with boxes for letters that no font here has, and the fonts that it needs."""
    missing = {ord(c) for c in text if c != "\n"} - _letters(_FONT, weight)
    if not missing:
        return text, [_FONT]
    for family in _OTHER_FONTS:
        if missing <= _letters(family, weight):
            return text, [_FONT, family]
    return "".join("□" if ord(c) in missing else c for c in text), [_FONT]


@cache
def _letters(family: str, weight: str) -> frozenset[int]:
    if family not in {font.name for font in fonts.fontManager.ttflist}:
        return frozenset()
    wanted = fonts.FontProperties(family=family, weight=weight)
    path = fonts.findfont(wanted, fallback_to_default=False)
    return frozenset(fonts.get_font(path).get_charmap())
