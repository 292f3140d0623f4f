"""The manifest of an atlas, and how each of its resources is made."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from latlas.atlas.borders import MARGIN, SIZE
from latlas.atlas.columns import colours_of, column_bytes, column_infos
from latlas.atlas.density import mixture_bytes, prior_infos
from latlas.atlas.maps import MapView, plane_info
from latlas.atlas.quantised import quantised
from latlas.atlas.thumbs import picture_type
from latlas.atlas.views import Views
from latlas.atlas.words import score_infos, source_name
from latlas.contracts import SPLITS
from latlas.manifest import versions

__all__ = ["ONNX", "Maker", "describe", "makers"]

BINARY, ONNX = "application/octet-stream", "application/onnx"
FORMAT = 1
MOST_HALF = 60_000.0
"""Latents beyond the range of float16 stay with the server."""

Maker = tuple[Callable[[], bytes], str]
"""What makes the bytes of a resource, and their media type."""


def describe(views: Views, most_z_bytes: int) -> dict[str, Any]:
    """``Manifest`` of the page but for what the server adds, as JSON values."""
    space, latents = views.space, views.space.latents
    labels = views.shown(latents.labels)
    labelled = labels[labels >= 0]
    counts = np.bincount(labelled, minlength=len(space.classes)).tolist()
    colours = colours_of(len(space.classes))
    classes = [
        {"name": name, "colour": colour, "count": count}
        for name, colour, count in zip(space.classes, colours, counts, strict=True)
    ]
    z_bytes = _z_bytes(views, most_z_bytes)
    model = space.manifest.model
    return {
        "format": FORMAT,
        "name": space.folder.name.removesuffix(".latlas"),
        "version": versions()["latlas"],
        "fingerprint": views.fingerprint,
        "rows": len(labels),
        "total": len(space),
        "latentDim": space.latent_dim,
        "shape": list(space.shape),
        "resize": space.resize,
        "scope": space.scope,
        "source": source_name(space.manifest.sources[0].uri),
        "model": model.name if model else None,
        "classes": classes,
        "splits": list(SPLITS),
        "maps": [view.info() for view in views.maps],
        "columns": column_infos(views),
        "ids": _has_ids(views),
        "z": {"bytes": z_bytes} if z_bytes else None,
        "pca": plane_info(views.plane),
        "decoders": views.nets.infos("decoder"),
        "encoders": views.nets.infos("encoder"),
        "owners": views.nets.owners,
        "linear": views.odds.linear_info(),
        "knn": views.odds.knn_info(),
        "borders": [_border_info(view, views.odds.method) for view in _bordered(views)],
        "mixtures": views.mixtures,
        "priors": prior_infos(space),
        "fog": views.fog,
        "pictures": _pictures_info(views),
        "scores": score_infos(space),
    }


def makers(views: Views, most_z_bytes: int) -> dict[str, Maker]:
    """How each resource is made, by name."""
    latents, nets = views.space.latents, views.nets
    plain: dict[str, Callable[[], bytes]] = {}
    for view in views.maps:
        plain[f"map-{view.name}"] = partial(_map_bytes, views, view)
    for info in column_infos(views):
        plain[f"column-{info['name']}"] = partial(column_bytes, views, info)
    if _has_ids(views):
        plain["ids"] = lambda: views.shown(latents.ids).astype("<i4").tobytes()
    if _z_bytes(views, most_z_bytes):
        plain["z"] = lambda: views.shown(latents.z).astype("<f2").tobytes()
    for view in _bordered(views):
        plain[f"borders-{view.name}"] = partial(_border_bytes, views, view.name)
    for info in views.mixtures:
        plain[info["resource"]] = partial(mixture_bytes, views.space, info["name"])
    made: dict[str, Maker] = {name: (make, BINARY) for name, make in plain.items()}
    for index in range(nets.count):
        made[f"decoder-{index}.onnx"] = partial(nets.decoder, index), ONNX
        made[f"encoder-{index}.onnx"] = partial(nets.encoder, index), ONNX
    for view in nets.with_sheet(views.maps):
        made[f"sheet-net-{view.name}.onnx"] = partial(nets.sheet_file, view), ONNX
    return made | _picture_makers(views)


def _map_bytes(views: Views, view: MapView) -> bytes:
    return quantised(views.shown(view.xy), view.low, view.high)


def _has_ids(views: Views) -> bool:
    ids = views.shown(views.space.latents.ids)
    return views.rows is not None or not np.array_equal(ids, np.arange(len(ids)))


def _z_bytes(views: Views, most: int) -> int:
    """Bytes of the latents as float16; 0 where the page does not carry them."""
    z = views.shown(views.space.latents.z)
    fits = 2 * z.size <= most and bool((np.abs(z) < MOST_HALF).all())
    return 2 * z.size if fits else 0


def _bordered(views: Views) -> list[MapView]:
    return views.maps if views.odds.of_latents is not None else []


def _border_info(view: MapView, method: str | None) -> dict[str, Any]:
    return {
        "map": view.name,
        "resource": f"borders-{view.name}",
        "size": SIZE,
        "margin": MARGIN,
        "method": method,
    }


def _border_bytes(views: Views, name: str) -> bytes:
    return views.borders(name).tobytes()


# --- pictures ----------------------------------------------------------------------------


def _pictures_info(views: Views) -> dict[str, Any] | None:
    plan = views.pictures
    if plan is None:
        return None
    return {
        "cell": list(plan.cell),
        "columns": plan.columns,
        "perSheet": plan.per_sheet,
        "sheets": plan.sheets,
        "type": picture_type(),
        "overview": {"rows": len(plan.overview), "columns": plan.overview_columns},
    }


def _picture_makers(views: Views) -> dict[str, Maker]:
    plan = views.pictures
    if plan is None:
        return {}
    made: dict[str, Maker] = {
        "order": (lambda: plan.order.astype("<u4").tobytes(), BINARY),
        "overview": (plan.overview_sheet, picture_type()),
        "overview-rows": (lambda: plan.overview.astype("<u4").tobytes(), BINARY),
    }
    for index in range(plan.sheets):
        made[f"sheet-{index}"] = partial(plan.sheet, index), picture_type()
    return made
