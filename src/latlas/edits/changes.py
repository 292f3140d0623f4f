"""The lines of the log: changes, what holds after them, and how they are written down."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from latlas.contracts import OptionError, SpaceError

__all__ = ["MOST_NAME", "Change", "StaleError", "State", "checked_name", "parsed", "record"]

FORMAT = 1
MOST_NAME = 100


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
class State:
    """What holds after some changes.

    Attributes:
        changes: every line, undos too.
        undone: revisions that were taken back.
        labels: the new label by id.
        tags: the ids by tag.
    """

    changes: list[Change] = field(default_factory=list)
    undone: set[int] = field(default_factory=set)
    labels: dict[int, str] = field(default_factory=dict)
    tags: dict[str, set[int]] = field(default_factory=dict)

    @property
    def revision(self) -> int:
        """Number of the latest change."""
        return len(self.changes)

    def copy(self) -> State:
        """The same, to go on from without changing this one."""
        tags = {name: set(ids) for name, ids in self.tags.items()}
        return State([*self.changes], {*self.undone}, dict(self.labels), tags)

    def apply(self, change: Change) -> None:
        """Takes one more line."""
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


def record(change: Change) -> dict[str, Any]:
    """A change as JSON values; what says nothing is left out."""
    record: dict[str, Any] = {"format": FORMAT, "revision": change.revision, "time": change.time}
    record["what"] = change.what
    if change.what == "undo":
        return record | {"undoes": change.undoes, "name": change.name, "ids": list(change.ids)}
    record |= {"name": change.name, "ids": list(change.ids)}
    return record | ({"remove": True} if change.remove else {})


def parsed(line: bytes, revision: int, path: Path) -> Change:
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


def checked_name(text: str, what: str) -> str:
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
