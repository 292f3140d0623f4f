"""The command that opens the page of a space.

As in ``commands``, no PyTorch and no web framework here.
"""

from __future__ import annotations

import os
import sys
import threading
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

import latlas
from latlas.cli.commands import app
from latlas.cli.options import Debug, Device, Json, Quiet, SpaceFolder
from latlas.cli.words import parse_duration, show
from latlas.contracts import OptionError

__all__ = ["serve"]

PAGE = Path(latlas.__file__).parent / "page" / "index.html"


@app.command()
def serve(
    space: SpaceFolder,
    port: Annotated[
        int | None,
        typer.Option(
            "--port", "-p", help="0 for any that is free. [default: 8600, or the next free one]"
        ),
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; beyond this machine it needs --token.")
    ] = "127.0.0.1",
    token: Annotated[
        str | None,
        typer.Option(
            help="Secret that opens the page, 8 characters or more of A-Z a-z 0-9 . _ ~ - "
            "[default: random]"
        ),
    ] = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Refuse whatever changes the space.")
    ] = False,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Only print the address.")
    ] = False,
    stop_after: Annotated[
        str | None,
        typer.Option(help="End when nobody asked for so long, for instance 60s. [default: never]"),
    ] = None,
    device: Device = None,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Open the explorer: the space as a page to look at, walk and generate in.

    Example:  latlas serve mnist.latlas
    """
    if not PAGE.is_file():
        raise OptionError(
            f"the page is not built: {PAGE} is missing. Build it with: make web (or install a "
            "wheel, which has it)."
        )
    idle = None if stop_after is None else parse_duration(stop_after)

    def ready(address: str) -> None:
        lines = [f"{space}: {address}", *([] if quiet else [_ends(idle)])]
        show({"space": str(space), "address": address}, lines, as_json)
        sys.stdout.flush()
        if not no_browser and _has_display():
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()

    latlas.serve(
        space,
        host=host,
        port=port,
        token=token,
        read_only=read_only,
        device=device or "auto",
        stop_after=idle,
        ready=ready,
    )


def _ends(idle: float | None) -> str:
    """How the server comes to its end, in words."""
    if idle is None:
        return "Ctrl-C ends it."
    return f"Ctrl-C ends it; it ends by itself when nobody asks for {idle:g} s."


def _has_display() -> bool:
    """Whether a browser could open here, on the reader's own screen."""
    if sys.platform in {"win32", "darwin"}:
        return "SSH_CONNECTION" not in os.environ
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
