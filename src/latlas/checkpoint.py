"""Parts of a space on disk: a folder with ``config.json`` and ``weights.safetensors``.

A crash at any instant leaves the old part or the new one, never half of one: everything is
written beside, forced to the disk and renamed into place. There is no pickle, so that opening a
part from a stranger runs none of its code; links are refused, so that it reads nothing outside.

While a part is replaced, two folders stand beside it: ``.NAME.new`` (not yet complete, never
read) and ``.NAME.old`` (complete, read when ``NAME`` is missing or has another digest).
One process at a time may write a part; any number may read it by its digest meanwhile.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as save_arrays

from latlas.contracts import SpaceError, StorageError
from latlas.lazily import lazy_import

if TYPE_CHECKING:
    import torch
else:
    torch = lazy_import("torch")  # it takes seconds, and a part of arrays needs none of it

torch_format = lazy_import("safetensors.torch")

__all__ = [
    "ArrayPart",
    "TensorPart",
    "drop_old_part",
    "has_part",
    "inside",
    "read_arrays",
    "read_json",
    "read_part",
    "write_file",
    "write_json",
    "write_part",
]

CONFIG, WEIGHTS = "config.json", "weights.safetensors"


class TensorPart(NamedTuple):
    """A part as read: its JSON object, and its tensors by name, on the CPU."""

    config: dict[str, Any]
    tensors: dict[str, torch.Tensor]


class ArrayPart(NamedTuple):
    """A part as read: its JSON object, and its arrays by name."""

    config: dict[str, Any]
    arrays: dict[str, NDArray[Any]]


# --- parts -------------------------------------------------------------------------------


def write_part(
    folder: Path,
    config: Mapping[str, Any],
    tensors: Mapping[str, torch.Tensor | NDArray[Any]],
    keep: str | None = None,
) -> str:
    """Writes or replaces a part; whoever reads sees the old one or the new one.

    Args:
        folder: the part's own folder; its parents are made.
        config: a JSON object; infinities and NaN survive.
        tensors: tensors of any device and any dtype that safetensors has, kept to the bit.
        keep: digest of the version that must stay readable until ``drop_old_part``, for instance
            the one that ``space.json`` names until its next version is written.

    Returns:
        The part's digest, SHA-256 in hex: the same content gives the same digest.

    Raises:
        StorageError: the disk is full or cannot be written; the old part is unchanged.
    """
    new, old, dropped = (_beside(folder, kind) for kind in ("new", "old", "dropped"))
    files = {CONFIG: _json_bytes(config, strict=False), WEIGHTS: _serialise(tensors)}
    with _writing(folder):
        if folder.exists() and not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "a file stands where a folder is expected")
        if old.exists() and not folder.exists():
            old.rename(folder)
        _remove(dropped)
        _write_folder(new, files)
        if folder.exists():
            if keep is not None and _matches(old, keep) and not _matches(folder, keep):
                folder.rename(dropped)
            else:
                _remove(old)
                folder.rename(old)
        new.rename(folder)
        _sync_folder(folder.parent)
        _remove(dropped)
        if keep is None:
            _remove(old)
    return _digest(files)


def drop_old_part(folder: Path) -> None:
    """Deletes what ``write_part(..., keep=...)`` kept, and what a crash left behind.

    Raises:
        StorageError: the folder cannot be written.
    """
    with _writing(folder):
        _remove(_beside(folder, "new"))
        _remove(_beside(folder, "dropped"))
        if folder.exists():
            _remove(_beside(folder, "old"))


def has_part(folder: Path) -> bool:
    """Whether a part is there to be read, be it one that a crash left set aside."""
    return folder.exists() or _beside(folder, "old").exists()


def read_part(folder: Path, digest: str | None = None) -> TensorPart:
    """Reads a part with its tensors as ``torch.Tensor``.

    Args:
        folder: the part's own folder.
        digest: what ``write_part`` returned; None trusts what is there.

    Raises:
        SpaceError: missing, truncated, edited since (the digest differs), not JSON, or a link.
    """
    files = _read_files(folder, digest)
    return TensorPart(_config(folder, files), _parse(folder, torch_format.load, files[WEIGHTS]))


def read_arrays(folder: Path, digest: str | None = None) -> ArrayPart:
    """Reads a part with its tensors as numpy arrays, without importing torch.

    Args:
        folder: the part's own folder.
        digest: what ``write_part`` returned; None trusts what is there.

    Raises:
        SpaceError: as ``read_part``, and for a dtype that numpy lacks (bfloat16).
    """
    files = _read_files(folder, digest)
    return ArrayPart(_config(folder, files), _parse(folder, load_arrays, files[WEIGHTS]))


def inside(root: Path, *names: str) -> Path:
    """The path of ``names`` below ``root``, which no name and no link can lead out of.

    Raises:
        SpaceError: the path leaves ``root``.
    """
    path = root.joinpath(*names)
    if not path.resolve().is_relative_to(root.resolve()):
        raise SpaceError(
            f"{'/'.join(names)!r} leads out of {root}; expected a name within it. "
            "The space was edited or comes from someone whom you should not trust."
        )
    return path


# --- single files ------------------------------------------------------------------------


def write_file(path: Path, data: bytes) -> None:
    """Writes or replaces one file; a crash leaves the old one or the new one.

    Raises:
        StorageError: the disk is full or cannot be written; the old file is unchanged.
    """
    new = _beside(path, "new")
    with _writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            _write_through(new, data)
            new.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                new.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)


def write_json(path: Path, value: Any) -> None:
    """Writes or replaces a JSON file, as ``write_file`` does; numpy numbers become plain ones.

    Raises:
        StorageError: the disk is full or cannot be written; the old file is unchanged.
        ValueError: the value holds NaN or an infinity, which JSON lacks.
    """
    write_file(path, _json_bytes(value, strict=True))


def read_json(path: Path) -> Any:
    """Reads a JSON file.

    Raises:
        SpaceError: missing, not JSON, or a link.
    """
    return _parse_json(path, _read_file(path))


# --- reading -----------------------------------------------------------------------------


def _read_files(folder: Path, digest: str | None) -> dict[str, bytes]:
    # Another process may be replacing the part: what is in neither place now was renamed
    # meanwhile, so the first place is looked at again.
    problems: list[SpaceError] = []
    for candidate in (folder, _beside(folder, "old"), folder):
        try:
            files = {name: _read_file(candidate / name) for name in (CONFIG, WEIGHTS)}
        except SpaceError as error:
            problems.append(error)
            continue
        if digest is None or _digest(files) == digest:
            return files
        problems.append(
            SpaceError(
                f"{folder} has another content than when it was written (its digest is "
                f"{_digest(files)[:12]}…, expected {digest[:12]}…): it was edited or damaged. "
                "Restore it from a copy, or make it again."
            )
        )
    raise problems[0]


def _read_file(path: Path) -> bytes:
    try:
        if path.is_symlink() or path.parent.is_symlink():
            raise SpaceError(
                f"{path} is a link; expected a plain file in a plain folder. "
                "If you trust it, put a copy of what it points to in its place."
            )
        if not path.is_file():
            raise SpaceError(
                f"{path} is missing; expected a file. Restore it from a copy, or make it again."
            )
        return path.read_bytes()
    except OSError as error:
        raise SpaceError(
            f"{path} cannot be read: {error.strerror}. Check its permissions and the disk."
        ) from error


def _config(folder: Path, files: Mapping[str, bytes]) -> dict[str, Any]:
    config = _parse_json(folder / CONFIG, files[CONFIG])
    if not isinstance(config, dict):
        raise SpaceError(
            f"{folder / CONFIG} holds a JSON {type(config).__name__}; expected an object. "
            "Restore it from a copy, or make it again."
        )
    return config


def _parse_json(path: Path, data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise SpaceError(
            f"{path} is not JSON ({error}): it was edited or damaged. "
            "Restore it from a copy, or make it again."
        ) from error


def _parse(folder: Path, load: Any, data: bytes) -> Any:
    try:
        return load(data)
    except KeyError as error:
        raise SpaceError(
            f"{folder / WEIGHTS} holds tensors of dtype {error}, which numpy lacks; "
            "read it with torch (read_part)."
        ) from error
    except (SafetensorError, ValueError) as error:
        raise SpaceError(
            f"{folder / WEIGHTS} cannot be used ({error}); expected a safetensors file. "
            "It is truncated or damaged: restore it from a copy, or make it again."
        ) from error


# --- writing -----------------------------------------------------------------------------


def _serialise(tensors: Mapping[str, torch.Tensor | NDArray[Any]]) -> bytes:
    arrays = {
        name: np.asarray(value, order="C")
        for name, value in tensors.items()
        if isinstance(value, np.ndarray)
    }
    if len(arrays) == len(tensors):
        return bytes(save_arrays(arrays))
    # Copies, since safetensors refuses tensors that share memory.
    copies = {
        name: torch.clone(
            torch.as_tensor(value).detach().cpu(), memory_format=torch.contiguous_format
        )
        for name, value in tensors.items()
    }
    return bytes(torch_format.save(copies))


def _json_bytes(value: Any, strict: bool) -> bytes:
    def plain(number: Any) -> Any:
        if isinstance(number, np.generic):
            return number.item()
        raise TypeError(f"{type(number).__name__} is not a JSON value: {number!r}")

    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=not strict, default=plain)
    return text.encode() + b"\n"


def _digest(files: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name in (CONFIG, WEIGHTS):
        digest.update(f"{name} {len(files[name])}\n".encode())
        digest.update(files[name])
    return digest.hexdigest()


def _matches(folder: Path, digest: str) -> bool:
    try:
        return _digest({name: _read_file(folder / name) for name in (CONFIG, WEIGHTS)}) == digest
    except SpaceError:
        return False


def _beside(path: Path, kind: str) -> Path:
    return path.with_name(f".{path.name}.{kind}")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    _remove(folder)
    try:
        folder.mkdir()
        for name, data in files.items():
            _write_through(folder / name, data)
        _sync_folder(folder)
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _write_through(path: Path, data: bytes) -> None:
    _remove(path)  # a link that lies there is not written through
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows cannot open a folder; its renames need no such step
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"Cannot write {path}: {error.strerror or error}. Free some space, or choose a folder "
            "that you may write to, and run again. What was there before is unchanged."
        ) from error
