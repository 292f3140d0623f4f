"""A real `latlas serve` in a process of its own, on a free port of this machine."""

from __future__ import annotations

import os
import queue
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/\S*")
INSTALLED = "LATLAS_INSTALLED"  # set by scripts/install_test.py: another latlas than this one
PATIENCE = 120  # seconds; a busy machine takes its time to import torch


@dataclass
class Served:
    """A server that answers.

    Attributes:
        url: the address that it printed, token and all; opens the page.
        space: the folder that it serves.
        process: ends with the server.
        said: the lines that it has printed so far.
    """

    url: str
    space: Path
    process: subprocess.Popen[str]
    said: list[str] = field(default_factory=list)

    @property
    def origin(self) -> str:
        """The address without path and token."""
        return re.match(r"http://[^/]+", self.url)[0]


@contextmanager
def serving(space: Path, *options: str, cache: Path | None = None) -> Iterator[Served]:
    """Serves a space until the block ends.

    Args:
        space: its folder.
        options: further ones of `latlas serve`.
        cache: the LATLAS_CACHE of the server.
    """
    # No browser of whoever runs the tests is to open.
    outside = {"BROWSER": "true", "PYTHONUNBUFFERED": "1", "NO_COLOR": "1", "COLUMNS": "200"}
    if cache is not None:
        outside["LATLAS_CACHE"] = str(cache)
    latlas = [sys.executable, "-m", "latlas"]
    if installed := os.environ.get(INSTALLED):
        latlas = [installed]
        outside["PATH"] = os.environ[f"{INSTALLED}_PATH"]
    process = subprocess.Popen(
        [*latlas, "serve", str(space), "--port", "0", "--no-browser", *options],
        env=os.environ | outside, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, encoding="utf-8",
    )  # fmt: skip
    said: list[str] = []
    lines: queue.Queue[str | None] = queue.Queue()
    reader = threading.Thread(target=_read, args=(process, said, lines), daemon=True)
    reader.start()
    try:
        yield Served(_address(lines, said), space, process, said)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(20)
        reader.join(20)
        process.stdout.close()


def _read(process: subprocess.Popen[str], said: list[str], lines: queue.Queue[str | None]) -> None:
    """Drains the pipe for as long as it lives, so that the server never waits for a reader."""
    for line in process.stdout:
        said.append(line.rstrip())
        lines.put(line)
    lines.put(None)


def _address(lines: queue.Queue[str | None], said: list[str]) -> str:
    while True:
        try:
            line = lines.get(timeout=PATIENCE)
        except queue.Empty:
            line = None
        if line is None:
            raise RuntimeError(
                "latlas serve printed no address http://127.0.0.1:PORT/; it said:\n"
                + "\n".join(said)
            )
        if found := ADDRESS.search(line):
            return found[0].rstrip(".,)")
