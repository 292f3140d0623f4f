"""What the nets of the space draw and see: decode, encode, walk, explain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from fastapi import APIRouter, Request
from starlette.responses import Response

from latlas.contracts import IntArray, OptionError, SpaceError, UInt8Array
from latlas.serving.answers import json_answer
from latlas.serving.context import Here
from latlas.serving.live import WHOSE, Live
from latlas.serving.routes.pictures import base64_rgba, grid, received, rgba
from latlas.serving.routes.rows import label_of, vectors_of
from latlas.serving.shapes import DecodeAsked, ExplainAsked, WalkAsked, described, read
from latlas.walks import LABEL, Place, Query

router = APIRouter(tags=["the model"])
NEAR = 10
IMAGE: dict[str, Any] = {"image/*": {"schema": {"type": "string", "format": "binary"}}}
IMAGE_BODY: dict[str, Any] = {"requestBody": {"required": True, "content": IMAGE}}


@router.post(
    "/decode",
    summary="Latent vectors as images",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}, "image/png": {}}}},
)
async def decode(asked: DecodeAsked, here: Here) -> Response:
    """``raw``: RGBA bytes [n, H, W, 4]; ``png``: one picture with all of them.

    ``labels`` (names, or numbers with -1 for none) say what the decoder is told; in the scope
    per-class whose decoder is meant.
    """
    live = await here.live()
    z = vectors_of(live, asked.z, here.limits.rows)
    images = await here.model(lambda: live.space.coder.decode(z, _told(live, asked)))
    if asked.format == "png":
        return Response(await here.quick(lambda: grid(images)), media_type="image/png")
    pixels = rgba(images)
    shape = {"x-shape": ",".join(map(str, pixels.shape))}
    return Response(pixels.tobytes(), headers=shape, media_type="application/octet-stream")


def _told(live: Live, asked: DecodeAsked) -> IntArray | None:
    labels = asked.labels if isinstance(asked.labels, list) else [asked.labels] * len(asked.z)
    if len(labels) != len(asked.z):
        raise OptionError(f"there are {len(labels)} labels for {len(asked.z)} vectors.")
    told = np.array([label_of(live, label) for label in labels], np.int64)
    if live.space.scope == "per-class" and (told < 0).any():
        raise OptionError(
            "each class of this space has a decoder of its own; say with labels whose is meant."
        )
    return told


@router.post("/encode", summary="An image into the space", openapi_extra=IMAGE_BODY)
async def encode(request: Request, here: Here, label: str = "") -> Response:
    """Sends one image file; answers with where it lies and what is near.

    z, told, odds over the classes and novelty (where a classifier is fitted), the reconstruction
    error, the nearest images, and its place on each map.
    """
    live = await here.live()
    data = await request.body()
    number = label_of(live, label)
    seen = await here.model(lambda: _encoded(live, received(data, live.space, here.limits), number))
    z, told = seen.pop("vector"), seen.pop("number")
    meeting, rows = await here.quick(lambda: live.near(told))
    found, distances = await meeting.find(z, min(NEAR, len(rows)))
    places = rows[found]
    seen["neighbours"] = {
        "ids": live.latents.ids[places],
        "distances": distances,
        "labels": [live.space.label(int(x)) for x in live.latents.labels[places]],
    }
    return json_answer(seen)


def _encoded(live: Live, pixels: UInt8Array, label: int) -> dict[str, Any]:
    space = live.space
    coded = space.coder.encode_with_errors(pixels, np.array([label]))
    told = int(coded.told[0])
    facts: dict[str, Any] = {
        "vector": coded.z[0],
        "number": told,
        "z": coded.z[0],
        "told": space.label(told),
        "classes": space.classes,
        "odds": None,
        "novelty": None,
        "error": float(coded.errors[0]),
        "places": {name: _place(live, name, coded.z, told) for name in space.manifest.maps},
    }
    classifier = live.classifier()
    if classifier is not None:
        answer = classifier.answer(pixels, [""])
        facts["odds"] = answer.probabilities[0]
        facts["novelty"] = {
            "strangeness": float(answer.strangeness[0]),
            "novel": bool(answer.novel[0]),
        }
    return facts


def _place(live: Live, name: str, z: Any, told: int) -> list[float] | None:
    projection: Any = live.once(f"map {name}", lambda: live.space.projection(name))
    given = (z, np.array([told])) if live.space.scope == "per-class" else (z,)
    xy = projection.transform(*given)[0]
    return [float(value) for value in xy] if np.isfinite(xy).all() else None


@router.post("/walk", summary="From one place to another, or towards a class")
async def walk(asked: WalkAsked, here: Here) -> Response:
    """The latents along the way, what the decoder was told, the odds, and the images.

    Ends are ids, latent vectors, or ``label:NAME``; paths linear, spherical and graph (along the
    data). ``odds`` is null where latents alone do not tell the class.
    """
    live = await here.live()
    run = here.slow if asked.path == "graph" else here.model
    return json_answer(await run(lambda: _walked(live, asked)))


def _walked(live: Live, asked: WalkAsked) -> dict[str, Any]:
    space, told = live.space, label_of(live, asked.label)
    way = space.walk(
        _end(live, asked.start, told),
        None if asked.end is None else _end(live, asked.end, told),
        asked.steps,
        asked.path,
        towards=asked.towards,
        strength=asked.strength,
    )
    classifier, odds = live.classifier(), None
    if classifier is not None and space.scope == "global":
        odds = classifier.of_latents(way.z)
    names = [space.label(int(label)) for label in way.told]
    return {"z": way.z, "told": names, "odds": odds} | base64_rgba(way.images)


def _end(live: Live, end: int | str | list[float], told: int) -> Query:
    """An end of a walk; a text is a label and never the path of a file.

    Args:
        live: the space.
        end: what was sent.
        told: the label of an end that is a vector, -1 for none.
    """
    if isinstance(end, int):
        return end
    if isinstance(end, list):
        if told < 0 and live.space.scope == "per-class":
            raise OptionError(WHOSE)
        return Place(vectors_of(live, [end], 1)[0], told)
    name = end.removeprefix(LABEL)
    live.space.label_number(name)
    if Path(LABEL + name).exists():
        raise OptionError(f"a file is called {LABEL + name!r} here; rename it, or give an id.")
    return LABEL + name


@router.post(
    "/explain",
    summary="An image as each class's model draws it",
    openapi_extra=described(ExplainAsked, **IMAGE),
)
async def explain(request: Request, here: Here) -> Response:
    """Takes ``{"id": ...}`` or an image file; each class's label, squared error and image.

    A space with one model for all has one entry, without a label.
    """
    live = await here.live()
    if request.headers.get("content-type", "").startswith("application/json"):
        row = live.latents.row((await read(request, ExplainAsked)).id)
        return json_answer(
            await here.model(lambda: _explained(live, live.space.pixels(np.array([row]))))
        )
    data = await request.body()
    return json_answer(
        await here.model(lambda: _explained(live, received(data, live.space, here.limits)))
    )


def _explained(live: Live, pixels: UInt8Array) -> dict[str, Any]:
    space = live.space
    if space.manifest.model is None:
        raise SpaceError("this space has no model to draw with.")
    if space.scope == "global":
        coded = space.coder.encode_with_errors(pixels)
        drawn = base64_rgba(space.coder.decode(coded.z))
        return {"labels": [""], "z": coded.z, "errors": coded.errors} | drawn
    made = space.coder.explain(pixels, len(space.classes))
    every = np.arange(len(space.classes))
    drawn = base64_rgba(space.coder.decode(made.z[0], every))
    return {"labels": space.classes, "z": made.z[0], "errors": made.errors[0]} | drawn
