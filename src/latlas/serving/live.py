"""The space as it is served, and again when something changed it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from latlas.atlas import Atlas
from latlas.classification import OWN, SpaceClassifier
from latlas.classifiers import DEFAULT_CLASSIFIER
from latlas.contracts import IntArray, Latents, LatlasError, OptionError, SpaceError
from latlas.edits import Edits
from latlas.manifest import FILE
from latlas.priors import DEFAULT_PRIOR
from latlas.serving.answers import pack
from latlas.serving.near import Finder, Meeting
from latlas.space import Space

__all__ = ["WHOSE", "Live", "Served", "UnreadyError"]

Made = TypeVar("Made")
KEPT_BYTES = 512 << 20
SLOW = (
    "sheet-net-",
    "borders-",
    *(f"column-{name}" for name in ("predicted", "confidence", "surprise", "rarity")),
)
WHOSE = (
    "each class has a space of its own, and a vector alone does not say which is meant. Give its "
    "label too."
)
WATCHED = (FILE, "scores.json")


class UnreadyError(SpaceError):
    """The space cannot be read at this moment."""


class Live:
    """One state of the space, with what was made of it.

    Args:
        space: the space.
        server: what the page is told of the server.
    """

    def __init__(self, space: Space, server: dict[str, Any]) -> None:
        self.space = space
        self.atlas = Atlas(space)
        self.edits = Edits(space)
        self._server = server
        self._bytes: OrderedDict[str, tuple[bytes, bytes | None, str]] = OrderedDict()
        self._made: dict[str, Any] = {}
        self._locks: dict[str, threading.RLock] = {}
        self._lock = threading.Lock()
        self._meetings: list[Meeting] = []
        self._closed = False

    def manifest(self) -> dict[str, Any]:
        """What the page reads first."""
        return self.atlas.manifest(self._server)

    @cached_property
    def fingerprint(self) -> str:
        """Changes whenever what the page shows may have changed."""
        return str(self.manifest()["fingerprint"])

    @property
    def latents(self) -> Latents:
        """All latent vectors."""
        return self.space.latents

    def once(self, name: str, make: Callable[[], Made]) -> Made:
        """What ``make`` gives, made once for this state of the space.

        Whoever asks meanwhile waits; other names do not.
        """
        if name not in self._made:
            with self._held(name):
                if name not in self._made:
                    self._made[name] = make()
        made: Made = self._made[name]
        return made

    def resource(self, name: str) -> tuple[bytes, bytes | None, str]:
        """The bytes of a resource, the same as gzip (None where that does not help), its type.

        Raises:
            OptionError: the space has no such resource.
        """
        with self._lock:
            if name in self._bytes:
                self._bytes.move_to_end(name)
                return self._bytes[name]
        with self._held("resource " + name):
            with self._lock:
                if name in self._bytes:
                    return self._bytes[name]
            made = self.atlas.resource(name)
            entry = made.data, pack(made.data, made.type), made.type
            with self._lock:
                self._bytes[name] = entry
                while len(self._bytes) > 1 and sum(map(_size, self._bytes.values())) > KEPT_BYTES:
                    self._bytes.popitem(last=False)
            return entry

    def is_slow(self, name: str) -> bool:
        """Whether a resource may take seconds, as nobody asked for it yet."""
        return name not in self._bytes and name.startswith(SLOW)

    def classifier(self) -> SpaceClassifier | None:
        """The classifier that is fitted: the usual one of the scope, or any; None: none is."""
        return self.once("classifier", self._classifier)

    def _classifier(self) -> SpaceClassifier | None:
        space, fitted = self.space, self.space.manifest.classifiers
        if not fitted or DEFAULT_PRIOR not in space.manifest.priors:
            return None  # reading must not fit anything
        usual = DEFAULT_CLASSIFIER if space.scope == "global" else OWN
        return space.classifier(usual if usual in fitted else next(iter(fitted)))

    def near(self, told: int = -1) -> tuple[Meeting, IntArray]:
        """Where to ask for neighbours, and the rows that are searched.

        Args:
            told: in the scope per-class the class whose space is meant.

        Raises:
            OptionError: each class has a space of its own, and none is named or it is empty.
        """
        if self.space.scope != "per-class":
            return self.once("near", lambda: self._meeting(np.arange(len(self.latents))))
        if told < 0:
            raise OptionError(WHOSE)
        rows = np.flatnonzero(self.latents.told == told)
        if not len(rows):
            raise OptionError(f"the space of {self.space.label(told)!r} holds no image.")
        return self.once(f"near {told}", lambda: self._meeting(rows))

    def near_now(self, told: int = -1) -> tuple[Meeting, IntArray] | None:
        """The same, where it was asked before; never blocks."""
        found: tuple[Meeting, IntArray] | None
        found = self._made.get("near" if self.space.scope != "per-class" else f"near {told}")
        return found

    def _meeting(self, rows: IntArray) -> tuple[Meeting, IntArray]:
        z = self.latents.z
        meeting = Meeting(Finder(z if len(rows) == len(z) else z[rows]))
        with self._lock:
            self._meetings.append(meeting)
            closed = self._closed
        if closed:
            meeting.close()
        return meeting, rows

    def take_over(self, before: Live) -> None:
        """Goes on with what answers for the same rows, as it takes seconds to make."""
        if self.latents is not before.latents:
            return
        with before._lock:
            self._made |= {n: made for n, made in before._made.items() if n.startswith("near")}
            self._meetings, before._meetings = before._meetings, []

    def close(self) -> None:
        """Lets the threads end that answer for this state."""
        with self._lock:
            self._closed = True
        for meeting in self._meetings:
            meeting.close()

    def _held(self, name: str) -> threading.RLock:
        with self._lock:
            return self._locks.setdefault(name, threading.RLock())


def _size(entry: tuple[bytes, bytes | None, str]) -> int:
    return len(entry[0]) + len(entry[1] or b"")


class Served:
    """Opens the space, and opens it again when its folder says something else.

    Args:
        folder: the space's folder.
        device: where its model computes.
        server: what the page is told of the server.

    Raises:
        SpaceError: the folder holds no space, or one that is unfinished, damaged or too new.
    """

    def __init__(self, folder: str | Path, device: str, server: dict[str, Any]) -> None:
        self.folder, self.device = Path(folder), device
        self._server = server
        self._lock = threading.Lock()
        self._layouts: dict[str, str] = {}
        self._watched = [self.folder / name for name in WATCHED]  # joined once: it costs
        self._stamp = self._look()
        self._live = self._opened(None)

    def now(self) -> Live | None:
        """The space, where it is open as it is on the disk; takes microseconds."""
        return self._live if self._stamp == self._look() else None

    def open(self) -> Live:
        """The space as it is on the disk; takes seconds where that changed.

        Raises:
            UnreadyError: it cannot be read at this moment.
        """
        with self._lock:
            stamp = self._look()
            if stamp != self._stamp:
                before = self._live
                try:
                    self._live = self._opened(before)
                except LatlasError as error:
                    raise UnreadyError(
                        f"the space cannot be read right now: {error} The page goes on by itself "
                        "once the space is whole again."
                    ) from error
                before.close()
                self._stamp = stamp
            return self._live

    def fits(self, fingerprint: str, live: Live) -> bool:
        """Whether a page that was loaded in another state still shows the rows and maps of this.

        A prior or classifier that was fitted since then changes neither.
        """
        if fingerprint == live.fingerprint:
            return True
        return self._layouts.get(fingerprint) == live.atlas.layout

    def for_work(self) -> Space:
        """The space once more, for work that changes it: readers keep what they look at."""
        return _reopened(self.folder, self.device, self.open().space)

    def close(self) -> None:
        """Lets the threads end."""
        self._live.close()

    def stamp(self) -> str:
        """Tells one state of the space from another."""
        return str(self._look())

    def _look(self) -> tuple[tuple[int, int, int] | None, ...]:
        return tuple(map(_stamp, self._watched))

    def _opened(self, before: Live | None) -> Live:
        space = _reopened(self.folder, self.device, None if before is None else before.space)
        live = Live(space, self._server)
        len(live.latents)
        if before is not None:
            live.take_over(before)
        self._layouts[live.fingerprint] = live.atlas.layout
        return live


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def _reopened(folder: Path, device: str, before: Space | None) -> Space:
    """The space as it is on the disk, with what did not change taken from an open one."""
    space = Space(folder, device)
    if before is None:
        return space
    now, then = space.manifest, before.manifest
    same_model = now.model == then.model and now.shape == then.shape
    if same_model:
        for name in ("model", "coder"):
            if name in before.__dict__:
                space.__dict__[name] = before.__dict__[name]
    # Maps, priors and classifiers come and go without the rows being others.
    same_rows = now.sources == then.sources and now.created == then.created
    if same_model and same_rows and now.classes == then.classes and "latents" in before.__dict__:
        space.__dict__["latents"] = before.__dict__["latents"]
    return space
