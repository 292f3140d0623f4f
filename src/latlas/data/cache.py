"""Decoded images, kept in a folder so that no picture is decoded twice.

An entry is a folder ``images/KEY`` in the cache with ``pixels.npy`` (memory-mapped on use),
the labels and splits as .npy files, the uris as packed text and ``entry.json``. It is written
beside its place and renamed, so that an entry is either whole or not there; two processes that
build the same one at once each write their own and the first to finish wins. The key is a
digest of the source and of the options. Nothing in the cache is needed: delete it as you like.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast, overload

import numpy as np
from numpy.typing import NDArray

from latlas.contracts import IntArray, Skipped, StorageError, UInt8Array
from latlas.data.labels import Table
from latlas.data.pixels import Frame

__all__ = [
    "Entry",
    "PackedStrings",
    "cache_root",
    "digest_of",
    "load_entry",
    "memory_entry",
    "storage_errors",
    "write_entry",
]

_FORMAT = 1
_STALE_SECONDS = 24 * 3600
_MOVE_BYTES = 1 << 23


class PackedStrings(Sequence[str]):
    """N strings in two arrays, so that a million of them need no million objects.

    Args:
        text: uint8 [bytes], the strings in UTF-8, one after the other.
        ends: int64 [N], where each of them ends.
    """

    def __init__(self, text: UInt8Array, ends: IntArray) -> None:
        self.text, self.ends = text, ends

    @classmethod
    def pack(cls, strings: Iterable[str]) -> PackedStrings:
        """Packs strings."""
        encoded = [string.encode("utf-8", "replace") for string in strings]
        ends = np.cumsum([len(item) for item in encoded], dtype=np.int64)
        return cls(np.frombuffer(b"".join(encoded), np.uint8), ends)

    def __len__(self) -> int:
        return len(self.ends)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        position = index + len(self) if index < 0 else index
        if not 0 <= position < len(self):
            raise IndexError(f"string {index} of {len(self)}")
        start = int(self.ends[position - 1]) if position else 0
        return self.text[start : int(self.ends[position])].tobytes().decode()

    def __iter__(self) -> Iterator[str]:
        text, start = self.text.tobytes(), 0
        for end in self.ends.tolist():
            yield text[start:end].decode()
            start = end


@dataclass(frozen=True)
class Entry:
    """A decoded source: its table and its pixels uint8 [N, H, W, C].

    ``digest`` is the SHA-256 of pixels, labels, classes and the source's own splits: equal for
    equal images, wherever they lie and however they are packed.
    """

    pixels: UInt8Array
    table: Table
    digest: str


def cache_root() -> Path:
    """The cache folder: ``$LATLAS_CACHE``, else the platform's own place for caches."""
    given = os.environ.get("LATLAS_CACHE")
    if given:
        return Path(given).expanduser()
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "latlas"


def digest_of(*values: Any) -> str:
    """SHA-256 of JSON values, as hex."""
    return hashlib.sha256(json.dumps([_FORMAT, *values]).encode()).hexdigest()


