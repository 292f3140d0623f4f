"""Sources that are arrays of numbers already: NumPy files and memory (IDX: ``binary.py``).

They are read block by block, so that a file larger than memory works.
"""

from __future__ import annotations

import hashlib
import math
import re
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from latlas.contracts import IntArray, SourceError, UInt8Array
from latlas.data.files import MAX_INFLATION, file_fingerprint, joint_fingerprint
from latlas.data.labels import Table, label_array, split_named
from latlas.data.layouts import array_layout, array_to_uint8
from latlas.lazily import lazy_import

datasets = lazy_import("sklearn.datasets")

__all__ = [
    "ArraySource",
    "MemorySource",
    "NumpySource",
    "block_rows",
    "check_room",
    "digits",
    "no_labels",
    "read_into",
    "with_labels",
]

_BLOCK_BYTES = 1 << 22


class ArraySource(ABC):
    """N images as numbers, all of one size.

    Attributes:
        format: the name of the format in the table of formats.
        table: uris, labels and splits.
        fingerprint: text that changes when the source changes.
        shape: (h, w, c) of the images as they are stored, c = 1..4.
    """

    format: ClassVar[str]
    in_memory: ClassVar[bool] = False
    table: Table
    fingerprint: str
    shape: tuple[int, int, int]

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Whether an existing file or folder is of this format."""
        return False

    @classmethod
    def open(cls, path: Path) -> ArraySource:
        """Reads all but the pixels."""
        raise NotImplementedError

    @abstractmethod
    def blocks(self) -> Iterator[UInt8Array]:
        """The images in order, as uint8 blocks [M, h, w, c].

        Raises:
            SourceError: the data are damaged or out of range.
        """


def block_rows(shape: Sequence[int], itemsize: int) -> int:
    """How many images make a block."""
    return max(1, _BLOCK_BYTES // max(1, math.prod(shape[1:]) * itemsize))


def check_room(what: str, count: int, row_bytes: int, room: int) -> None:
    """Checks what a header announces, before N images are named or N rows are allocated.

    Args:
        what: name of the file or array for the message.
        count: N.
        row_bytes: size of one image.
        room: how many bytes can follow the header at most.

    Raises:
        SourceError: there is no room for N images.
    """
    needed = count * max(1, row_bytes)
    if needed > room:
        raise SourceError(
            f"{what} ends after at most {room // max(1, row_bytes)} of the {count} images that "
            f"its header announces: it holds at most {room:,} bytes of them, expected {needed:,}. "
            "Write or fetch the file again."
        )


def with_labels(table: Table, labels: Sequence[Any] | NDArray[Any], what: str) -> Table:
    """The same table with other labels, one for each image.

    Raises:
        SourceError: not one for each image.
    """
    numbers, classes = label_array(labels, what)
    if len(numbers) != len(table.uris):
        raise SourceError(
            f"{what} has {len(numbers)} labels for {len(table.uris)} images; "
            "expected one for each image."
        )
    return Table(table.uris, numbers, classes, table.splits, table.skipped)


def no_labels(count: int) -> IntArray:
    """Labels of images without any: -1 as int64 [N]."""
    return np.full(count, -1, np.int64)


# --- memory ------------------------------------------------------------------------------


class MemorySource(ArraySource):
    """An array [N, H, W], [N, H, W, C] or [N, C, H, W] in memory."""

    format = "array"
    in_memory = True

    def __init__(self, array: NDArray[Any], name: str = "array") -> None:
        self.array, self.name = array, name
        self.layout, self.shape = array_layout(array.shape, name)
        self.table = Table([f"{name}#{i}" for i in range(len(array))], no_labels(len(array)))
        digest = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
        for start in range(0, len(array), rows := block_rows(array.shape, array.itemsize)):
            digest.update(np.ascontiguousarray(array[start : start + rows]).data)
        self.fingerprint = digest.hexdigest()

    def blocks(self) -> Iterator[UInt8Array]:
        """Converts block by block."""
        rows = block_rows(self.array.shape, self.array.itemsize)
        for start in range(0, len(self.array), rows):
            block = self.array[start : start + rows]
            yield array_to_uint8(block, self.layout, self.name, start)


def digits() -> MemorySource:
    """The 1,797 handwritten digits of 8 x 8 pixels that come with scikit-learn.

    Their values 0..16 become 0..255. Source: E. Alpaydin, C. Kaynak, "Optical Recognition of
    Handwritten Digits", UCI Machine Learning Repository, 1998, its test set.
    """
    bunch = datasets.load_digits()
    pixels = np.rint(bunch.images * (255 / 16)).astype(np.uint8)
    source = MemorySource(pixels, "digits")
    source.table = with_labels(source.table, bunch.target, "digits")
    return source


# --- NumPy files -------------------------------------------------------------------------


@dataclass(frozen=True)
class _Member:
    """One array of images in a NumPy file."""

    images: str
    labels: str | None
    split: int | None


@dataclass(frozen=True)
class _Header:
    """What a .npy header says, the stream that stands behind it, and the bytes it can give."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool
    stream: IO[bytes]
    room: int


