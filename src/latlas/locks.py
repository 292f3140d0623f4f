"""One writer at a time in a folder."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from latlas.contracts import SpaceError, StorageError

__all__ = ["locked"]


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds the folder for writing; the lock goes with the process, also when it is killed.

    Where the system has no ``flock`` (Windows), nothing is held.

    Raises:
        SpaceError: another process is writing.
        StorageError: the folder cannot be written.
    """
    try:
        fcntl = importlib.import_module("fcntl")
    except ImportError:
        yield
        return
    try:
        file = (folder / ".lock").open("w")
    except OSError as error:
        raise StorageError(
            f"cannot write in {folder} ({error.strerror}). Make it writable, or work on a copy."
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise SpaceError(
                f"another process is writing in {folder}. Wait until it is done, then try again."
            ) from error
        yield
