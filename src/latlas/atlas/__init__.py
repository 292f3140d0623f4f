"""What the explorer page reads of a space: a manifest, and resources by name."""

from __future__ import annotations

from latlas.atlas.core import Atlas, Resource

__all__ = ["Atlas", "Resource"]
