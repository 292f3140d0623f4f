"""How far to trust an answer, and how candidates compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from latlas.contracts import OptionError
from latlas.lazily import lazy_import
from latlas.plots.colours import CLASS_COLOURS, INK, MUTED, RULE
from latlas.plots.layout import fitted, width_of, wrapped
from latlas.plots.mosaics import ROOM
from latlas.plots.page import MARGIN, SIDE, axes_at, head, new_page, number, plain_ticks, write

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ticker = lazy_import("matplotlib.ticker")

__all__ = ["reliability_curve", "score_bars"]

_NAVY, _ORANGE, _CRIMSON = CLASS_COLOURS[0], CLASS_COLOURS[1], CLASS_COLOURS[2]
_GREY = "#8a94a1"
_ROLES = ("candidate", "floor", "baseline")
_ROW = 0.25
_VALUE = 0.52
"""Room for the values right of a panel of scores, inches."""


def reliability_curve(
    confidence: NDArray[Any],
    accuracy: NDArray[Any],
    counts: NDArray[Any],
    error: float,
    *,
    title: str = "",
    subtitle: str | None = None,
) -> Figure:
    """How often answers of each confidence are right, and how many there are of each.

    Left: accuracy over mean confidence in each bin; on the diagonal the classifier is calibrated,
    below it claims too much. Vertical lines are 95% intervals for the accuracy p of n answers:

        (p + q / 2 +- 1.96 sqrt(p (1 - p) / n + q / (4 n))) / (1 + q),  q = 1.96^2 / n

    (Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", Journal of the
    American Statistical Association, 1927). Right: answers in each bin.

    Args:
        confidence: float [B] in 0..1, the mean confidence in each bin; anything where it is empty.
        accuracy: float [B] in 0..1, the share of right answers in each bin.
        counts: whole numbers [B], the answers in each bin; bins of 0 are left out.
        error: the expected calibration error, 0..1, written in the subtitle.
        title: heading; empty for none.
        subtitle: second line; None: the error, and how confidence and accuracy differ over all.

    Returns:
        A figure 8 inches wide.

    Raises:
        OptionError: arrays of unequal length, values outside 0..1, or no answer.
    """
    x, y, n = _as_bins(confidence, accuracy, counts)
    if subtitle is None:
        claimed, right = (float((values * n).sum() / n.sum()) for values in (x, y))
        subtitle = (
            f"expected calibration error {error:.3f} · {n.sum():,.0f} answers · "
            f"mean confidence {claimed:.1%}, right {right:.1%}"
        )
    side, left, foot, gutter = 3.7, 0.42, 0.42, 0.95
    page_height = side + foot + 0.3 + 2 * MARGIN + head(title, subtitle)
    figure = new_page(SIDE, page_height, title, subtitle)
    axes = axes_at(figure, MARGIN + left, MARGIN + foot, side, side)
    _curve(axes, x, y, n)
    right_of = MARGIN + left + side + gutter
    beside = axes_at(figure, right_of, MARGIN + foot, SIDE - MARGIN - right_of - 0.5, side)
    _answers(beside, x, n)
    return figure


def score_bars(
    rows: Sequence[Mapping[str, Any]], *, title: str = "", subtitle: str | None = None
) -> Figure:
    """One panel for each measure: candidates as dots with intervals, floors and baselines grey.

    The best candidate of each measure is filled and its value bold. Floors (what no candidate can
    beat) and baselines (what each should beat) stand below, their grey lines run up through the
    candidates. An axis is logarithmic where values are positive and span a factor above 50.

    Args:
        rows: mappings with ``measure`` and ``name`` (of the candidate), ``value``, perhaps ``low``
            and ``high`` (ends of the 95% interval), ``better``: ``"lower"`` or ``"higher"``, and
            perhaps ``role``: ``"candidate"`` (the default), ``"floor"`` or ``"baseline"``.
            Measures and names keep their first order. A value that is not finite is left out.
        title: heading; empty for none.
        subtitle: second line; None: how to read it.

    Returns:
        A figure 8 inches wide.

    Raises:
        OptionError: no finite value, an unknown role or direction, two directions for one measure,
            or two rows for one name in one measure.
    """
    found = _as_scores(rows)
    measures = list(dict.fromkeys(row["measure"] for row in found))
    roles = {row["name"]: row["role"] for row in found}
    names = sorted(roles, key=lambda name: _ROLES.index(roles[name]) > 0)
    if subtitle is None:
        parts = ["dot: value, line: 95% interval", "filled, bold: best"]
        parts += ["grey: floors and baselines"] if set(roles.values()) - {"candidate"} else []
        subtitle = " · ".join(parts)
    shown = {name: fitted(name, 1.7, 8.5, "bold") for name in names}
    left = max(width_of(name, 8.5, "bold") for name in shown.values()) + 0.15
    columns = len(measures) if len(measures) <= 3 else 2 if len(measures) == 4 else 3
    lines = -(-len(measures) // columns)
    gap = 0.22
    width = min((ROOM - left - gap * (columns - 1)) / columns, 4.6)
    body = _ROW * len(names) + 0.15
    above = 0.26 + 0.17 * max(len(wrapped(measure, width, 9, "bold")) for measure in measures)
    step = body + 0.5 + above
    page_height = 2 * MARGIN + head(title, subtitle) + lines * step - 0.1
    figure = new_page(SIDE, page_height, title, subtitle)
    top = page_height - MARGIN - head(title, subtitle)
    for n, measure in enumerate(measures):
        line, column = divmod(n, columns)
        place = (MARGIN + left + column * (width + gap), top - line * step - above - body)
        axes = axes_at(figure, *place, width - _VALUE, body)
        here = {row["name"]: row for row in found if row["measure"] == measure}
        _measure(axes, here, names, width)
        if not column:
            for k, name in enumerate(names):
                _name(axes, k, shown[name], grey=roles[name] != "candidate")
    return figure


# --- reliability -------------------------------------------------------------------------


def _as_bins(
    confidence: NDArray[Any], accuracy: NDArray[Any], counts: NDArray[Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    arrays = [np.asarray(each, dtype=np.float64) for each in (confidence, accuracy, counts)]
    shapes = [list(each.shape) for each in arrays]
    if arrays[0].ndim != 1 or shapes[0] != shapes[1] or shapes[0] != shapes[2]:
        raise OptionError(
            f"confidence, accuracy and counts are {shapes[0]}, {shapes[1]} and {shapes[2]}; "
            "expected [B] each. Give one value for each bin."
        )
    if not np.isfinite(arrays[2]).all() or not (arrays[2] > 0).any() or (arrays[2] < 0).any():
        raise OptionError(
            "counts hold no answer, or values below 0 or not finite; expected how many answers "
            "fell into each bin, at least one of them above 0."
        )
    x, y, n = (each[arrays[2] > 0] for each in arrays)
    if not ((x >= 0) & (x <= 1) & (y >= 0) & (y <= 1)).all():
        raise OptionError(
            "confidence or accuracy of a bin with answers lies outside 0..1; expected shares. "
            "Divide percentages by 100."
        )
    order = np.argsort(x, kind="stable")
    return x[order], y[order], n[order]


def _wilson(
    p: NDArray[np.float64], n: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ends of the 95% interval."""
    q = 1.96**2 / n
    middle = (p + q / 2) / (1 + q)
    half = 1.96 * np.sqrt(p * (1 - p) / n + q / (4 * n)) / (1 + q)
    return middle - half, middle + half


