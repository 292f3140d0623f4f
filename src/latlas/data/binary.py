"""Binary files of images: IDX as MNIST ships it, and CIFAR-10's binary version."""

from __future__ import annotations

import gzip
import math
import re
import struct
import tarfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, Self, cast

import numpy as np
from numpy.typing import NDArray

from latlas.contracts import TEST, TRAIN, IntArray, SourceError, UInt8Array
from latlas.data.arrays import (
    ArraySource,
    block_rows,
    check_room,
    no_labels,
    read_into,
    with_labels,
)
from latlas.data.files import MAX_INFLATION, file_fingerprint, joint_fingerprint
from latlas.data.labels import Table, split_named
from latlas.data.layouts import array_layout, array_to_uint8

__all__ = ["CifarSource", "IdxSource", "read_label_file"]

_IDX_NAME = re.compile(r"(?P<head>.*)images?(?P<dot>[-.])idx[34]-ubyte(?P<gz>\.gz)?", re.IGNORECASE)
_READ_ERRORS = (OSError, EOFError, zlib.error, tarfile.TarError)


# --- IDX ---------------------------------------------------------------------------------


class IdxSource(ArraySource):
    """IDX files as MNIST ships them, plain or gzip: one file of images, or a folder of them.

    Labels come from the file of the same name with ``labels`` for ``images``. Names with
    ``train`` and with ``t10k`` or ``test`` in them are splits.
    Format: Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits", section
    "The IDX file format".
    """

    format = "idx"

    def __init__(self, files: list[Path], labels: list[Path | None]) -> None:
        self.files = files
        self.headers = [_idx_shape(file) for file in files]  # [(N, H, W), ...]
        layouts = [array_layout(h, f.name) for h, f in zip(self.headers, files, strict=True)]
        if len(set(layouts)) > 1:
            sizes = ", ".join(f"{f.name} {s}" for f, (_, s) in zip(files, layouts, strict=True))
            raise SourceError(f"the IDX files differ in image size: {sizes}; expected one size.")
        self.layout, self.shape = layouts[0]
        for file, header in zip(files, self.headers, strict=True):
            check_room(str(file), header[0], math.prod(header[1:]), _idx_room(file, len(header)))
        counts = [header[0] for header in self.headers]
        uris = [f"{f.name}#{i}" for f, n in zip(files, counts, strict=True) for i in range(n)]
        table = Table(uris, no_labels(len(uris)))
        splits = [_idx_split(file) for file in files]
        if None not in splits and len(set(splits)) > 1:
            table.splits = np.repeat(np.array(splits, np.uint8), counts)
        if any(labels):
            table = with_labels(table, self._labels(labels, counts), "the IDX labels")
        self.table = table
        read = [*files, *(file for file in labels if file is not None)]
        self.fingerprint = joint_fingerprint("idx", str(splits), *map(file_fingerprint, read))

    @classmethod
    def matches(cls, path: Path) -> bool:
        """A file called like MNIST's files of images, or a folder with such files."""
        named = "ubyte" in path.name.lower() or path.suffix.lower().startswith(".idx")
        return bool(_idx_files(path)) or (named and path.is_file())

    @classmethod
    def open(cls, path: Path) -> Self:
        """Pairs images with labels and checks both headers."""
        files = _idx_files(path) or [path]
        return cls(files, [_idx_partner(file) for file in files])

    def blocks(self) -> Iterator[UInt8Array]:
        """Reads file by file; a wrong length is an error."""
        for file, header in zip(self.files, self.headers, strict=True):
            row = math.prod(header[1:])
            with _idx_stream(file) as stream:
                stream.read(4 + 4 * len(header))
                for start in range(0, header[0], rows := block_rows(header, 1)):
                    count = min(rows, header[0] - start)
                    block = np.empty((count, *header[1:]), np.uint8)
                    got = read_into(stream, block)
                    if got < block.nbytes:
                        raise SourceError(
                            f"{file} ends after {start + got // row} of the {header[0]} images "
                            "that its header announces; fetch the file again."
                        )
                    yield array_to_uint8(block, self.layout, file.name, start)
                if stream.read(1):
                    raise SourceError(
                        f"{file} goes on after the {header[0]} images that its header announces; "
                        "it is not a sound IDX file."
                    )

    @staticmethod
    def _labels(files: Sequence[Path | None], counts: Sequence[int]) -> IntArray:
        parts = []
        for file, count in zip(files, counts, strict=True):
            values = no_labels(count) if file is None else _idx_labels(file)
            if len(values) != count:
                raise SourceError(f"{file} has {len(values)} labels for {count} images.")
            parts.append(values.astype(np.int64))
        return np.concatenate(parts)


def _idx_files(path: Path) -> list[Path]:
    if path.is_file():
        return [path] if _IDX_NAME.fullmatch(path.name) else []
    names = {file.name: file for file in path.glob("*ubyte*") if _IDX_NAME.fullmatch(file.name)}
    plain = [
        file
        for name, file in names.items()
        if name.removesuffix(".gz") not in names or not name.endswith(".gz")
    ]
    # Train first, as splits are numbered.
    return sorted(plain, key=lambda file: (_idx_split(file) or 0, file.name))


def _idx_split(path: Path) -> int | None:
    named = map(split_named, re.split("[-_.]", path.name))
    return next((split for split in named if split is not None), None)


def _idx_partner(images: Path) -> Path | None:
    match = _IDX_NAME.fullmatch(images.name)
    if match is None:
        return None
    stem = f"{match['head']}labels{match['dot']}idx1-ubyte"
    found = [images.with_name(stem + end) for end in (match["gz"] or "", ".gz", "")]
    return next((path for path in found if path.is_file()), None)


