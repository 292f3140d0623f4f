"""Labels and splits: from names to numbers, from folders, from a CSV file, or by a seeded draw."""

from __future__ import annotations

import csv
import io
import math
import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latlas.contracts import TEST, TRAIN, IntArray, Skipped, SourceError, UInt8Array

__all__ = [
    "LabelRow",
    "Table",
    "apply_labels_csv",
    "draw_splits",
    "folder_layout",
    "index_labels",
    "label_array",
    "natural_key",
    "read_labels_csv",
    "split_named",
]

_SPLIT_NAMES = {
    "train": TRAIN,
    "training": TRAIN,
    "test": TEST,
    "testing": TEST,
    "t10k": TEST,
    "val": TEST,
    "valid": TEST,
    "validation": TEST,
}
_PATH_COLUMNS = ("path", "file", "filename", "file_name", "image", "image_path")
_LABEL_COLUMNS = ("label", "class", "category", "target")
_SPLIT_COLUMNS = ("split", "set", "subset")


@dataclass
class Table:
    """What a source says of its N images before any of them is decoded.

    Attributes:
        uris: N strings, unique within the source.
        labels: int64 [N], index into ``classes``; -1 where unknown.
        classes: label names in natural order; empty without labels.
        splits: uint8 [N], index into ``SPLITS``; None if the source has no splits of its own.
        skipped: files that were passed over.
    """

    uris: Sequence[str]
    labels: IntArray
    classes: tuple[str, ...] = ()
    splits: UInt8Array | None = None
    skipped: list[Skipped] = field(default_factory=list)


def split_named(name: str) -> int | None:
    """The split that a folder or file name stands for, or None.

    There are two splits: what is not for training (test, val, valid, validation) is ``test``.
    """
    return _SPLIT_NAMES.get(name.lower())


