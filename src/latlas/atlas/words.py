"""Scores of a space as sentences for the page."""

from __future__ import annotations

import math
from pathlib import PureWindowsPath
from typing import Any

from latlas.report.meanings import meaning, shown, title_of
from latlas.stored import StoredSpace

__all__ = ["score_infos", "source_name"]


def source_name(uri: str) -> str:
    """The last part of a source as the user named it: where it lies is no reader's business.

    Holds for paths of any system and for addresses, whose questions (?...) may hold secrets.
    """
    plain = uri.partition("?")[0] if "://" in uri else uri
    return PureWindowsPath(plain).name or "images"


def score_infos(space: StoredSpace) -> list[dict[str, Any]]:
    """``ScoreInfo`` of the page: every score kept in the space, and those of its classifiers."""
    values = {score.name: float(score.value) for score in space.scores}
    for method, part in space.manifest.classifiers.items():
        values |= {f"{name}:{method}": float(value) for name, value in part.scores.items()}
    return [_info(name, value) for name, value in values.items() if math.isfinite(value)]


def _info(name: str, value: float) -> dict[str, Any]:
    known, part = meaning(name), name.partition(":")[2]
    return {
        "name": name,
        "title": title_of(name) + (f" ({part})" if part else ""),
        "value": value,
        "shown": shown(value, known),
        "about": known.says if known else "",
    }