class NumpySource(ArraySource):
    """A .npy file, or an .npz archive with images and, if wanted, labels and splits.

    Names in an .npz: images are ``images``, ``x``, ``data`` or ``arr_0``; labels ``labels``,
    ``label``, ``y``, ``target`` or ``arr_1``. With ``train`` and ``test`` (or ``val``) before or
    after, as in ``x_train`` or ``test_images``, they are splits.
    """

    format = "numpy"

    def __init__(self, path: Path, members: list[_Member]) -> None:
        self.path, self.members = path, members
        counts = []
        layouts = set()
        for member in members:
            with _npy_header(path, member.images) as header:
                layouts.add(array_layout(header.shape, f"{member.images or path.name}"))
                row_bytes = math.prod(header.shape[1:]) * header.dtype.itemsize
                check_room(
                    f"{member.images} in {path}" if member.images else str(path),
                    header.shape[0],
                    row_bytes,
                    header.room,
                )
                counts.append(header.shape[0])
        if len(layouts) > 1:
            sizes = " and ".join(str(shape) for _, shape in sorted(layouts))
            raise SourceError(
                f"{path} holds images of {sizes} (height, width, channels); expected one size."
            )
        self.layout, self.shape = layouts.pop()
        names = [member.images or path.name for member in members]
        uris = [f"{name}#{i}" for name, n in zip(names, counts, strict=True) for i in range(n)]
        self.table = Table(uris, no_labels(len(uris)))
        splits = [member.split for member in members]
        if None not in splits and len(set(splits)) > 1:
            self.table.splits = np.repeat(np.array(splits, np.uint8), counts)
        if any(member.labels for member in members):
            parts = [
                _npy_load(path, member.labels) if member.labels else no_labels(count)
                for member, count in zip(members, counts, strict=True)
            ]
            self.table = with_labels(self.table, np.concatenate(parts), str(path))
        self.fingerprint = joint_fingerprint("numpy", file_fingerprint(path))

    @classmethod
    def matches(cls, path: Path) -> bool:
        """Files that end in .npy or .npz."""
        return path.suffix.lower() in (".npy", ".npz") and path.is_file()

    @classmethod
    def open(cls, path: Path) -> Self:
        """Finds the arrays by name and reads all but the pixels."""
        if path.suffix.lower() == ".npy":
            return cls(path, [_Member("", None, None)])
        try:
            with zipfile.ZipFile(path) as archive:
                names = [n.removesuffix(".npy") for n in archive.namelist() if n.endswith(".npy")]
        except (zipfile.BadZipFile, OSError) as error:
            raise SourceError(f"{path} cannot be read as .npz: {error}. Is it complete?") from None
        return cls(path, _members(path, names))

    def blocks(self) -> Iterator[UInt8Array]:
        """Reads array by array, in blocks."""
        for member in self.members:
            what = member.images or self.path.name
            with _npy_header(self.path, member.images) as header:
                if header.fortran:  # rows do not lie together: no way to go through in blocks
                    yield array_to_uint8(_npy_load(self.path, member.images), self.layout, what)
                    continue
                rows = block_rows(header.shape, header.dtype.itemsize)
                for start in range(0, header.shape[0], rows):
                    count = min(rows, header.shape[0] - start)
                    block = np.empty((count, *header.shape[1:]), header.dtype)
                    if read_into(header.stream, block) < block.nbytes:
                        raise SourceError(
                            f"{what} in {self.path} ends before its {header.shape[0]} images are "
                            "complete; write or fetch the file again."
                        )
                    yield array_to_uint8(block, self.layout, what, start)


