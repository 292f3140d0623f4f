"""Long work, with progress, cancel and results that stay: a thread for each kind, one for writers.

A job that is asked for again while it waits, runs, or has its result is the same job, so that a
page that was reloaded finds it. What a job fitted is kept in the space, and so is the state of a
training that was stopped: asked for again, also after a restart, the work goes on from there.
"""

from __future__ import annotations

import contextlib
import json
import queue
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from latlas.contracts import LatlasError, OptionError, Progress
from latlas.serving.answers import json_bytes, kind_of

__all__ = ["Job", "Jobs"]

KEPT_SECONDS = 3600.0
MOST_KEPT = 50
MOST_BYTES = 256 << 20
MOST_WAITING = 20
ENDING_SECONDS = 10.0
WRITING = "writing"
ENDED = ("done", "failed", "cancelled")
Work = Callable[[Progress], Any]


class _Stopped(BaseException):
    """The reader cancelled; no ``except Exception`` on the way keeps it."""


@dataclass
class Job:
    """One piece of long work.

    Attributes:
        id: names it in the address.
        kind: what it does, for instance ``"sample"``.
        state: ``queued``, ``running``, ``done``, ``failed`` or ``cancelled``.
        done: share of the stage that runs, 0..1.
        text: what it does now, for a person.
        result: JSON text, once it is done.
        belongs: the state of the space that the result belongs to.
        error: what went wrong, in words.
        error_kind: the class of the error, for a client to raise again.
        ended: when, by ``time.monotonic``; 0 before.
        holders: the readers who asked for it and did not cancel it.
    """

    id: str
    kind: str
    key: str
    work: Work
    stamp: Callable[[], str]
    state: str = "queued"
    done: float = 0.0
    text: str = "waiting for its turn"
    result: bytes = b""
    belongs: str = ""
    error: str = ""
    error_kind: str = ""
    ended: float = 0.0
    holders: set[str] = field(default_factory=set)
    stop: threading.Event = field(default_factory=threading.Event)
    over: threading.Event = field(default_factory=threading.Event)

    def shown(self) -> dict[str, Any]:
        """The job as JSON values, without its result."""
        facts: dict[str, Any] = {
            "id": self.id,
            "kind": self.kind,
            "state": self.state,
            "done": self.done,
            "text": self.text,
        }
        if self.error:
            facts |= {"error": self.error, "error_kind": self.error_kind}
        return facts

    def body(self) -> bytes:
        """The job as JSON text, with its result where there is one."""
        head = json.dumps(self.shown(), ensure_ascii=False).encode()
        return head[:-1] + b',"result":' + self.result + b"}" if self.result else head


class _Report:
    """The house's progress, written into a job; where a cancelled job stops."""

    def __init__(self, job: Job) -> None:
        self._job = job

    @contextlib.contextmanager
    def stage(self, name: str, total: float | None = None, unit: str = "") -> Iterator[_Stage]:
        self._check()
        self._job.text, self._job.done = name, 0.0
        yield _Stage(self._job, name, total, self._check)
        self._check()

    def note(self, message: str) -> None:
        self._check()
        self._job.text = message

    def _check(self) -> None:
        if self._job.stop.is_set():
            raise _Stopped


class _Stage:
    def __init__(self, job: Job, name: str, total: float | None, check: Callable[[], None]) -> None:
        self._job, self._name, self._total, self._check = job, name, total, check
        self._done = 0.0

    def advance(self, amount: float = 1, **fields: float | str) -> None:
        self._check()
        self._done += amount
        if self._total:
            self._job.done = min(self._done / self._total, 1.0)
        said = "  ".join(f"{key.replace('_', ' ')} {_short(v)}" for key, v in fields.items())
        self._job.text = f"{self._name}  {said}".rstrip()