def _curve(
    axes: Axes, x: NDArray[np.float64], y: NDArray[np.float64], n: NDArray[np.float64]
) -> None:
    plain_ticks(axes)
    axes.set_axisbelow(True)
    axes.grid(True, color=RULE, lw=0.6)
    axes.plot([0, 1], [0, 1], color=_GREY, lw=1.2, ls=(0, (4, 3)), zorder=2, gid="diagonal")
    axes.vlines(x, np.minimum(x, y), np.maximum(x, y), color=_CRIMSON, alpha=0.28, lw=5, zorder=2)
    axes.vlines(x, *_wilson(y, n), color=_NAVY, lw=1.1, zorder=3, gid="interval")
    axes.plot(x, y, "-", color=_NAVY, lw=1.4, zorder=4, gid="curve")
    size = 14 + 70 * np.sqrt(n / n.max())
    axes.scatter(x, y, s=size, color=_NAVY, edgecolors="white", linewidths=0.9, zorder=5)
    axes.set_xlim(-0.02, 1.03)
    axes.set_ylim(-0.02, 1.03)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(ticker.MaxNLocator(5))
        axis.set_major_formatter(ticker.FuncFormatter(lambda value, _: f"{value:.0%}"))
    place = axes.transAxes
    quiet: dict[str, Any] = {"size": 8.5, "colour": MUTED, "transform": place, "halo": 3}
    write(axes, 0, 1.03, "right answers", size=9.5, weight="bold", transform=place)
    write(axes, 1, -0.08, "confidence", ha="right", va="top", **quiet)
    write(axes, 0.03, 0.95, "claims too little", va="top", **quiet)
    write(axes, 0.97, 0.04, "claims too much", ha="right", **quiet)


