"""What the page is made of: itself, the manifest, columns, pictures."""

from __future__ import annotations

import functools
import mimetypes
from pathlib import Path

import numpy as np
from fastapi import APIRouter, Request
from PIL import Image
from starlette.responses import Response

from latlas.contracts import OptionError, SpaceError, UInt8Array
from latlas.serving.answers import failure, json_answer, kept_answer, pack
from latlas.serving.context import Here
from latlas.serving.live import Live
from latlas.serving.routes.pictures import png
from latlas.thumbnails import MOST_SIDE

router = APIRouter(tags=["what the page reads"])
pages = APIRouter(include_in_schema=False)
MOST_IMAGE_SIDE = 1024
CHANGED = "the space has changed; load the page again"
NO_PAGE = (
    "the page is not built: src/latlas/page/index.html is missing. Build it with: make web. "
    "The API under /api/v1 works without."
)


@router.head("/health", include_in_schema=False)
@router.get("/health", summary="Whether the server is there; needs no token")
async def health() -> dict[str, bool]:
    """``{"ok": true}``."""
    return {"ok": True}


@router.get("/manifest", summary="Everything that the page knows before it loads a column")
async def manifest(here: Here) -> Response:
    """The manifest of the space, as ``web/src/contracts.ts`` describes it."""
    live = await here.live()
    data = await here.quick(live.manifest)
    return json_answer(data, headers={"cache-control": "private, no-cache"})


@router.get("/resources/{name}", summary="The bytes of a resource")
async def resource(name: str, request: Request, here: Here, v: str = "") -> Response:
    """Columns, maps, nets, pictures; names are in the manifest.

    With ``?v=FINGERPRINT`` of the manifest the browser may keep them for ever. Where rows or maps
    are others than they were in that state, the answer is 409.
    """
    live = await here.live()
    if v and not here.served.fits(v, live):
        return failure(409, CHANGED)
    run = here.slow if live.is_slow(name) else here.quick
    data, packed, kind = await run(lambda: live.resource(name))
    return kept_answer(request, data, packed, kind, live.fingerprint, fixed=v == live.fingerprint)


@router.get("/images/{id}", summary="An image as a PNG file")
async def image(
    id: int,  # noqa: A002 - the name in the address
    request: Request,
    here: Here,
    size: int | None = None,
) -> Response:
    """The original pixels; the stored thumbnail where the source is gone.

    ``?size=`` gives the longer side in pixels, for enlarging by whole pixels or shrinking.
    """
    if size is not None and not 1 <= size <= MOST_IMAGE_SIDE:
        raise OptionError(f"size is {size}; expected 1 to {MOST_IMAGE_SIDE} pixels.")
    live = await here.live()
    row = live.latents.row(id)
    data = await here.quick(lambda: _image(live, row, size))
    return kept_answer(request, data, None, "image/png", f"{live.fingerprint}-{size or 0}")


def _image(live: Live, row: int, size: int | None) -> bytes:
    pixels = _pixels(live, row)
    height, width = pixels.shape[:2]
    if size is None or size == max(height, width):
        return png(pixels)
    scale = size / max(height, width)
    shape = max(1, round(width * scale)), max(1, round(height * scale))
    how = Image.Resampling.NEAREST if scale > 1 else Image.Resampling.BICUBIC
    picture = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    resized = np.asarray(picture.resize(shape, how))
    return png(resized[..., None] if resized.ndim == 2 else resized)


def _pixels(live: Live, row: int) -> UInt8Array:
    space = live.space
    wanted = [int(live.latents.ids[row])]
    if max(space.shape[:2]) <= MOST_SIDE:
        return space.thumbnails(wanted)[0, ...]
    try:
        return space.pixels(np.array([row]))[0, ...]
    except SpaceError:  # the source is gone
        return space.thumbnails(wanted)[0, ...]


# --- the page itself -------------------------------------------------------------------------


@pages.get("/")
async def index(request: Request, here: Here) -> Response:
    """The page."""
    return await _file(request, here, "index.html")


@pages.get("/assets/{name}")
async def asset(name: str, request: Request, here: Here) -> Response:
    """A script, style sheet or net runtime of the page."""
    return await _file(request, here, name)


async def _file(request: Request, here: Here, name: str) -> Response:
    # Only what a listing of the folder names can be asked for, so no name leads out of it.
    known = await here.quick(lambda: _listing(here.page))
    if name not in known:
        missing = name == "index.html"
        return failure(503 if missing else 404, NO_PAGE if missing else f"there is no {name!r}.")
    stamp = known[name]
    data, packed, kind = await here.quick(lambda: _packed(here.page / name, stamp))
    return kept_answer(request, data, packed, kind, f"{stamp[0]:x}-{stamp[1]:x}")


def _listing(folder: Path) -> dict[str, tuple[int, int]]:
    """The plain files of a folder with time and size."""
    if not folder.is_dir():
        return {}
    files = [path for path in folder.iterdir() if path.is_file() and not path.is_symlink()]
    return {p.name: (p.stat().st_mtime_ns, p.stat().st_size) for p in files}


@functools.lru_cache(maxsize=32)
def _packed(path: Path, stamp: tuple[int, int]) -> tuple[bytes, bytes | None, str]:
    """A file of the page, itself and as gzip; ``stamp`` tells one state of it from the next."""
    data = path.read_bytes()
    known = {".js": "text/javascript", ".wasm": "application/wasm", ".css": "text/css"}
    kind = (
        known.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    )
    return data, pack(data, kind), kind
