"""The command that writes a space for people without latlas.

As in ``commands``, no PyTorch here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import latlas
from latlas.cli.commands import app
from latlas.cli.options import Debug, Json, Quiet, SpaceFolder, Verbose
from latlas.cli.words import progress_for, say_work, show

__all__ = ["export"]


@app.command()
def export(
    space: SpaceFolder,
    output: Annotated[
        Path,
        typer.Argument(
            metavar="OUTPUT",
            help="An .html page; vectors as .npz or .parquet; or a folder for ONNX files.",
        ),
    ],
    images: Annotated[
        int | None,
        typer.Option(help="Images that a page carries at most. [default: 20,000]"),
    ] = None,
    as_json: Json = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Write the page as one file that needs no latlas; or the vectors, or the nets as ONNX.

    Example:  latlas export mnist.latlas mnist.html
    """
    opened = latlas.open(space)
    files = latlas.export(opened, output, images=images, progress=progress_for(quiet))
    sizes = {str(file): file.stat().st_size for file in files}
    result = {
        "space": str(space),
        "files": [{"path": path, "bytes": size} for path, size in sizes.items()],
    }
    lines = [f"{path}: {_size(size)}" for path, size in sizes.items()]
    show(result, lines + (say_work(opened) if verbose else []), as_json)


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{max(count / 1e3, 0.1):.1f} kB"
