"""``latlas serve``: binds a port, says the address, opens the browser, ends quietly."""

from __future__ import annotations

import contextlib
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import uvicorn
from fastapi import FastAPI

from latlas.contracts import OptionError
from latlas.serving.app import create_app
from latlas.serving.context import Context
from latlas.serving.guard import LOOPBACK, WILD
from latlas.serving.limits import Limits

__all__ = ["DEFAULT_PORT", "bind", "configured", "serve"]

DEFAULT_PORT = 8600
TRIED_PORTS = 100


def serve(
    folder: str | Path,
    *,
    host: str = "127.0.0.1",
    port: int | None = None,
    token: str | None = None,
    read_only: bool = False,
    device: str = "auto",
    stop_after: float | None = None,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serves a space until Ctrl-C, or until nobody asked for ``stop_after`` seconds.

    Args:
        folder: the space's folder.
        host: the address to bind to; beyond this machine it needs a token of yours.
        port: the port; 0 lets the system choose; None takes 8600 or the next that is free.
        token: the secret that opens the page; None draws one.
        read_only: refuse whatever changes the space.
        device: where the model computes.
        stop_after: seconds without a request after which it ends; None: never.
        ready: called with the address, token included, once the server answers.

    Raises:
        OptionError: a port that is taken, another host without a token, or a token that is short
            or has characters that an address cannot hold as they are.
        SpaceError: the folder holds no space, or one that is unfinished, damaged or too new.
    """
    if host not in LOOPBACK and not token:
        raise OptionError(
            f"--host {host} lets other machines in, so it needs a secret of your own: add "
            "--token WORDS (at least 8 characters), or leave --host out."
        )
    secret = token or secrets.token_urlsafe(24)
    bound = bind(host, port)
    with bound:
        number = int(bound.getsockname()[1])
        app = create_app(
            folder,
            token=secret,
            host=host,
            port=number,
            read_only=read_only,
            device=device,
            limits=Limits(stop_after=stop_after),
        )
        server = uvicorn.Server(configured(app))
        shown = "127.0.0.1" if host in WILD else f"[{host}]" if ":" in host else host
        address = f"http://{shown}:{number}/?token={quote(secret, safe='')}"
        watch = threading.Thread(
            target=_watch, args=(server, app.state.context, address, ready), daemon=True
        )
        watch.start()
        with contextlib.suppress(KeyboardInterrupt):  # it was asked to end, and did
            server.run(sockets=[bound])


def configured(app: FastAPI) -> uvicorn.Config:
    """How uvicorn runs the application: quiet, and gone soon after it is asked to end."""
    return uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="none",
        timeout_keep_alive=30,
        timeout_graceful_shutdown=2,
    )


def bind(host: str, port: int | None) -> socket.socket:
    """A socket bound to a port; None takes 8600 or the next that is free.

    Raises:
        OptionError: the port is taken or the address is not this machine's.
    """
    numbers = range(DEFAULT_PORT, DEFAULT_PORT + TRIED_PORTS) if port is None else [port]
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    problem: OSError | None = None
    for number in numbers:
        # Named, as asyncio sends small answers at once (TCP_NODELAY) only where it is.
        bound = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        if os.name != "nt":  # there it would let two servers share one port
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((host, number))
        except (OSError, OverflowError) as error:
            bound.close()
            problem = error if isinstance(error, OSError) else OSError(0, str(error))
            continue
        return bound
    said = problem.strerror if problem else ""
    where = f"port {port}" if port is not None else f"the ports from {DEFAULT_PORT} on"
    raise OptionError(
        f"cannot listen on {host}, {where}: {said or problem}. Choose another with --port, or "
        "--port 0 for any that is free."
    )


def _watch(
    server: uvicorn.Server, context: Context, address: str, ready: Callable[[str], None] | None
) -> None:
    """Says when the server answers, and ends it when nobody asks any more."""
    while not server.started:
        if server.should_exit:
            return
        time.sleep(0.01)
    if ready is not None:
        ready(address)
    idle = context.limits.stop_after
    while idle is not None and not server.should_exit:
        left = context.rules.last + idle - time.monotonic()
        if left <= 0 and not context.busy():
            server.should_exit = True
        time.sleep(min(max(left, 0.05), 1.0))
