"""What is known of the images: rows, neighbours, odds, scores."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from fastapi import APIRouter, Request
from starlette.responses import Response

from latlas.atlas.words import source_name
from latlas.contracts import SPLITS, FloatArray, IntArray, Latents, OptionError
from latlas.neighbours import nearest
from latlas.serving.answers import json_answer
from latlas.serving.context import Context, Here
from latlas.serving.live import Live
from latlas.serving.shapes import (
    ClassifyAsked,
    Label,
    LatentsAsked,
    NeighboursAsked,
    described,
    read,
)

router = APIRouter(tags=["images"])
MOST_ASKED = 2000
"""Rows that are asked of those who answer many at once; beyond, looking anew costs less."""
LARGEST = 1e18
"""Of the values of a latent vector; float32 still holds their squares."""
UNFITTED = "no classifier is fitted yet; fit one with POST /api/v1/classifier, or latlas classify."


def label_of(live: Live, label: Label | None) -> int:
    """The place of a label among the classes, -1 for none.

    Raises:
        OptionError: the space does not have it.
    """
    if label is None or label == "":
        return -1
    if isinstance(label, str):
        return live.space.label_number(label)
    if not -1 <= label < len(live.space.classes):
        raise OptionError(
            f"label is {label}; expected -1 (none) to {len(live.space.classes) - 1}, or a name."
        )
    return label


def vectors_of(live: Live, z: list[list[float]], most: int) -> FloatArray:
    """Lists of numbers as latents float32 [n, D].

    Raises:
        OptionError: none, too many, another dimension, or values that are not finite or so large
            that their squares are not.
    """
    dim = live.space.latent_dim
    if not 1 <= len(z) <= most:
        raise OptionError(f"{len(z)} latent vectors were sent; expected 1 to {most}.")
    lengths = {len(vector) for vector in z}
    if lengths != {dim}:
        raise OptionError(
            f"a latent vector has {min(lengths ^ {dim} or lengths)} values; this space has {dim}."
        )
    vectors = np.array(z, np.float64)
    if not np.isfinite(vectors).all():
        raise OptionError("latents hold values that are not finite; remove NaN and infinity.")
    if (largest := np.abs(vectors).max()) > LARGEST:
        raise OptionError(
            f"latents hold a value of size {largest:.3g}; expected at most {LARGEST:g}. Real ones "
            "are far smaller."
        )
    return vectors.astype(np.float32)


@router.get("/rows/{id}", summary="What is known of an image")
async def row(id: int, here: Here) -> Response:  # noqa: A002 - the name in the address
    """Its id, uri, label, split, reconstruction error, told label, latent vector and tags.

    ``odds`` over the classes where a classifier is fitted, else null.
    """
    live = await here.live()
    place = live.latents.row(id)
    latents, space = live.latents, live.space
    facts: dict[str, Any] = {
        "id": id,
        "uri": latents.uris[place],
        "label": space.label(int(latents.labels[place])),
        "split": SPLITS[int(latents.splits[place])],
        "error": float(latents.errors[place]),
        "told": space.label(int(latents.told[place])),
        "z": latents.z[place],
        "tags": await here.quick(lambda: live.edits.tags_of(id)),
    }
    facts["odds"] = await here.model(lambda: _odds_of(live, place))
    return json_answer(facts)


def _odds_of(live: Live, place: int) -> Any:
    classifier = live.classifier()
    return None if classifier is None else classifier.of_rows(np.array([place]))[0]


@router.post(
    "/neighbours",
    summary="The images nearest to one, or to a latent vector",
    openapi_extra=described(NeighboursAsked),
)
async def neighbours(request: Request) -> Response:
    """Ids, Euclidean distances in the latent space and label names, the nearest first.

    The image of an ``id`` is left out itself, and so are those ``without``. In the scope per-class
    a vector needs its label.
    """
    asked = await read(request, NeighboursAsked)
    here: Context = request.app.state.context
    if (asked.id is None) == (asked.z is None):
        raise OptionError("give either an id or a latent vector z, not both.")
    live = await here.live()
    latents, space = live.latents, live.space
    own = -1 if asked.id is None else live.latents.row(asked.id)
    told = int(latents.told[own]) if own >= 0 else label_of(live, asked.label)
    z = latents.z[own] if own >= 0 else vectors_of(live, [asked.z or []], 1)[0]
    known = live.near_now(told)
    meeting, rows = await here.slow(lambda: live.near(told)) if known is None else known
    out = np.array([own] if own >= 0 else [], np.int64)
    if asked.without:
        out = np.union1d(out, _places(latents, asked.without))
    k = min(asked.k + len(out), len(rows))
    if k <= MOST_ASKED:
        found, distances = await meeting.find(z, k)
        places = rows[found]
        kept = np.flatnonzero(~np.isin(places, out))[: asked.k]
        places, distances = places[kept], distances[kept]
    else:  # so many are left out that it is quicker to look at the others only
        places, distances = await here.slow(
            lambda: _among(latents.z, np.setdiff1d(rows, out, assume_unique=True), z, asked.k)
        )
    labels = [space.label(label) for label in latents.labels[places].tolist()]
    return json_answer(
        {"ids": latents.ids[places].tolist(), "distances": distances.tolist(), "labels": labels}
    )


def _places(latents: Latents, ids: list[int]) -> IntArray:
    """The rows of those ids that are there, each once."""
    rows, known = latents.find(np.unique(np.array(ids, np.int64)))
    found: IntArray = rows[known]
    return found


def _among(
    points: FloatArray, rows: IntArray, z: FloatArray, k: int
) -> tuple[IntArray, FloatArray]:
    """The k of the rows whose points are nearest to z [D], and their distances."""
    if not len(rows):
        return rows, np.empty(0, np.float32)
    found = nearest(z[None], points[rows], min(k, len(rows)))
    return rows[found.indices[0]], found.distances[0]


QUICK = {"/neighbours": neighbours}
"""Routes that many readers ask for many times a second: they are reached past the framework's own
layers, which cost more than the answer. They read their body themselves."""


@router.post("/classify", summary="The odds of each class")
async def classify(asked: ClassifyAsked, here: Here) -> Response:
    """Odds [n][K] over the classes, of images of the space or of latent vectors."""
    if (asked.ids is None) == (asked.z is None):
        raise OptionError("give either ids or latent vectors z, not both.")
    live = await here.live()
    odds = await here.model(lambda: _classified(live, asked, here.limits.rows))
    return json_answer({"classes": live.space.classes, "odds": odds})


def _classified(live: Live, asked: ClassifyAsked, most: int) -> Any:
    classifier = live.classifier()
    if classifier is None:
        raise OptionError(UNFITTED)
    if asked.z is not None:
        return classifier.of_latents(vectors_of(live, asked.z, most))
    ids = asked.ids or []
    _few(len(ids), most)
    return classifier.of_rows(np.array([live.latents.row(number) for number in ids]))


@router.post(
    "/latents",
    summary="The latent vectors of images",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}}},
)
async def latents(asked: LatentsAsked, here: Here) -> Response:
    """Float32 [n, D], little-endian, row by row in the order of the ids; X-Shape says n,D."""
    live = await here.live()
    _few(len(asked.ids), here.limits.rows)
    rows = [live.latents.row(number) for number in asked.ids]
    z = live.latents.z[rows].astype("<f4")
    shape = {"x-shape": ",".join(map(str, z.shape))}
    return Response(z.tobytes(), headers=shape, media_type="application/octet-stream")


def _few(count: int, most: int) -> None:
    """Lets so many ids through.

    Raises:
        OptionError: none, or too many.
    """
    if not 1 <= count <= most:
        raise OptionError(f"{count} ids were sent; expected 1 to {most}.")


@router.get("/info", summary="What the space is and what made it")
async def info(here: Here) -> Response:
    """As ``latlas info --json`` says it, but for where the space and its sources lie."""
    live = await here.live()
    facts = await here.quick(live.space.info)
    for source in facts["sources"]:
        source["uri"] = source_name(source["uri"])
    if facts["config"].get("labels"):
        facts["config"]["labels"] = source_name(str(facts["config"]["labels"]))
    return json_answer(facts | {"folder": live.space.folder.name, "read_only": here.read_only})


@router.get("/scores", summary="Every score taken of the space")
async def scores(here: Here) -> Response:
    """A list of scores with value, interval, floor and baselines."""
    live = await here.live()
    return json_answer(await here.quick(lambda: [asdict(score) for score in live.space.scores]))
