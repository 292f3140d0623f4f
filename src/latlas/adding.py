"""New images: encoded, and added to a space."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latlas.checkpoint import write_json
from latlas.contracts import (
    Images,
    IntArray,
    Latents,
    NoProgress,
    OptionError,
    Progress,
)
from latlas.data.source import open_images
from latlas.encode import block_rows, encode_rows
from latlas.manifest import source_info
from latlas.models import SCOPES
from latlas.projections import Panels
from latlas.stored import StoredSpace, skipped_note

__all__ = ["add_images", "encode_source"]


def add_images(space: StoredSpace, images: Images, progress: Progress | None) -> IntArray:
    """Encodes new images into the space; see ``Space.add``. Who calls holds the space."""
    if any(source.digest == images.digest for source in space.manifest.sources):
        raise OptionError(
            f"{images.source} is in {space.folder} already; nothing was added. Give images "
            "that are new."
        )
    first = int(space.latents.ids.max(initial=-1)) + 1
    names = [*space.classes, *(c for c in images.classes if c not in space.classes)]
    if space.scope != SCOPES[0] and len(names) > len(space.classes):
        raise OptionError(
            f"the class {names[len(space.classes)]!r} is new, and this space was trained for "
            f"{len(space.classes)} classes. Fit all images anew, or add them without labels."
        )
    lookup = np.array([names.index(c) for c in images.classes] + [-1], np.int64)
    images = replace(images, labels=lookup[images.labels], classes=tuple(names))
    projections = {name: space.projection(name) for name in space.manifest.maps}

    def rows() -> Any:
        for block in encode_rows(space.coder, images, first_id=first, progress=progress):
            told = block.labels if block.told is None else block.told
            maps = {
                name: p.transform(block.z, told) if isinstance(p, Panels) else p.transform(block.z)
                for name, p in projections.items()
            }
            yield block, maps

    space.store.append_stream(rows())
    if images.skipped:
        (progress or NoProgress()).note(skipped_note(images))
        listed = [asdict(entry) for entry in (*space.skipped, *images.skipped)]
        write_json(space.folder / "skipped.json", listed)
    space.manifest.classes = tuple(names)
    space.manifest.sources.append(source_info(images))
    space.write()
    space.__dict__.pop("latents", None)
    return np.arange(first, first + len(images), dtype=np.int64)


def encode_source(
    space: StoredSpace,
    source: Any = None,
    *,
    labels: Any = None,
    add: bool = False,
    progress: Progress | None = None,
) -> Latents:
    """Encodes an image source, and puts it into the space when asked to; see ``Space``."""
    if source is None:
        if add:
            raise OptionError("there is nothing to add: name the source of new images.")
        return space.latents
    height, width, channels = space.shape
    given = space.image_options()
    for option in ("labels", "split"):  # of the images that the space was made from
        given.pop(option, None)
    given |= {} if labels is None else {"labels": labels}
    images = open_images(source, (height, width), channels, progress=progress, **given)
    if add:
        ids = _held_add(space, images, progress)
        return _rows_of(space.latents, space.latents.ids >= ids[0])
    known = [space.classes.index(c) if c in space.classes else -1 for c in images.classes]
    told = np.array([*known, -1], np.int64)[images.labels]
    z, step = np.empty((len(images), space.latent_dim), np.float32), block_rows(space.shape)
    with (progress or NoProgress()).stage("encoding", len(images), "images") as stage:
        for start in range(0, len(images), step):
            own = slice(start, start + step)
            block = np.asarray(images.pixels[own], np.uint8)
            coded = space.coder.encode_with_errors(block, told[own], errors=False)
            z[own], told[own] = coded.z, coded.told
            stage.advance(len(block))
    return Latents(
        ids=np.arange(len(images), dtype=np.int64),
        uris=images.uris,
        labels=images.labels,
        classes=images.classes,
        splits=images.splits,
        z=z,
        errors=np.full(len(images), np.nan, np.float32),
        told=told,
    )


def _held_add(space: StoredSpace, images: Images, progress: Progress | None) -> IntArray:
    with space.changing():
        return add_images(space, images, progress)


def _rows_of(latents: Latents, keep: NDArray[np.bool_]) -> Latents:
    rows = np.flatnonzero(keep)
    return Latents(
        ids=latents.ids[rows],
        uris=[latents.uris[int(row)] for row in rows],
        labels=latents.labels[rows],
        classes=latents.classes,
        splits=latents.splits[rows],
        z=latents.z[rows],
        errors=latents.errors[rows],
        told=latents.told[rows],
    )
