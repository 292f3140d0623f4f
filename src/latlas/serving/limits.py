"""How much one request may ask for, and how often."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from dataclasses import dataclass

__all__ = ["Limits", "RateLimit"]

MOST_CALLERS = 4096


@dataclass(frozen=True)
class Limits:
    """The bounds of the server.

    Attributes:
        upload_bytes: bytes of one image that is sent.
        body_bytes: bytes of any other body.
        pixels: pixels of one image that is sent, before it is resized.
        body_seconds: time in which a whole body must arrive.
        work_seconds: time after which the answer to a request is given up.
        uploads_per_minute: images that one address may send when the server is bound beyond this
            machine; on this machine alone there is no such bound.
        guesses_per_minute: wrong tokens that one address may send when the server is bound beyond
            this machine; then it has to wait, also with the right one.
        rows: latents or images in one request.
        samples: images in one sample.
        stop_after: seconds without a request after which the server ends; None: never.
    """

    upload_bytes: int = 20 << 20
    body_bytes: int = 32 << 20
    pixels: int = 50_000_000
    body_seconds: float = 30.0
    work_seconds: float = 120.0
    uploads_per_minute: int = 60
    guesses_per_minute: int = 20
    rows: int = 4096
    samples: int = 1024
    stop_after: float | None = None


class RateLimit:
    """At most so many calls of one caller in any window of some seconds.

    Args:
        most: calls in a window.
        seconds: length of the window.
    """

    def __init__(self, most: int, seconds: float = 60.0) -> None:
        self._most, self._seconds = most, seconds
        self._calls: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, caller: str, count: bool = True) -> float:
        """Seconds until this caller may call again; 0: now, and the call is counted.

        Without ``count`` it only looks.
        """
        now = time.monotonic()
        with self._lock:
            if not count and caller not in self._calls:
                return 0.0
            calls = self._calls.setdefault(caller, deque())
            self._calls.move_to_end(caller)
            while calls and now - calls[0] >= self._seconds:
                calls.popleft()
            if len(calls) >= self._most:
                return max(self._seconds - (now - calls[0]), 1e-3)
            if not count:
                return 0.0
            calls.append(now)
            while len(self._calls) > MOST_CALLERS:
                self._calls.popitem(last=False)
            return 0.0
