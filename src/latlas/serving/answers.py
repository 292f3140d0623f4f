"""What every route answers with: JSON, errors in words, bytes that the browser may keep."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from latlas.contracts import LatlasError, RunError

__all__ = [
    "QUICK_BYTES",
    "failure",
    "json_answer",
    "json_bytes",
    "kept_answer",
    "kind_of",
    "pack",
    "wants_gzip",
]

QUICK_BYTES = 4 << 20
"""Above this size bytes are packed in a hurry."""
PACKED = ("image/", "application/zip", "application/gzip")


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is no JSON value")


def _finite(value: Any) -> Any:
    """The value with null for every number that JSON lacks."""
    if isinstance(value, np.generic | np.ndarray):
        value = _plain(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return value


def json_bytes(value: Any) -> bytes:
    """JSON text; numpy becomes plain, and NaN and infinity become null."""
    options: dict[str, Any] = {"default": _plain, "ensure_ascii": False, "separators": (",", ":")}
    try:
        text = json.dumps(value, allow_nan=False, **options)
    except ValueError:
        text = json.dumps(_finite(value), allow_nan=False, **options)
    return text.encode()


def json_answer(
    value: Any, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """A JSON response, see ``json_bytes``."""
    return Response(json_bytes(value), status, dict(headers or {}), "application/json")


def failure(
    status: int, words: str, headers: Mapping[str, str] | None = None, **more: Any
) -> Response:
    """An error as JSON, ``{"error": words}``."""
    return json_answer({"error": words} | more, status, headers)


def kind_of(error: LatlasError) -> str:
    """The class of the error's tree that a client can raise again."""
    known = {"OptionError", "SourceError", "SpaceError", "TrainingError", "StorageError"}
    names = [kind.__name__ for kind in type(error).__mro__]
    usual = "RunError" if isinstance(error, RunError) else "UserError"
    return next((name for name in names if name in known), usual)


def pack(data: bytes, kind: str) -> bytes | None:
    """The bytes as gzip; None where that does not help."""
    if len(data) < 512 or kind.startswith(PACKED):
        return None
    packed = gzip.compress(data, 1 if len(data) > QUICK_BYTES else 6, mtime=0)
    return packed if len(packed) < 0.95 * len(data) else None


def wants_gzip(request: Request) -> bool:
    """Whether the caller takes gzip."""
    return "gzip" in request.headers.get("accept-encoding", "")


def kept_answer(
    request: Request, data: bytes, packed: bytes | None, kind: str, tag: str, fixed: bool = False
) -> Response:
    """Bytes that a browser keeps and asks about again, or for ever where ``fixed``."""
    keep = "private, max-age=31536000, immutable" if fixed else "private, no-cache"
    quoted = f'"{tag}"'
    headers = {"etag": quoted, "cache-control": keep, "vary": "Accept-Encoding"}
    # Content-Length is that of the packed bytes, and a page counts those that it has unpacked.
    headers["x-size"] = str(len(data))
    if quoted in request.headers.get("if-none-match", "").replace("W/", ""):
        return Response(status_code=304, headers=headers)
    if packed is not None and wants_gzip(request):
        return Response(packed, headers=headers | {"content-encoding": "gzip"}, media_type=kind)
    return Response(data, headers=headers, media_type=kind)
