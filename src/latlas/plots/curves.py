"""Curves and bars: how training went, and which latent dimensions carry information."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from latlas.contracts import OptionError
from latlas.lazily import lazy_import
from latlas.plots.colours import CLASS_COLOURS, INK, MUTED, RULE, as_text
from latlas.plots.page import (
    MARGIN,
    SIDE,
    axes_at,
    head,
    new_page,
    number,
    plain_ticks,
    words,
    write,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ticker = lazy_import("matplotlib.ticker")

__all__ = ["kl_per_dimension", "loss_curves"]

_NOT_LOSSES = {"step", "epoch", "images", "seconds", "split", "loss", "lr", "learning_rate"}
_TRAIN, _HELD_OUT = CLASS_COLOURS[0], CLASS_COLOURS[1]
_PARTS = (2, 7, 4, 5, 9, 6)
_Series = tuple[NDArray[np.float64], NDArray[np.float64]]


def loss_curves(
    history: Sequence[Mapping[str, Any]], *, title: str = "", subtitle: str | None = None
) -> Figure:
    """The loss while training and on held-out images, and the parts it is made of.

    The best held-out loss is marked. Loss axes are logarithmic where every value is above 0.
    Several parts are drawn over their first values; what they were at the best loss stands above.
    Values that are missing or not finite leave gaps.

    Args:
        history: rows with ``step`` and perhaps ``epoch``, ``images``, ``seconds``; ``split``:
            ``"train"``, or anything else for held-out; ``loss`` and its named parts.
        title: heading; empty for none.
        subtitle: second line; None: the best held-out loss.

    Returns:
        A figure 8 inches wide.

    Raises:
        OptionError: no row with a finite loss.
    """
    across = "epoch" if any(row.get("epoch") for row in history) else "step"
    train = _series(history, "loss", across, held_out=False)
    held_out = _series(history, "loss", across, held_out=True)
    if not np.isfinite(np.concatenate([train[1], held_out[1]])).any():
        raise OptionError(
            f"There is no loss to draw: {len(history)} rows, none with a finite loss. "
            "Expected rows with step, split and loss; train for at least one step."
        )
    parts = _parts(history, across)
    best = int(np.nanargmin(held_out[1])) if np.isfinite(held_out[1]).any() else None
    if subtitle is None:
        subtitle = ""
        if best is not None:
            where = f"{held_out[0][best]:,.0f}" if across == "step" else f"{held_out[0][best]:.3g}"
            ends = [
                f"{words(name)} {number(y[best], 3)}"
                for name, (_, y), _, _ in parts
                if len(y) > best
            ]
            best_loss = f"best held-out loss {held_out[1][best]:.4g} at {across} {where} (kept)"
            subtitle = " · ".join([best_loss, *ends])
    left, foot, above, gutter, height = 0.35, 0.35, 0.3, 1.3, 3.2
    page_height = height + foot + above + 2 * MARGIN + head(title, subtitle)
    figure = new_page(SIDE, page_height, title, subtitle)
    room = SIDE - 2 * MARGIN - left - 0.65  # names stand to the right of the curves
    width = (room - gutter) / 2 if parts else room
    axes = axes_at(figure, MARGIN + left, MARGIN + foot, width, height)
    curves = [("train", train, _TRAIN, "-"), ("held out", held_out, _HELD_OUT, "-")]
    _curves(axes, curves, across, "loss")
    if best is not None:
        axes.plot(
            *(values[best : best + 1] for values in held_out), "o", ms=6, zorder=5,
            mfc=_HELD_OUT, mec=INK, mew=1.2, gid="best",
        )  # fmt: skip
    if parts:
        right = MARGIN + left + width + gutter
        beside = axes_at(figure, right, MARGIN + foot, width, height)
        heading = "parts of the loss" + (", held out" if best is not None else "")
        if len(parts) > 1:  # they differ by orders of magnitude
            parts = [(name, _over_first(series), c, style) for name, series, c, style in parts]
            heading += "; first = 1"
        _curves(beside, parts, across, heading)
    return figure


def kl_per_dimension(
    kl: NDArray[Any], threshold: float = 0.01, *, title: str = "", subtitle: str | None = None
) -> Figure:
    """Kullback-Leibler divergence of each latent dimension of a VAE from its prior.

    Dimensions above ``threshold`` carry information ("active units": Burda, Grosse and
    Salakhutdinov, "Importance Weighted Autoencoders", 2016, use the variance of the posterior
    mean in the same way); the others have collapsed onto the prior.

    Args:
        kl: [D], in nats, averaged over images; values that are not finite count as inactive.
        threshold: nats, at least 0.
        title: heading; empty for none.
        subtitle: second line; None: how many units are active, and the total.

    Returns:
        A figure 8 inches wide, bars sorted from the largest.

    Raises:
        OptionError: no dimension, another shape, or a threshold below 0.
    """
    kl = np.asarray(kl, dtype=np.float64)
    if kl.ndim != 1 or not len(kl):
        raise OptionError(f"kl has shape {list(kl.shape)}; expected [D] with D at least 1.")
    if not threshold >= 0:
        raise OptionError(f"threshold is {threshold}; expected a number of nats, at least 0.")
    values = np.where(np.isfinite(kl), kl, 0)
    order = np.argsort(-values, kind="stable")
    active = values[order] > threshold
    if subtitle is None:
        subtitle = (
            f"{active.sum()} of {len(kl)} dimensions are active (above {threshold:g} nats) · "
            f"together {values.sum():.3g} nats"
        )
    left, foot, above, height = 0.35, 0.3, 0.25, 2.8
    page_height = height + foot + above + 2 * MARGIN + head(title, subtitle)
    figure = new_page(SIDE, page_height, title, subtitle)
    axes = axes_at(figure, MARGIN + left, MARGIN + foot, SIDE - 2 * MARGIN - left, height)
    colours = [_TRAIN if is_active else "#c3cad3" for is_active in active]
    axes.bar(np.arange(len(kl)), values[order], width=0.72, color=colours)
    axes.axhline(threshold, color=CLASS_COLOURS[2], lw=1, ls=(0, (4, 3)))
    axes.set_xlim(-0.7, len(kl) - 0.3)
    axes.set_ylim(0, max(values.max(), threshold) * 1.08 + 1e-9)
    every = -(-len(kl) // 20)
    axes.set_xticks(np.arange(0, len(kl), every), [f"z{d}" for d in order[::every]])
    plain_ticks(axes)
    for name, is_active in zip(axes.get_xticklabels(), active[::every], strict=True):
        name.set_color(INK if is_active else "#a9b2bd")
    axes.set_axisbelow(True)
    axes.yaxis.grid(True, color=RULE, lw=0.6)
    axes.yaxis.set_major_locator(ticker.MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(ticker.FuncFormatter(_tick))
    write(axes, 0, 1.02, "nats", size=8.5, colour=MUTED, transform=axes.transAxes)
    return figure


# --- curves ------------------------------------------------------------------------------


def _series(
    history: Sequence[Mapping[str, Any]], name: str, across: str, *, held_out: bool
) -> _Series:
    """Where and how large a value is in the rows of one split: two float arrays."""
    rows = [
        (float(row.get(across) or 0), float(row[name]))
        for row in history
        if (row.get("split", "train") != "train") == held_out and row.get(name) is not None
    ]
    x, y = np.array(rows, dtype=np.float64).reshape(-1, 2).T
    return x, np.where(np.isfinite(y), y, np.nan)


def _parts(
    history: Sequence[Mapping[str, Any]], across: str
) -> list[tuple[str, _Series, str, str]]:
    """The parts of the loss, held-out where there is any; nothing where the one part is all."""
    split = any(row.get("split", "train") != "train" for row in history)
    names = dict.fromkeys(
        name
        for row in history
        for name, value in row.items()
        if name not in _NOT_LOSSES and isinstance(value, int | float | np.number)
    )
    found = {name: _series(history, name, across, held_out=split) for name in names}
    found = {name: series for name, series in found.items() if np.isfinite(series[1]).any()}
    whole = _series(history, "loss", across, held_out=split)[1]
    if len(found) == 1 and np.array_equal(next(iter(found.values()))[1], whole, equal_nan=True):
        return []
    styles = ("-", "--", "-.", ":")
    return [
        (name, series, CLASS_COLOURS[_PARTS[k % 6]], styles[k % len(styles)])
        for k, (name, series) in enumerate(found.items())
    ]


def _over_first(series: _Series) -> _Series:
    """Values over the size of the first, so that their sign stays; all of it where that is 0."""
    x, y = series
    first = abs(y[np.isfinite(y)][0]) or np.nanmax(np.abs(y)) or 1.0
    return x, y / first


def _curves(
    axes: Axes, curves: Sequence[tuple[str, _Series, str, str]], across: str, above: str
) -> None:
    """Draws curves with their names at their right ends."""
    drawn = [curve for curve in curves if np.isfinite(curve[1][1]).any()]
    values = np.concatenate([series[1] for _, series, _, _ in drawn])
    furthest = max(float(series[0].max()) for _, series, _, _ in drawn)
    values = values[np.isfinite(values)]
    if values.min() > 0:
        axes.set_yscale("log")
    for name, (x, y), colour, style in drawn:
        marker = "o" if np.isfinite(y).sum() <= 40 else ""
        axes.plot(x, y, style, color=colour, lw=1.8, marker=marker, ms=3.2, label=words(name))
    plain_ticks(axes)
    axes.yaxis.grid(True, color=RULE, lw=0.6)
    axes.set_axisbelow(True)
    axes.xaxis.set_major_locator(ticker.MaxNLocator(6, integer=True))
    axes.yaxis.set_major_formatter(ticker.FuncFormatter(_tick))
    axes.xaxis.set_major_formatter(ticker.FuncFormatter(_tick))
    if values.min() > 0:
        _log_ticks(axes, values)
    axes.set_xlim(0, furthest * 1.02 or 1)
    _names_at_ends(axes, drawn)
    place = axes.transAxes
    write(axes, 0, 1.03, above, size=9.5, weight="bold", transform=place)
    write(axes, 1, -0.09, across, size=8.5, colour=MUTED, ha="right", va="top", transform=place)


def _log_ticks(axes: Axes, values: NDArray[np.float64]) -> None:
    low, high = float(values.min()), float(values.max())
    margin = max((high / low) ** 0.06, 1.03)
    axes.set_ylim(low / margin, high * margin)
    decades = np.log10(high / low)
    steps = (1.0,) if decades > 4 else (1.0, 2.0, 5.0) if decades > 0.5 else tuple(range(1, 10))
    axes.yaxis.set_major_locator(
        ticker.LogLocator(subs=steps)
        if decades > 0.15
        else ticker.MaxNLocator(5, steps=[1, 2, 5, 10])
    )
    axes.yaxis.set_minor_locator(ticker.NullLocator())


def _names_at_ends(axes: Axes, curves: Sequence[tuple[str, _Series, str, str]]) -> None:
    """Names of the curves beside their last points, pushed apart where they would touch."""
    ends = []
    for name, (x, y), colour, _ in curves:
        last = np.flatnonzero(np.isfinite(y))[-1]
        at = axes.transData.transform((x[last], y[last]))
        ends.append((axes.transAxes.inverted().transform(at)[1], words(name, longest=14), colour))
    lowest = -np.inf
    for height, name, colour in sorted(ends):
        lowest = max(height, lowest + 0.055)
        write(
            axes, 1.02, lowest, name, size=8.5, colour=as_text(colour), weight="bold",
            va="center", transform=axes.transAxes,
        )  # fmt: skip


def _tick(value: float, _: Any = None) -> str:
    return number(value, 6)
