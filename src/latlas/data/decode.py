"""Decodes pictures into a file of pixels, with as many processes as the machine has cores.

Worker processes are plain subprocesses (``python -m latlas.data.worker``) that take batches as
JSON lines on stdin and write their rows straight into the file. ``multiprocessing`` is avoided:
its spawn method imports the user's script anew, which runs an unguarded script twice, and its
fork method is not safe beside the threads of the latent store and of PyTorch.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, cast

from latlas.contracts import RunError, SourceError, Stage, StorageError
from latlas.data.files import EncodedSource
from latlas.data.pixels import BadImage, Frame, decode, strict_pillow

__all__ = ["decode_source", "run_batch", "serve"]

Bad = tuple[int, str]
"""Index of an image that could not be decoded, and why."""

_BATCH = 256
_REPORT_BYTES = 1 << 22
# Starting workers takes about as long as this many seconds of decoding; with this many
# batches there is no need to find out whether they are worth it.
_PATIENCE = 0.4
_MANY_BATCHES = 32


def decode_source(
    source: EncodedSource,
    frame: Frame,
    file: IO[bytes],
    workers: int | None,
    stage: Stage,
    strict: bool,
) -> list[Bad]:
    """Decodes every picture of a source into its row of an open file.

    Args:
        source: the pictures.
        frame: the size of each row.
        file: opened for writing and standing where row 0 begins; the rows of pictures that
            cannot be decoded keep whatever they held.
        workers: number of processes; None for as many as there are cores, if there is work
            for them; 1 stays in this process.
        stage: advanced by the number of pictures done.
        strict: stop at the first picture that cannot be decoded.

    Returns:
        The pictures that could not be decoded, in order.

    Raises:
        SourceError: a picture could not be decoded and ``strict`` is set.
        StorageError: the file cannot be written.
        RunError: a worker process died.
    """
    bad: list[Bad] = []

    def report(done: int, found: Sequence[Bad]) -> None:
        bad.extend(found)
        stage.advance(done, skipped=len(bad)) if bad else stage.advance(done)
        if strict and bad:
            index, reason = bad[0]
            raise SourceError(
                f"{source.table.uris[index]}: {reason}. "
                "Mend or remove the file, or run without strict to skip it."
            )

    waiting = deque(source.ranges(_BATCH))
    base = file.tell()
    many = _cores() if workers is None else workers
    started = time.monotonic()
    with strict_pillow():
        while waiting:
            few = workers is None and len(waiting) < _MANY_BATCHES
            if many > 1 and not (few and time.monotonic() - started < _PATIENCE):
                break
            batch = source.batch(*waiting.popleft())
            for done, found in run_batch(source.read, batch, frame, file, base):
                report(done, found)
    if waiting:
        file.flush()
        job = {"format": source.format, "frame": frame.as_json(), "file": file.name, "base": base}
        batches = (source.batch(*waiting.popleft()) for _ in range(len(waiting)))
        _run_workers(min(many, len(waiting)), job, batches, report)
    return sorted(bad)


def _cores() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def run_batch(
    read: Callable[[Mapping[str, Any]], Iterator[bytes | BadImage]],
    batch: Mapping[str, Any],
    frame: Frame,
    file: IO[bytes],
    base: int,
) -> Iterator[tuple[int, list[Bad]]]:
    """Decodes one batch into its rows and yields (number done, bad ones) from time to time.

    Raises:
        StorageError: the file cannot be written.
    """
    blank = bytes(frame.size)
    first = index = batch["start"]
    rows: list[bytes] = []
    bad: list[Bad] = []
    limit = max(1, min(_BATCH, _REPORT_BYTES // frame.size))
    for item in _items(read, batch):
        try:
            if isinstance(item, BadImage):
                raise item
            rows.append(decode(item, frame))
        except BadImage as reason:
            rows.append(blank)
            bad.append((index, str(reason)))
        index += 1
        if len(rows) == limit:
            _write(file, base + first * frame.size, rows)
            yield len(rows), bad
            first, rows, bad = index, [], []
    if rows:
        _write(file, base + first * frame.size, rows)
        yield len(rows), bad


def _items(
    read: Callable[[Mapping[str, Any]], Iterator[bytes | BadImage]], batch: Mapping[str, Any]
) -> Iterator[bytes | BadImage]:
    """Exactly as many items as the batch counts, whatever happens while reading."""
    left = batch["count"]
    reason = "the file ends before it"
    try:
        for item in read(batch):
            yield item
            left -= 1
    except Exception as error:  # the readers of whole archives throw almost any class
        reason = f"cannot be read: {error}"
    for _ in range(left):
        yield BadImage(reason)


def _write(file: IO[bytes], position: int, rows: Sequence[bytes]) -> None:
    try:
        file.seek(position)
        file.write(b"".join(rows))
        file.flush()
    except OSError as error:
        raise StorageError(f"the pixels cannot be written: {error}") from None


# --- processes ---------------------------------------------------------------------------


def serve(find: Callable[[str], type[EncodedSource]]) -> None:
    """The worker's side: a job on the first line of stdin, then a batch on each line.

    Answers with lines of JSON: ``[done, bad]`` as it goes, ``null`` after each batch, or
    ``{"storage": message}`` if the file cannot be written.

    Args:
        find: gives the class of a format's name.
    """
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    sys.stdout = sys.stderr  # nothing but replies may reach the parent
    job = json.loads(sys.stdin.readline())
    read, frame = find(job["format"]).read, Frame(**job["frame"])
    try:
        with Path(job["file"]).open("r+b") as file, strict_pillow():
            for line in sys.stdin:
                for answer in run_batch(read, json.loads(line), frame, file, job["base"]):
                    print(json.dumps(answer), file=replies, flush=True)
                print("null", file=replies, flush=True)
    except StorageError as error:
        print(json.dumps({"storage": str(error)}), file=replies, flush=True)


def _run_workers(
    count: int,
    job: Mapping[str, Any],
    batches: Iterator[dict[str, Any]],
    report: Callable[[int, Sequence[Bad]], None],
) -> None:
    """Shares the batches out among worker processes; reports come back in this thread."""
    # The worker sees the modules that this process sees, but not the current folder.
    paths = [str(Path(path).resolve()) for path in sys.path if path]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    results: queue.SimpleQueue[Any] = queue.SimpleQueue()
    lock = threading.Lock()
    processes: list[subprocess.Popen[str]] = []
    threads: list[threading.Thread] = []
    with tempfile.TemporaryFile() as errors:
        try:
            for _ in range(count):
                process = subprocess.Popen(
                    [sys.executable, "-P", "-m", "latlas.data.worker"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    env=environment,
                    text=True,
                )
                processes.append(process)
                arguments = (process, job, batches, lock, results)
                threads.append(threading.Thread(target=_feed, args=arguments, daemon=True))
                threads[-1].start()
            finished = 0
            while finished < count:
                answer = results.get()
                if answer is None:
                    finished += 1
                elif isinstance(answer, dict):
                    raise StorageError(answer["storage"])
                elif isinstance(answer, BaseException):
                    raise _death(answer, processes, errors)
                else:
                    report(answer[0], [(index, reason) for index, reason in answer[1]])
        finally:
            for process, thread in zip(processes, threads, strict=True):
                process.kill()
                thread.join()
                process.wait()
                for pipe in (process.stdin, process.stdout):
                    with contextlib.suppress(OSError):  # what was left unsent is not wanted
                        pipe.close() if pipe is not None else None


def _feed(
    process: subprocess.Popen[str],
    job: Mapping[str, Any],
    batches: Iterator[dict[str, Any]],
    lock: threading.Lock,
    results: queue.SimpleQueue[Any],
) -> None:
    """Keeps one worker busy; runs in a thread of its own."""
    requests, answers = cast(IO[str], process.stdin), cast(IO[str], process.stdout)
    try:
        requests.write(json.dumps(job) + "\n")
        while True:
            with lock:
                batch = next(batches, None)
            if batch is None:
                break
            requests.write(json.dumps(batch) + "\n")
            requests.flush()
            while (line := answers.readline()) != "null\n":
                results.put(json.loads(line))
    except (OSError, ValueError) as error:
        results.put(error)
    results.put(None)


def _death(
    error: BaseException, processes: Sequence[subprocess.Popen[str]], errors: IO[bytes]
) -> RunError:
    codes = []
    for process in processes:
        try:
            codes.append(process.wait(0.2))
        except subprocess.TimeoutExpired:
            continue
    errors.seek(0)
    last = errors.read()[-2000:].decode("utf-8", "replace").strip().rpartition("\n")[2]
    ended = ", ".join(map(str, codes)) or "none"
    return RunError(
        f"a decoding process died ({last or error}; exit codes: {ended}). If memory ran out, "
        "close other programs or ask for one worker; a picture that crashes the decoder shows "
        "itself with one worker too."
    )
