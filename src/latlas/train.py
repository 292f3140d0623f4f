"""The one training loop, over any ``Trainable``.

What makes a run repeatable to the bit on a CPU: the order of images follows from (seed, epoch),
the randomness of a step from (seed, step, shard), gradients are summed in a fixed order, and a
checkpoint holds everything else. So a run that was interrupted and resumed ends with the same
weights as one that was not.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from latlas.batches import Feed
from latlas.checkpoint import has_part, read_part, write_part
from latlas.contracts import (
    Images,
    NoProgress,
    OptionError,
    Progress,
    SpaceError,
    Stage,
    Trainable,
    TrainingError,
)
from latlas.devices import (
    MOST_SHARDS,
    ThreadProbe,
    Workers,
    allowed_threads,
    available_cores,
    choose_device,
)
from latlas.gradients import TRIAL_SECONDS, ShardedLoss
from latlas.interrupts import interruption
from latlas.runlog import RunLog
from latlas.settings import TrainConfig, TrainResult, default_epochs

__all__ = ["CHECKPOINT", "train"]

CHECKPOINT = "checkpoint"
REPORT_SECONDS = 0.5
PREPARE_IMAGES = 10_000
USUAL_BATCH = 256
WARM_STEPS = 100


@dataclass
class _State:
    """Everything that a checkpoint holds beside tensors."""

    step: int = 0
    seconds: float = 0.0
    best_loss: float = math.inf
    worse: int = 0
    stopped: str = ""
    sums: dict[str, float] = field(default_factory=dict)
    counted: int = 0
    history: list[dict[str, Any]] = field(default_factory=list)


def train(
    model: Trainable,
    images: Images,
    config: TrainConfig | None = None,
    *,
    folder: Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> TrainResult:
    """Trains a model in place on the training split of ``images``.

    A small part of the training split is held out: its loss decides about early stopping and
    about the weights that are kept. The test split is never seen.

    Args:
        model: a ``torch.nn.Module`` that is ``Trainable``; it ends on the CPU, with the weights
            of the best evaluation.
        images: decoded images, uint8 [N, H, W, C].
        config: how to train.
        folder: where checkpoints and ``log.jsonl`` go; None keeps none.
        resume: go on from the checkpoint in ``folder``.
        progress: where to report.

    Raises:
        OptionError: there is nothing to train on, or a setting is out of range.
        SpaceError: ``resume`` without a usable checkpoint.
        TrainingError: the loss is not a number any more; the last good checkpoint stays.
        KeyboardInterrupt: after Ctrl-C, once the state is saved.
    """
    config = config or TrainConfig()
    loop = _Loop(model, images, config, folder)
    try:
        if resume:
            loop.restore()
        with RunLog(folder, loop.state.history, config.tensorboard) as log:
            return loop.run(log, progress or NoProgress())
    finally:
        loop.workers.close()


class _Loop:
    def __init__(
        self, model: Trainable, images: Images, config: TrainConfig, folder: Path | None
    ) -> None:
        if not isinstance(model, nn.Module):
            raise OptionError(f"model is {type(model).__name__}; expected a torch.nn.Module.")
        self.model: Any = model
        self.config, self.folder, self.digest = config, folder, images.digest
        self.device = choose_device(config.device)
        self.feed = Feed(images, config.batch_size, config.seed, self.device)
        epochs = config.epochs
        if epochs is None and config.max_seconds is None:
            epochs = default_epochs(len(self.feed.ids))
        self.total_steps = math.inf if epochs is None else epochs * self.feed.steps_per_epoch
        cores = available_cores() if self.device.type == "cpu" else 1
        self.workers = self._new_workers(
            max(1, min(cores, MOST_SHARDS, self.feed.batch_size // 16))
        )
        self.probe = self._new_probe()
        self.state = _State()
        self.model.to(self.device)
        self.loss = ShardedLoss(model, self.workers, self.device, config.seed)
        self.loss.bfloat16 = config.precision == "bfloat16"
        self.parameters = self.loss.parameters
        scale = math.sqrt(self.feed.batch_size / USUAL_BATCH)
        self.peak = config.learning_rate or self.model.learning_rate * scale
        self.optimiser = torch.optim.AdamW(
            self.model.parameter_groups(),
            betas=(0.9, 0.95),
            fused=self.device.type in {"cpu", "cuda"},
        )
        self.average = [p.detach().clone() for p in self.parameters] if config.ema else []
        self.best: dict[str, Tensor] = {}

    def _new_workers(self, shards: int) -> Workers:
        return Workers(shards, self.config.threads or allowed_threads())

    def _threads(self) -> int:
        """The most threads that a step may take."""
        return min(self.workers.shards, self.config.threads or allowed_threads())

    def _new_probe(self) -> ThreadProbe:
        return ThreadProbe(self._threads(), self.config.threads)

    def _step(self) -> dict[str, Tensor]:
        """One optimiser step; returns the losses without waiting for them."""
        threads, began = self.probe.next(), time.perf_counter()
        batch = self.feed.batch(self.state.step)
        losses = self.loss.backward(batch, self.state.step, threads)
        for group in self.optimiser.param_groups:
            group["lr"] = self.peak * self._schedule()
        self.optimiser.step()
        if self.average:
            torch._foreach_lerp_(self.average, self.parameters, 1 - self.config.ema)
        self.state.step += 1
        self.probe.record(time.perf_counter() - began)
        return losses

    def _schedule(self) -> float:
        """Share of the peak learning rate: a short linear rise, then a linear fall to zero."""
        done = self.state.step / self.total_steps
        if self.config.max_seconds is not None:
            done = max(done, self.state.seconds / self.config.max_seconds)
        warm = min(WARM_STEPS, 0.1 * self.total_steps)
        return min((self.state.step + 1) / max(warm, 1), 1.0) * max(1 - done, 0.0)

    # --- evaluation ---------------------------------------------------------------------

    def _evaluation_steps(self) -> int:
        """Steps between evaluations: an epoch, or several where they are short; at most 1,000."""
        least = 50 if math.isinf(self.total_steps) else min(50, max(1, int(self.total_steps) // 10))
        return min(max(self.feed.steps_per_epoch, least), 1000)

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        """Swaps the moving average of the weights in, where there is one."""
        kept = [p.detach().clone() for p in self.parameters] if self.average else []
        with torch.no_grad():
            if kept:
                torch._foreach_copy_(self.parameters, self.average)
            try:
                yield
            finally:
                if kept:
                    torch._foreach_copy_(self.parameters, kept)

    def _judge(self, log: RunLog) -> None:
        """Evaluates, writes it down, and keeps the weights when they are the best so far."""
        state = self.state
        with self._averaged():
            held_out = self.loss.evaluate(self.feed.take, self.feed.held_out, self.probe.threads)
            if not math.isfinite(held_out["loss"]):
                raise self._diverged(held_out["loss"])
            state.worse += 1
            if held_out["loss"] < state.best_loss:
                state.best_loss, state.worse = held_out["loss"], 0
                self.best = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        if state.worse >= self.config.patience and not state.stopped:
            state.stopped = "early"
        place = {
            "step": state.step,
            "epoch": round(state.step / self.feed.steps_per_epoch, 3),
            "images": state.step * self.feed.batch_size,
            "seconds": round(state.seconds, 3),
        }
        trained = {name: value / max(state.counted, 1) for name, value in state.sums.items()}
        state.sums, state.counted = {}, 0
        for split, losses in (("train", trained), ("held_out", held_out)):
            state.history.append(place | {"split": split} | losses)
            log.write(state.history[-1])

    # --- checkpoints --------------------------------------------------------------------

    def save(self) -> None:
        """Writes the whole state of the run; a crash leaves the older checkpoint."""
        if self.folder is None:
            return
        if not torch.stack([p.isfinite().all() for p in self.parameters]).all():
            raise self._diverged(math.nan)
        groups = {"model": self.model.state_dict(), "best": self.best}
        tensors = {f"{kind}.{k}": v for kind, group in groups.items() for k, v in group.items()}
        tensors |= {f"average.{index}": value for index, value in enumerate(self.average)}
        for index, values in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{index}.{k}": v for k, v in values.items()}
        config = {
            "state": asdict(self.state),
            "bfloat16": self.loss.bfloat16,
            "shards": self.workers.shards,
            "source": self.digest,
        }
        write_part(self.folder / CHECKPOINT, config, tensors)

    def restore(self) -> None:
        """Goes back to the state of the checkpoint."""
        if self.folder is None or not has_part(self.folder / CHECKPOINT):
            raise SpaceError(
                f"there is no checkpoint to resume from in {self.folder}. Start the run without "
                f"resume; a checkpoint is written every {self.config.checkpoint_seconds:g} s."
            )
        config, tensors = read_part(self.folder / CHECKPOINT)
        if config["source"] != self.digest:
            raise SpaceError(
                "the images are not those that this run began with (their digest differs). "
                "Resume with the same source and options, or start a new space."
            )
        groups: dict[str, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            kind, key = name.split(".", 1)
            groups.setdefault(kind, {})[key] = torch.as_tensor(value)
        self.model.load_state_dict(groups["model"])
        self.best = groups.get("best", {})
        if self.average:
            usual = {str(index): p.detach().clone() for index, p in enumerate(self.parameters)}
            kept = groups.get("average", usual)
            self.average = [kept[index].to(self.device) for index in usual]
        states: dict[int, dict[str, Tensor]] = {}
        for name, value in groups.get("optimiser", {}).items():
            index, key = name.split(".", 1)
            states.setdefault(int(index), {})[key] = value
        self.optimiser.load_state_dict(self.optimiser.state_dict() | {"state": states})
        self.state = _State(**config["state"])
        self.loss.bfloat16 = config["bfloat16"]
        if config["shards"] != self.workers.shards:
            self.workers.close()
            self.workers = self.loss.workers = self._new_workers(config["shards"])
            self.probe = self._new_probe()

    # --- the run ------------------------------------------------------------------------

    def run(self, log: RunLog, progress: Progress) -> TrainResult:
        """Trains until the end, an early stop, the time limit or Ctrl-C."""
        if self.state.step == 0:
            self.model.prepare(self.feed.sample(PREPARE_IMAGES).x)
        if self.state.step == 0 and self.config.precision == "auto":
            with progress.stage("choosing the precision", None):
                self.loss.choose_precision(
                    self.feed.batch,
                    self.peak / 3,
                    self._threads(),
                    source=self.digest,
                    seconds=min(TRIAL_SECONDS, 0.05 * (self.config.max_seconds or math.inf)),
                )
        if math.isinf(self.total_steps):
            total, unit, done = self.config.max_seconds, "s", self.state.seconds
        else:
            total, unit = self.total_steps * self.feed.batch_size, "images"
            done = self.state.step * self.feed.batch_size
        with interruption() as interrupted, progress.stage("training", total, unit) as stage:
            stage.advance(done)
            self._steps(log, stage, interrupted)
        if self.best:
            self.model.load_state_dict(self.best)
        self.model.to("cpu")
        state = self.state
        return TrainResult(
            history=state.history,
            steps=state.step,
            epochs=state.step / self.feed.steps_per_epoch,
            seconds=state.seconds,
            images_per_second=state.step * self.feed.batch_size / max(state.seconds, 1e-9),
            best_loss=state.best_loss,
            stopped=state.stopped,
            device=str(self.device),
            precision=self._precision(),
            threads=self.probe.threads,
        )

    def _steps(self, log: RunLog, stage: Stage, interrupted: threading.Event) -> None:
        state, every = self.state, self._evaluation_steps()
        began = time.perf_counter() - state.seconds
        saved = reported = state.seconds
        waiting: list[dict[str, Tensor]] = []
        while not state.stopped:
            waiting.append(self._step())
            state.seconds = time.perf_counter() - began
            if state.step >= self.total_steps:
                state.stopped = "finished"
            elif self.config.max_seconds and state.seconds >= self.config.max_seconds:
                state.stopped = "time"
            due = state.stopped != "" or state.step % every == 0
            old = state.seconds - saved >= self.config.checkpoint_seconds
            if due or old or interrupted.is_set() or state.seconds - reported >= REPORT_SECONDS:
                try:
                    self._report(waiting, stage, state.seconds - reported)
                except Exception:
                    raise
                except BaseException:  # whoever watches has stopped the run
                    self.save()
                    raise
                reported = state.seconds
            if due:
                self._judge(log)
            stop = interrupted.is_set()  # read once: it may come at any moment
            if stop or (old and not state.stopped):
                self.save()
                saved = state.seconds
            if stop:
                raise KeyboardInterrupt

    def _diverged(self, loss: float) -> TrainingError:
        saved = self.folder is not None and has_part(self.folder / CHECKPOINT)
        kept = "The last good checkpoint is kept" if saved else "No checkpoint was due yet"
        return TrainingError(
            f"the loss became {loss} at step {self.state.step} (learning rate {self.peak:g}, "
            f"{self._precision()}). {kept}. Try a smaller learning rate, for instance "
            f"{self.peak / 3:.1g}, or precision float32."
        )

    def _precision(self) -> str:
        return "bfloat16" if self.loss.bfloat16 else "float32"

    def _report(self, waiting: list[dict[str, Tensor]], stage: Stage, seconds: float) -> None:
        """Reads the losses of the steps since the last report: the only wait for the device."""
        means = {name: float(torch.stack([w[name] for w in waiting]).mean()) for name in waiting[0]}
        if not math.isfinite(means["loss"]):
            raise self._diverged(means["loss"])
        for name, value in means.items():
            self.state.sums[name] = self.state.sums.get(name, 0.0) + value * len(waiting)
        self.state.counted += len(waiting)
        amount = len(waiting) * self.feed.batch_size
        stage.advance(seconds if math.isinf(self.total_steps) else amount, **means)
        waiting.clear()
