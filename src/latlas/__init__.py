"""latlas: an image dataset becomes a latent space to see, walk, classify with and generate from.

Names load on first use, so that ``import latlas`` and ``latlas --help`` do not wait for PyTorch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from latlas.classifying import classify_files
    from latlas.client import Client
    from latlas.comparing import compare
    from latlas.contracts import Images, Latents, LatlasError, Score
    from latlas.data.source import open_images
    from latlas.edits import Edits
    from latlas.estimator import AutoEncoder
    from latlas.exporting import export
    from latlas.fitting import fit
    from latlas.notebooks import widget
    from latlas.outputs import read_told, read_vectors, write_images, write_vectors
    from latlas.proofs import draw_proofs
    from latlas.serving import serve
    from latlas.space import Space, open_space
    from latlas.space import open_space as open  # noqa: A004

__version__ = "0.1.0"

__all__ = [
    "AutoEncoder",
    "Client",
    "Edits",
    "Images",
    "Latents",
    "LatlasError",
    "Score",
    "Space",
    "__version__",
    "classify_files",
    "compare",
    "draw_proofs",
    "export",
    "fit",
    "open",
    "open_images",
    "open_space",
    "read_told",
    "read_vectors",
    "serve",
    "widget",
    "write_images",
    "write_vectors",
]

_HOMES = {
    "AutoEncoder": ("estimator", "AutoEncoder"),
    "Client": ("client", "Client"),
    "Edits": ("edits", "Edits"),
    "Images": ("contracts", "Images"),
    "Latents": ("contracts", "Latents"),
    "LatlasError": ("contracts", "LatlasError"),
    "Score": ("contracts", "Score"),
    "Space": ("space", "Space"),
    "classify_files": ("classifying", "classify_files"),
    "compare": ("comparing", "compare"),
    "draw_proofs": ("proofs", "draw_proofs"),
    "export": ("exporting", "export"),
    "fit": ("fitting", "fit"),
    "open": ("space", "open_space"),
    "open_images": ("data.source", "open_images"),
    "open_space": ("space", "open_space"),
    "read_told": ("outputs", "read_told"),
    "read_vectors": ("outputs", "read_vectors"),
    "serve": ("serving", "serve"),
    "widget": ("notebooks", "widget"),
    "write_images": ("outputs", "write_images"),
    "write_vectors": ("outputs", "write_vectors"),
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'latlas' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    value = getattr(importlib.import_module(f"latlas.{module}"), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
