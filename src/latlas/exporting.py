"""A space for people without latlas: one HTML file that decodes live, ONNX files, vectors."""

from __future__ import annotations

import base64
import gzip
import html
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from latlas.atlas import Atlas
from latlas.checkpoint import write_file
from latlas.contracts import IntArray, NoProgress, OptionError, Progress
from latlas.outputs import write_vectors
from latlas.space import Space
from latlas.webpage import page_file

__all__ = ["MOST_IMAGES", "export"]

MOST_IMAGES = 20_000
"""More images than this are thinned out evenly in an exported page, unless asked otherwise."""

_TAG = '<script type="application/x-latlas" data-name="{name}">{text}</script>'


def export(
    space: Space,
    path: str | Path,
    *,
    images: int | None = None,
    progress: Progress | None = None,
) -> list[Path]:
    """Writes a space in a form that needs no latlas.

    Args:
        space: the space.
        path: by its end: ``.html`` is the explorer page as one file that works from the disk,
            without a server or a network; ``.npz`` and ``.parquet`` hold the latent vectors with
            ids, labels, splits and names; a folder gets the nets as ONNX files.
        images: of a page, how many images it carries at most; None: 20,000.
        progress: where to report.

    Returns:
        The files that were written.

    Raises:
        OptionError: another suffix, fewer than one image, or the page is not built.
        SpaceError: the space is damaged, or has no model where one is asked for.
        StorageError: the disk is full or cannot be written.
    """
    path, progress = Path(path), progress or NoProgress()
    if path.suffix in {".html", ".htm"}:
        rows = _thinned(space, MOST_IMAGES if images is None else images)
        if rows is not None:
            progress.note(
                f"the page carries {len(rows):,} of {len(space):,} images; --images changes that"
            )
        _write_page(Atlas(space, rows=rows), path, progress)
        return [path]
    if path.suffix in {".npz", ".parquet"}:
        return [write_vectors(path, space.latents)]
    if path.suffix:
        raise OptionError(
            f"the output is {path}; expected an .html page, vectors as .npz or .parquet, or a "
            "folder for ONNX files."
        )
    return _write_nets(Atlas(space), path)


def _thinned(space: Space, most: int) -> IntArray | None:
    """Rows for a page, the same share of each class; None for all of them.

    Raises:
        OptionError: fewer than one image.
    """
    if most < 1:
        raise OptionError(f"images is {most}; a page carries at least 1.")
    count = len(space)
    if count <= most:
        return None
    # Mixed, then sorted by label: rows at equal steps keep the share of each class.
    mixed = np.random.default_rng(0).permutation(count)
    order = mixed[np.argsort(space.latents.labels[mixed], kind="stable")]
    kept = order[np.linspace(0, count - 1, most).round().astype(np.int64)]
    return np.unique(kept)


def _write_page(atlas: Atlas, path: Path, progress: Progress) -> None:
    page = page_file("index.html").decode()
    names = atlas.names()
    parts: list[str] = []
    with progress.stage("writing the page", len(names) + 3, "parts") as stage:

        def add(name: str, data: bytes) -> None:
            packed = base64.b64encode(gzip.compress(data, 9, mtime=0)).decode()
            parts.append(_TAG.format(name=html.escape(name), text=packed))
            stage.advance()

        for name in names:
            add(name, atlas.resource(name).data)
        # After the sheets are made, so that it knows their errors.
        add("manifest", json.dumps(_plain(atlas.manifest())).encode())
        for name in ("worker.js", "ort.wasm"):
            add(name, page_file(name))
    title = html.escape(f"{atlas.manifest()['name']} · latlas")
    style = page_file("latlas.css").decode()
    script = page_file("latlas.js").decode().replace("</script", "<\\/script")
    page = _swap(page, r"<title>.*?</title>", lambda: f"<title>{title}</title>")
    page = _swap(page, r'<link rel="stylesheet"[^>]*>', lambda: f"<style>{style}</style>")
    page = _swap(
        page,
        r'<script type="module" src="[^"]*"></script>',
        lambda: "\n".join([*parts, f'<script type="module">{script}</script>']),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, page.encode())


def _swap(page: str, pattern: str, make: Callable[[], str]) -> str:
    """The page with the one place that matches replaced.

    Raises:
        OptionError: the built page is of another version.
    """
    swapped, count = re.subn(pattern, lambda _: make(), page, count=1, flags=re.DOTALL)
    if count != 1:
        raise OptionError(
            "the built page is not of this version of latlas. In a clone of the sources build it "
            "again with: make web. Otherwise install latlas again."
        )
    return swapped


def _plain(value: Any) -> Any:
    """JSON values with null in place of what JSON has no number for."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


def _write_nets(atlas: Atlas, folder: Path) -> list[Path]:
    """Every net as an ONNX file, with a note on what goes in and comes out."""
    manifest = atlas.manifest()
    infos = [*manifest["decoders"], *manifest["encoders"]]
    files = []
    folder.mkdir(parents=True, exist_ok=True)
    for info in infos:
        file = folder / info["resource"]
        write_file(file, atlas.resource(info["resource"]).data)
        files.append(file)
    note = {name: manifest[name] for name in ("name", "version", "latentDim", "shape", "scope")}
    note |= {"classes": [each["name"] for each in manifest["classes"]]}
    note |= {"owners": manifest["owners"], "decoders": manifest["decoders"]}
    note |= {
        "encoders": manifest["encoders"],
        "about": "float32 throughout. Decoder: z [n, D] -> image [n, C, H, W] in 0..1; encoder: "
        "image -> z. A net that is told the label takes it as one-hot rows [n, K], zeros where "
        "unknown. Where owners is not empty, decoder-I.onnx with I = owners[label] is a label's.",
    }
    about = folder / "nets.json"
    write_file(about, json.dumps(_plain(note), indent=1).encode())
    return [*files, about]