@contextmanager
def _idx_stream(path: Path) -> Iterator[IO[bytes]]:
    try:
        with ExitStack() as stack:
            raw = stack.enter_context(path.open("rb"))
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            if not packed:
                yield raw
            else:
                yield cast(IO[bytes], stack.enter_context(gzip.GzipFile(fileobj=raw)))
    except _READ_ERRORS as error:
        raise SourceError(
            f"{path} cannot be read to its end: {error}. Is it complete? Fetch it again."
        ) from None


def _idx_shape(path: Path, dimensions: tuple[int, ...] = (3, 4)) -> tuple[int, ...]:
    with _idx_stream(path) as stream:
        magic = stream.read(4)
        if len(magic) < 4 or magic[:3] != b"\0\0\x08" or magic[3] not in dimensions:
            wanted = " or ".join(f"0000080{d}" for d in dimensions)
            raise SourceError(
                f"{path} begins with {magic.hex() or 'nothing'}; expected the IDX magic number "
                f"{wanted} (unsigned bytes, {' or '.join(map(str, dimensions))} dimensions)."
            )
        sizes = stream.read(4 * magic[3])
        if len(sizes) < 4 * magic[3]:
            raise SourceError(f"{path} ends within its IDX header; fetch it again.")
    return struct.unpack(f">{magic[3]}I", sizes)


def _idx_room(path: Path, dimensions: int) -> int:
    """How many bytes can follow the header at most."""
    with _idx_stream(path) as stream:
        packed = isinstance(stream, gzip.GzipFile)
        return path.stat().st_size * (MAX_INFLATION if packed else 1) - 4 - 4 * dimensions


def _idx_labels(path: Path) -> UInt8Array:
    (count,) = _idx_shape(path, (1,))
    with _idx_stream(path) as stream:
        data = stream.read()[8:]
    if len(data) != count:
        raise SourceError(
            f"{path} holds {len(data)} labels where its header announces {count}; fetch it again."
        )
    return np.frombuffer(data, np.uint8)


# --- CIFAR-10 ----------------------------------------------------------------------------


class CifarSource(ArraySource):
    """CIFAR-10's binary version: its .tar.gz, or the folder of .bin files in it.

    Each record is one byte of label and 3 x 32 x 32 bytes of colour planes. Source: A.
    Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009, and the page
    https://www.cs.toronto.edu/~kriz/cifar.html, "Binary version".
    """

    format = "cifar10"
    shape = (32, 32, 3)
    names = (
        *("airplane", "automobile", "bird", "cat", "deer"),
        *("dog", "frog", "horse", "ship", "truck"),
    )
    files = (*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin")

    def __init__(self, path: Path) -> None:
        self.path = path
        labels = [records[:, 0].astype(np.int64) for records in self._records()]
        counts = [len(part) for part in labels]
        uris = [f"{f}#{i}" for f, n in zip(self.files, counts, strict=True) for i in range(n)]
        splits = np.repeat(np.array([TRAIN] * 5 + [TEST], np.uint8), counts)
        self.table = Table(uris, np.concatenate(labels), self.names, splits)
        if int(self.table.labels.max()) >= len(self.names):
            raise SourceError(f"{path} holds labels above 9; expected CIFAR-10's binary version.")
        read = [path] if path.is_file() else [path / name for name in self.files]
        self.fingerprint = joint_fingerprint("cifar10", *map(file_fingerprint, read))

    @classmethod
    def matches(cls, path: Path) -> bool:
        """The archive under its usual name, or a folder that holds the first file."""
        return path.name == "cifar-10-binary.tar.gz" or (path / cls.files[0]).is_file()

    @classmethod
    def open(cls, path: Path) -> Self:
        """Reads the labels."""
        return cls(path)

    def blocks(self) -> Iterator[UInt8Array]:
        """One block for each file."""
        for records in self._records():
            planes = records[:, 1:].reshape(-1, 3, 32, 32)
            yield array_to_uint8(planes, "NCHW", "CIFAR-10")

    def _records(self) -> Iterator[UInt8Array]:
        """Each file in turn as records uint8 [M, 3073]."""
        for name, data in self._contents():
            if not data or len(data) % 3073:
                raise SourceError(
                    f"{name} of {self.path} has {len(data)} bytes; expected a multiple of 3073. "
                    "Fetch CIFAR-10's binary version again."
                )
            yield np.frombuffer(data, np.uint8).reshape(-1, 3073)

    def _contents(self) -> Iterator[tuple[str, bytes]]:
        try:
            if self.path.is_dir():
                for name in self.files:
                    yield name, (self.path / name).read_bytes()
                return
            with tarfile.open(self.path) as archive:
                members = {Path(member.name).name: member for member in archive if member.isfile()}
                for name in self.files:
                    file = archive.extractfile(members[name]) if name in members else None
                    yield name, file.read() if file is not None else b""
        except _READ_ERRORS as error:
            raise SourceError(f"{self.path} cannot be read: {error}. Fetch it again.") from None


# --- labels ---


def read_label_file(path: Path) -> NDArray[Any]:
    """Labels from a .npy or an IDX file: an array [N].

    Raises:
        SourceError: the file cannot be read.
    """
    if "idx1" in path.name.lower():
        return _idx_labels(path)
    try:
        return np.asarray(np.load(path, allow_pickle=False))
    except (OSError, ValueError, EOFError, MemoryError) as error:
        why = getattr(error, "strerror", None) or error
        raise SourceError(f"labels file {path} cannot be read as .npy or IDX: {why}.") from None
