"""The error tree; it is drawn in ``latlas.contracts``."""

from __future__ import annotations

__all__ = [
    "LatlasError",
    "MissingExtraError",
    "OptionError",
    "RunError",
    "SourceError",
    "SpaceError",
    "StorageError",
    "TrainingError",
    "UserError",
]


class LatlasError(Exception):
    """Base of every error that latlas raises on purpose."""

    exit_code = 1


class UserError(LatlasError):
    """Something that the user can mend; the message says how."""

    exit_code = 2


class SourceError(UserError):
    """An image source that cannot be opened as asked."""


class OptionError(UserError, ValueError):
    """An argument outside its range."""


class SpaceError(UserError):
    """A folder that is not a space, or one that is half-written, damaged or too new."""


class MissingExtraError(UserError):
    """A feature whose optional package is not installed."""

    def __init__(self, feature: str, extra: str) -> None:
        super().__init__(
            f"{feature} needs a package that is not installed. "
            f"Install it with: pip install 'latlas[{extra}]'"
        )


class RunError(LatlasError):
    """Work that failed although the request was sound."""


class TrainingError(RunError):
    """Training that cannot go on, for instance because the loss is not a number."""


class StorageError(RunError):
    """A disk that is full or cannot be written."""
