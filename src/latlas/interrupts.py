"""Ctrl-C as a flag, so that long work can stop between two steps with its state whole."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["interruption"]


@contextmanager
def interruption() -> Iterator[threading.Event]:
    """Turns the first Ctrl-C into an event that the work reads when it can stop.

    The second Ctrl-C raises ``KeyboardInterrupt`` at once. Outside the main thread, where no
    signal arrives, the event is never set.
    """
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return

    def handle(number: int, frame: FrameType | None) -> None:
        if event.is_set():
            raise KeyboardInterrupt
        event.set()

    before = signal.signal(signal.SIGINT, handle)
    try:
        yield event
    finally:
        signal.signal(signal.SIGINT, before)
