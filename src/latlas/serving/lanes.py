"""Threads apart from the event loop, in lanes: what is slow waits behind what is slow only."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

__all__ = ["Lane", "Lanes"]

Result = TypeVar("Result")


class Lane:
    """Some threads that work through one queue; they end with the process.

    Args:
        name: what the threads are called.
        threads: how many; 1 does one thing after the other.
    """

    def __init__(self, name: str, threads: int = 1) -> None:
        self._waiting: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None]
        self._waiting = queue.SimpleQueue()
        self._count = threads
        for number in range(threads):
            threading.Thread(target=self._work, name=f"{name}-{number}", daemon=True).start()

    def submit(self, work: Callable[[], Result]) -> Future[Result]:
        """Puts work at the end of the queue."""
        future: Future[Result] = Future()
        self._waiting.put((future, work))
        return future

    async def run(self, work: Callable[[], Result]) -> Result:
        """Does the work here and waits for it without blocking the event loop."""
        return await asyncio.wrap_future(self.submit(work))

    def close(self) -> None:
        """Lets the threads end when they have done what they are at."""
        for _ in range(self._count):
            self._waiting.put(None)

    def _work(self) -> None:
        while (entry := self._waiting.get()) is not None:
            future, work = entry
            if not future.set_running_or_notify_cancel():
                continue  # whoever asked has gone
            try:
                future.set_result(work())
            except BaseException as error:
                future.set_exception(error)


class Lanes:
    """The lanes of a server.

    Attributes:
        quick: reading what lies ready: resources, images, rows, edits.
        model: one thread that asks the nets, for what a reader waits for.
        slow: resources that take seconds to make for the first time.
        opening: one thread that opens the space again.
    """

    def __init__(self) -> None:
        self.quick = Lane("latlas-quick", 4)
        self.model = Lane("latlas-model")
        self.slow = Lane("latlas-slow", 2)
        self.opening = Lane("latlas-opening")

    def close(self) -> None:
        """Lets all threads end."""
        for lane in (self.quick, self.model, self.slow, self.opening):
            lane.close()
