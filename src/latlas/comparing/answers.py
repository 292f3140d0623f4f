"""From the table of a comparison to plain sentences, each backed by its rows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from latlas.comparing.records import MEASURES, Row

__all__ = ["answers_of"]

QUESTIONS = {
    "label_agreement": ("To generate images that look like the class asked for", True),
    "frechet_distance": ("To generate images that are as varied and real as the data", False),
    "accuracy_best": ("To classify", True),
    "reconstruction_mse": ("To keep what is in an image", False),
}
SHARES = {"label_agreement", "accuracy_best", "accuracy_own", "accuracy_linear"}
TITLES = {name: title for name, (title, _, _) in MEASURES.items()} | {"accuracy_best": "accuracy"}


def answers_of(
    rows: Sequence[Row],
    names: Sequence[str],
    curve: Mapping[int, Mapping[str, Mapping[str, float]]],
) -> tuple[str, ...]:
    """The sentences that the rows bear out.

    A candidate wins where its mean is best. Another is called as good where the difference of
    the two is within the half-widths of their intervals, added in quadrature.

    Args:
        rows: the measures of all candidates.
        names: the candidates, in order.
        curve: measures by images per class and candidate.
    """
    if len(names) < 2:
        return ()
    table = {(row.measure, row.candidate): row for row in rows}
    for name in names:
        ways = [table.get((m, name)) for m in ("accuracy_own", "accuracy_linear")]
        found = [row for row in ways if row is not None]
        if found:
            table["accuracy_best", name] = max(found, key=lambda row: row.mean)
    sentences = []
    for measure, (question, high) in QUESTIONS.items():
        known = [name for name in names if (measure, name) in table]
        if len(known) < 2:
            continue
        ranked = sorted(known, key=lambda name: table[measure, name].mean, reverse=high)
        sentences.append(_sentence(question, measure, [table[measure, n] for n in ranked], ranked))
    sentences += _few(curve, names)
    return tuple(sentences)


def _sentence(question: str, measure: str, ranked: Sequence[Row], names: Sequence[str]) -> str:
    best = ranked[0]
    level = [n for n, row in zip(names[1:], ranked[1:], strict=True) if _as_good(best, row)]
    said = [f"{name} {_value(measure, row)}" for name, row in zip(names, ranked, strict=True)]
    winner = " or ".join([names[0], *level])
    why = f"{TITLES[measure]}: {', '.join(said)}"
    if measure == "accuracy_best":
        ways = {"accuracy_own": "own way", "accuracy_linear": "linear probe"}
        why += f"; {names[0]} by its {ways[best.measure]}"
    sentence = f"{question} use {winner} ({why})."
    if len({row.mean for row in ranked}) == 1:
        return f"{question} use any of them: none is better ({why})."
    if level:
        sentence += f" {names[0]} has the best mean, but the intervals do not tell them apart."
    return sentence


def _as_good(best: Row, other: Row) -> bool:
    if best.low is None or best.high is None or other.low is None or other.high is None:
        return best.mean == other.mean
    halves = (best.high - best.low) / 2, (other.high - other.low) / 2
    return abs(best.mean - other.mean) <= math.hypot(*halves)


def _value(measure: str, row: Row) -> str:
    share = measure in SHARES
    value = f"{row.mean:.2%}" if share else format(row.mean, MEASURES[measure][2])
    if row.low is None or row.high is None:
        return value
    half = (row.high - row.low) / 2
    return f"{value} ± {half:.2%}" if share else f"{value} ± {format(half, MEASURES[measure][2])}"


def _few(curve: Mapping[int, Mapping[str, Mapping[str, float]]], names: Sequence[str]) -> list[str]:
    """What to use with few images for each class, by the label agreement at each size."""
    sentences = []
    for measure, high, purpose in (
        ("label_agreement", True, "class-faithful images"),
        ("reconstruction_mse", False, "faithful reconstructions"),
    ):
        winners: dict[int, str] = {}
        for size in sorted(curve):
            known = {n: curve[size][n][measure] for n in names if measure in curve[size].get(n, {})}
            if len(known) > 1:
                pick = max if high else min
                winners[size] = pick(known, key=known.__getitem__)
        if not winners:
            continue
        sizes = sorted(winners)
        first, last = winners[sizes[0]], winners[sizes[-1]]
        same = [size for size in sizes if winners[size] == first]
        until = max(s for i, s in enumerate(sizes) if sizes[: i + 1] == same[: i + 1])
        if until == sizes[-1]:
            sentences.append(
                f"For {purpose}, {first} was best at every size tried, from {sizes[0]} to "
                f"{sizes[-1]} images per class (one seed each)."
            )
        else:
            after = sizes[sizes.index(until) + 1]
            sentences.append(
                f"For {purpose} with fewer than about {after} images per class use {first} "
                f"({_at(curve[until], measure, names)} at {until}); with {sizes[-1]} use {last} "
                f"({_at(curve[sizes[-1]], measure, names)}; one seed each)."
            )
    return sentences


def _at(points: Mapping[str, Mapping[str, float]], measure: str, names: Sequence[str]) -> str:
    share = measure in SHARES
    return ", ".join(
        f"{n} {points[n][measure]:.1%}" if share else f"{n} {points[n][measure]:.4f}"
        for n in names
        if measure in points.get(n, {})
    )
