"""Losses and gradients of one batch, computed shard by shard."""

from __future__ import annotations

import contextlib
import json
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from latlas.batches import Batch
from latlas.checkpoint import write_json
from latlas.contracts import StorageError, Trainable
from latlas.data.cache import cache_root, digest_of
from latlas.devices import MOST_SHARDS, Workers, bfloat16_flags, has_bfloat16

__all__ = ["TRIAL_SECONDS", "ShardedLoss"]

EVALUATION_BATCH = 256
TRIAL_STEPS, LEAST_STEPS, TRIAL_SECONDS = 30, 6, 10.0
QUICKER, AS_WELL = 0.95, 0.98
"""What bfloat16 must do: a step in this share of the time, and this share of float32's progress."""


class ShardedLoss:
    """A model's loss on batches that several threads share.

    A batch is cut into as many shards as ``workers`` has, each with a random generator of its
    own, and the gradients are summed in the shards' order. So the result is the same to the bit
    on one thread or on many.

    Args:
        model: the model; its losses are means over a batch.
        workers: the threads and the number of shards.
        device: where the model and its batches lie.
        seed: seed of the noise; a step's randomness follows from (seed, step, shard).
    """

    def __init__(self, model: Trainable, workers: Workers, device: torch.device, seed: int) -> None:
        self._model, self.workers, self._device, self._seed = model, workers, device, seed
        parameters: Sequence[nn.Parameter] = list(model.parameters())  # type: ignore[attr-defined]
        self.parameters: list[Tensor] = [p for p in parameters if p.requires_grad]
        self.bfloat16 = False

    def _losses(self, batch: Batch, key: int) -> dict[str, Tensor]:
        generator = torch.Generator(self._device).manual_seed(key)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self.bfloat16):
            return self._model.losses(batch.x, generator, batch.labels)

    def _shard(self, job: tuple[Batch, int, float]) -> tuple[list[Tensor], dict[str, Tensor]]:
        part, key, share = job
        losses = self._losses(part, key)
        gradients = torch.autograd.grad(losses["loss"] * share, self.parameters)
        return list(gradients), {name: value.detach() * share for name, value in losses.items()}

    def backward(self, batch: Batch, step: int, threads: int) -> dict[str, Tensor]:
        """Puts the clipped gradient of one batch into the parameters.

        Returns the losses as scalars on the device; nothing waits for them.
        """
        key = (self._seed * 1_000_003 + step) * MOST_SHARDS
        shards = self.workers.shards
        parts = map(Batch, batch.x.chunk(shards), batch.labels.chunk(shards))
        jobs = [(p, key + index, len(p.x) / len(batch.x)) for index, p in enumerate(parts)]
        done = self.workers.map(self._shard, jobs, threads)
        gradients, losses = done[0]
        for other, values in done[1:]:
            torch._foreach_add_(gradients, other)
            losses = {name: losses[name] + values[name] for name in losses}
        for parameter, gradient in zip(self.parameters, gradients, strict=True):
            parameter.grad = gradient
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        return losses

    def evaluate(
        self, take: Callable[[Tensor], Batch], ids: Tensor, threads: int
    ) -> dict[str, float]:
        """Mean losses over the images ``take(ids)``; the randomness is the same each time."""

        def losses(job: tuple[int, Tensor]) -> dict[str, Tensor]:
            with torch.no_grad():
                values = self._losses(take(job[1]), job[0])
            return {name: value * len(job[1]) for name, value in values.items()}

        done = self.workers.map(
            losses, list(enumerate(torch.split(ids, EVALUATION_BATCH))), threads
        )
        return {
            name: float(torch.stack([d[name] for d in done]).sum()) / len(ids) for name in done[0]
        }

    def choose_precision(
        self,
        batch: Callable[[int], Batch],
        learning_rate: float,
        threads: int,
        *,
        source: str = "",
        seconds: float = TRIAL_SECONDS,
    ) -> None:
        """Turns bfloat16 on where the hardware has it, it is quicker, and it learns as well.

        What was found is kept in the cache for this net, these images and this machine, so that a
        run with the same seed makes the same choice and ends with the same bits.

        Args:
            batch: gives the training images of a step.
            learning_rate: of the trial's steps.
            threads: threads that a step may take.
            source: digest of the images.
            seconds: time that the steps in one precision may take; where it is too short for
                ``LEAST_STEPS``, float32 is taken.
        """
        if not has_bfloat16(self._device):
            return
        key = self._trial_key(batch(0).x, [learning_rate, threads, source])
        note = cache_root() / "precision" / f"{key}.json"
        try:
            self.bfloat16 = bool(json.loads(note.read_text())["bfloat16"])
        except (OSError, ValueError, KeyError, TypeError):
            trial = self._try_both(batch, learning_rate, threads, seconds)
            self.bfloat16 = bool(trial["bfloat16"])
            with contextlib.suppress(
                OSError, StorageError, ValueError
            ):  # then tried again next time
                note.parent.mkdir(parents=True, exist_ok=True)
                write_json(note, trial)

    def _trial_key(self, x: Tensor, settings: Sequence[float | str]) -> str:
        shapes = [list(p.shape) for p in self.parameters]
        flags = bfloat16_flags()
        hardware = [str(self._device), torch.backends.cpu.get_cpu_capability(), flags]
        net = [type(self._model).__name__, shapes, list(x.shape), self.workers.shards]
        return digest_of(net, hardware, list(settings), torch.__version__)[:20]

    def _try_both(
        self, batch: Callable[[int], Batch], learning_rate: float, threads: int, limit: float
    ) -> dict[str, Any]:
        """Trains the same few steps from the same weights in both; the weights are put back."""
        begin = [p.detach().clone() for p in self.parameters]
        seconds: dict[bool, float] = {}
        fall: dict[bool, float] = {}
        steps = TRIAL_STEPS
        for flag in (False, True):
            self.bfloat16 = flag
            optimiser = torch.optim.Adam(self.parameters, lr=learning_rate)
            losses: list[float] = []
            times: list[float] = []
            while len(times) < steps and sum(times) < limit:
                started = time.perf_counter()
                values = self.backward(batch(len(times)), len(times), threads)
                optimiser.step()
                losses.append(float(values["loss"]))  # also waits for the device
                times.append(time.perf_counter() - started)
            steps = len(times)
            fall[flag] = losses[0] - losses[-1]
            seconds[flag] = statistics.median(times[steps // 3 :])
            with torch.no_grad():
                torch._foreach_copy_(self.parameters, begin)
            if steps < LEAST_STEPS:  # too slow to try, or bfloat16 far slower
                return {"bfloat16": False, "steps": steps}
        quicker = seconds[True] < QUICKER * seconds[False]
        return {
            "bfloat16": quicker and fall[True] >= AS_WELL * fall[False],
            "step_seconds": {"float32": seconds[False], "bfloat16": seconds[True]},
            "fall_of_loss": {"float32": fall[False], "bfloat16": fall[True]},
        }