def natural_key(text: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key that puts "2" before "10" and numbers before words."""
    parts = re.findall(r"[0-9]+|[^0-9]+", text)
    return tuple((0, int(p), p) if p.isdecimal() else (1, 0, p.casefold()) for p in parts)


def index_labels(
    names: Sequence[str | None], order: Sequence[str] = ()
) -> tuple[IntArray, tuple[str, ...]]:
    """Numbers the labels in natural order of their names.

    Args:
        names: N label names, None where unknown.
        order: label names in an order that the source prescribes, used instead.

    Returns:
        int64 [N] with -1 where unknown, and the K names.
    """
    known = {name for name in names if name is not None}
    classes = tuple(sorted(known, key=lambda name: (natural_key(name), name)))
    if order:
        classes = tuple(name for name in dict.fromkeys(order) if name in known)
    numbers: dict[str | None, int] = {name: index for index, name in enumerate(classes)}
    numbers[None] = -1
    return np.fromiter((numbers[name] for name in names), np.int64, len(names)), classes


def label_array(
    values: Sequence[Any] | NDArray[Any], what: str
) -> tuple[IntArray, tuple[str, ...]]:
    """Numbers labels given as an array or a sequence.

    Args:
        values: N whole numbers (negative: unknown) or strings (empty: unknown).
        what: name of the labels for the message.

    Returns:
        int64 [N] with -1 where unknown, and the K names; numbers become names such as "7".

    Raises:
        SourceError: neither numbers nor strings, or more than one for an image.
    """
    array = np.asarray(values)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    whole = array.dtype.kind in "iub" or (
        array.dtype.kind == "f" and bool(np.all(array == np.rint(array)))
    )
    if array.ndim != 1 or not (whole or array.dtype.kind in "USO"):
        raise SourceError(
            f"{what} has shape {array.shape} and type {array.dtype}; expected one whole number "
            "or one string for each image."
        )
    if not whole:
        return index_labels([_label_name(value) for value in array.tolist()])
    numbers = array.astype(np.int64)
    found, inverse = np.unique(numbers, return_inverse=True)
    unknown = int((found < 0).sum())  # they come first
    labels = np.maximum(inverse.reshape(-1).astype(np.int64) - unknown, -1)
    return labels, tuple(str(number) for number in found[unknown:])


def _label_name(value: Any) -> str | None:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    missing = value is None or value == "" or (isinstance(value, float) and math.isnan(value))
    return None if missing else str(value)


# --- folders -----------------------------------------------------------------------------


def folder_layout(paths: Sequence[str]) -> tuple[list[str | None], UInt8Array | None]:
    """Reads labels and splits off relative paths.

    Folders that merely wrap everything are passed over; then ``train`` and ``test`` (or ``val``,
    ``valid``, ``validation``) on top are splits if all top folders are such; then the first
    folder is the label. Deeper folders mean nothing; files beside the folders have no label.

    Args:
        paths: N paths with forward slashes, relative to the source.

    Returns:
        N label names (None for a file without a folder), and uint8 [N] splits or None.
    """
    parts = [path.split("/") for path in paths]
    while parts and all(len(p) > 2 for p in parts) and len({p[0] for p in parts}) == 1:
        if split_named(parts[0][0]) is not None:
            break
        parts = [p[1:] for p in parts]
    splits = None
    tops = {p[0]: split_named(p[0]) for p in parts if len(p) > 1}
    if tops and None not in tops.values():
        if len(set(tops.values())) > 1:
            splits = np.array([tops[p[0]] if len(p) > 1 else TRAIN for p in parts], np.uint8)
        parts = [p[1:] if len(p) > 1 else p for p in parts]
    return [p[0] if len(p) > 1 else None for p in parts], splits


# --- labels.csv --------------------------------------------------------------------------


@dataclass(frozen=True)
class LabelRow:
    """One line of a labels file: the label's name and the split, None where not given."""

    label: str | None
    split: int | None


def read_labels_csv(text: str, name: str) -> dict[str, LabelRow]:
    """Reads a labels file: columns path, label and, if wanted, split.

    Args:
        text: the file's content; a header line may be missing.
        name: name of the file for the message.

    Returns:
        Path with forward slashes -> row.

    Raises:
        SourceError: it is not CSV, the columns are missing or a split is unknown.
    """
    reader = csv.reader(io.StringIO(text.lstrip("\ufeff")))
    try:
        lines = [line for line in reader if any(line)]
    except csv.Error as error:
        raise SourceError(
            f"{name}, line {reader.line_num}, cannot be read: {error}; expected lines of "
            "path,label. Is a quotation mark left open?"
        ) from None
    if not lines:
        raise SourceError(f"{name} is empty; expected lines of path,label.")
    header = [cell.strip().lower() for cell in lines[0]]
    columns = [_column(header, names) for names in (_PATH_COLUMNS, _LABEL_COLUMNS, _SPLIT_COLUMNS)]
    if columns[0] is None and "." in lines[0][0] and len(header) > 1:  # a file name: no header
        columns = [0, 1, 2 if len(header) > 2 else None]
    else:
        lines = lines[1:]
    if columns[0] is None or columns[1] is None:
        raise SourceError(
            f"{name} has the columns {', '.join(header)}; expected path,label "
            "or path,label,split in its first line."
        )
    rows: dict[str, LabelRow] = {}
    for number, line in enumerate(lines, start=2):
        cells = [line[c].strip() if c is not None and c < len(line) else "" for c in columns]
        split = split_named(cells[2]) if cells[2] else None
        if cells[2] and split is None:
            raise SourceError(
                f"{name}, line {number}, has the split {cells[2]!r}; expected train or test."
            )
        rows[_tidy(cells[0])] = LabelRow(cells[1] or None, split)
    return rows


def _column(header: Sequence[str], names: Sequence[str]) -> int | None:
    return next((header.index(name) for name in names if name in header), None)


def _tidy(path: str) -> str:
    return posixpath.normpath(path.replace("\\", "/"))


def apply_labels_csv(
    paths: Sequence[str], rows: Mapping[str, LabelRow], base: str, name: str
) -> tuple[list[str | None], UInt8Array | None, list[Skipped]]:
    """Joins a labels file with the images that are there.

    Args:
        paths: N paths relative to the source.
        rows: what ``read_labels_csv`` gave.
        base: folder, relative to the source, that the file's paths start from ("" for the root).
        name: name of the file for the message.

    Returns:
        N label names (None for images that the file does not name), uint8 [N] splits or None,
        and the images that are named but missing.

    Raises:
        SourceError: not one image of the file is there.
    """
    named = {posixpath.normpath(posixpath.join(base, path)): row for path, row in rows.items()}
    found = [named.get(path) for path in paths]
    missing = sorted(named.keys() - set(paths))
    if len(missing) == len(named):
        raise SourceError(
            f"{name} names {len(named)} images and none of them is there (the first: "
            f"{missing[0]!r}); its paths must be relative to the folder that holds it."
        )
    skipped = [Skipped(path, f"named by {name}, but there is no such image") for path in missing]
    splits = None
    if len({row.split for row in named.values()} - {None}) > 1:
        given = [row.split if row is not None else None for row in found]
        splits = np.array([TRAIN if split is None else split for split in given], np.uint8)
    return [None if row is None else row.label for row in found], splits, skipped


# --- seeded splits -----------------------------------------------------------------------


def draw_splits(labels: IntArray, test_fraction: float, seed: int) -> UInt8Array:
    """Draws a train/test split, stratified by label.

    Of each class of n >= 2 images, max(1, round(n * test_fraction)) go to the test split, and at
    least one stays in train; a class of one image stays in train. Images of unknown label form
    a group of their own, so a source without labels gets a plain random split.

    Args:
        labels: int64 [N], -1 where unknown.
        test_fraction: share of the test split, in (0, 1).
        seed: seed of the draw; the same labels and seed always give the same split.

    Returns:
        uint8 [N], index into ``SPLITS``.
    """
    splits = np.full(len(labels), TRAIN, np.uint8)
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]  # [N], grouped by label, shuffled
    _, starts = np.unique(labels[order], return_index=True)
    for group in np.split(order, starts[1:]):
        if len(group) > 1:
            count = min(max(1, round(len(group) * test_fraction)), len(group) - 1)
            splits[group[:count]] = TEST
    return splits