def _short(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"


class Jobs:
    """All jobs of a server.

    Args:
        kept_seconds: how long a result stays.
    """

    def __init__(self, kept_seconds: float = KEPT_SECONDS) -> None:
        self._kept = kept_seconds
        self._jobs: dict[str, Job] = {}
        self._queues: dict[str, queue.SimpleQueue[Job | None]] = {}
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()

    def start(
        self,
        kind: str,
        asked: Mapping[str, Any],
        stamp: Callable[[], str],
        work: Work,
        reader: str = "",
        *,
        writes: bool = False,
    ) -> Job:
        """Queues work, or finds it where it was asked for already.

        Args:
            kind: what is done; jobs of a kind run one after the other.
            asked: what was asked, as JSON values.
            stamp: tells one state of the space from another; a result of another state is not
                given again.
            work: does it, with where to report; gives JSON values.
            reader: who asks.
            writes: it changes the space; whatever does so is done one after the other.

        Raises:
            OptionError: too many jobs wait already.
        """
        key, now = json.dumps([kind, asked], sort_keys=True, default=str), stamp()
        with self._lock:
            self._forget()
            for job in self._jobs.values():
                if job.key == key and (
                    job.state in {"queued", "running"}
                    or (job.state == "done" and job.belongs == now)
                ):
                    job.holders.add(reader)
                    return job
            if sum(job.state == "queued" for job in self._jobs.values()) >= MOST_WAITING:
                raise OptionError(
                    f"{MOST_WAITING} jobs wait already; wait until some are done, or cancel some."
                )
            job = Job(secrets.token_hex(8), kind, key, work, stamp, holders={reader})
            self._jobs[job.id] = job
            self._queue_of(WRITING if writes else kind).put(job)
            return job

    def get(self, name: str) -> Job:
        """A job by id.

        Raises:
            OptionError: there is none, or its result was given up.
        """
        with self._lock:
            self._forget()
            if name not in self._jobs:
                raise OptionError(
                    f"there is no job {name!r}; results are kept for {self._kept / 60:.0f} "
                    "minutes. Ask for the work again."
                )
            return self._jobs[name]

    def all(self) -> list[Job]:
        """Every job that is known, the newest first."""
        with self._lock:
            self._forget()
            return list(reversed(self._jobs.values()))

    def cancel(self, name: str, reader: str = "", *, everyone: bool = False) -> Job:
        """Lets go of a job for one of those who asked for it, or for all; without any it ends.

        It ends at its next report of progress. A training keeps its state, and goes on from there
        when it is asked for again; other work begins anew.
        """
        job = self.get(name)
        with self._lock:
            job.holders = set() if everyone else job.holders - {reader}
            if job.holders:
                return job
            job.stop.set()
            if job.state not in ENDED:
                self._end(job, "cancelled", "cancelled")
        return job

    def busy(self) -> bool:
        """Whether a job waits or runs."""
        with self._lock:
            return any(job.state in {"queued", "running"} for job in self._jobs.values())

    def close(self) -> None:
        """Cancels all jobs and waits a while for the threads to end.

        A thread that trains while the interpreter goes would take the process down with it.
        """
        with self._lock:
            for job in self._jobs.values():
                job.stop.set()
            for waiting in self._queues.values():
                waiting.put(None)
        until = time.monotonic() + ENDING_SECONDS
        for thread in self._threads:
            thread.join(max(until - time.monotonic(), 0.0))

    # --- inside -------------------------------------------------------------------------

    def _queue_of(self, name: str) -> queue.SimpleQueue[Job | None]:
        if name not in self._queues:
            waiting = self._queues[name] = queue.SimpleQueue()
            thread = threading.Thread(
                target=self._serve, args=(waiting,), name=f"latlas-job-{name}", daemon=True
            )
            self._threads.append(thread)
            thread.start()
        return self._queues[name]

    def _serve(self, waiting: queue.SimpleQueue[Job | None]) -> None:
        while (job := waiting.get()) is not None:
            with self._lock:
                if job.stop.is_set():
                    continue
                job.state, job.text = "running", "beginning"
            self._run(job)

    def _run(self, job: Job) -> None:
        result, belongs, error, error_kind = b"", "", "", "RunError"
        try:
            result = json_bytes(job.work(_Report(job)))
            state, text, belongs = "done", "done", job.stamp()
        except _Stopped:
            state, text = "cancelled", "cancelled"
        except LatlasError as cause:
            state, text, error = "failed", str(cause), str(cause)
            error_kind = kind_of(cause)
        except Exception as cause:
            error = f"{type(cause).__name__}: {cause}. This is a defect of latlas."
            state, text = "failed", error
        with self._lock:
            if job.state == "running":  # a cancelled one stays cancelled whatever came of it
                job.result, job.belongs = result, belongs
                job.error, job.error_kind = error, error_kind
                self._end(job, state, text)

    def _end(self, job: Job, state: str, text: str) -> None:
        job.state, job.text, job.ended = state, text, time.monotonic()
        job.done = 1.0 if state == "done" else job.done
        job.over.set()

    def _forget(self) -> None:
        """Gives up what is old or too much."""
        now = time.monotonic()
        ended = [job for job in self._jobs.values() if job.state in ENDED]
        old = [job for job in ended if now - job.ended > self._kept]
        many = ended[: max(0, len(ended) - MOST_KEPT)]
        for job in [*old, *many]:
            self._jobs.pop(job.id, None)
        size = sum(len(job.result) for job in self._jobs.values())
        for job in ended:
            if size <= MOST_BYTES:
                break
            size -= len(job.result)
            self._jobs.pop(job.id, None)
