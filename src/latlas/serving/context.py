"""What the routes share, and how they reach it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from starlette.responses import Response

from latlas.contracts import OptionError, Progress
from latlas.serving.guard import Rules
from latlas.serving.jobs import Jobs
from latlas.serving.lanes import Lane, Lanes
from latlas.serving.limits import Limits
from latlas.serving.live import Live, Served

__all__ = ["Context", "Here", "ReadOnlyError", "TooSlow"]

Result = TypeVar("Result")
LONGEST_READER = 64


class ReadOnlyError(OptionError):
    """A change that a read-only server refuses."""


class TooSlow(Exception):  # noqa: N818 - it is an answer, not a defect
    """Work that took longer than one request may."""


@dataclass
class Context:
    """What the routes share.

    Attributes:
        served: the space.
        lanes: where blocking work runs.
        jobs: long work.
        rules: what the guard holds.
        read_only: nothing may be changed.
        page: the folder of the built page.
        reader: who asks, as the header X-Reader says; "" for all who do not say it.
    """

    served: Served
    lanes: Lanes
    jobs: Jobs
    rules: Rules
    read_only: bool
    page: Path
    reader: str = ""

    @property
    def limits(self) -> Limits:
        """Bounds of what one request may ask for."""
        return self.rules.limits

    async def live(self) -> Live:
        """The space as it is on the disk.

        Raises:
            Unready: it cannot be read at this moment.
        """
        live = self.served.now()
        return await self.lanes.opening.run(self.served.open) if live is None else live

    def busy(self) -> bool:
        """Whether work goes on that nobody waits for."""
        return self.jobs.busy()

    def writable(self) -> None:
        """Lets a change through.

        Raises:
            ReadOnlyError: the server refuses changes.
        """
        if self.read_only:
            raise ReadOnlyError(
                "this server is read-only: it was started with --read-only. Nothing was changed."
            )

    def start(
        self,
        kind: str,
        asked: Mapping[str, Any],
        work: Callable[[Progress], Any],
        *,
        writes: bool = False,
    ) -> Response:
        """Starts a job, or finds the one that was asked for already: the answer 202."""
        job = self.jobs.start(kind, asked, self.served.stamp, work, self.reader, writes=writes)
        return Response(job.body(), 202, media_type="application/json")

    async def quick(self, work: Callable[[], Result]) -> Result:
        """Reads something that lies ready."""
        return await self._timed(self.lanes.quick, work)

    async def model(self, work: Callable[[], Result]) -> Result:
        """Asks the nets of the space."""
        return await self._timed(self.lanes.model, work)

    async def slow(self, work: Callable[[], Result]) -> Result:
        """Makes what takes seconds."""
        return await self._timed(self.lanes.slow, work)

    async def _timed(self, lane: Lane, work: Callable[[], Result]) -> Result:
        try:
            async with asyncio.timeout(self.limits.work_seconds):
                return await lane.run(work)
        except TimeoutError as error:
            raise TooSlow(
                f"this took longer than {self.limits.work_seconds:g} s and was given up; ask for "
                "less, or again when the server has less to do."
            ) from error


async def _context(request: Request) -> Context:
    found: Context = request.app.state.context
    reader = request.headers.get("x-reader", "")[:LONGEST_READER]
    return replace(found, reader=reader) if reader else found


Here = Annotated[Context, Depends(_context)]
"""The context, as a parameter of a route."""
