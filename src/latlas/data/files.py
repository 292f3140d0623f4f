"""Sources of encoded pictures: a folder, a zip archive (and, in ``parquet.py``, Parquet files).

Such a source lists its images at once (``table``) and reads their bytes in batches. A batch is
a small JSON object that says all that is needed to read it, so that a worker process, which
knows nothing but the batch, can do the reading (``read`` is static).
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import struct
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from latlas.contracts import Skipped, SourceError
from latlas.data.labels import (
    Table,
    apply_labels_csv,
    folder_layout,
    index_labels,
    read_labels_csv,
)
from latlas.data.pixels import SUFFIXES, BadImage

__all__ = [
    "MAX_INFLATION",
    "EncodedSource",
    "FolderSource",
    "ZipSource",
    "file_fingerprint",
    "joint_fingerprint",
]

LABELS_FILE = "labels.csv"
MAX_FILE_BYTES = 1 << 29
MAX_INFLATION = 1032
"""No deflated byte becomes more bytes (J. Gailly, M. Adler, "zlib Technical Details")."""
_CONTENT_LIMIT = 1 << 28
_CLUTTER = frozenset({"thumbs.db", "desktop.ini", "__macosx"})


class EncodedSource(ABC):
    """N encoded pictures that can be listed without being decoded.

    Attributes:
        format: the name of the format in the table of formats.
        table: uris, labels, splits and skipped files.
        fingerprint: text that changes when the source changes.
    """

    format: ClassVar[str]
    table: Table
    fingerprint: str

    @classmethod
    @abstractmethod
    def matches(cls, path: Path) -> bool:
        """Whether an existing file or folder is of this format."""

    @classmethod
    @abstractmethod
    def open(cls, path: Path, labels: Path | None) -> Self:
        """Lists the images; ``labels`` is a labels file to use instead of the source's own."""

    def ranges(self, size: int) -> list[tuple[int, int]]:
        """Cuts the images 0..N into pieces (start, stop) of about ``size``."""
        total = len(self.table.uris)
        return [(start, min(start + size, total)) for start in range(0, total, size)]

    @abstractmethod
    def batch(self, start: int, stop: int) -> dict[str, Any]:
        """A piece as JSON values, enough for ``read``; ``start`` begins a piece of ``ranges``.

        Every batch has ``start`` and ``count``, the rest is the format's own.
        """

    @staticmethod
    @abstractmethod
    def read(batch: Mapping[str, Any]) -> Iterator[bytes | BadImage]:
        """The encoded bytes of each image of a batch, in order, or why there are none."""


def file_fingerprint(path: Path) -> str:
    """SHA-256 of a file's content up to 256 MiB; of its name, size and time above that.

    Raises:
        SourceError: the file cannot be read.
    """
    try:
        state = path.stat()
        if state.st_size > _CONTENT_LIMIT:
            text = f"{path.name} {state.st_size} {state.st_mtime_ns}"
            return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}.") from None


