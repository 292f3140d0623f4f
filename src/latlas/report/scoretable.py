"""The table of scores: each value with its interval, on a scale with what it is read beside."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from latlas.contracts import Score
from latlas.report.markup import Html, element, joined, text
from latlas.report.meanings import (
    Meaning,
    decimals_for,
    meaning,
    shown,
    shown_end,
    shown_interval,
    title_of,
)

__all__ = ["LEGEND", "score_table"]

MANY = 8
"""Above so many parts (classes, priors) of one score, they fold away under the table."""

LONGEST = 60
"""Letters that are shown of a detail."""

LEGEND = (
    "On each scale the dot is this space, and the thick line its 95% interval; bars are baselines, "
    "a dashed bar is the floor or limit."
)
_NAMES = {"pixels": "raw pixels", "pca": "PCA"}


class _Scale(NamedTuple):
    """Both ends of the line on which a score and its rivals are drawn."""

    low: float
    high: float

    def place(self, value: float) -> str:
        """Where a value stands on the line, in percent of its length."""
        share = (value - self.low) / (self.high - self.low)
        return f"{100 * min(max(share, 0.0), 1.0):.2f}%"


def score_table(scores: Sequence[Score], caption: Html) -> Html:
    """One group of rows for each score, headed by its meaning; long lists of parts fold away."""
    groups: dict[str, list[Score]] = {}
    for score in scores:
        groups.setdefault(score.name.partition(":")[0], []).append(score)
    above: dict[str, list[Score]] = {}
    folded: dict[str, list[Score]] = {}
    for name, members in groups.items():
        whole = [score for score in members if ":" not in score.name]
        parts = [score for score in members if ":" in score.name]
        if len(parts) > MANY:
            folded[name], parts = parts, []
        if whole or parts:
            above[name] = [*whole, *parts]
    scales = {name: _scale(members, meaning(name)) for name, members in groups.items()}
    tables = [_table(caption, above, scales)] if above else []
    for name, parts in folded.items():
        title = f"{title_of(name)}, part by part ({len(parts)})"
        hidden = element("caption", text(title), class_="hidden", role="caption")
        table = _table(hidden, {name: parts}, scales)
        tables.append(element("details", element("summary", text(title)), table))
    return joined(*tables)


def _table(
    caption: Html, groups: Mapping[str, Sequence[Score]], scales: Mapping[str, _Scale | None]
) -> Html:
    beside = any(_rivals(score) for members in groups.values() for score in members)
    titles = ("Taken of", "Value", "Read beside")[: 3 if beside else 2]
    # Narrow screens stack the cells, which would strip the table of its meaning for screen
    # readers; the roles keep it.
    heads = (element("th", text(title), scope="col", role="columnheader") for title in titles)
    head = element("thead", element("tr", *heads, role="row"), role="rowgroup")
    rows = (_group(name, members, scales[name], beside=beside) for name, members in groups.items())
    kind = "scores" if beside else "scores plain"
    return element("table", caption, head, *rows, class_=kind, role="table")


def _group(name: str, scores: Sequence[Score], scale: _Scale | None, *, beside: bool) -> Html:
    known = meaning(name)
    about = [element("span", text(title_of(name)), class_="title")]
    if known:
        about += [
            element("span", text(f"{known.better} is better"), class_=known.better),
            element("span", text(known.says), class_="says"),
        ]
    heading = element(
        "th", joined(*about), scope="rowgroup", colspan=3 if beside else 2, role="rowheader"
    )
    # Rivals of one score are printed alike in all its rows.
    decimals = [decimals_for(score.interval, known) for score in scores]
    most = max((number for number in decimals if number is not None), default=None)
    rows = (
        element(
            "tr",
            _taken_of(score, named=len(scores) > 1),
            _reading(score, known, scale),
            _beside(score, known, most) if beside else Html(""),
            role="row",
        )
        for score in scores
    )
    return element("tbody", element("tr", heading, role="row"), *rows, role="rowgroup")


def _taken_of(score: Score, *, named: bool) -> Html:
    part = score.name.partition(":")[2] or ("all" if named else "")
    inside = joined(
        element("span", text(part), class_="part") if part else Html(""),
        element("span", text(_particulars(score)), class_="particulars"),
    )
    return element("th", inside, scope="row", role="rowheader")


def _reading(score: Score, known: Meaning | None, scale: _Scale | None) -> Html:
    value, interval = shown_interval(score.value, score.interval, known)
    inside = joined(
        element("strong", text(value)),
        element("span", text(f"({interval})"), class_="interval") if interval else Html(""),
        _strip(score, scale, known),
    )
    return element("td", element("div", inside, class_="reading"), role="cell", class_="value")


def _beside(score: Score, known: Meaning | None, decimals: int | None) -> Html:
    rivals = [
        element(
            "li",
            joined(
                element("span", text(_rival_name(name, known))),
                element("span", text(shown(rival, known, decimals)), class_="number"),
                _verdict(score, name, rival, known),
                by=" ",
            ),
        )
        for name, rival in _rivals(score).items()
    ]
    if not rivals:
        return element("td", text("–"), role="cell", class_="beside nothing")
    return element("td", element("ul", joined(*rivals)), role="cell", class_="beside")


def _particulars(score: Score) -> str:
    """Seed and plain details as one line, for instance ``"test images · k 5 · seed 0"``."""
    said = []
    for key, value in score.detail.items():
        name = str(key).replace("_", " ")
        if key == "split":
            said.append(f"{value} images")
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            said.append(f"{name} {value:,}")
        elif isinstance(value, (str, bool)):
            said.append(f"{name} {str(value)[:LONGEST]}")
    return " · ".join([*said, f"seed {score.seed}"])


def _rivals(score: Score) -> dict[str, float]:
    """What the score is read beside, by name: baselines, chance, floor."""
    listed: Any = score.detail.get("baselines")
    found = {
        str(name): float(value)
        for name, value in (listed.items() if isinstance(listed, Mapping) else ())
        if isinstance(value, (int, float))
    }
    if score.baseline is not None and score.baseline not in found.values():
        found = {"baseline": score.baseline, **found}
    if score.floor is not None:
        found["floor"] = score.floor
    return found


def _rival_name(name: str, known: Meaning | None) -> str:
    if name == "floor" and known and known.better == "higher":
        return "limit"  # a floor that stands above the score would only confuse
    return _NAMES.get(name, name.replace("_", " "))


def _verdict(score: Score, name: str, rival: float, known: Meaning | None) -> Html:
    """How the score stands to a rival: better, worse, or too close to tell."""
    if known is None or name == "floor" or math.isnan(score.value) or math.isnan(rival):
        return Html("")
    low, high = score.interval or (score.value, score.value)
    if low <= rival <= high:
        return element("span", text("too close" if low < high else "equal"))
    better = (score.value > rival) == (known.better == "higher")
    verdict = "better" if better else "worse"
    return element("span", text(verdict), class_=verdict)


def _scale(scores: Sequence[Score], known: Meaning | None) -> _Scale | None:
    """The line for scores of one name; None where a line would say nothing."""
    if known is None:
        return None
    if known.better == "higher" and known.low is not None and known.high is not None:
        return _Scale(known.low, known.high)
    points = {
        value
        for score in scores
        for value in (score.value, *_rivals(score).values())
        if math.isfinite(value)
    }
    if len(points) < 2:
        return None
    ends = (end for score in scores for end in score.interval or () if math.isfinite(end))
    points.update(ends)
    low, high = min(points), max(points)
    return _Scale(low if known.low is None else min(low, known.low), high)


def _strip(score: Score, scale: _Scale | None, known: Meaning | None) -> Html:
    """The score as a dot on a line; the numbers beside it say the same, so readers skip it."""
    if scale is None or not math.isfinite(score.value):
        return Html("")
    marks = [element("line", x1="0%", x2="100%", y1=12, y2=12, class_="axis")]
    for name, value in _rivals(score).items():
        if math.isfinite(value):
            at, kind = scale.place(value), "floor" if name == "floor" else "rival"
            marks.append(element("line", x1=at, x2=at, y1=4, y2=20, class_=kind))
    if score.interval and all(map(math.isfinite, score.interval)):
        low, high = (scale.place(end) for end in score.interval)
        marks.append(element("line", x1=low, x2=high, y1=12, y2=12, class_="spread"))
    marks.append(element("circle", cx=scale.place(score.value), cy=12, r=5, class_="dot"))
    ends = element(
        "span",
        element("span", text(shown_end(scale.low, known))),
        element("span", text(shown_end(scale.high, known))),
        class_="ends",
    )
    picture = element("svg", *marks, class_="strip", width="100%", height=24)
    return element("span", picture, ends, class_="scale", aria_hidden="true")
