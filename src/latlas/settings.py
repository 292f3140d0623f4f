"""How to train, and what came of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from latlas.contracts import OptionError

__all__ = ["TrainConfig", "TrainResult", "default_epochs"]

DEFAULT_IMAGES_SEEN = 560_000


@dataclass(frozen=True)
class TrainConfig:
    """How to train; the defaults follow the dataset and the machine.

    Args:
        epochs: passes over the training images; None chooses from their number.
        max_seconds: stop after this time; the learning rate falls to zero by then. Such a run
            depends on the machine's speed and so cannot be repeated to the bit.
        batch_size: images per step.
        learning_rate: peak learning rate; None takes the model's own, which is that for batches
            of 256, times the square root of batch_size / 256.
        ema: decay of the exponential moving average of the weights; 0 for none.
        patience: evaluations without a better held-out loss after which training stops.
        seed: seed of data order, noise and held-out choice.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        precision: ``auto``, ``float32`` or ``bfloat16``.
        threads: CPU threads; None chooses by timing steps.
        checkpoint_seconds: time between two checkpoints.
        tensorboard: write TensorBoard events too.

    Raises:
        OptionError: a value outside its range.
    """

    epochs: int | None = None
    max_seconds: float | None = None
    batch_size: int = 256
    learning_rate: float | None = None
    ema: float = 0.0
    patience: int = 4
    seed: int = 0
    device: str = "auto"
    precision: str = "auto"
    threads: int | None = None
    checkpoint_seconds: float = 60.0
    tensorboard: bool = False

    def __post_init__(self) -> None:
        least = {"epochs": 1, "batch_size": 1, "patience": 1, "threads": 1, "seed": 0}
        for name, bound in least.items():
            value = getattr(self, name)
            if value is not None and value < bound:
                raise OptionError(f"{name} is {value}; it must be at least {bound}.")
        for name in ("max_seconds", "learning_rate"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise OptionError(f"{name} is {value}; it must be a number above 0.")
        if not 0 <= self.ema < 1:
            raise OptionError(f"ema is {self.ema}; it must lie from 0 (none) to below 1.")
        if self.precision not in {"auto", "float32", "bfloat16"}:
            raise OptionError(f"precision is {self.precision!r}; choose auto, float32 or bfloat16.")


@dataclass(frozen=True)
class TrainResult:
    """What came of a training run.

    Attributes:
        history: one row for each evaluation and split: step, epoch, images, seconds, split,
            loss and its parts.
        steps: optimiser steps taken.
        epochs: passes over the training images.
        seconds: time in the loop, over all parts of a resumed run.
        images_per_second: training images per second of that time.
        best_loss: least loss on the held-out images, whose weights the model now has.
        stopped: why it ended: ``"finished"``, ``"early"`` or ``"time"``.
        device, precision, threads: what it ran on; threads as last chosen.
    """

    history: list[dict[str, Any]]
    steps: int
    epochs: float
    seconds: float
    images_per_second: float
    best_loss: float
    stopped: str
    device: str
    precision: str
    threads: int


def default_epochs(images: int) -> int:
    """Passes over so many training images when the user names none: about 560,000 images seen."""
    return min(max(round(DEFAULT_IMAGES_SEEN / images), 4), 80)