_IMAGE_NAMES = ("images", "x", "data", "arr_0")
_LABEL_NAMES = ("labels", "label", "y", "target", "arr_1")


def _members(path: Path, names: Sequence[str]) -> list[_Member]:
    """Pairs the arrays of an .npz by their names."""
    described = {}
    for name in names:
        words = re.split("[_-]", name.lower())
        split = next((word for word in words if split_named(word) is not None), None)
        rest = "_".join(word for word in words if word != split)
        described[name] = (rest, split_named(split) if split else None)
    for wanted in _IMAGE_NAMES:
        images = [name for name in names if described[name][0] == wanted]
        if images:
            break
    else:
        raise SourceError(
            f"{path} holds the arrays {', '.join(names) or '(none)'}; expected one called "
            f"{', '.join(_IMAGE_NAMES)}, or x_train and x_test."
        )
    labels = {described[n][1]: n for n in names if described[n][0] in _LABEL_NAMES}
    members = [_Member(n, labels.get(described[n][1]), described[n][1]) for n in images]
    return sorted(members, key=lambda member: member.split or 0)


@contextmanager
def _npy_header(path: Path, member: str) -> Iterator[_Header]:
    """Opens a .npy file, or a member of an .npz, behind its header."""
    what = f"{member} in {path}" if member else str(path)
    try:
        with ExitStack() as stack:
            stream: IO[bytes]
            size = path.stat().st_size
            if member:
                archive = stack.enter_context(zipfile.ZipFile(path))
                stream = stack.enter_context(archive.open(f"{member}.npy"))
                size = min(archive.getinfo(f"{member}.npy").file_size, size * MAX_INFLATION)
            else:
                stream = stack.enter_context(path.open("rb"))
            version = np.lib.format.read_magic(stream)
            if version == (1, 0):
                shape, fortran, dtype = np.lib.format.read_array_header_1_0(stream)
            else:
                shape, fortran, dtype = np.lib.format.read_array_header_2_0(stream)
            if dtype.hasobject:
                raise SourceError(f"{what} holds Python objects; expected plain numbers.")
            yield _Header(shape, dtype, fortran, stream, size - stream.tell())
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError) as error:
        if isinstance(error, SourceError):
            raise
        raise SourceError(f"{what} cannot be read as a NumPy array: {error}.") from None


def _npy_load(path: Path, member: str) -> NDArray[Any]:
    """One array as a whole, memory-mapped where the file allows it."""
    try:
        if not member:
            return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
        with np.load(path, allow_pickle=False) as archive:
            return np.asarray(archive[member])
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, MemoryError) as error:
        raise SourceError(
            f"{member or 'the array'} in {path} cannot be read: {error}. "
            "Expected plain numbers or strings."
        ) from None


def read_into(stream: IO[bytes], block: NDArray[Any]) -> int:
    """Fills an array from a stream; the bytes read are fewer only where the stream ends."""
    view = block.reshape(-1).view(np.uint8).data
    got = 0
    while got < len(view) and (count := stream.readinto(view[got:])):  # type: ignore[attr-defined]
        got += count
    return got