def joint_fingerprint(*parts: str) -> str:
    """SHA-256 of several texts in order."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode("utf-8", "surrogatepass") + b"\0")
    return digest.hexdigest()


def _hidden(part: str) -> bool:
    return part.startswith(".") or part.lower() in _CLUTTER


def _sort_out(paths: Sequence[str]) -> tuple[list[int], list[Skipped]]:
    """Indices of the paths that may be images, by name, and the others with the reason."""
    kept: list[int] = []
    others: list[Skipped] = []
    for index, path in enumerate(paths):
        suffix = posixpath.splitext(path)[1].lower()
        if suffix in SUFFIXES or not suffix:
            kept.append(index)
        elif posixpath.basename(path) != LABELS_FILE:
            others.append(Skipped(path, f"{Skipped.NO_IMAGE} (ends in {suffix})"))
    return kept, others


def _tabulate(
    paths: Sequence[str], skipped: list[Skipped], csv: tuple[str, str, str] | None, where: Path
) -> Table:
    """Joins image paths with their labels; ``csv`` is (text, folder that it counts from, name)."""
    if not paths:
        seen = f"only other files, such as {skipped[0].uri}" if skipped else "no files"
        raise SourceError(
            f"{where} holds no images: {seen}. Expected image files (JPEG, PNG, WebP, TIFF, ...), "
            "in sub-folders named by label if they have labels."
        )
    names, splits = folder_layout(paths)
    if csv is not None:
        text, base, name = csv
        rows = read_labels_csv(text, name)
        names, given, missing = apply_labels_csv(paths, rows, base, name)
        splits = given if given is not None else splits
        skipped = [*skipped, *missing]
    labels, classes = index_labels(names)
    return Table(paths, labels, classes, splits, skipped)


def _csv_text(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SourceError(f"{name} is not UTF-8 text ({error.reason}); save it as UTF-8.") from None


def _labels_option(labels: Path) -> tuple[str, str, str]:
    try:
        return _csv_text(labels.read_bytes(), labels.name), "", labels.name
    except OSError as error:
        raise SourceError(f"labels file {labels} cannot be read: {error.strerror}.") from None


# --- a folder ----------------------------------------------------------------------------


class FolderSource(EncodedSource):
    """A folder of image files, or one image file."""

    format = "folder"

    def __init__(self, root: Path, paths: list[str], table: Table, fingerprint: str) -> None:
        self.root, self.paths, self.table, self.fingerprint = root, paths, table, fingerprint

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Any folder, and any file that is named like an image."""
        return path.is_dir() or path.suffix.lower() in SUFFIXES

    @classmethod
    def open(cls, path: Path, labels: Path | None) -> Self:
        """Lists all files below ``path``; hidden ones do not count."""
        try:
            files = _walk(path) if path.is_dir() else {path.name: path.stat()}
        except OSError as error:
            where = error.filename or path
            raise SourceError(f"{where} cannot be listed: {error.strerror}.") from None
        everything = sorted(files)
        kept, skipped = _sort_out(everything)
        paths = [everything[index] for index in kept]
        csv = None
        if labels is not None:
            csv = _labels_option(labels)
        elif LABELS_FILE in files and path.is_dir():
            csv = _labels_option(path / LABELS_FILE)
        # The change time tells of mended permissions, which alter neither size nor mtime.
        states = [(path, files[path]) for path in everything]
        lines = [f"{p}\t{s.st_size}\t{s.st_mtime_ns}\t{s.st_ctime_ns}" for p, s in states]
        fingerprint = joint_fingerprint("folder", *lines, *(csv or ()))
        root = path if path.is_dir() else path.parent
        return cls(root, paths, _tabulate(paths, skipped, csv, path), fingerprint)

    def batch(self, start: int, stop: int) -> dict[str, Any]:
        """The folder and the relative paths."""
        paths = self.paths[start:stop]
        return {
            "start": start,
            "count": len(paths),
            "root": str(self.root.resolve()),
            "paths": paths,
        }

    @staticmethod
    def read(batch: Mapping[str, Any]) -> Iterator[bytes | BadImage]:
        """Reads file by file."""
        root = batch["root"]
        for path in batch["paths"]:
            try:
                with open(f"{root}{os.sep}{path}", "rb") as file:  # noqa: PTH123  # 3 times faster
                    data = file.read(MAX_FILE_BYTES + 1)
            except OSError as error:
                yield BadImage(f"cannot be read: {error.strerror}")
                continue
            yield data if len(data) <= MAX_FILE_BYTES else BadImage("larger than 512 MiB")


def _walk(root: Path) -> dict[str, os.stat_result]:
    """Every file below a folder: relative path with forward slashes -> its state."""
    files: dict[str, os.stat_result] = {}
    visited: set[tuple[int, int]] = set()
    waiting = [("", str(root))]
    while waiting:
        prefix, folder = waiting.pop()
        state = Path(folder).stat()
        if (state.st_dev, state.st_ino) in visited:  # links may run in circles
            continue
        visited.add((state.st_dev, state.st_ino))
        with os.scandir(folder) as entries:
            for entry in entries:
                if _hidden(entry.name):
                    continue
                if entry.is_dir():
                    waiting.append((f"{prefix}{entry.name}/", entry.path))
                elif entry.is_file():
                    files[prefix + entry.name] = entry.stat()
    return files


