"""A space on a server, asked from Python: the verbs of the HTTP API as methods."""

from __future__ import annotations

from latlas.client.verbs import Client

__all__ = ["Client"]
