"""Where long work reports to."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

__all__ = ["NoProgress", "Progress", "Stage"]


class Stage(Protocol):
    """One running stage of work, for instance one progress bar."""

    def advance(self, amount: float = 1, **fields: float | str) -> None:
        """Moves on by ``amount`` units; ``fields`` are shown beside the bar."""
        ...


class Progress(Protocol):
    """Where long work reports to: a terminal, a log, a page, or nowhere."""

    def stage(
        self, name: str, total: float | None = None, unit: str = ""
    ) -> AbstractContextManager[Stage]:
        """Opens a stage of ``total`` units (None when unknown)."""
        ...

    def note(self, message: str) -> None:
        """Says one plain sentence."""
        ...


class NoProgress:
    """Reports nowhere."""

    def stage(
        self, name: str, total: float | None = None, unit: str = ""
    ) -> AbstractContextManager[Stage]:
        """Opens a stage that shows nothing."""
        return _SilentStage()

    def note(self, message: str) -> None:
        """Says nothing."""


class _SilentStage(AbstractContextManager["_SilentStage"]):
    def __enter__(self) -> _SilentStage:
        return self

    def __exit__(self, *exc: object) -> None:
        return None

    def advance(self, amount: float = 1, **fields: float | str) -> None:
        return None
