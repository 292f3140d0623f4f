"""A report as one HTML file that needs no script, no network and no other file."""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from itertools import count
from pathlib import Path

from PIL import Image

from latlas.checkpoint import write_file
from latlas.contracts import OptionError
from latlas.report.markup import Html, element, joined, paragraphs, text
from latlas.report.meanings import WORDS, Meaning, meaning
from latlas.report.records import Cell, Picture, Report, Section, Table
from latlas.report.scoretable import LEGEND, score_table

__all__ = ["render", "write_report"]

SUFFIXES = (".html", ".htm")
KINDS = {"PNG": "image/png", "JPEG": "image/jpeg", "GIF": "image/gif", "WEBP": "image/webp"}
LARGEST_HEADING = 6


def write_report(report: Report, path: str | Path) -> Path:
    """Writes a report; a crash leaves the old file or the new one. Same report, same bytes.

    Args:
        report: what to show.
        path: ends in ``.html`` or ``.htm``; folders on the way are made.

    Returns:
        The path written.

    Raises:
        OptionError: another ending, or a picture that cannot be read.
        StorageError: the file cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise OptionError(
            f"A report goes to a file that ends in .html; got {path.name!r}. "
            f"Name it for instance {path.stem}.html."
        )
    write_file(path, render(report).encode())
    return path


def render(report: Report) -> str:
    """The whole page as text; every picture is inside it.

    Raises:
        OptionError: a picture that cannot be read.
    """
    return "<!doctype html>\n" + _Page(report).html() + "\n"


class _Page:
    """Renders one report; counts its figures and tables on the way."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._figures = count(1)
        self._tables = count(1)
        self._legend = LEGEND  # said once

    def html(self) -> Html:
        report = self._report
        names = _score_names(report.sections)
        parts = [
            self._section(section, f"part-{number}", 2)
            for number, section in enumerate(report.sections, 1)
        ]
        header = element(
            "header",
            element("h1", text(report.title)),
            paragraphs(report.lead, class_="lead"),
            _facts(report.facts),
        )
        main = element("main", *parts, _words(names), id="content")
        footer = element("footer", paragraphs(report.footer)) if report.footer else Html("")
        body = element(
            "body",
            element("a", text("Skip to the content"), class_="skip", href="#content"),
            joined(header, _contents(report.sections), main, footer),
        )
        return element("html", _head(report.title), body, lang="en")

    def _section(self, section: Section, anchor: str, level: int) -> Html:
        heading = f"h{min(level, LARGEST_HEADING)}"
        inner = (
            self._section(part, f"{anchor}-{number}", level + 1)
            for number, part in enumerate(section.sections, 1)
        )
        return element(
            "section",
            joined(
                element(heading, text(section.title), id=f"{anchor}-title"),
                paragraphs(section.text),
                *(self._picture(picture) for picture in section.pictures),
                self._scores(section),
                *(self._table(table) for table in section.tables),
                *inner,
            ),
            id=anchor,
            aria_labelledby=f"{anchor}-title",
        )

    def _picture(self, picture: Picture) -> Html:
        """A figure that a link spreads over the window, by its address alone."""
        number = next(self._figures)
        place, large = f"figure-{number}", f"figure-{number}-large"
        source, width, height = _embedded(picture.image)
        image = element("img", src=source, alt=picture.alt, width=width, height=height)
        open_link = element("a", image, href=f"#{large}", class_="paper", title="Enlarge")
        close = element("a", text("Close"), href=f"#{place}", class_="close")
        label = element("span", text(f"Figure {number}."), class_="number")
        caption = element("figcaption", label, Html(" "), text(picture.caption))
        figure = element("figure", close, open_link, caption, id=large)
        return element("div", figure, id=place, class_="picture")

    def _scores(self, section: Section) -> Html:
        if not section.scores:
            return Html("")
        stop = "" if section.title.endswith((".", "?", "!")) else "."
        of = "" if section.title.casefold() == "scores" else "Scores: "
        title = f" {of}{section.title}{stop} {self._legend}".rstrip()
        self._legend = ""
        caption = element("caption", self._table_label(), text(title), role="caption")
        return score_table(section.scores, caption)

    def _table(self, table: Table) -> Html:
        numeric = [
            all(isinstance(row[column], (int, float, type(None))) for row in table.rows)
            for column in range(len(table.columns))
        ]
        kinds = ["figures" if is_numeric and table.rows else None for is_numeric in numeric]
        head = element(
            "tr",
            *(
                element("th", text(name), scope="col", class_=kind)
                for name, kind in zip(table.columns, kinds, strict=True)
            ),
        )
        rows = (
            element(
                "tr",
                *(
                    element("td" if column else "th", text(_cell(cell)), class_=kind)
                    if column
                    else element("th", text(_cell(cell)), scope="row", class_=kind)
                    for column, (cell, kind) in enumerate(zip(row, kinds, strict=True))
                ),
            )
            for row in table.rows
        )
        caption = element("caption", self._table_label(), Html(" "), text(table.caption))
        whole = element("table", caption, element("thead", head), element("tbody", *rows))
        # It scrolls sideways on a narrow screen, and so must be reachable by keyboard.
        return element(
            "div", whole, class_="wide", tabindex=0, role="region", aria_label=table.caption
        )

    def _table_label(self) -> Html:
        return element("span", text(f"Table {next(self._tables)}."), class_="number")


