"""Relabels and tags: a layer over the space, beside the original labels, with undo.

The layer is one file, ``edits/log.jsonl``: a line of JSON for each change, appended and forced to
the disk. Nothing else of the space is touched. What holds is what the lines say from first to
last; undo is a line too. A line that a crash cut short is no line: it is dropped by the next
change. Whoever changes something says which revision it was made against, and an old one is
refused, so that two tabs (or processes) cannot silently overwrite each other.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import threading
import time
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from latlas.checkpoint import inside, write_file
from latlas.contracts import IntArray, OptionError, SpaceError, StorageError
from latlas.locks import locked
from latlas.stored import StoredSpace

__all__ = ["Change", "Edits", "StaleError"]

FORMAT = 1
MOST_NAME = 100
MOST_HISTORY = 200
PATIENCE = 5.0
"""Seconds to wait for another process to finish its own change, which takes milliseconds."""


class StaleError(OptionError):
    """A change that was made against an older revision than the latest.

    Attributes:
        revision: the latest revision.
    """

    def __init__(self, given: int, revision: int) -> None:
        self.revision = revision
        super().__init__(
            f"this change was made at revision {given}, and the latest is {revision}: someone else "
            "changed labels or tags meanwhile. Look at what holds now, then change it again."
        )


@dataclass(frozen=True)
class Change:
    """One line of the history.

    Attributes:
        revision: its number, from 1 on without gaps.
        time: when, ISO 8601, UTC.
        what: ``"label"``, ``"tag"`` or ``"undo"``.
        name: the label ("" for none) or tag; None takes the reader's label away again.
        ids: the images, ascending; of an undo those of what it undoes.
        remove: a tag is taken off instead of put on.
        undoes: the revision that an undo takes back, else 0.
    """

    revision: int
    time: str
    what: str
    name: str | None
    ids: tuple[int, ...]
    remove: bool = False
    undoes: int = 0

    def words(self) -> str:
        """The change as a person says it."""
        if self.what == "undo":
            return f"undo of {self.undoes}"
        if self.what == "tag":
            return f"{'tag off' if self.remove else 'tag'} {self.name}"
        if self.name is None:
            return "original label"
        return f"label {self.name}" if self.name else "no label"


@dataclass
class _State:
    """What holds after some changes."""

    changes: list[Change] = field(default_factory=list)
    undone: set[int] = field(default_factory=set)
    labels: dict[int, str] = field(default_factory=dict)
    tags: dict[str, set[int]] = field(default_factory=dict)

    @property
    def revision(self) -> int:
        return len(self.changes)

    def apply(self, change: Change) -> None:
        self.changes.append(change)
        if change.what == "undo":
            self.undone.add(change.undoes)
            self._replay()
        else:
            self._do(change)

    def last(self) -> Change | None:
        """The last change that can be taken back."""
        for change in reversed(self.changes):
            if change.what != "undo" and change.revision not in self.undone:
                return change
        return None

    def _replay(self) -> None:
        self.labels, self.tags = {}, {}
        for change in self.changes:
            if change.what != "undo" and change.revision not in self.undone:
                self._do(change)

    def _do(self, change: Change) -> None:
        if change.what == "tag":
            own = self.tags.setdefault(str(change.name), set())
            own.difference_update(change.ids) if change.remove else own.update(change.ids)
            if not own:
                del self.tags[str(change.name)]
        elif change.name is None:
            for number in change.ids:
                self.labels.pop(number, None)
        else:
            self.labels.update(dict.fromkeys(change.ids, change.name))


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
        self._path = inside(space.folder, "edits", "log.jsonl")
        self._lock = threading.RLock()
        self._state = _State()
        self._read = 0  # bytes of whole lines that are in the state
        self._stamp: tuple[int, int] | None = None

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
            rows, known = _rows_of(latents.ids, ids)
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
        name = label if label is None or label == "" else _name(label, "label")
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
        return self._append("tag", _name(tag, "tag"), ids, revision, remove)

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
        rows, known = _rows_of(latents.ids, wanted)
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
        wanted = np.unique(np.asarray(ids, np.int64))
        if not len(wanted):
            raise OptionError("no ids are given; select at least one image.")
        known = self.space.latents.ids
        missing = wanted[~_rows_of(known, wanted)[1]]
        if len(missing):
            raise OptionError(
                f"there is no image with id {missing[0]}; ids here run from {known.min()} to "
                f"{known.max()}."
            )
        return tuple(wanted.tolist())

    def _now(self) -> _State:
        """The state with every whole line that is on the disk."""
        with self._lock:
            try:
                found = self._path.stat()
            except OSError:
                if self._read:  # the layer was thrown away
                    self._state, self._read = _State(), 0
                self._stamp = None
                return self._state
            stamp = found.st_size, found.st_mtime_ns
            if stamp != self._stamp:
                self._catch_up()
                self._stamp = stamp
            return self._state

    def _catch_up(self) -> None:
        if self._path.is_symlink() or self._path.parent.is_symlink():
            raise SpaceError(f"{self._path} is a link; expected a plain file. Put a copy there.")
        data = self._path.read_bytes()
        if len(data) < self._read:  # another file lies there now
            self._state, self._read = _State(), 0
        whole = data[self._read : data.rfind(b"\n") + 1]
        for line in whole.splitlines():
            self._state.apply(_parsed(line, self._state.revision + 1, self._path))
        self._read += len(whole)

    @contextmanager
    def _changing(self, revision: int | None) -> Iterator[_State]:
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
        line = json.dumps(_record(change), ensure_ascii=False, separators=(",", ":")) + "\n"
        try:
            with self._path.open("ab") as file:
                if file.tell() > self._read:
                    file.truncate(self._read)  # the line that a crash cut short
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


def _record(change: Change) -> dict[str, Any]:
    """A change as JSON values; what says nothing is left out."""
    record: dict[str, Any] = {"format": FORMAT, "revision": change.revision, "time": change.time}
    record["what"] = change.what
    if change.what == "undo":
        return record | {"undoes": change.undoes, "name": change.name, "ids": list(change.ids)}
    record |= {"name": change.name, "ids": list(change.ids)}
    return record | ({"remove": True} if change.remove else {})


def _parsed(line: bytes, revision: int, path: Path) -> Change:
    """One line as a change.

    Raises:
        SpaceError: it is none, or not the one that should come here.
    """
    try:
        record = json.loads(line)
        if record["format"] > FORMAT:
            raise SpaceError(f"{path} was written by a newer latlas; update with pip install -U.")
        name = record["name"]
        change = Change(
            int(record["revision"]),
            str(record["time"]),
            str(record["what"]),
            None if name is None else str(name),
            tuple(int(number) for number in record["ids"]),
            bool(record.get("remove", False)),
            int(record.get("undoes", 0)),
        )
        if change.revision != revision or change.what not in {"label", "tag", "undo"}:
            raise ValueError(f"expected revision {revision}")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise SpaceError(
            f"line {revision} of {path} is damaged or was edited ({error}). Restore the file from "
            "a copy, or delete the lines from there on; the original labels are untouched."
        ) from error
    return change


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


def _rows_of(known: IntArray, ids: IntArray) -> tuple[IntArray, Any]:
    """The place of each id among ascending ``known``, and whether it is there."""
    rows = np.minimum(np.searchsorted(known, ids), max(len(known) - 1, 0))
    return rows, known[rows] == ids


def _name(text: str, what: str) -> str:
    """A label or tag that people can tell apart and files can hold.

    Raises:
        OptionError: empty, too long, or with characters that cannot be seen.
    """
    name = unicodedata.normalize("NFC", str(text)).strip()
    hidden = any(unicodedata.category(character)[0] == "C" for character in name)
    if not name or len(name) > MOST_NAME or hidden or ";" in name * (what == "tag"):
        but = " and no ;" if what == "tag" else ""
        raise OptionError(
            f"the {what} is {str(text)[:40]!r}; expected 1 to {MOST_NAME} visible characters{but}."
        )
    return name


def _harmless(cell: int | str) -> int | str:
    """A cell that no spreadsheet takes for a formula."""
    if not isinstance(cell, str) or cell[:1] not in {"=", "+", "-", "@"}:
        return cell
    number = cell[1:].replace(".", "", 1).isdecimal()
    return cell if number else f"'{cell}"
