"""One HTML file that shows a space: facts, scores with their meaning, and pictures."""

from latlas.report.meanings import (
    MEANINGS,
    WORDS,
    Meaning,
    meaning,
    shown,
    shown_interval,
    title_of,
)
from latlas.report.page import render, write_report
from latlas.report.records import Cell, Picture, Report, Section, Table

__all__ = [
    "MEANINGS",
    "WORDS",
    "Cell",
    "Meaning",
    "Picture",
    "Report",
    "Section",
    "Table",
    "meaning",
    "render",
    "shown",
    "shown_interval",
    "title_of",
    "write_report",
]
