"""The columns of the rows: labels, splits, errors, and what a classifier says of each."""

from __future__ import annotations

from typing import Any

import numpy as np

from latlas.atlas.quantised import bounds, class_bytes, class_dtype, quantised
from latlas.atlas.views import Views
from latlas.contracts import SPLITS
from latlas.plots.colours import class_colours, hexadecimal

__all__ = ["colours_of", "column_bytes", "column_infos"]


def colours_of(count: int) -> list[str]:
    """Colours of so many classes as ``#rrggbb``, those of the pictures that latlas draws."""
    return [hexadecimal(colour) for colour in class_colours(count)]


def column_infos(views: Views) -> list[dict[str, Any]]:
    """``ColumnInfo`` of every column that the space can fill."""
    space, latents = views.space, views.space.latents
    classes = list(space.classes)
    infos = []
    if (latents.labels >= 0).any():
        infos.append(_classes("label", "Label", classes, "What the image is said to show."))
    infos.append(_classes("split", "Split", list(SPLITS), "Learnt from, or held out for tests."))
    if _is_told_apart(views):
        own = "Own space", "The class whose own space the image lies in."
        told = "Told label", "The label that the model was told of the image."
        title, about = own if space.scope == "per-class" else told
        infos.append(_classes("told", title, classes, about))
    if np.isfinite(latents.errors).any():
        about = "How far the decoded image is from the original: mean squared error of a pixel."
        infos.append(_numbers("error", "Reconstruction error", *bounds(latents.errors), about))
    if views.odds.of_rows:
        method = views.odds.method
        infos += [
            _classes(
                "predicted", "Predicted label", classes, f"What the classifier {method} answers."
            ),
            _numbers("confidence", "Confidence", 0, 1, "The odds of the predicted label."),
            _numbers(
                "surprise", "Surprise", 0, 1, "1 − the odds that the classifier gives to the label."
            ),
        ]
    if (latents.splits == 0).any():
        about = "How far the latent vector is from the nearest one that was learnt from."
        infos.append(_numbers("rarity", "Rarity", 0, views.rarity_end, about))
    return infos


def column_bytes(views: Views, info: dict[str, Any]) -> bytes:
    """A column as the page reads it."""
    latents, name, shown = views.space.latents, info["name"], views.shown
    if name == "label":
        return class_bytes(shown(latents.labels), len(info["names"]))
    if name == "told":
        return class_bytes(shown(latents.told), len(info["names"]))
    if name == "split":
        return class_bytes(shown(latents.splits).astype(np.int64), len(info["names"]))
    if name == "predicted":
        return class_bytes(shown(views.row_odds.predicted), len(info["names"]))
    if name == "error":
        values = latents.errors
    elif name == "rarity":
        values = views.rarity
    else:
        values = getattr(views.row_odds, name)
    return quantised(shown(values), info["low"], info["high"])


def _is_told_apart(views: Views) -> bool:
    """Whether the model was told something else than the label of some row that is shown."""
    latents = views.space.latents
    told, labels = views.shown(latents.told), views.shown(latents.labels)
    return views.space.scope != "global" and not np.array_equal(told, labels)


def _classes(name: str, title: str, names: list[str], about: str) -> dict[str, Any]:
    return {
        "name": name,
        "title": title,
        "kind": "class",
        "dtype": class_dtype(len(names)),
        "names": names,
        "colours": colours_of(len(names)),
        "about": about,
    }


def _numbers(name: str, title: str, low: float, high: float, about: str) -> dict[str, Any]:
    return {
        "name": name,
        "title": title,
        "kind": "number",
        "dtype": "u2",
        "low": low,
        "high": high,
        "about": about,
    }
