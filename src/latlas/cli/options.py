"""The options that commands share, each written once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "MAP_NAMES",
    "METHOD_NAMES",
    "MODEL_NAMES",
    "PRIOR_NAMES",
    "SCOPE_NAMES",
    "Debug",
    "Device",
    "Json",
    "Quiet",
    "SpaceFolder",
    "Verbose",
    "complete",
]

MODEL_NAMES = ("rae", "ae", "vae", "wae", "pca")
SCOPE_NAMES = ("global", "per-class", "conditional")
PRIOR_NAMES = ("normal", "gaussian", "gmm", "flow", "nsf")
METHOD_NAMES = ("linear", "knn", "bayes", "spread", "own")
MAP_NAMES = ("pca", "tsne", "umap", "opentsne")

SpaceFolder = Annotated[
    Path, typer.Argument(metavar="SPACE", help="Folder of a space, NAME.latlas.")
]
Json = Annotated[
    bool, typer.Option("--json", help="Print the result as one JSON object on stdout.")
]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Say more: what was chosen and how long it took.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bars, no notes.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Device = Annotated[
    str | None, typer.Option(help="Where to compute: auto, cpu, cuda, cuda:1 or mps.")
]


def complete(names: Sequence[str]) -> Callable[[str], list[str]]:
    """Shell completion from a list of names."""

    def matching(incomplete: str) -> list[str]:
        return [name for name in names if name.startswith(incomplete)]

    return matching
