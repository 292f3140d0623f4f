"""What a report is made of: sections with text, pictures, scores and tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from latlas.contracts import OptionError, Score

__all__ = ["Cell", "Picture", "Report", "Section", "Table"]

Cell = str | int | float | None
"""A number is aligned to the right; None leaves the cell empty."""


@dataclass(frozen=True)
class Picture:
    """One picture of the page.

    Attributes:
        caption: a sentence that says what to see in it.
        alt: what the picture shows, for readers who do not see it.
        image: a PNG, JPEG, GIF or WebP file, as bytes or by its path.
    """

    caption: str
    alt: str
    image: bytes | Path


@dataclass(frozen=True)
class Table:
    """A table of text and numbers; the first cell of a row names the row.

    Attributes:
        caption: what the table holds.
        columns: headings of the C columns.
        rows: any number of rows of C cells.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def __post_init__(self) -> None:
        for number, row in enumerate(self.rows, 1):
            if len(row) != len(self.columns):
                raise OptionError(
                    f"Row {number} of the table {self.caption!r} has {len(row)} cells; expected "
                    f"{len(self.columns)}, one for each column. Use None for an empty cell."
                )


@dataclass(frozen=True)
class Section:
    """A part of the page with a heading of its own.

    Attributes:
        title: the heading.
        text: paragraphs, with an empty line between them; no markup.
        pictures: shown after the text, in this order.
        scores: shown as one table, each beside its baselines and its meaning.
        tables: shown last.
        sections: parts of this part, under smaller headings.
    """

    title: str
    text: str = ""
    pictures: tuple[Picture, ...] = ()
    scores: tuple[Score, ...] = ()
    tables: tuple[Table, ...] = ()
    sections: tuple[Section, ...] = ()


@dataclass(frozen=True)
class Report:
    """A whole page.

    Attributes:
        title: heading of the page.
        lead: what this is, in a sentence or two, for a reader who knows nothing of it.
        facts: names and values at the top, for instance images, model, dimension.
        sections: the parts of the page.
        footer: the last line, for instance versions.
    """

    title: str
    lead: str = ""
    facts: Mapping[str, Cell] = field(default_factory=dict)
    sections: tuple[Section, ...] = ()
    footer: str = ""
