"""``open_images``: any image source by its name, path or array, as one dataset of one size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray

from latlas.contracts import (
    SPLITS,
    Images,
    NoProgress,
    OptionError,
    Progress,
    Skipped,
    SourceError,
    Stage,
    UInt8Array,
)
from latlas.data.arrays import ArraySource, MemorySource, NumpySource, digits, with_labels
from latlas.data.binary import CifarSource, IdxSource, read_label_file
from latlas.data.cache import (
    Entry,
    digest_of,
    load_entry,
    memory_entry,
    storage_errors,
    write_entry,
)
from latlas.data.decode import decode_source
from latlas.data.downloads import DATASETS, find_dataset
from latlas.data.files import EncodedSource, FolderSource, ZipSource, joint_fingerprint
from latlas.data.labels import Table, draw_splits
from latlas.data.layouts import as_pixels, frame_array
from latlas.data.parquet import ParquetSource
from latlas.data.pixels import (
    BadImage,
    Frame,
    check_frame_options,
    look,
    strict_pillow,
)

__all__ = [
    "ARRAY_FORMATS",
    "ENCODED_FORMATS",
    "NAMES",
    "ImageOptions",
    "as_pixels",
    "encoded_format",
    "open_images",
]

# The table of formats; the first that matches reads the source. A folder matches last.
ARRAY_FORMATS: tuple[type[ArraySource], ...] = (IdxSource, NumpySource, CifarSource)
ENCODED_FORMATS: tuple[type[EncodedSource], ...] = (ZipSource, ParquetSource, FolderSource)

NAMES = ("digits", *DATASETS)
"""Datasets that are known by name."""

_NATIVE_LIMIT = 128
_USUAL_SIZES = (16, 32, 64)
_SAMPLE = 16  # so many pieces of the source, and so many images of each, are looked at


class ImageOptions(TypedDict, total=False):
    """How to read images, beyond their size.

    Attributes:
        resize: ``"crop"`` (default) fills the frame and cuts the overhang, ``"pad"`` fits the
            whole picture inside on black.
        test_fraction: share of the test split where the source has no splits of its own, in
            (0, 1), by default 0.15.
        seed: seed of that split, by default 0.
        strict: stop at the first file that cannot be used, instead of skipping it.
        workers: processes that decode; by default as many as there are cores, if there is work
            for them; 1 decodes in this process.
    """

    resize: str
    test_fraction: float
    seed: int
    strict: bool
    workers: int | None


@dataclass(frozen=True)
class _Options:
    """``ImageOptions`` with its defaults filled in."""

    resize: str = "crop"
    test_fraction: float = 0.15
    seed: int = 0
    strict: bool = False
    workers: int | None = None


def open_images(
    uri: str | Path | NDArray[Any],
    image_size: int | tuple[int, int] | None = None,
    channels: int | None = None,
    *,
    split: str | None = None,
    labels: str | Path | Sequence[Any] | NDArray[Any] | None = None,
    progress: Progress | None = None,
    **more: Unpack[ImageOptions],
) -> Images:
    """Opens an image source as N images of one size, decoded once into the cache.

    Sources: a name (``digits``, ``mnist``, ``fashion-mnist``, ``cifar10``); a folder or .zip of
    image files (sub-folders are labels; ``train`` and ``test`` or ``val`` on top are splits; a
    ``labels.csv`` with path,label[,split] beside flat files); IDX files or a folder of them;
    .npy and .npz; Parquet with image bytes; or an array in memory. A name wins over a file of
    the same name: write ``./mnist`` for the file.

    Without splits of its own, a source gets a seeded train/test split, stratified by label.

    Args:
        uri: the source; an array is [N, H, W], [N, H, W, C] or [N, C, H, W], uint8 in 0..255 or
            floats in 0..1.
        image_size: pixels of the square's side, or (height, width); by default the images' own
            size where all that were sampled share one of at most 128 pixels, else 16, 32 or 64,
            whichever is nearest to their shorter sides.
        channels: 1 (grey) or 3 (RGB); by default 1 if all sampled images are grey.
        split: ``"train"`` or ``"test"`` for the images of one split only; a seeded split is
            copied into memory for that, a split of the source's own is not.
        labels: a labels file to use instead of the source's own (.csv for image files, .npy or
            IDX for arrays), or one label for each image of an array.
        progress: shows the decoding.
        **more: resize, test_fraction, seed, strict, workers: see ``ImageOptions``.

    Returns:
        The images; ``pixels`` is memory-mapped, except from memory and for ``digits``.

    Raises:
        SourceError: the source cannot be opened as asked.
        OptionError: an option is out of its range.
        StorageError: the cache cannot be written.
        RunError: a decoding process died.
    """
    options = _Options(**more)
    size = check_frame_options(image_size, channels, options.resize)
    _check_options(split, options)
    progress = progress or NoProgress()
    name = str(uri) if isinstance(uri, (str, Path)) else "array"
    source = _locate(uri, labels, progress)
    if not len(source.table.uris):
        raise SourceError(f"{name} holds no images.")
    if options.strict and source.table.skipped:
        raise _not_strict(source.table.skipped)
    key = digest_of(source.format, source.fingerprint, size, channels, options.resize)
    entry = None if _in_memory(source) else load_entry(key)
    if entry is None:
        entry = _decode(
            source, key, _choose_frame(source, size, channels, options), options, progress
        )
    if options.strict and entry.table.skipped:
        raise _not_strict(entry.table.skipped)
    return _images(entry, name, split, options)


def encoded_format(name: str) -> type[EncodedSource]:
    """The class of an encoded format by its name in the table (for the decoding processes)."""
    return next(kind for kind in ENCODED_FORMATS if kind.format == name)


def _check_options(split: str | None, options: _Options) -> None:
    if split is not None and split not in SPLITS:
        raise OptionError(f"split {split!r} is not known; choose one of: {', '.join(SPLITS)}.")
    if not 0.0 < options.test_fraction < 1.0:
        raise OptionError(
            f"test fraction {options.test_fraction} was given; expected a number between 0 and 1."
        )
    if options.workers is not None and options.workers < 1:
        raise OptionError(f"{options.workers} workers were asked for; expected 1 or more.")


def _not_strict(skipped: Sequence[Skipped]) -> SourceError:
    first = skipped[0]
    return SourceError(
        f"{len(skipped)} of the files cannot be used, the first is {first.uri}: {first.reason}. "
        "Mend or remove them, or run without strict to skip them."
    )


# --- finding the source ------------------------------------------------------------------


def _locate(
    uri: str | Path | NDArray[Any],
    labels: str | Path | Sequence[Any] | NDArray[Any] | None,
    progress: Progress,
) -> ArraySource | EncodedSource:
    file = Path(labels) if isinstance(labels, (str, Path)) else None
    source: ArraySource | EncodedSource
    if not isinstance(uri, (str, Path)):
        source = MemorySource(np.asarray(uri))
    elif uri == "digits":
        source = digits()
    else:
        dataset = DATASETS.get(str(uri)) if isinstance(uri, str) else None
        path = find_dataset(str(uri), progress) if dataset is not None else _existing(uri)
        source = _open_path(path, file)
        if dataset is not None and dataset.classes:
            names = [dataset.classes[int(name)] for name in source.table.classes]
            source.table.classes = tuple(names)
            source.fingerprint = joint_fingerprint(source.fingerprint, *names)
    if labels is None or isinstance(source, EncodedSource):
        if labels is not None and file is None:
            raise SourceError(
                "labels were given one by one for image files, whose order is not plain; "
                "give a labels file with lines of path,label instead."
            )
        return source
    given = read_label_file(file) if file is not None else np.asarray(labels)
    source.table = with_labels(source.table, given, "labels")
    source.fingerprint = joint_fingerprint(source.fingerprint, *map(str, given.tolist()))
    return source


def _existing(uri: str | Path) -> Path:
    path = Path(uri).expanduser()
    if not path.exists():
        raise SourceError(
            f"{uri} is not there. Expected a folder, a .zip, .npz, .npy, .parquet or IDX file, "
            f"or one of the names {', '.join(NAMES)}."
        )
    return path


def _open_path(path: Path, labels: Path | None) -> ArraySource | EncodedSource:
    for kind in ARRAY_FORMATS:
        if kind.matches(path):
            return kind.open(path)
    for encoded in ENCODED_FORMATS:
        if encoded.matches(path):
            return encoded.open(path, labels)
    raise SourceError(
        f"{path} is of no known format. Expected a folder of images, a .zip of one, IDX files as "
        "MNIST has them, .npz or .npy, Parquet with image bytes, or an image file."
    )


def _in_memory(source: ArraySource | EncodedSource) -> bool:
    return isinstance(source, ArraySource) and source.in_memory


# --- choosing the size -------------------------------------------------------------------


def _choose_frame(
    source: ArraySource | EncodedSource,
    size: tuple[int, int] | None,
    channels: int | None,
    options: _Options,
) -> Frame:
    """Fills in the size and the channels that were not asked for."""
    if size is not None and channels is not None:
        sizes, grey = [], False
    elif isinstance(source, ArraySource):
        sizes, grey = [source.shape[:2]], source.shape[2] < 3
    else:
        sizes, grey = _sample(source)
    height, width = size or _usual_size(sizes)
    return Frame(height, width, channels or (1 if grey else 3), options.resize)


def _usual_size(sizes: Sequence[tuple[int, int]]) -> tuple[int, int]:
    if len(set(sizes)) == 1 and max(sizes[0]) <= _NATIVE_LIMIT:
        return sizes[0]
    shorter = float(np.median([min(size) for size in sizes])) if sizes else 64.0
    side = min(_USUAL_SIZES, key=lambda usual: abs(math.log2(usual / shorter)))
    return side, side


def _sample(source: EncodedSource) -> tuple[list[tuple[int, int]], bool]:
    """Sizes of a sample of the images, and whether all of it is grey."""
    pieces = source.ranges(_SAMPLE)
    chosen = [pieces[i] for i in np.unique(np.linspace(0, len(pieces) - 1, _SAMPLE).astype(int))]
    sizes: list[tuple[int, int]] = []
    grey = True
    # Headers are cheap; to see that an RGB file is grey it must be decoded.
    decoded = max(2, 32 // len(chosen))
    with strict_pillow():
        for start, stop in chosen:
            items = source.read(source.batch(start, min(stop, start + _SAMPLE)))
            for number, data in enumerate(items):
                if isinstance(data, BadImage):
                    continue
                try:
                    height, width, is_grey = look(data, content=grey and number < decoded)
                except BadImage:
                    continue
                sizes.append((height, width))
                grey = grey and (is_grey or number >= decoded)
    return sizes, grey and bool(sizes)


# --- decoding ----------------------------------------------------------------------------


def _decode(
    source: ArraySource | EncodedSource,
    key: str,
    frame: Frame,
    options: _Options,
    progress: Progress,
) -> Entry:
    table = source.table
    with progress.stage("read images", len(table.uris), "images") as stage:
        if isinstance(source, ArraySource):
            if source.in_memory:
                blocks = [frame_array(block, frame) for block in source.blocks()]
                return memory_entry(np.concatenate(blocks), table)
            return write_entry(key, table, frame, _array_filler(source, frame, stage))

        def fill(file: IO[bytes]) -> list[tuple[int, str]]:
            bad = decode_source(source, frame, file, options.workers, stage, options.strict)
            if len(bad) == len(table.uris):
                raise SourceError(
                    f"none of the {len(bad)} files could be decoded; the first, "
                    f"{table.uris[bad[0][0]]}: {bad[0][1]}."
                )
            return bad

        return write_entry(key, table, frame, fill)


def _array_filler(source: ArraySource, frame: Frame, stage: Stage) -> Any:
    def fill(file: IO[bytes]) -> list[tuple[int, str]]:
        for block in source.blocks():
            rows = frame_array(block, frame)
            with storage_errors(Path(file.name).parent.parent):
                file.write(rows.data)
            stage.advance(len(rows))
        return []

    return fill


def _images(entry: Entry, name: str, split: str | None, options: _Options) -> Images:
    table: Table = entry.table
    pixels: UInt8Array = entry.pixels
    splits = table.splits
    shaped = []  # what shapes the images beyond the entry: the split that was drawn, or chosen
    if splits is None:
        splits = draw_splits(table.labels, options.test_fraction, options.seed)
        shaped.append(f"seed {options.seed}, test fraction {options.test_fraction}")
    labels, uris = table.labels, table.uris
    if split is not None:
        rows = np.flatnonzero(splits == SPLITS.index(split))
        if len(rows) == 0:
            raise SourceError(f"{name} has no images in its {split} split.")
        together = int(rows[-1]) - int(rows[0]) + 1 == len(rows)
        chosen: Any = slice(int(rows[0]), int(rows[-1]) + 1) if together else rows
        pixels, labels, splits = pixels[chosen], labels[chosen], splits[chosen]
        uris = [uris[int(row)] for row in rows]
        shaped.append(split)
    return Images(
        pixels=pixels,
        labels=labels,
        classes=table.classes,
        splits=splits,
        uris=uris,
        source=name,
        digest=digest_of(entry.digest, *shaped) if shaped else entry.digest,
        skipped=tuple(table.skipped),
    )
