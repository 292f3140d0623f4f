"""Where and how to compute: device, precision, and how many threads.

Two threads that share each operation spin while they wait for one another, and beside another
busy process they lose up to a factor of ten. So on a CPU a batch is cut into shards, each
shard is computed by one thread from end to end, and threads meet once a step. The sum over
shards has a fixed order: the bits of a result do not depend on how many threads computed it,
and the number of threads can be chosen by timing real steps, again and again while they run.
"""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

from latlas.contracts import OptionError

__all__ = [
    "MOST_SHARDS",
    "ThreadProbe",
    "Workers",
    "allowed_threads",
    "available_cores",
    "bfloat16_flags",
    "choose_device",
    "has_bfloat16",
    "limited_threads",
]

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST_SHARDS = 8


def available_cores() -> int:
    """Processor cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def allowed_threads() -> int:
    """Threads that the user lets this process have: ``OMP_NUM_THREADS``, else all cores."""
    limit = os.environ.get("OMP_NUM_THREADS", "")
    cores = available_cores()
    return min(int(limit), cores) if limit.isdecimal() and int(limit) > 0 else cores


@contextmanager
def limited_threads(threads: int | None) -> Iterator[None]:
    """Lets PyTorch, and with it the maps, take at most this many CPU threads; None: no change."""
    before = torch.get_num_threads()
    torch.set_num_threads(before if threads is None else min(threads, before))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def choose_device(name: str = "auto") -> torch.device:
    """The device called ``name``; ``auto`` takes CUDA, then Apple's MPS, then the CPU.

    Raises:
        OptionError: an unknown device, or one that this machine or build of PyTorch lacks.
    """
    found = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if name == "auto":
        return torch.device(next(kind for kind, here in found.items() if here))
    kind = name.split(":", maxsplit=1)[0]
    if kind not in found:
        raise OptionError(f"device is {name!r}; choose auto, cpu, cuda or mps.")
    if not found[kind]:
        raise OptionError(
            f"device is {name!r}, but PyTorch {torch.__version__} finds none here. Choose "
            "device 'cpu', or install the build of PyTorch for your accelerator."
        )
    try:
        return torch.device(name)
    except RuntimeError as error:
        raise OptionError(f"device is {name!r}; write for instance cuda or cuda:1.") from error


def has_bfloat16(device: torch.device) -> bool:
    """Whether the hardware itself multiplies bfloat16 (emulation would be slower)."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device)[0] >= 8
    return device.type == "cpu" and bool(bfloat16_flags())


def bfloat16_flags() -> list[str]:
    """What the processor has for bfloat16, of amx_bf16 and avx512_bf16."""
    flags: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()  # since PyTorch 2.10
    return [name for name in ("amx_bf16", "avx512_bf16") if flags.get(name)]


class Workers:
    """Threads that each compute one shard at a time.

    Args:
        shards: number of parts a batch is cut into; at most this many threads are used.
        threads: threads that may run in all; those beyond ``shards`` share single operations.
    """

    def __init__(self, shards: int, threads: int = 1) -> None:
        self.shards = shards
        intra = max(1, threads // shards)
        self._before = torch.get_num_threads()
        self._ready = threading.local()
        self._intra = intra
        self._pool = ThreadPoolExecutor(max_workers=max(1, shards - 1))
        torch.set_num_threads(intra)

    def map(
        self, function: Callable[[Item], Result], items: Sequence[Item], threads: int
    ) -> list[Result]:
        """Applies ``function`` to each item on up to ``threads`` threads; results in order.

        The calling thread is one of them, so ``threads=1`` hands nothing over.
        """
        if threads <= 1 or len(items) <= 1:
            return [function(item) for item in items]
        parts = [range(start, len(items), threads) for start in range(min(threads, len(items)))]

        def work(part: range) -> list[tuple[int, Result]]:
            if not hasattr(self._ready, "done"):
                torch.set_num_threads(self._intra)
                self._ready.done = True
            return [(index, function(items[index])) for index in part]

        futures = [self._pool.submit(work, part) for part in parts[1:]]
        done = work(parts[0])
        for future in futures:
            done.extend(future.result())
        return [result for _, result in sorted(done, key=lambda pair: pair[0])]

    def close(self) -> None:
        """Ends the threads and gives PyTorch its number of threads back."""
        self._pool.shutdown()
        torch.set_num_threads(self._before)


class ThreadProbe:
    """Chooses between one thread and all by timing real steps, and looks again later.

    Args:
        most: the largest number of threads; 1 leaves nothing to choose.
        fixed: the user's own choice, never overridden.
        clock: gives seconds; for tests.
    """

    TRIAL = 3
    AGAIN_SECONDS = 20.0

    def __init__(
        self,
        most: int,
        fixed: int | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        if fixed is not None and fixed < 1:
            raise OptionError(f"threads is {fixed}; it must be at least 1.")
        self._clock = clock
        self.threads = min(fixed, most) if fixed is not None else most
        self._choices = [self.threads] if fixed is not None or most == 1 else [most, 1]
        self._times: dict[int, list[float]] = {}
        self._queue = self._trial()
        self._next_look = 0.0

    def _trial(self) -> list[int]:
        if len(self._choices) == 1:
            return []
        return [choice for choice in self._choices for _ in range(self.TRIAL)]

    def next(self) -> int:
        """How many threads the next step shall use."""
        if not self._queue and len(self._choices) > 1 and self._clock() >= self._next_look:
            self._times = {}
            self._queue = self._trial()
        return self._queue[0] if self._queue else self.threads

    def record(self, seconds: float) -> None:
        """Takes the time of the step that ``next`` was asked for."""
        if not self._queue:
            return
        self._times.setdefault(self._queue.pop(0), []).append(seconds)
        if not self._queue:
            medians = {n: statistics.median(t[1:]) for n, t in self._times.items()}
            self.threads = min(medians, key=medians.__getitem__)
            self._next_look = self._clock() + self.AGAIN_SECONDS
