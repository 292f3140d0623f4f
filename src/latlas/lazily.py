"""Packages that load on first use, so that a command waits only for those that it needs.

A package that takes a noticeable part of a second to import stands at the top of a module like
any other, by ``lazy_import``; PyTorch alone, which nearly all of the work needs, is imported
outright. What only annotations need comes from ``if TYPE_CHECKING``.
"""

from __future__ import annotations

import threading
from importlib import import_module
from types import ModuleType
from typing import Any

__all__ = ["lazy_import"]

_lock = threading.RLock()
"""Two threads that load packages which import each other could see one of them half loaded."""


def lazy_import(name: str) -> Any:
    """Stands for the module ``name``, which is imported when first an attribute is asked for.

    Args:
        name: full name of the module, for instance ``"scipy.sparse"``.

    Returns:
        An object with the attributes of the module, except those named ``__like_this__``.
        Asking for one raises ``ImportError`` if the module is missing.

    Example:
        >>> fractions = lazy_import("fractions")
        >>> fractions.Fraction(2, 4)
        Fraction(1, 2)
    """
    return _Module(name)


class _Module:
    def __init__(self, name: str) -> None:
        self._name = name
        self._loaded: ModuleType | None = None

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):  # tools that only look an object over ask for such names
            raise AttributeError(f"{self!r} has no attribute {attribute!r} of its own")
        if self._loaded is None:
            with _lock:
                self._loaded = import_module(self._name)
        return getattr(self._loaded, attribute)

    def __repr__(self) -> str:
        return f"lazy_import({self._name!r})"
