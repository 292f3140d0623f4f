"""Neighbours over HTTP: 1 of 1,000,000 images, asked by 32 clients at once.

The space is made here: that of the digits with its latents replaced by 1,000,000 draws from its
own prior, so that they lie as real ones do. The server is a process of its own, as `latlas serve`
starts it. The clients are threads that each keep one connection and ask again as soon as they are
answered, as tightly as Python can; their own time is part of what is measured.
"""

from __future__ import annotations

import argparse
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from harness import Bench, Contender, Figures, Goal, Medians, child, main

OURS = "latlas serve"
ROWS, QUICK_ROWS = 1_000_000, 50_000
CLIENTS = 32
TOKEN = "a-token-for-the-bench"
START = f"""
import sys
from latlas.serving import serve
serve(sys.argv[1], port=0, token={TOKEN!r}, ready=lambda address: print(address, flush=True))
"""


def large_space(folder: Path, rows: int) -> None:
    """A space of the digits whose table holds so many latents, drawn from its prior."""
    import latlas
    from latlas.contracts import LatentRows
    from latlas.store import LatentStore

    space = latlas.fit("digits", folder, maps=(), pictures=False, epochs=10)
    z = space.prior("gmm").sample(rows, seed=1)
    picture = space.store.thumbnails([0])[0]
    (folder / "latents").rename(folder / "old")
    store = LatentStore.create(folder / "latents", space.latent_dim)
    for start in range(0, rows, 100_000):
        ids = np.arange(start, min(start + 100_000, rows), dtype=np.int64)
        store.append(
            LatentRows(
                ids=ids,
                uris=[f"draw/{number}" for number in ids],
                labels=ids % len(space.classes),
                splits=np.zeros(len(ids), np.uint8),
                z=z[ids],
                errors=np.zeros(len(ids), np.float32),
                thumbnails=[picture] * len(ids),
            )
        )
    space.manifest.latents_version = store.version
    space.manifest.sources[0].images = rows
    space.manifest.write(folder)


@contextmanager
def served(folder: Path) -> Iterator[int]:
    """A server of the space in a process of its own; gives its port."""
    command = [sys.executable, "-c", START, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            address = process.stdout.readline()
            yield int(address.split(":")[2].split("/")[0])
        finally:
            process.terminate()


@contextmanager
def connected(port: int) -> Iterator[socket.socket]:
    """A connection that stays open, without Nagle's delay."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield connection


def ask(connection: socket.socket, port: int, path: str, body: bytes = b"") -> bytes:
    """One request on a connection that stays open; gives the body of the answer."""
    head = (
        f"{'POST' if body else 'GET'} /api/v1{path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Authorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    connection.sendall(head.encode() + body)
    data = b""
    while b"\r\n\r\n" not in data:
        data += connection.recv(65536)
    headers, _, rest = data.partition(b"\r\n\r\n")
    if b" 200 " not in headers[:20]:
        raise SystemExit(f"the server answered {headers[:200]!r}")
    length = int(headers.lower().split(b"content-length: ")[1].split(b"\r")[0])
    while len(rest) < length:
        rest += connection.recv(65536)
    return rest


def load(port: int, rows: int, clients: int, seconds: float) -> list[float]:
    """Seconds that each request took, of clients that ask for so long."""
    taken: list[float] = []
    until = time.perf_counter() + seconds

    def client(number: int) -> None:
        generator = np.random.default_rng(number)
        with connected(port) as connection:
            while (began := time.perf_counter()) < until:
                body = json.dumps({"id": int(generator.integers(rows)), "k": 10}).encode()
                ask(connection, port, "/neighbours", body)
                taken.append(time.perf_counter() - began)

    threads = [threading.Thread(target=client, args=(n,)) for n in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return taken


def neighbours(rows: int, seconds: float) -> Figures:
    with tempfile.TemporaryDirectory(prefix="latlas-bench-serving-") as place:
        folder = Path(place) / "large.latlas"
        large_space(folder, rows)
        began = time.perf_counter()
        with served(folder) as port:
            opened = time.perf_counter() - began
            load(port, rows, 1, 1.0)  # the first question builds what is searched
            alone = load(port, rows, 1, seconds / 2)
            together = load(port, rows, CLIENTS, seconds)
    return {
        "open_s": opened,
        "alone_ms": 1000 * statistics.median(alone),
        "median_ms": 1000 * statistics.median(together),
        "p95_ms": 1000 * float(np.quantile(together, 0.95)),
        "per_second": len(together) / seconds,
    }


def plan(options: argparse.Namespace) -> list[Contender]:
    rows = QUICK_ROWS if options.quick else ROWS
    seconds = 3.0 if options.quick else 10.0
    return [Contender(OURS, child(__file__, "neighbours", rows=rows, seconds=seconds))]


def judge(medians: Medians, options: argparse.Namespace) -> list[Goal]:
    ours = medians[OURS]
    return [
        Goal(f"neighbours, {CLIENTS} clients, median, ms", ours["median_ms"], 50, 10, least=False),
    ]


BENCH = Bench(
    "serving",
    "Exact neighbours of 1 of 1,000,000 latents over HTTP, 32 clients at once.",
    plan,
    judge,
    {"neighbours": neighbours},
)

if __name__ == "__main__":
    main(BENCH)
