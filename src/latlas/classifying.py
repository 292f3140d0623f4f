"""Images on disk, classified."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from latlas.answers import Answers
from latlas.classification import SpaceClassifier
from latlas.contracts import NoProgress, Progress, SourceError
from latlas.data.layouts import is_picture, picture_shape
from latlas.data.source import as_pixels, open_images
from latlas.stored import skipped_note

__all__ = ["classify_files"]


def classify_files(
    asked: SpaceClassifier, images: Sequence[str | Path], progress: Progress | None = None
) -> Answers:
    """What images on disk show: files, or one source (a folder, a .zip, an array file).

    Images of another size or number of channels are converted as those of the space were, and a
    note says so. Files that cannot be read are skipped with a note.

    Raises:
        SourceError: nothing could be read.
    """
    progress = progress or NoProgress()
    space = asked.space
    height, width, channels = space.shape
    if len(images) == 1 and not is_picture(images[0]):
        found = open_images(
            images[0], (height, width), channels, progress=progress, resize=space.resize
        )
        if found.skipped:
            progress.note(skipped_note(found))
        return asked.answer(np.asarray(found.pixels, np.uint8), found.uris)
    pixels, names, converted, lost = [], [], 0, []
    for path in images:
        try:
            size = picture_shape(path)
            pixels.append(as_pixels([path], space.shape, space.resize))
        except SourceError as error:
            lost.append(f"{path}: {error}")
            continue
        names.append(str(path))
        converted += size != space.shape
    if not pixels:
        raise SourceError(f"none of the {len(images)} images can be read; the first: {lost[0]}")
    if lost:
        progress.note(f"warning: skipped {len(lost)} of {len(images)} images; {lost[0]}")
    if converted:
        progress.note(
            f"{converted} of {len(names)} images were converted to "
            f"{height}x{width}x{channels}, as those of the space were"
        )
    return asked.answer(np.concatenate(pixels), names)
