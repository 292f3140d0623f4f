"""Commits that survive a power cut, and the errors of Lance in words."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from latlas.contracts import LatlasError, SpaceError, StorageError

__all__ = ["reading", "sync", "sync_commit", "writing"]


def sync(paths: Iterable[Path]) -> None:
    """Forces files and folders to the disk."""
    if os.name == "nt":  # Windows syncs only what is open for writing
        return
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def sync_commit(path: Path) -> None:
    """Forces the newest version of a table to the disk."""
    folders = [path / "data", path / "_transactions", path / "_versions"]
    present = [folder for folder in folders if folder.exists()]
    sync([*(path / "_versions").iterdir(), *present, path])


@contextlib.contextmanager
def reading(path: Path) -> Iterator[None]:
    """Any error inside becomes a ``SpaceError`` in words."""
    with _translated(
        lambda reason: SpaceError(
            f"The table of latents {path} cannot be read: {reason}. It is damaged or another "
            "program changed it: restore it from a copy, or fit the space again."
        )
    ):
        yield


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Any error inside becomes a ``StorageError`` in words."""
    with _translated(
        lambda reason: StorageError(
            f"Cannot write the table of latents {path}: {reason}. Free some space, or choose a "
            "folder that you may write to, and run again. What was there before is unchanged."
        )
    ):
        yield


@contextlib.contextmanager
def _translated(error: Callable[[str], LatlasError]) -> Iterator[None]:
    """Turns what Lance and Arrow raise (OSError, ValueError, RuntimeError and more) into words."""
    try:
        yield
    except LatlasError:
        raise
    except BaseException as cause:
        # A damaged file can make Lance's Rust code panic, which is no Exception in Python.
        if not isinstance(cause, Exception) and type(cause).__name__ != "PanicException":
            raise
        number = re.search(r"\(os error (\d+)\)", str(cause))
        if number:
            reason = os.strerror(int(number[1]))
        else:
            # Lance ends its messages with the place in its own source files.
            reason = re.split(r", /\S+\.rs:|\n", str(cause))[0]
        raise error(reason) from cause
