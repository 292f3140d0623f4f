"""Ways through the latent space, and who lies near: queries by id, image, label or vector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latlas.contracts import TRAIN, FloatArray, IntArray, OptionError, UInt8Array
from latlas.data.source import as_pixels
from latlas.lazily import lazy_import
from latlas.neighbours import approximate_neighbours, nearest
from latlas.results import NearImages, Walk
from latlas.stored import StoredSpace

csgraph = lazy_import("scipy.sparse.csgraph")
sparse = lazy_import("scipy.sparse")

__all__ = ["PATHS", "Place", "Query", "near", "place_of", "walk_between", "walk_towards"]

Query = int | np.integer[Any] | FloatArray | UInt8Array | str | Path | Any
PATHS = ("linear", "spherical", "graph")
LABEL = "label:"
NEIGHBOURS = (10, 20, 40, 80)  # tried in turn until the graph joins both ends
MOST_ON_GRAPH = 100_000


@dataclass(frozen=True)
class Place:
    """A place in the latent space.

    Attributes:
        z: float32 [D].
        told: the label that the decoder is told, -1 for none; in the scope per-class the space
            that the place lies in.
        label: the label of the image that it came from, -1 where unknown.
        id: the id of that image, None where the space does not hold it.
    """

    z: FloatArray
    told: int = -1
    label: int = -1
    id: int | None = None


def place_of(space: StoredSpace, query: Query) -> Place:
    """Where a query lies.

    Args:
        space: the space.
        query: an id; an image or the path of one; a latent vector [D]; or ``"label:NAME"`` for
            the most central training image of a class (the prefix may be left out where the name
            is no number and no file). A place is itself.

    Raises:
        OptionError: an id, label or file that is not there, or a vector of another dimension.
    """
    if isinstance(query, Place):
        return query
    if isinstance(query, int | np.integer):
        return _row(space, space.latents.row(int(query)))
    if isinstance(query, np.ndarray) and query.ndim == 1:
        if len(query) != space.latent_dim:
            raise OptionError(
                f"the latent vector has {len(query)} values; this space has {space.latent_dim}."
            )
        return Place(query.astype(np.float32))
    if isinstance(query, str | Path) and not Path(query).expanduser().is_file():
        return _row(space, _central(space, str(query)))
    images = query[None] if isinstance(query, np.ndarray) and query.ndim in {2, 3} else query
    if isinstance(images, str | Path):
        images = [images]
    pixels = as_pixels(images, space.shape, space.resize)
    if len(pixels) != 1:
        raise OptionError(f"the query holds {len(pixels)} images; give one.")
    coded = space.coder.encode_with_errors(pixels, errors=False)
    return Place(coded.z[0], int(coded.told[0]))


def _row(space: StoredSpace, row: int) -> Place:
    latents = space.latents
    told, label = int(latents.told[row]), int(latents.labels[row])
    return Place(latents.z[row], told, label, int(latents.ids[row]))


def _central(space: StoredSpace, text: str) -> int:
    """The row nearest to the mean of the class that ``text`` names."""
    latents, name = space.latents, text.removeprefix(LABEL)
    if name not in space.classes:
        ids = f"an id (a number from {latents.ids.min()} to {latents.ids.max()})"
        known = ", ".join(space.classes[:10]) + (", ..." if len(space.classes) > 10 else "")
        label = f", a label ({known}; a number as label:NUMBER)" if known else ""
        raise OptionError(f"{text!r} is neither {ids}{label} nor the path of an image file.")
    own = latents.labels == space.classes.index(name)
    trained = own & (latents.splits == TRAIN)
    rows = np.flatnonzero(trained if trained.any() else own)
    if len(rows) == 0:
        raise OptionError(f"the space holds no image of the label {name!r}.")
    z = latents.z[rows]
    return int(rows[np.square(z - z.mean(axis=0)).sum(axis=1).argmin()])


def walk_between(space: StoredSpace, start: Query, end: Query, steps: int, path: str) -> Walk:
    """The way from one place to another; see ``Space.walk``."""
    _check(steps, path)
    a, b = place_of(space, start), place_of(space, end)
    if space.scope == "per-class" and a.told != b.told:
        names = [space.label(place.told) or "no class" for place in (a, b)]
        raise OptionError(
            f"one end lies in the space of {names[0]}, the other in that of {names[1]}: spaces of "
            "their own, with no way between. Choose two images of one class, or fit the source "
            "with the scope global or conditional."
        )
    if path == "graph":
        z = _resampled(_along_data(space, a, b), steps)
    else:
        z = _straight(a.z, b.z, steps, path)
    return _drawn(space, z, a.told, b.told)


def walk_towards(
    space: StoredSpace, start: Query, label: str, steps: int, strength: float = 1.0
) -> Walk:
    """The way from a place along the direction that tells a class from the others.

    The direction is the mean latent of the class minus that of the class of the start (of all
    others, where that is unknown), as attribute vectors are (White, "Sampling Generative
    Networks", 2016, https://arxiv.org/abs/1609.04468, section 3.3).

    Raises:
        OptionError: a label that is not there, or a space without a direction between classes.
    """
    _check(steps, "linear")
    if label not in space.classes:
        known = ", ".join(space.classes[:20]) or "no labels"
        raise OptionError(f"there is no label {label!r}; the space has {known}.")
    if space.scope == "per-class":
        raise OptionError(
            "each class of this space has a latent space of its own, so no direction leads from "
            "one to another. Fit the source with the scope global or conditional."
        )
    a, latents, target = place_of(space, start), space.latents, space.classes.index(label)
    own = latents.labels == target
    if not own.any():
        raise OptionError(f"the space holds no image of the label {label!r}.")
    others = latents.labels == a.label if a.label not in (-1, target) else ~own
    away = latents.z[others].mean(axis=0) if others.any() else np.zeros_like(a.z)
    direction = latents.z[own].mean(axis=0) - away
    z = _straight(a.z, (a.z + strength * direction).astype(np.float32), steps, "linear")
    return _drawn(space, z, a.told, target if space.scope == "conditional" else a.told)


def near(space: StoredSpace, query: Query, k: int) -> NearImages:
    """The k nearest images of a place; see ``Space.neighbours``."""
    if k < 1:
        raise OptionError(f"k is {k}; ask for at least 1 neighbour.")
    place, latents = place_of(space, query), space.latents
    rows = _comparable(space, place)
    if place.id is not None:
        rows = rows[latents.ids[rows] != place.id]
    if len(rows) == 0:
        raise OptionError("the space has no image beside this one to compare it with.")
    found = nearest(place.z[None], latents.z[rows], min(k, len(rows)))
    distances, rows = found.distances[0], rows[found.indices[0]]
    if place.id is not None:
        shown = space.thumbnails([place.id])[0]
    else:
        shown = space.coder.decode(place.z[None], np.array([place.told]))[0]
    return NearImages(
        latents.ids[rows],
        distances,
        tuple(latents.uris[row] for row in rows),
        tuple(space.label(int(latents.labels[row])) for row in rows),
        space.thumbnails(latents.ids[rows]),
        shown,
    )


def _comparable(space: StoredSpace, place: Place) -> IntArray:
    """Rows whose latents lie in the space of the place: all, or those of its class."""
    if space.scope != "per-class":
        return np.arange(len(space.latents))
    if place.told < 0:
        raise OptionError(
            "each class has a space of its own, and a vector alone does not say which is meant. "
            "Ask by an image or an id."
        )
    return np.flatnonzero(space.latents.told == place.told)


def _check(steps: int, path: str) -> None:
    if steps < 2:
        raise OptionError(f"steps is {steps}; a walk has at least 2, its two ends.")
    if path not in PATHS:
        raise OptionError(f"path is {path!r}; choose one of {', '.join(PATHS)}.")


def _straight(a: FloatArray, b: FloatArray, steps: int, path: str) -> FloatArray:
    t = np.linspace(0, 1, steps, dtype=np.float32)[:, None]  # [S, 1]
    weights = (1 - t, t) if path == "linear" else _slerp_weights(a, b, t)
    z = (weights[0] * a + weights[1] * b).astype(np.float32)  # [S, D]
    z[0], z[-1] = a, b
    return z


def _drawn(space: StoredSpace, z: FloatArray, first: int, last: int) -> Walk:
    """The walk with its images; a decoder that is told the label is told the nearer end's."""
    told = np.where(np.arange(len(z)) < len(z) / 2, first, last).astype(np.int64)
    return Walk(z, space.coder.decode(z, told), told)


def _along_data(space: StoredSpace, a: Place, b: Place) -> FloatArray:
    """Latents on the cheapest way over the neighbour graph, both ends included: [M, D].

    An edge costs the square of its length, so many short steps through dense places are cheaper
    than a long one across an empty place (Sajama, Orlitsky, "Estimating and computing density
    based distance metrics", ICML 2005).
    """
    rows = _comparable(space, a)
    if len(rows) > MOST_ON_GRAPH:
        rows = np.sort(np.random.default_rng(0).choice(rows, MOST_ON_GRAPH, replace=False))
    points = np.concatenate([a.z[None], b.z[None], space.latents.z[rows]])
    for k in NEIGHBOURS:
        way = _cheapest_way(points, min(k, len(points) - 1))
        if way is not None:
            return points[way]
    raise OptionError(
        "no way along the data joins these two: they lie on islands of their own. Walk straight, "
        "with the path linear."
    )


def _cheapest_way(points: FloatArray, k: int) -> Sequence[int] | None:
    """Rows from row 0 to row 1 over the graph of k nearest neighbours; None: not joined."""
    found = approximate_neighbours(points, k)
    count = len(points)
    # A copy of an image costs next to nothing, but zero would be no edge.
    cost = np.maximum(found.distances.astype(np.float64) ** 2, 1e-12).ravel()
    ends = (np.repeat(np.arange(count), k), found.indices.ravel())
    graph: Any = sparse.coo_array((cost, ends), shape=(count, count)).tocsr()
    reached, before = csgraph.dijkstra(graph, directed=False, indices=0, return_predecessors=True)
    if not np.isfinite(reached[1]):
        return None
    way = [1]
    while way[-1] != 0:
        way.append(int(before[way[-1]]))
    return way[::-1]


def _resampled(points: FloatArray, steps: int) -> FloatArray:
    """So many places at equal distances along a line through points [M, D]: float32 [S, D]."""
    lengths = np.linalg.norm(np.diff(points, axis=0), axis=1).astype(np.float64)
    along = np.concatenate([[0.0], np.cumsum(lengths)])
    if along[-1] == 0:
        return np.repeat(points[:1], steps, axis=0)
    wanted = np.linspace(0, along[-1], steps)
    z = np.stack([np.interp(wanted, along, column) for column in points.T], axis=1)
    z = z.astype(np.float32)
    z[0], z[-1] = points[0], points[-1]
    return z


def _slerp_weights(
    a: FloatArray, b: FloatArray, t: FloatArray
) -> tuple[NDArray[Any], NDArray[Any]]:
    norms = float(np.linalg.norm(a) * np.linalg.norm(b))
    cosine = float(np.clip(a @ b / norms, -1, 1)) if norms > 0 else 1.0
    angle = np.arccos(cosine)
    if np.sin(angle) < 1e-4:
        return 1 - t, t
    return np.sin((1 - t) * angle) / np.sin(angle), np.sin(t * angle) / np.sin(angle)
