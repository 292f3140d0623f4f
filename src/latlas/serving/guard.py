"""What stands before every route: who may ask, from where, how much and how often.

Any page in the reader's browser can send requests to a port of this machine, so binding to
127.0.0.1 protects nothing by itself. Held here:

- Host must be this machine's: a name that an attacker points at 127.0.0.1 (DNS rebinding) is not.
- Origin, where the browser names one, must be the page's own, and Sec-Fetch-Site must not say
  that another site asks; a browser that changes something must say one of the two.
- A random token: once in the address, then in a cookie that no script can read and no other site
  can send (HttpOnly, SameSite=Strict), or as ``Authorization: Bearer``. Compared in constant time.
- Bodies have a bound in bytes and in time; beyond this machine uploads have one in number.

References: Fetch Metadata Request Headers (W3C, 2025); RFC 6265bis, section 5.6.7 (SameSite);
Jackson et al., "Protecting Browsers from DNS Rebinding Attacks", CCS 2007.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import re
import socket
import time
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from latlas.serving.answers import failure
from latlas.serving.limits import Limits, RateLimit

__all__ = ["SECURITY_HEADERS", "Guard", "Rules"]

SECURITY_HEADERS = {
    "content-security-policy": "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; "
    "worker-src 'self' blob:; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; "
    "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
_SECURITY = [(name.encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]
_SECURITY_NAMES = {name for name, _ in _SECURITY}
HEALTH = "/api/v1/health"
UPLOADS = ("/api/v1/encode", "/api/v1/explain")
READS = ("GET", "HEAD")
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
WILD = {"0.0.0.0", "::", ""}
DRAINED = 4
"""A body that is too large is read on, to so many times the bound, so that the answer arrives."""
SEES_THE_WAY_IN = (
    "this page needs the token of the server. Open the address that latlas serve printed, with "
    "?token=... at its end."
)


@dataclass
class Rules:
    """What the guard holds.

    Attributes:
        token: the secret.
        host: the address that the server is bound to.
        port: its port; the cookie is named after it, as cookies do not know ports.
        limits: bounds of bodies and uploads.
        last: when the last request came, by ``time.monotonic``.
    """

    token: str
    host: str
    port: int
    limits: Limits = field(default_factory=Limits)
    last: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.local = self.host in LOOPBACK
        self.names = set(LOOPBACK) | ({self.host.lower()} - WILD)
        if self.host in WILD:
            self.names |= {socket.gethostname().lower(), socket.getfqdn().lower()}
        self.uploads = RateLimit(self.limits.uploads_per_minute)
        self.guesses = RateLimit(self.limits.guesses_per_minute)

    @property
    def cookie(self) -> str:
        """Name of the cookie that holds the token."""
        return f"latlas_{self.port}"

    def knows(self, host: str) -> bool:
        """Whether a Host header names this server; the port may be that of a tunnel."""
        name = re.sub(r":\d+$", "", host.lower()).strip("[]").rstrip(".")
        if name in self.names:
            return True
        return self.host in WILD and _is_address(name)

    def opens(self, given: str) -> bool:
        """Whether this is the token; takes the same time wherever it differs."""
        return hmac.compare_digest(given.encode(), self.token.encode())


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class Guard:
    """An ASGI layer that lets through what the rules allow.

    Args:
        app: what stands behind it.
        rules: what to hold.
    """

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self._app, self._rules = app, rules

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers by itself, or passes on with the body read and headers added."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        self._rules.last = time.monotonic()
        guarded = _with_headers(send)
        headers = Headers(scope=scope)
        refused = self._refusal(scope, headers)
        if refused is None:
            body = await self._body(scope, receive)
            if isinstance(body, bytes):
                await self._app(scope, _replay(body, receive), guarded)
                return
            refused = body
        await refused(scope, receive, guarded)

    # --- who and from where -------------------------------------------------------------

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        """The answer to a request that is not let through; None: go on."""
        foreign = self._foreign(scope, headers)
        if foreign is not None:
            return foreign
        if scope["path"] == HEALTH:
            if scope["method"] in READS:
                return None
            words = f"{HEALTH} does not take {scope['method']}; see /api/v1/openapi.json."
            return failure(405, words, {"allow": "GET, HEAD", "connection": "close"})
        guessed = self._guessed_too_often(scope)
        if guessed is not None:
            return guessed
        if scope["path"] == "/" and scope["method"] in READS:
            entered = self._enter(scope, headers)
            if entered is not None:
                return entered
        by_header = self._bearer(headers)
        if by_header is False or (by_header is None and not self._has_cookie(headers)):
            self._rules.guesses.wait(_caller(scope))
            if scope["path"].startswith("/api/"):
                return failure(401, f"the token is missing or wrong: {SEES_THE_WAY_IN}")
            return HTMLResponse(_page(SEES_THE_WAY_IN), 401)
        # Browsers name the origin of whatever changes something; one that does not is none.
        named = "origin" in headers or headers.get("sec-fetch-site") == "same-origin"
        if by_header is None and scope["method"] not in READS and not named:
            return failure(
                403, "a change needs the header Origin, or the token as Authorization: Bearer."
            )
        return self._too_often(scope)

    def _foreign(self, scope: Scope, headers: Headers) -> Response | None:
        host = headers.get("host", "")
        if not self._rules.knows(host):
            return failure(
                403,
                f"the address {host!r} is not this server's. Open http://{self._rules.host}:"
                f"{self._rules.port}/, or bind to that address with --host.",
            )
        origin = headers.get("origin")
        if origin is not None and origin.partition("://")[2].lower() != host.lower():
            return failure(403, f"the page {origin} may not talk to this server.")
        site = headers.get("sec-fetch-site", "none")
        if site in {"same-origin", "none"}:
            return None
        # A link on another page may lead here, but only to the page itself.
        to_page = scope["path"] == "/" and headers.get("sec-fetch-mode") == "navigate"
        if to_page and scope["method"] == "GET":
            return None
        return failure(403, "another site may not talk to this server.")

    def _bearer(self, headers: Headers) -> bool | None:
        """Whether the Authorization header opens; None where there is none."""
        given = headers.get("authorization")
        if given is None:
            return None
        scheme, _, token = given.partition(" ")
        return scheme.lower() == "bearer" and self._rules.opens(token.strip())

    def _has_cookie(self, headers: Headers) -> bool:
        try:
            found = SimpleCookie(headers.get("cookie", "")).get(self._rules.cookie)
        except CookieError:
            return False
        return found is not None and self._rules.opens(found.value)

    def _enter(self, scope: Scope, headers: Headers) -> Response | None:
        """Turns the token of the address into a cookie, and takes it out of the address."""
        pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = [value for name, value in pairs if name == "token"]
        if not given or not self._rules.opens(given[-1]):
            return None
        rest = urlencode([pair for pair in pairs if pair[0] != "token"])
        target = f"/?{rest}" if rest else "/"
        answer: Response
        if headers.get("sec-fetch-site", "none") in {"same-origin", "none"}:
            answer = RedirectResponse(target, 303)
        else:
            # A redirect that another page began would not carry the cookie; a page of ours does.
            answer = HTMLResponse(_page("One moment ...", target))
        answer.set_cookie(
            self._rules.cookie, self._rules.token, httponly=True, samesite="strict", path="/"
        )
        return answer

    # --- how much and how often ---------------------------------------------------------

    def _guessed_too_often(self, scope: Scope) -> Response | None:
        if self._rules.local:
            return None
        seconds = self._rules.guesses.wait(_caller(scope), count=False)
        return _later(seconds, "this address sent a wrong token too often")

    def _too_often(self, scope: Scope) -> Response | None:
        if self._rules.local or scope["path"] not in UPLOADS or scope["method"] != "POST":
            return None
        seconds = self._rules.uploads.wait(_caller(scope))
        most = self._rules.limits.uploads_per_minute
        return _later(seconds, f"this address sent {most} images within a minute")

    async def _body(self, scope: Scope, receive: Receive) -> bytes | Response:
        """The whole body, or the answer to one that is too large or too slow."""
        if scope["path"] == HEALTH:  # nobody has shown a token
            return b""
        limits = self._rules.limits
        # Whatever it calls itself: what a caller says of a body must not widen its bound.
        upload = scope["path"] in UPLOADS
        most = limits.upload_bytes if upload else limits.body_bytes
        try:
            async with asyncio.timeout(limits.body_seconds):
                body = await _read(receive, most)
        except TimeoutError:
            return failure(
                408,
                f"the request did not arrive within {limits.body_seconds:g} s; send it again.",
                {"connection": "close"},
            )
        if body is None:
            what = "image" if upload else "request"
            return failure(
                413,
                f"the {what} is larger than {most / 2**20:g} MB, the most that is taken. "
                "Send a smaller one.",
                {"connection": "close"},
            )
        return body


def _caller(scope: Scope) -> str:
    return str((scope.get("client") or ("?",))[0])


def _later(seconds: float, why: str) -> Response | None:
    """The answer to one who has to wait for so long; None: nobody has to."""
    if not seconds:
        return None
    return failure(429, f"{why}; wait {seconds:.0f} s.", {"retry-after": str(int(seconds) + 1)})


async def _read(receive: Receive, most: int) -> bytes | None:
    """The body of a request; None where it is larger than ``most`` bytes."""
    parts: list[bytes] = []
    size, more = 0, True
    while more and size <= DRAINED * most:
        message = await receive()
        if message["type"] != "http.request":
            break
        part = message.get("body", b"")
        size += len(part)
        if size <= most:
            parts.append(part)
        more = message.get("more_body", False)
    return b"".join(parts) if size <= most else None


def _replay(body: bytes, receive: Receive) -> Receive:
    """Gives the body that was read already, then what comes after it."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again


def _with_headers(send: Send) -> Send:
    """Adds the security headers to every response."""

    async def guarded(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = message.get("headers", ())
            names = {name for name, _ in given}
            # As bytes and in one go: this is done for every answer.
            message["headers"] = [
                *(each for each in given if each[0] not in _SECURITY_NAMES),
                *_SECURITY,
                *([] if b"cache-control" in names else [(b"cache-control", b"no-store")]),
            ]
        await send(message)

    return guarded


def _page(words: str, target: str = "") -> str:
    """A page of one sentence, which leads on where there is a target."""
    escaped = target.replace("&", "&amp;").replace('"', "%22").replace("<", "%3C")
    onward = f'<meta http-equiv="refresh" content="0;url={escaped}">' if target else ""
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8">{onward}<title>latlas</title>'
        '<body style="font:1rem/1.5 system-ui,sans-serif;max-width:36rem;margin:20vh auto;'
        f'padding:0 1rem"><h1 style="font-size:1.25rem">latlas</h1><p>{words}</p>'
    )
