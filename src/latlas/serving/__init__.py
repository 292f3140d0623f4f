"""The server: a space as a page and as an HTTP API."""

from __future__ import annotations

from latlas.serving.app import create_app
from latlas.serving.limits import Limits
from latlas.serving.run import serve

__all__ = ["Limits", "create_app", "serve"]