@contextmanager
def storage_errors(folder: Path) -> Iterator[None]:
    """Turns what the disk refuses into ``StorageError``."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"the cache {folder} cannot be written: {error.strerror or error}. "
            "Free some space, or set LATLAS_CACHE to a folder on another disk."
        ) from None


# --- reading -----------------------------------------------------------------------------


def load_entry(key: str) -> Entry | None:
    """The entry of a key, or None if there is none or it is damaged."""
    folder = cache_root() / "images" / key
    try:
        facts = json.loads((folder / "entry.json").read_text(encoding="utf-8"))
        pixels = np.load(folder / "pixels.npy", mmap_mode="r")
        text, ends = np.load(folder / "uris.npy", mmap_mode="r"), np.load(folder / "uri_ends.npy")
        labels = np.load(folder / "labels.npy")
        splits = np.load(folder / "splits.npy") if facts["splits"] else None
        skipped = [Skipped(uri, reason) for uri, reason in facts["skipped"]]
        table = Table(PackedStrings(text, ends), labels, tuple(facts["classes"]), splits, skipped)
        sound = facts["format"] == _FORMAT and len(pixels) == len(labels) == len(ends)
        return Entry(pixels, table, facts["digest"]) if sound else None
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        return None


# --- writing -----------------------------------------------------------------------------


def write_entry(
    key: str, table: Table, frame: Frame, fill: Callable[[IO[bytes]], list[Any]]
) -> Entry:
    """Writes an entry and opens it.

    Args:
        key: name of the entry.
        table: what the source says of its N images.
        frame: the size of the images.
        fill: writes N rows of ``frame.size`` bytes from where the file stands, and returns
            (index, reason) of those to leave out.

    Returns:
        The entry without the images that were left out.

    Raises:
        StorageError: the cache cannot be written, or there is no room for the pixels.
    """
    images = cache_root() / "images"
    part = images / f"{key[:16]}-{uuid.uuid4().hex}.part"
    with storage_errors(images):
        images.mkdir(parents=True, exist_ok=True)
        _remove_stale(images)
        _check_room(images, len(table.uris) * frame.size)
        part.mkdir()
    try:
        kept = _write_part(part, table, frame, fill)
        with storage_errors(images):
            _move_in(part, images / key)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    entry = load_entry(key)
    if entry is None or len(entry.pixels) != kept:
        raise StorageError(
            f"the cache {images / key} cannot be read back; delete it, or set LATLAS_CACHE to a "
            "folder on another disk."
        )
    return entry


def _remove_stale(images: Path) -> None:
    """Removes what a process that was killed left behind."""
    for part in images.glob("*.part"):
        with suppress(OSError):
            if time.time() - part.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(part, ignore_errors=True)


def _check_room(folder: Path, needed: int) -> None:
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise StorageError(
            f"the decoded images need {needed / 1e9:.2f} GB and {folder} has {free / 1e9:.2f} GB "
            "left. Free some space, choose a smaller image size, or set LATLAS_CACHE to a folder "
            "on another disk."
        )


def _write_part(
    part: Path, table: Table, frame: Frame, fill: Callable[[IO[bytes]], list[Any]]
) -> int:
    total = len(table.uris)
    with storage_errors(part.parent):
        file = (part / "pixels.npy").open("w+b")
    with file:
        with storage_errors(part.parent):
            file.write(_npy_header(total, frame))
            file.flush()
        base = file.tell()
        bad = fill(file)  # errors of the source pass through as they are
        with storage_errors(part.parent):
            good = np.ones(total, bool)
            good[[index for index, _ in bad]] = False
            if bad:
                _close_gaps(file, base, frame.size, np.flatnonzero(good))
                file.seek(0)
                file.write(_npy_header(int(good.sum()), frame))
            file.truncate(base + int(good.sum()) * frame.size)
            _sync(file)
            file.seek(0)
            pixels = hashlib.file_digest(cast(Any, file), "sha256").hexdigest()
    skipped = [*table.skipped, *(Skipped(table.uris[index], reason) for index, reason in bad)]
    uris = PackedStrings.pack(uri for uri, keep in zip(table.uris, good, strict=True) if keep)
    labels = table.labels[good]
    splits = table.splits[good] if table.splits is not None else None
    facts = {
        "format": _FORMAT,
        "digest": digest_of(pixels, *_table_digests(labels, splits), table.classes),
        "classes": table.classes,
        "splits": table.splits is not None,
        "skipped": [(item.uri, item.reason) for item in skipped],
    }
    with storage_errors(part.parent):
        _save(part / "labels.npy", labels)
        _save(part / "uris.npy", uris.text)
        _save(part / "uri_ends.npy", uris.ends)
        if splits is not None:
            _save(part / "splits.npy", splits)
        with (part / "entry.json").open("wb") as entry:
            entry.write(json.dumps(facts).encode())
            _sync(entry)
    return int(good.sum())


def memory_entry(pixels: UInt8Array, table: Table) -> Entry:
    """An entry of pixels in memory; its digest is the one that the cache would give it."""
    digest = hashlib.sha256(_npy_header(len(pixels), Frame(*pixels.shape[1:])))
    digest.update(np.ascontiguousarray(pixels).data)
    digests = _table_digests(table.labels, table.splits)
    return Entry(pixels, table, digest_of(digest.hexdigest(), *digests, table.classes))


def _table_digests(labels: IntArray, splits: UInt8Array | None) -> list[str]:
    parts = [labels.astype("<i8").tobytes(), b"" if splits is None else splits.tobytes()]
    return [hashlib.sha256(part).hexdigest() for part in parts]


def _npy_header(total: int, frame: Frame) -> bytes:
    """A .npy header; its length does not depend on ``total``, so it can be written anew."""
    header = io.BytesIO()
    shape = (total, frame.height, frame.width, frame.channels)
    fields = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, fields)
    return header.getvalue()


def _close_gaps(file: IO[bytes], base: int, size: int, kept: IntArray) -> None:
    """Moves the kept rows together, in place and in order, run by run."""
    breaks = np.flatnonzero(np.diff(kept) != 1) + 1
    target = base
    for run in np.split(kept, breaks):
        if len(run) == 0:
            continue
        position, left = base + int(run[0]) * size, len(run) * size
        while left and position != target:
            file.seek(position)
            data = file.read(min(_MOVE_BYTES, left))
            file.seek(target)
            file.write(data)
            position, target, left = position + len(data), target + len(data), left - len(data)
        target += left


def _save(path: Path, array: NDArray[Any]) -> None:
    with path.open("wb") as file:
        np.lib.format.write_array(file, array, allow_pickle=False)
        _sync(file)


def _sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _move_in(part: Path, place: Path) -> None:
    """Renames the finished part into its place, unless another process was first."""
    if place.exists() and load_entry(place.name) is None:
        shutil.rmtree(place, ignore_errors=True)  # damaged
    try:
        part.rename(place)
    except OSError:
        if load_entry(place.name) is None:
            raise
        shutil.rmtree(part, ignore_errors=True)
