"""The layer itself: what holds, changes, undo, and the table of what was changed."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from latlas.checkpoint import inside, write_file
from latlas.contracts import IntArray, OptionError, SpaceError, StorageError
from latlas.edits.changes import Change, StaleError, State, checked_name, parsed, record
from latlas.locks import locked
from latlas.stored import StoredSpace

__all__ = ["FOLDER", "LOG", "Edits"]

FOLDER, LOG = "edits", "log.jsonl"
"""Where the layer lies in a space."""
MOST_HISTORY = 200
PATIENCE = 5.0
"""Seconds to wait for another process to finish its own change, which takes milliseconds."""


class Edits:
    """The reader's labels and tags of a space.

    Reading sees what other processes wrote. Each change takes the ``revision`` that it was made
    against; None means whatever is the latest.

    Args:
        space: the space; only its ``edits`` folder is written.

    Example:
        >>> import latlas
        >>> edits = latlas.Edits(latlas.open("digits.latlas"))  # doctest: +SKIP
        >>> edits.relabel([3, 8], "9")  # doctest: +SKIP
        >>> edits.tag([3], "smudged")  # doctest: +SKIP
        >>> edits.undo()  # doctest: +SKIP
        >>> edits.write("labels.csv")  # doctest: +SKIP
    """

    def __init__(self, space: StoredSpace) -> None:
        self.space = space
        self._path = inside(space.folder, FOLDER, LOG)
        self._lock = threading.RLock()
        self._state = State()
        self._read = 0  # bytes of whole lines that are in the state
        self._file = 0  # the inode of the file that they were read from
        self._stamp: tuple[int, int, int] | None = None

    # --- what holds ---------------------------------------------------------------------

    @property
    def revision(self) -> int:
        """Number of the latest change; 0 before the first."""
        return self._now().revision

    @property
    def labels(self) -> dict[int, str]:
        """The new label of each relabelled image by id; "" where it has none now."""
        return dict(self._now().labels)

    @property
    def tags(self) -> dict[str, list[int]]:
        """The ids with each tag, ascending; tags by name."""
        tags = self._now().tags
        return {name: sorted(tags[name]) for name in sorted(tags)}

    @property
    def history(self) -> list[Change]:
        """Every change, the oldest first."""
        return list(self._now().changes)

    def tags_of(self, number: int) -> list[str]:
        """The tags of one image, sorted."""
        return sorted(name for name, ids in self._now().tags.items() if number in ids)

    def state(self) -> dict[str, Any]:
        """All of it as JSON values: revision, labels, tags, the last 200 changes (oldest first)."""
        with self._lock:
            state = self._now()
            return {
                "revision": state.revision,
                "labels": {str(number): name for number, name in sorted(state.labels.items())},
                "tags": {name: sorted(state.tags[name]) for name in sorted(state.tags)},
                "history": [
                    {
                        "revision": change.revision,
                        "what": change.words(),
                        "count": len(change.ids),
                        "undone": change.revision in state.undone,
                        "time": change.time,
                    }
                    for change in state.changes[-MOST_HISTORY:]
                ],
            }

    def applied(self) -> tuple[IntArray, tuple[str, ...]]:
        """The labels of the space with these changes on top.

        Returns:
            int64 [N] in the order of ``space.latents``, -1 where unknown, and the class names
            that they index: those of the space, then new ones in the order of their first use.
        """
        latents, labels = self.space.latents, self._now().labels
        classes = [*self.space.classes]
        places = {name: index for index, name in enumerate(classes)}
        for name in labels.values():
            if name and name not in places:
                places[name] = len(classes)
                classes.append(name)
        values = latents.labels.copy()
        if labels:
            ids = np.fromiter(labels, np.int64, len(labels))
            rows, known = latents.find(ids)
            given = [places[name] if name else -1 for name in labels.values()]
            values[rows[known]] = np.array(given, np.int64)[known]
        return values, tuple(classes)

    # --- changes ------------------------------------------------------------------------

    def relabel(
        self,
        ids: Sequence[int] | IntArray,
        label: str | None,
        revision: int | None = None,
    ) -> int:
        """Gives images another label.

        Args:
            ids: their ids.
            label: a class of the space, a new name, "" for no label, or None for what the source
                said.
            revision: what it was made against.

        Returns:
            The new revision.

        Raises:
            StaleError: another revision is the latest.
            OptionError: no ids, an id that is not there, or no usable name.
            StorageError: the folder cannot be written.
        """
        name = label if label is None or label == "" else checked_name(label, "label")
        return self._append("label", name, ids, revision)

    def tag(
        self,
        ids: Sequence[int] | IntArray,
        tag: str,
        revision: int | None = None,
        *,
        remove: bool = False,
    ) -> int:
        """Puts a tag on images, or takes it off; returns the new revision.

        Raises:
            StaleError: another revision is the latest.
            OptionError: no ids, an id that is not there, or no usable name.
            StorageError: the folder cannot be written.
        """
        return self._append("tag", checked_name(tag, "tag"), ids, revision, remove)

    def undo(self, revision: int | None = None) -> int:
        """Takes the last change back that holds; returns the new revision.

        Raises:
            StaleError: another revision is the latest.
            OptionError: there is nothing to take back.
            StorageError: the folder cannot be written.
        """
        with self._changing(revision) as state:
            last = state.last()
            if last is None:
                raise OptionError("there is no change to take back.")
            return self._write("undo", last.name, last.ids, undoes=last.revision)

    # --- out ----------------------------------------------------------------------------

    def rows(self) -> Iterator[tuple[int, str, str, str, str]]:
        """id, uri, label, new label, tags (with ``;`` between) of every image that was changed.

        The new label is empty where it is the same; ``(none)`` where the label was taken away.
        """
        state, latents = self._now(), self.space.latents
        tags: dict[int, list[str]] = {}
        for name in sorted(state.tags):
            for number in state.tags[name]:
                tags.setdefault(number, []).append(name)
        wanted = np.array(sorted({*state.labels, *tags}), np.int64)
        rows, known = latents.find(wanted)
        for number, row in zip(wanted[known].tolist(), rows[known].tolist(), strict=True):
            old = self.space.label(int(latents.labels[row]))
            new = state.labels.get(number, old)
            shown = "" if new == old else new or "(none)"
            yield number, latents.uris[row], old, shown, ";".join(tags.get(number, []))

    def csv(self) -> str:
        """The rows as CSV with a header: id,uri,label,new_label,tags."""
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(["id", "uri", "label", "new_label", "tags"])
        writer.writerows(tuple(_harmless(cell) for cell in row) for row in self.rows())
        return table.getvalue()

    def write(self, path: str | Path) -> Path:
        """Writes the CSV to a file and returns its path.

        Raises:
            StorageError: the file cannot be written.
        """
        path = Path(path)
        write_file(path, self.csv().encode())
        return path

    # --- inside -------------------------------------------------------------------------

    def _append(
        self,
        what: str,
        name: str | None,
        ids: Sequence[int] | IntArray,
        revision: int | None,
        remove: bool = False,
    ) -> int:
        numbers = self._checked(ids)
        with self._changing(revision):
            return self._write(what, name, numbers, remove=remove)

    def _checked(self, ids: Sequence[int] | IntArray) -> tuple[int, ...]:
        latents = self.space.latents
        try:
            wanted = np.unique(np.asarray(ids, np.int64))
        except OverflowError:
            raise latents.absent(max(ids, key=abs)) from None
        if not len(wanted):
            raise OptionError("no ids are given; select at least one image.")
        missing = wanted[~latents.find(wanted)[1]]
        if len(missing):
            raise latents.absent(missing[0])
        return tuple(wanted.tolist())

    def _now(self) -> State:
        """The state with every whole line that is on the disk."""
        with self._lock:
            try:
                found = self._path.stat()
            except OSError:
                if self._read:  # the layer was thrown away
                    self._state, self._read = State(), 0
                self._stamp = None
                return self._state
            stamp = found.st_size, found.st_mtime_ns, found.st_ino
            if stamp != self._stamp:
                self._catch_up()
                self._stamp = stamp
            return self._state

    def _catch_up(self) -> None:
        if self._path.is_symlink() or self._path.parent.is_symlink():
            raise SpaceError(f"{self._path} is a link; expected a plain file. Put a copy there.")
        with self._path.open("rb") as file:
            number = os.fstat(file.fileno()).st_ino
            data = file.read()
        # Another file lies there now, or this one was begun again.
        fresh = number != self._file or len(data) < self._read
        # A copy: a line that cannot be read must not leave half of what came before it.
        state, read = (State(), 0) if fresh else (self._state.copy(), self._read)
        whole = data[read : data.rfind(b"\n") + 1]
        for line in filter(None, whole.splitlines()):
            state.apply(parsed(line, state.revision + 1, self._path))
        read += len(whole)
        if rest := data[read:]:  # cut short by a crash, unless only the end of the line is missing
            with contextlib.suppress(SpaceError):
                state.apply(parsed(rest, state.revision + 1, self._path))
                read += len(rest)
        self._state, self._read, self._file = state, read, number

    def _is_ended(self) -> bool:
        """Whether the last line has its end, which some editors take away."""
        if not self._read:
            return True
        with self._path.open("rb") as file:
            file.seek(self._read - 1)
            return file.read(1) == b"\n"

    @contextmanager
    def _changing(self, revision: int | None) -> Iterator[State]:
        """Holds the layer for one change against the latest revision."""
        with self._lock, _waited(self._path.parent):
            state = self._now()
            if revision is not None and revision != state.revision:
                raise StaleError(revision, state.revision)
            yield state

    def _write(
        self,
        what: str,
        name: str | None,
        ids: tuple[int, ...],
        remove: bool = False,
        undoes: int = 0,
    ) -> int:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        change = Change(self._state.revision + 1, now, what, name, ids, remove, undoes)
        line = json.dumps(record(change), ensure_ascii=False, separators=(",", ":")) + "\n"
        try:
            with self._path.open("ab") as file:
                if file.tell() > self._read:
                    file.truncate(self._read)  # the line that a crash cut short
                if not self._is_ended():
                    file.write(b"\n")
                file.write(line.encode())
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            with contextlib.suppress(OSError):  # what was half written is no change
                os.truncate(self._path, self._read)
            raise StorageError(
                f"cannot write {self._path}: {error.strerror or error}. Free some space, or make "
                "it writable; nothing was changed."
            ) from error
        self._now()
        return change.revision


@contextmanager
def _waited(folder: Path) -> Iterator[None]:
    """The lock of the layer, waited for where another process has it for a moment."""
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"cannot write in {folder.parent} ({error.strerror}). Make it writable, or work on a "
            "copy."
        ) from error
    until = time.monotonic() + PATIENCE
    with contextlib.ExitStack() as held:
        while True:
            try:
                held.enter_context(locked(folder))
                break
            except SpaceError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.02)
        yield


def _harmless(cell: int | str) -> int | str:
    """A cell that no spreadsheet takes for a formula."""
    if not isinstance(cell, str) or cell[:1] not in {"=", "+", "-", "@"}:
        return cell
    number = cell[1:].replace(".", "", 1).isdecimal()
    return cell if number else f"'{cell}"