def _answers(axes: Axes, x: NDArray[np.float64], n: NDArray[np.float64]) -> None:
    """Horizontal bars, the surest on top, each with its number."""
    at = np.arange(len(n))
    axes.barh(at, n, height=0.66, color=_NAVY)
    axes.set_xlim(0, n.max())
    axes.set_ylim(len(n) - 0.4 - max(len(n) + 0.2, 8), len(n) - 0.4)
    axes.set_axis_off()
    every = -(-len(n) // 24)
    sides, beside = axes.get_yaxis_transform(), axes.transAxes
    for k in range(0, len(n), every):
        share = f"{x[k]:.1%}" if x[k] > 0.95 else f"{x[k]:.0%}"
        end: dict[str, Any] = {"size": 8, "colour": MUTED, "va": "center"}
        write(axes, -0.04, k, share, ha="right", transform=sides, **end)
        write(axes, n[k] + 0.03 * n.max(), k, f"{n[k]:,.0f}", gid="count", **end)
    write(axes, 0, 1.03, "answers by confidence", size=9.5, weight="bold", transform=beside)


# --- scores ------------------------------------------------------------------------------


def _as_scores(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows with a finite value, all keys filled in."""
    found: list[dict[str, Any]] = []
    for row in rows:
        missing = {"measure", "name", "value", "better"} - set(row)
        if missing:
            raise OptionError(
                f"A row of scores lacks {', '.join(sorted(missing))}; expected measure, name, "
                "value and better. Add what is missing."
            )
        role, better = row.get("role", "candidate"), row["better"]
        if role not in _ROLES or better not in ("lower", "higher"):
            raise OptionError(
                f"A row of scores has role {role!r} and better {better!r}; expected one of "
                f"{', '.join(_ROLES)}, and lower or higher."
            )
        ends = (row.get(end) for end in ("low", "value", "high"))
        low, value, high = (float("nan") if end is None else float(end) for end in ends)
        if np.isfinite(value):
            known = {"measure": str(row["measure"]), "name": str(row["name"]), "better": better}
            found.append(known | {"role": role, "value": value, "low": low, "high": high})
    if not found:
        raise OptionError(
            f"There is no score to draw: {len(rows)} rows, none with a finite value. Expected rows "
            "with measure, name, value and better; measure at least one candidate."
        )
    directions = {(row["measure"], row["better"]) for row in found}
    pairs = {(row["measure"], row["name"]) for row in found}
    if len(directions) > len({measure for measure, _ in directions}) or len(pairs) < len(found):
        raise OptionError(
            "Two rows give one measure both directions, or one name twice; expected one direction "
            "a measure, and one row for each name in it. Summarise seeds into one row first."
        )
    return found


def _name(axes: Axes, k: int, name: str, *, grey: bool) -> None:
    """The name of row ``k``, left of the axes."""
    inch = axes.figure.dpi / axes.bbox.width
    write(
        axes, -0.12 * inch, k, name, size=8.5, colour=MUTED if grey else INK, gid="name",
        weight="normal" if grey else "bold", ha="right", va="center",
        transform=axes.get_yaxis_transform(),
    )  # fmt: skip


def _measure(
    axes: Axes, here: Mapping[str, Mapping[str, Any]], names: Sequence[str], width: float
) -> None:
    """The panel of one measure; rows run downwards in the order of ``names``."""
    first = next(iter(here.values()))
    sign = 1 if first["better"] == "lower" else -1
    candidates = [row for row in here.values() if row["role"] == "candidate"]
    best = min((sign * row["value"] for row in candidates), default=float("nan"))
    _scale(axes, here)
    axes.set_ylim(len(names) - 0.5, -0.5)
    across = axes.get_yaxis_transform()
    axes.hlines(range(len(names)), 0, 1, color="#eceff3", lw=0.8, zorder=1, transform=across)
    texts = _numbers(here)
    for k, name in enumerate(names):
        row = here.get(name)
        text, weight, colour = "–", "normal", MUTED
        if row is not None:
            is_best = sign * row["value"] == best and row["role"] == "candidate"
            _dot(axes, k, row, is_best=is_best)
            text = texts[name]
            weight, colour = ("bold", INK) if is_best else ("normal", MUTED)
        write(
            axes, 1 + 0.08 / (width - _VALUE), k, text, size=8.5, weight=weight, colour=colour,
            va="center", transform=across, gid="value",
        )  # fmt: skip
    _heading(axes, first["measure"], first["better"], width)


def _numbers(here: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The values of one measure, all with as many decimals where these are few."""
    texts = {name: number(row["value"], 3) for name, row in here.items()}
    decimals = max(len(text.partition(".")[2]) for text in texts.values())
    if decimals > 4 or any("e" in text for text in texts.values()):
        return texts
    return {name: f"{row['value']:,.{decimals}f}".replace("-", "−") for name, row in here.items()}


def _heading(axes: Axes, measure: str, better: str, width: float) -> None:
    heading = wrapped(measure, width, 9, "bold")
    above: dict[str, Any] = {"transform": axes.transAxes}
    inch = axes.figure.dpi / axes.bbox.height
    write(axes, 0, 1 + 0.08 * inch, f"{better} is better", size=8, colour=MUTED, **above)
    for k, line in enumerate(reversed(heading)):
        y = 1 + (0.25 + 0.16 * k) * inch
        write(axes, 0, y, line, size=9, weight="bold", gid="measure", **above)


def _scale(axes: Axes, here: Mapping[str, Mapping[str, Any]]) -> None:
    values = np.array([[row[end] for end in ("low", "value", "high")] for row in here.values()])
    values = values[np.isfinite(values)]
    low, high = float(values.min()), float(values.max())
    if low > 0 and high / low > 50:
        axes.set_xscale("log")
        margin = (high / low) ** 0.06
        axes.set_xlim(low / margin, high * margin)
        roomy = axes.bbox.width / axes.figure.dpi > 0.7 * np.log10(high / low)
        axes.xaxis.set_major_locator(
            ticker.LogLocator(subs=(1.0, 3.0) if roomy else (1.0,), numticks=6)
        )
        axes.xaxis.set_minor_locator(ticker.NullLocator())
    else:
        margin = (high - low) * 0.08 or max(abs(high) * 0.1, 1e-9)
        axes.set_xlim(low - margin, high + margin)
        axes.xaxis.set_major_locator(ticker.MaxNLocator(3))
    plain_ticks(axes)
    axes.spines["left"].set_visible(False)
    axes.set_yticks([])
    axes.xaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: number(value, 4)))
    axes.tick_params(labelsize=7.5)


def _dot(axes: Axes, k: int, row: Mapping[str, Any], *, is_best: bool) -> None:
    grey = row["role"] != "candidate"
    colour = _GREY if grey else _NAVY
    if grey:
        axes.vlines(row["value"], -0.5, k, color="#b9c1cb", lw=1.1, zorder=1.5, gid=row["role"])
    if np.isfinite(row["low"]) and np.isfinite(row["high"]):
        axes.hlines(k, row["low"], row["high"], color=colour, lw=1.8, zorder=3, gid="interval")
    axes.plot(
        [row["value"]], [k], "D" if grey else "o", ms=4.2 if grey else 6.5, mec=colour, mew=1.5,
        mfc=colour if is_best or grey else "white", zorder=4, clip_on=False, gid="dot",
    )  # fmt: skip