# --- a zip archive -----------------------------------------------------------------------


class ZipSource(EncodedSource):
    """The files of a zip archive, laid out like a folder. Nothing is extracted to disk."""

    format = "zip"

    def __init__(
        self, path: Path, spans: NDArray[np.int64], table: Table, fingerprint: str
    ) -> None:
        self.path, self.spans, self.table, self.fingerprint = path, spans, table, fingerprint

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Files that end in .zip."""
        return path.suffix.lower() == ".zip" and path.is_file()

    @classmethod
    def open(cls, path: Path, labels: Path | None) -> Self:
        """Reads the archive's directory."""
        try:
            with zipfile.ZipFile(path) as archive:
                members = {
                    member.filename.replace("\\", "/"): member
                    for member in archive.infolist()
                    if not member.is_dir() and not any(map(_hidden, member.filename.split("/")))
                }
                csv = _labels_option(labels) if labels is not None else _zip_csv(archive, members)
        except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError) as error:
            raise SourceError(
                f"{path} cannot be read as a zip archive: {error}. Is it complete?"
            ) from None
        everything = sorted(members)
        kept, skipped = _sort_out(everything)
        paths = [everything[index] for index in kept]
        # Offset, packed and plain size, method, checksum, flags: enough to read a member without
        # the archive's directory, which takes longer to parse than many small images to decode.
        spans = np.array(
            [
                (m.header_offset, m.compress_size, m.file_size, m.compress_type, m.CRC, m.flag_bits)
                for m in (members[name] for name in paths)
            ],
            np.int64,
        ).reshape(-1, 6)
        fingerprint = joint_fingerprint("zip", file_fingerprint(path), *(csv or ()))
        return cls(path, spans, _tabulate(paths, skipped, csv, path), fingerprint)

    def batch(self, start: int, stop: int) -> dict[str, Any]:
        """The archive and where in it the members lie."""
        spans = self.spans[start:stop].tolist()
        path = str(self.path.resolve())
        return {"start": start, "count": len(spans), "path": path, "spans": spans}

    @staticmethod
    def read(batch: Mapping[str, Any]) -> Iterator[bytes | BadImage]:
        """Reads member by member."""
        with Path(batch["path"]).open("rb") as file:
            for offset, packed, plain, method, checksum, flags in batch["spans"]:
                if flags & 1:
                    yield BadImage("encrypted")
                elif method not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    yield BadImage(f"packed by zip method {method}; expected stored or deflated")
                elif max(packed, plain) > MAX_FILE_BYTES:
                    yield BadImage("larger than 512 MiB")
                else:
                    file.seek(offset)
                    header = file.read(30)
                    skip = sum(struct.unpack("<HH", header[26:30])) if len(header) == 30 else 0
                    file.seek(offset + 30 + skip)
                    data = file.read(packed)
                    if method == zipfile.ZIP_DEFLATED:
                        data = _inflate(data, plain)
                    intact = len(data) == plain and zlib.crc32(data) == checksum
                    yield data if intact else BadImage("damaged in the archive (wrong checksum)")


def _inflate(data: bytes, size: int) -> bytes:
    try:
        return zlib.decompressobj(-15).decompress(data, size + 1)
    except zlib.error:
        return b""


def _zip_csv(
    archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo]
) -> tuple[str, str, str] | None:
    found = [name for name in members if posixpath.basename(name) == LABELS_FILE]
    if not found:
        return None
    name = min(found, key=lambda path: path.count("/"))
    member = members[name]
    if member.file_size > MAX_FILE_BYTES:
        raise SourceError(
            f"{name} in {archive.filename} has {member.file_size:,} bytes; expected lines of "
            f"path,label of at most {MAX_FILE_BYTES:,} bytes together."
        )
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise SourceError(
            f"{name} in {archive.filename} is packed by zip method {member.compress_type}; "
            "expected stored or deflated."
        )
    with archive.open(member) as file:
        data = file.read(member.file_size)  # whatever the packed data would grow to
    return _csv_text(data, name), name.rpartition("/")[0], name
