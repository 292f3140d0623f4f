"""Builds the page of `latlas serve` before latlas is packed, where it is not built yet.

A source archive carries the built page, so that nobody needs Node.js who installs from one. A
checkout does not: there Node comes from a package of the Python Package Index, which is only asked
for when there is something to build and no other Node at hand. A wheel or source archive without
the page is never made. An editable install without it is, with a word on what to do.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

sys.path.insert(0, str(Path(__file__).resolve().parent / "scripts"))

import web
from bootstrap import SetupError

LATER = "LATLAS_PAGE_LATER"
"""Set by scripts/bootstrap.py: an editable install leaves the page to `make web`."""


class PageHook(BuildHookInterface[BuilderConfig]):
    """The hook that hatchling finds in this file."""

    def dependencies(self) -> list[str]:
        """What is to be installed for the build: a Node, or nothing."""
        if os.environ.get(LATER) or web.is_current() or web.node_of_wheel() or web.node_of_system():
            return []
        return [self.config["node"]]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Builds the page when it is missing or stale.

        Args:
            version: ``editable`` or ``standard``.
            build_data: what hatchling lets a hook change; left as it is.
        """
        editable = version == "editable"
        if editable and os.environ.get(LATER):
            return
        try:
            web.build()
        except SetupError as error:
            if not editable:
                self.app.abort(f"latlas cannot be packed without its page: {error}")
            self.app.display_warning(
                f"latlas is installed, but `latlas serve` has no page yet: {error}\n"
                "Build it later with: python scripts/web.py"
            )
