"""The atlas of a space: its manifest and resources, made on first use."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from latlas.atlas.contents import Maker, describe, makers
from latlas.atlas.views import Views
from latlas.contracts import IntArray, OptionError
from latlas.space import Space

__all__ = ["Atlas", "Resource"]

MOST_MEMORY = 128 << 20


@dataclass(frozen=True)
class Resource:
    """The bytes of something that the page reads, and their media type."""

    data: bytes
    type: str


@final
class Atlas:
    """What the explorer page reads of a space; ``web/src/contracts.ts`` says what each holds.

    Nothing is computed before it is asked for. What takes long (sheets, borders, the odds of
    every row, rarity) is kept in the cache, under a digest of all that it was computed from, so
    that it can be missing there but never stale. Any number of threads may ask.

    Args:
        space: the space; when it changes, the atlas follows.
        rows: int64 [n], ascending: the rows that the atlas has; None for all of them. What is
            said of the whole space (sheets, borders, mixtures, rarity, what a classifier answers)
            stays as it is; only the fog follows, as the page measures it by the rows it has.
        most_z_bytes: latents that take more as float16 are not given to the page, which then
            asks the server.

    Raises:
        OptionError: rows that are not there, twice the same, or none.
    """

    def __init__(
        self, space: Space, *, rows: IntArray | None = None, most_z_bytes: int = 64 << 20
    ) -> None:
        if rows is not None:
            rows = np.asarray(rows, np.int64)
            count = len(space)
            if not len(rows) or rows[0] < 0 or rows[-1] >= count or (np.diff(rows) <= 0).any():
                raise OptionError(f"rows are ascending numbers of 0 to {count - 1}, at least one.")
        self.space, self._rows, self._most_z_bytes = space, rows, most_z_bytes
        self._lock = threading.Lock()
        self._state = _State(space, rows, "")

    def manifest(self, server: dict[str, Any] | None = None) -> dict[str, Any]:
        """``Manifest`` of the page, as JSON values.

        Args:
            server: what the server says of itself; None in an exported file.

        Raises:
            SpaceError: the latents are damaged.
        """
        state = self._now()
        with state.lock_of("manifest"):
            if state.facts is None:
                state.facts = describe(state.views, self._most_z_bytes)
            # The errors of sheets come to be known while the page is open.
            sheets = state.views.nets.sheet_infos(state.views.maps)
            return state.facts | {"sheets": sheets, "server": server}

    @property
    def layout(self) -> str:
        """Changes when rows or maps do; see ``manifest``'s ``fingerprint`` for everything."""
        return self._now().views.layout

    def names(self) -> list[str]:
        """The names of all resources."""
        return list(self._makers(self._now()))

    def resource(self, name: str) -> Resource:
        """A resource by name: bytes and media type.

        Raises:
            OptionError: there is none of this name.
            SpaceError: a part of the space is damaged or gone.
        """
        state = self._now()
        known = self._makers(state)
        if name not in known:
            kind = name.partition("-")[0]
            close = [other for other in known if other.partition("-")[0] == kind]
            listed = ", ".join((close or list(known))[:20])
            raise OptionError(f"there is no resource {name!r}; this space has {listed}.")
        with state.lock_of(name):
            found = state.recall(name)
            if found is None:
                make, kind = known[name]
                found = Resource(make(), kind)
                state.remember(name, found)
            return found

    def _makers(self, state: _State) -> dict[str, Maker]:
        with state.lock_of("names"):
            if state.makers is None:
                state.makers = makers(state.views, self._most_z_bytes)
            return state.makers

    def _now(self) -> _State:
        """What belongs to the space as it is now."""
        scores = self.space.folder / "scores.json"
        changed = scores.stat().st_mtime_ns if scores.exists() else 0
        seen = f"{changed} {self.space.manifest.model_dump_json()}"
        with self._lock:
            if seen != self._state.seen:
                self._state = _State(self.space, self._rows, seen)
            return self._state


class _State:
    """What was made of one state of the space."""

    def __init__(self, space: Space, rows: IntArray | None, seen: str) -> None:
        self.seen = seen
        self.views = Views(space, rows)
        self.facts: dict[str, Any] | None = None
        self.makers: dict[str, Maker] | None = None
        self._lock = threading.Lock()
        self._making: dict[str, threading.RLock] = {}
        self._memory: OrderedDict[str, Resource] = OrderedDict()

    def lock_of(self, name: str) -> threading.RLock:
        """A lock for each thing that is made, so that quick ones need not wait for slow ones."""
        with self._lock:
            return self._making.setdefault(name, threading.RLock())

    def recall(self, name: str) -> Resource | None:
        """A resource from memory."""
        with self._lock:
            if name in self._memory:
                self._memory.move_to_end(name)
            return self._memory.get(name)

    def remember(self, name: str, made: Resource) -> None:
        """Keeps a resource in memory, in place of those that were not asked for longest."""
        with self._lock:
            self._memory[name] = made
            total = sum(len(each.data) for each in self._memory.values())
            while total > MOST_MEMORY and len(self._memory) > 1:
                total -= len(self._memory.popitem(last=False)[1].data)
