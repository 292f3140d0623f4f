"""One writer at a time in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from latlas.contracts import SpaceError, StorageError

__all__ = ["locked"]


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds the folder for writing; the lock goes with the process, also when it is killed.

    Raises:
        SpaceError: another process is writing.
        StorageError: the folder cannot be written.
    """
    lock = FileLock(folder / ".lock", timeout=0)
    try:
        folder.stat()  # the lock would make a folder that is gone
        lock.acquire()
    except Timeout as error:
        raise SpaceError(
            f"another process is writing in {folder}. Wait until it is done, then try again."
        ) from error
    except OSError as error:
        raise StorageError(
            f"cannot write in {folder} ({error.strerror}). Make it writable, or work on a copy."
        ) from error
    try:
        yield
    finally:
        lock.release()
