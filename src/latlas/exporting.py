"""A space for people without latlas: one HTML file that decodes live, ONNX files, vectors."""

from __future__ import annotations

import gzip
import html
import json
import lzma
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from latlas.atlas import Atlas
from latlas.atlas.kept import digest, kept
from latlas.checkpoint import write_file
from latlas.contracts import IntArray, NoProgress, OptionError, Progress
from latlas.edits import Edits
from latlas.outputs import VECTOR_SUFFIXES, write_vectors
from latlas.space import Space
from latlas.webpage import PAGE, page_file

__all__ = ["MOST_IMAGES", "as_text", "export", "export_page", "page_rows"]

MOST_IMAGES = 20_000
"""More images than this are thinned out evenly in an exported page, unless asked otherwise."""
PAGE_SUFFIXES = (".html", ".htm")
CHARSET = "windows-1252"
LICENCES = "THIRD_PARTY.txt"
PAGE_FILES = ("index.html", "latlas.css", "latlas.js", "worker.js", "ort.wasm", LICENCES)
ABOUT_NETS = (
    "float32 throughout. Decoder: z [n, D] -> image [n, C, H, W] in 0..1; encoder: image -> z. A "
    "net with told = true also takes label [n, K], one-hot in the order of classes, zeros where "
    "unknown. Where owners is not empty, decoder-I.onnx with I = owners[label] is that of a label."
)


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
            ids, labels, splits and names; a folder gets the nets as ONNX files, with
            ``nets.json`` that says what goes in and out.
        images: how many images a page carries at most, the same share of each class; None:
            20,000.
        progress: where to report.

    Returns:
        The files that were written.

    Raises:
        OptionError: another suffix, ``images`` below one or without a page, a space without a
            model where nets are asked for, or a page that is not built.
        SpaceError: the space is damaged.
        StorageError: the disk is full or cannot be written.
    """
    path = Path(path)
    suffix = "" if path.is_dir() else path.suffix.lower()
    if suffix in PAGE_SUFFIXES:
        write_file(path, export_page(space, images=images, progress=progress))
        return [path]
    if images is not None:
        raise OptionError(
            f"images is {images}, which says how many images an .html page carries; the output is "
            f"{path}. Leave it out, or name an .html file."
        )
    if suffix in VECTOR_SUFFIXES:
        return [write_vectors(path, space.latents)]
    if suffix:
        raise OptionError(
            f"the output is {path}; expected an .html page, vectors as .npz or .parquet, or a "
            "folder for ONNX files."
        )
    if (path / "space.json").exists():
        raise OptionError(f"the output {path} is a space; name another folder for ONNX files.")
    return _write_nets(Atlas(space), path)


# --- the page ----------------------------------------------------------------------------


def export_page(
    space: Space,
    *,
    images: int | None = None,
    progress: Progress | None = None,
    built: Path = PAGE,
) -> bytes:
    """The explorer page of a space as one HTML file.

    Args:
        space: the space.
        images: how many images it carries at most, the same share of each class; None: 20,000.
        progress: where to report.
        built: the folder of the built page.

    Returns:
        HTML in the encoding windows-1252, in which ``as_text`` writes what it carries.

    Raises:
        OptionError: fewer than one image, or the page is not built.
        SpaceError: the space is damaged.
    """
    progress = progress or NoProgress()
    rows = page_rows(space, images)
    files = {name: page_file(name, built) for name in PAGE_FILES}
    if rows is not None:
        progress.note(
            f"the page carries {len(rows):,} of {len(space):,} images; --images changes that"
        )
    parts = [
        b'<script type="application/x-latlas" data-name="%s" data-packing="%s">%s</script>'
        % (html.escape(name).encode(), packing, as_text(packed))
        for name, packing, packed in _parts(Atlas(space, rows=rows), files, progress)
    ]
    title = html.escape(f"{space.folder.name.removesuffix('.latlas')} · latlas")
    style = b"<style>%s</style>" % _ascii(files, "latlas.css")
    script = _ascii(files, "latlas.js").replace(b"</script", b"<\\/script")
    module = b'<script type="module">%s</script>' % script
    # What the page is made of may only be passed on with its licences.
    licences = _ascii(files, LICENCES).replace(b"</script", b"<\\/script")
    parts.append(b'<script type="text/plain" id="licences">\n%s</script>' % licences)
    page = _ascii(files, "index.html")
    for pattern, new in (
        (rb'<meta charset="[^"]*"', f'<meta charset="{CHARSET}"'.encode()),
        (rb"(?<=<title>)[^<]*(?=</title>)", title.encode("ascii", "xmlcharrefreplace")),
        (rb'<link rel="stylesheet"[^>]*>', style),
        (rb'<script type="module" src="[^"]*"></script>', b"\n".join([*parts, module])),
    ):
        page = _swapped(page, pattern, new)
    return page


def as_text(data: bytes) -> bytes:
    """Bytes as what HTML in windows-1252 can hold: each as it is but for five, 2% more in all.

    This is yEnc (Helbing, 2002) with other exceptions: what HTML would change or end at (NUL, LF,
    CR, <) and = itself become = and the byte plus 64. Base64 takes 33% more.
    """
    for byte in b"=\0\n\r<":  # first the sign that the others bring in
        data = data.replace(bytes([byte]), bytes([61, byte + 64]))
    return data


def _parts(
    atlas: Atlas, files: dict[str, bytes], progress: Progress
) -> Iterator[tuple[str, bytes, bytes]]:
    """Name, packing and packed bytes of all that the page asks for."""
    names = atlas.names()
    with progress.stage("writing the page", len(names) + 3, "parts") as stage:
        for name in names:
            yield name, b"gzip", _gzip(atlas.resource(name).data)
            stage.advance()
        # After the sheets are made, so that it knows their errors.
        edits = Edits(atlas.space)
        changed = edits.revision > 0
        manifest = _plain(atlas.manifest()) | {"edits": changed}
        yield "manifest", b"gzip", _gzip(json.dumps(manifest, ensure_ascii=False).encode())
        if changed:
            yield "edits", b"gzip", _gzip(json.dumps(edits.state()).encode())
        stage.advance()
        yield "worker.js", b"gzip", _gzip(files["worker.js"])
        stage.advance()
        if manifest["decoders"] or manifest["encoders"]:
            yield "ort.wasm", b"lzma", _lzma(files["ort.wasm"])
        stage.advance()


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, 9, mtime=0)


def _lzma(data: bytes) -> bytes:
    """A .lzma file that says its size: for code 40% smaller than gzip.

    It takes some seconds, so it is kept in the cache.
    """

    def make() -> tuple[dict[str, Any], dict[str, Any]]:
        filters = [{"id": lzma.FILTER_LZMA1, "preset": 6, "dict_size": 1 << 24, "lc": 4, "pb": 0}]
        packed = lzma.compress(data, lzma.FORMAT_ALONE, filters=filters)
        return {}, {"packed": np.frombuffer(packed, np.uint8)}

    _, arrays = kept(digest("lzma", np.frombuffer(data, np.uint8)), make)
    packed: bytes = arrays["packed"].tobytes()
    return packed[:5] + len(data).to_bytes(8, "little") + packed[13:]


def page_rows(space: Space, images: int | None) -> IntArray | None:
    """Rows for a page of so many images, see ``export_page``; None for all of them.

    Raises:
        OptionError: fewer than one image.
    """
    most = MOST_IMAGES if images is None else images
    if most < 1:
        raise OptionError(f"images is {most}; a page carries at least 1.")
    count = len(space)
    if count <= most:
        return None
    # Mixed, then sorted by label: rows at equal steps keep the share of each class.
    mixed = np.random.default_rng(0).permutation(count)
    order = mixed[np.argsort(space.latents.labels[mixed], kind="stable")]
    steps = (np.arange(most) + 0.5) * count / most
    return np.sort(order[steps.astype(np.int64)])


def _ascii(files: dict[str, bytes], name: str) -> bytes:
    """A file of the page, which reads the same in any encoding of the whole.

    Raises:
        OptionError: the built page is of another version.
    """
    if not files[name].isascii():
        raise _other_version()
    return files[name]


def _swapped(page: bytes, pattern: bytes, new: bytes) -> bytes:
    """The page with the one place that matches replaced.

    Raises:
        OptionError: the built page is of another version.
    """
    swapped, count = re.subn(pattern, lambda _: new, page, count=1)
    if count != 1:
        raise _other_version()
    return swapped


def _other_version() -> OptionError:
    return OptionError(
        "the built page is not of this version of latlas. In a clone of the sources build it "
        "again with: make web. Otherwise install latlas again."
    )


def _plain(value: Any) -> Any:
    """JSON values with null in place of what JSON has no number for."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


# --- nets --------------------------------------------------------------------------------


def _write_nets(atlas: Atlas, folder: Path) -> list[Path]:
    """Every net as an ONNX file, and ``nets.json``.

    Raises:
        OptionError: the space has no model.
    """
    manifest = atlas.manifest()
    infos = [*manifest["decoders"], *manifest["encoders"]]
    if not infos:
        raise OptionError(f"{atlas.space.folder} has no model that can be read, so it has no nets.")
    made = {info["resource"]: atlas.resource(info["resource"]).data for info in infos}
    facts = {name: manifest[name] for name in ("name", "version", "latentDim", "shape", "scope")}
    facts |= {
        "classes": [each["name"] for each in manifest["classes"]],
        "owners": manifest["owners"],
        "nets": [
            {"file": info["resource"], "parameters": info["parameters"], "told": info["told"]}
            for info in infos
        ],
        "about": ABOUT_NETS,
    }
    made["nets.json"] = json.dumps(_plain(facts), indent=1, ensure_ascii=False).encode()
    for name, data in made.items():
        write_file(folder / name, data)
    return [folder / name for name in made]
