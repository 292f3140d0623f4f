"""The application: routes behind the guard, errors in words."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Route

from latlas.contracts import (
    LatlasError,
    OptionError,
    SpaceError,
    UserError,
)
from latlas.edits import StaleError
from latlas.serving.answers import failure, kind_of
from latlas.serving.context import Context, ReadOnlyError, TooSlow
from latlas.serving.guard import Guard, Rules
from latlas.serving.jobs import Jobs
from latlas.serving.lanes import Lanes
from latlas.serving.limits import Limits
from latlas.serving.live import Served
from latlas.serving.routes import edits, model, resources, rows, work

__all__ = ["PAGE", "create_app"]

API = "/api/v1"
TOKEN_CHARACTERS = r"[A-Za-z0-9._~-]"
"""What RFC 3986, section 2.3, calls unreserved: the same in an address as it is."""
PAGE = Path(__file__).parent.parent / "page"
"""Where the built page lies."""


def create_app(
    folder: str | Path,
    *,
    token: str,
    host: str = "127.0.0.1",
    port: int = 8600,
    read_only: bool = False,
    device: str = "auto",
    limits: Limits | None = None,
) -> FastAPI:
    """The application that serves a space.

    Args:
        folder: the space's folder.
        token: the secret that opens it.
        host: the address that the server is bound to.
        port: its port.
        read_only: refuse whatever changes the space.
        device: where the model computes.
        limits: bounds of what one request may ask for.

    Raises:
        OptionError: a short token, or one that an address cannot hold as it is.
        SpaceError: the folder holds no space, or one that is unfinished, damaged or too new.
    """
    if len(token) < 8:
        raise OptionError(f"the token has {len(token)} characters; give at least 8, hard to guess.")
    if strange := sorted(set(re.sub(TOKEN_CHARACTERS, "", token))):
        raise OptionError(
            f"the token has {strange[0]!r}; expected letters A-Z, a-z, digits and . _ ~ - only, as "
            "it is part of an address."
        )
    limits = limits or Limits()
    told = {"readOnly": read_only, "uploadBytes": limits.upload_bytes}
    rules = Rules(token, host, port, limits)
    context = Context(Served(folder, device, told), Lanes(), Jobs(), rules, read_only, PAGE)
    app = FastAPI(
        title="latlas",
        description="A latent space: its map, its images, its verbs.",
        version="1",
        openapi_url=f"{API}/openapi.json",
        docs_url=None,  # its page would come from another host
        redoc_url=None,
        lifespan=_lifespan,
    )
    app.state.context = context
    for module in (resources, rows, model, work, edits):
        app.include_router(module.router, prefix=API)
    app.include_router(resources.pages)
    for kind, handler in _HANDLERS.items():
        app.add_exception_handler(kind, handler)
    for path, endpoint in rows.QUICK.items():
        app.router.routes.insert(0, Route(API + path, endpoint, methods=["POST"]))
    app.add_middleware(Guard, rules=rules)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    context: Context = app.state.context
    yield
    context.jobs.close()
    context.lanes.close()
    context.served.close()


# --- errors ----------------------------------------------------------------------------------


def _status(error: LatlasError) -> int:
    if isinstance(error, StaleError):
        return 409
    if isinstance(error, ReadOnlyError):
        return 403
    if isinstance(error, OptionError) and str(error).lower().startswith("there is no "):
        return 404
    if isinstance(error, SpaceError):
        return 503
    return 400 if isinstance(error, UserError) else 500


async def _in_words(request: Request, error: Exception) -> Response:
    """An error that latlas raises on purpose."""
    if not isinstance(error, LatlasError):
        return await _defect(request, error)
    status = _status(error)
    headers = {"retry-after": "2"} if status == 503 else None
    more = {"revision": error.revision} if isinstance(error, StaleError) else {}
    return failure(status, str(error), headers, kind=kind_of(error), **more)


async def _too_slow(request: Request, error: Exception) -> Response:
    return failure(503, str(error), {"retry-after": "5"}, kind="RunError")


async def _refused(request: Request, error: Exception) -> Response:
    """What the framework itself refuses: an unknown address, another method."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    words = {
        404: f"there is no {request.url.path}; see /api/v1/openapi.json.",
        405: f"{request.url.path} does not take {request.method}; see /api/v1/openapi.json.",
    }
    detail = str(error.detail) if isinstance(error, HTTPException) else str(error)
    return failure(status, words.get(status, detail), kind="OptionError")


async def _misread(request: Request, error: Exception) -> Response:
    """A body or an address that is not as the route takes it."""
    found = error.errors() if isinstance(error, RequestValidationError | ValidationError) else []
    said = [_one(entry) for entry in found[:3]]
    return failure(422, f"the request is not as expected: {'; '.join(said)}.", kind="OptionError")


def _one(entry: Any) -> str:
    place = ".".join(str(part) for part in entry["loc"][1:]) or str(entry["loc"][0])
    return f"{place}: {str(entry['msg'])[:1].lower()}{str(entry['msg'])[1:]}"


async def _defect(request: Request, error: Exception) -> Response:
    return failure(
        500, f"{type(error).__name__}: {error}. This is a defect of latlas.", kind="RunError"
    )


_HANDLERS: dict[Any, Callable[[Request, Exception], Any]] = {
    LatlasError: _in_words,
    TooSlow: _too_slow,
    HTTPException: _refused,
    ValidationError: _misread,
    RequestValidationError: _misread,
    Exception: _defect,
}