# --- parts that need no counting ---------------------------------------------------------


def _head(title: str) -> Html:
    style = resources.files("latlas.report").joinpath("page.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    # The browser itself holds the promise: nothing is loaded, nothing runs, nothing is sent.
    policy = (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return element(
        "head",
        joined(
            element("meta", charset="utf-8"),
            Html(f'<meta http-equiv="Content-Security-Policy" content="{text(policy)}">'),
            element("meta", name_="viewport", content="width=device-width, initial-scale=1"),
            element("meta", name_="color-scheme", content="light dark"),
            element("meta", name_="generator", content="latlas"),
            element("link", rel="icon", href="data:,"),
            element("title", text(title)),
            element("style", Html(style)),
        ),
    )


def _facts(facts: Mapping[str, Cell]) -> Html:
    if not facts:
        return Html("")
    pairs = (
        element("div", element("dt", text(name)), element("dd", text(_cell(value))))
        for name, value in facts.items()
    )
    return element("dl", *pairs, class_="facts")


def _contents(sections: Iterable[Section]) -> Html:
    """The list of the parts, two levels deep."""

    def entry(section: Section, anchor: str, depth: int) -> Html:
        inner = [
            entry(part, f"{anchor}-{number}", depth + 1)
            for number, part in enumerate(section.sections, 1)
            if depth < 2
        ]
        return element(
            "li",
            element("a", text(section.title), href=f"#{anchor}"),
            element("ol", *inner) if inner else Html(""),
        )

    entries = [entry(section, f"part-{number}", 1) for number, section in enumerate(sections, 1)]
    words = element("li", element("a", text("Words"), href="#words"))
    title = element("p", text("Contents"), id="contents")
    return element("nav", title, element("ol", *entries, words), aria_labelledby="contents")


def _words(names: Iterable[str]) -> Html:
    """Words of the subject, then what a practitioner asks about each score of the page."""
    known = {found.title: found for name in names if (found := meaning(name))}
    terms = (
        joined(element("dt", text(word)), element("dd", text(says))) for word, says in WORDS.items()
    )
    inside = [
        element("h2", text("Words"), id="words-title"),
        element("dl", joined(*terms), class_="words"),
    ]
    if known:
        notes = (
            joined(element("dt", text(title)), element("dd", text(_about(found))))
            for title, found in known.items()
        )
        inside += [
            element("h3", text("More on the scores")),
            element("dl", joined(*notes), class_="words"),
        ]
    return element("section", joined(*inside), id="words", aria_labelledby="words-title")


def _about(score: Meaning) -> str:
    sentences = (f"{score.better.title()} is better; range: {score.range}.", score.note)
    return " ".join(sentence for sentence in sentences if sentence)


def _score_names(sections: Iterable[Section]) -> Iterator[str]:
    for section in sections:
        yield from (score.name for score in section.scores)
        yield from _score_names(section.sections)


def _cell(value: Cell) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}".replace("-", "−")
    if isinstance(value, float):
        return (f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}").replace("-", "−")
    return str(value)


def _embedded(image: bytes | Path) -> tuple[str, int, int]:
    """A picture as a data address, with its width and height in pixels."""
    named = "A picture" if isinstance(image, bytes) else f"The picture {image}"
    try:
        data = image if isinstance(image, bytes) else Path(image).read_bytes()
        with Image.open(io.BytesIO(data), formats=list(KINDS)) as opened:
            opened.load()
            (width, height), kind = opened.size, KINDS[str(opened.format)]
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        reason = getattr(error, "strerror", None) or "it is damaged or of another kind"
        raise OptionError(
            f"{named} cannot be put into the report: {reason}. "
            f"Give a {', '.join(KINDS)} file that a viewer can open."
        ) from error
    return f"data:{kind};base64,{base64.b64encode(data).decode()}", width, height
