"""A judge of images: a small classifier that learns from the image source itself.

Generated images are measured by what a net sees in them: how far the features of generated
images lie from those of real ones, and whether an image drawn for a label looks like that label.
The judge is that net. It is trained on the labels of the source, by the one training loop, and
knows nothing beyond them: its distances compare results on one source with each other, and not
with figures that any other net has given.

The net is ``latlas.nn.ConvFeatures`` with one linear layer on top. It learns from the
cross-entropy of images that are moved, turned, scaled and sheared at random. Labels are not
smoothed, since smoothing draws the features of a class together and so hides how varied its
images are (Müller, Kornblith, Hinton, "When Does Label Smoothing Help?", NeurIPS 2019,
https://arxiv.org/abs/1906.02629, section 2).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from latlas.batches import to_input
from latlas.contracts import (
    TEST,
    TRAIN,
    FloatArray,
    Images,
    IntArray,
    NoProgress,
    OptionError,
    Progress,
    UInt8Array,
)
from latlas.devices import MOST_SHARDS, Workers, allowed_threads
from latlas.nn import ConvFeatures, warped
from latlas.settings import TrainConfig
from latlas.train import train

__all__ = ["Judge", "JudgeConfig", "Judged", "judge_training", "train_judge"]

IMAGES_SEEN, MOST_EPOCHS, LEAST_EPOCHS = 430_000, 60, 4
HELD_OUT_SHARE = 10
BATCH_VALUES, MOST_BATCH = 1 << 20, 500
BLOCK_VALUES = 1 << 26
DAMAGE = AttributeError, LookupError, OverflowError, RuntimeError, TypeError, ValueError


@dataclass(frozen=True)
class JudgeConfig:
    """What a judge is made of: enough to build it again.

    Args:
        shape: image height, width, channels (H, W, C).
        classes: K, number of labels that can be told apart, at least 2.
        dim: F, length of the features.
        width: channels of the first stage of the net.
        mirror: also learn from mirrored images, which suits photographs and harms digits.

    Raises:
        OptionError: a value outside its range.
    """

    shape: tuple[int, int, int]
    classes: int
    dim: int = 128
    width: int = 32
    mirror: bool = False

    def __post_init__(self) -> None:
        least = {"classes": 2, "dim": 1, "width": 1}
        for name, bound in least.items():
            if getattr(self, name) < bound:
                raise OptionError(
                    f"{name} of a judge is {getattr(self, name)}; it must be at least {bound}."
                )
        if len(self.shape) != 3 or min(self.shape) < 1:
            raise OptionError(
                f"shape is {self.shape}; expected height, width and channels of the images, "
                "each at least 1."
            )


@dataclass(frozen=True)
class Judged:
    """What a judge sees in N images.

    Attributes:
        features: float32 [N, F], 0 or above: the input of the net's last layer.
        labels: int64 [N], the most probable label of each image, 0..K-1.
        probabilities: float32 [N, K], rows that sum to 1.
    """

    features: FloatArray
    labels: IntArray
    probabilities: FloatArray

    def __len__(self) -> int:
        return len(self.labels)


@final
class Judge(nn.Module):
    """A classifier of images whose features measure other images; ``train_judge`` makes one.

    Loss: -log softmax(W f(x) + b)_y, the cross-entropy of an image x with label y, where f are
    the features. Images without a label do not count.

    Args:
        shape: image height, width, channels (H, W, C).
        classes: K, number of labels.
        seed: seed of the first weights.
        options: further fields of ``JudgeConfig``.

    Attributes:
        config: what it is made of.
        accuracy: share of the labelled test images that it puts right, 0..1; None before it is
            tested, or where no image could be spared for a test.
        tested: number of images behind ``accuracy``. They take no part in training.

    Raises:
        OptionError: a value outside its range.
    """

    learning_rate = 4e-3
    weight_decay = 0.05
    mean: Tensor
    spread: Tensor

    def __init__(
        self, shape: tuple[int, int, int], classes: int, seed: int = 0, **options: Any
    ) -> None:
        super().__init__()
        self.config = JudgeConfig(shape, classes, **options)
        self.accuracy: float | None = None
        self.tested = 0
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.net = ConvFeatures(shape, self.config.width, self.config.dim)
            self.head = nn.Linear(self.config.dim, classes)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.register_buffer("mean", torch.zeros(shape[2], 1, 1))
        self.register_buffer("spread", torch.ones(()))
        self._order()

    def _order(self) -> None:
        # With channels last in memory a step takes two thirds of the time on a CPU.
        self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    # --- the net --------------------------------------------------------------------------

    def features(self, x: Tensor) -> Tensor:
        """Images float [B, C, H, W] in 0..1 -> features [B, F], 0 or above."""
        out: Tensor = self.net((x - self.mean) / self.spread)
        return out

    def logits(self, x: Tensor) -> Tensor:
        """Images float [B, C, H, W] in 0..1 -> logarithms of probabilities, unscaled, [B, K]."""
        out: Tensor = self.head(self.features(x))
        return out

    # --- training -------------------------------------------------------------------------

    def prepare(self, x: Tensor) -> None:
        """Takes mean and spread of training images [B, C, H, W]; the net sees unit scale."""
        self.mean.copy_(x.mean((0, 2, 3))[:, None, None])
        self.spread.copy_((x - self.mean).square().mean().sqrt().clamp_min(1e-3))

    def losses(
        self, x: Tensor, generator: torch.Generator, labels: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Cross-entropy in nats, and the share of wrong answers: scalars.

        Args:
            x: images float [B, C, H, W] in 0..1.
            generator: what warps the images draws from it. They are not warped where no gradient
                is asked for.
            labels: int64 [B], -1 where unknown; None: all unknown, which gives 0.
        """
        if torch.is_grad_enabled():
            with torch.autocast(x.device.type, enabled=False):
                x = warped(x, generator, mirror=self.config.mirror)
        logits = self.logits(x).float()
        if labels is None:
            labels = torch.full((len(x),), -1, device=x.device)
        known = (labels >= 0).sum().clamp_min(1)
        loss = nn.functional.cross_entropy(logits, labels, ignore_index=-1, reduction="sum")
        wrong = (logits.argmax(1) != labels) & (labels >= 0)
        return {"loss": loss / known, "error": wrong.sum() / known}

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Parameters for the optimiser: weights, which decay, and biases, which do not."""
        weights = [p for p in self.parameters() if p.ndim > 1]
        biases = [p for p in self.parameters() if p.ndim == 1]
        return [
            {"params": weights, "weight_decay": self.weight_decay},
            {"params": biases, "weight_decay": 0.0},
        ]

    # --- use ------------------------------------------------------------------------------

    def look(self, pixels: UInt8Array | FloatArray, threads: int | None = None) -> Judged:
        """Features, labels and probabilities of images, in batches.

        The result has the same bits on any number of threads.

        Args:
            pixels: images uint8 [N, H, W, C], or floats in 0..1; N may be 0.
            threads: CPU threads; None takes all cores.

        Raises:
            OptionError: another shape, a type that is not uint8 or float, values not finite.
        """
        self._check(pixels)
        count, device = len(pixels), self.mean.device
        features = np.empty((count, self.config.dim), np.float32)
        probabilities = np.empty((count, self.config.classes), np.float32)
        batch = max(1, min(MOST_BATCH, BATCH_VALUES // math.prod(self.config.shape)))

        def work(start: int) -> None:
            rows = slice(start, start + batch)
            x = to_input(torch.tensor(pixels[rows]).to(device)).float()
            with torch.inference_mode():
                seen = self.features(x)
                features[rows] = seen.cpu().numpy()
                probabilities[rows] = self.head(seen).softmax(1).cpu().numpy()

        cores = allowed_threads() if device.type == "cpu" else 1
        _in_parallel(work, range(0, count, batch), min(threads or cores, cores, MOST_SHARDS))
        return Judged(features, probabilities.argmax(1), probabilities)

    def _check(self, pixels: NDArray[Any]) -> None:
        if pixels.shape[1:] != self.config.shape:
            raise OptionError(
                f"the images have shape {list(pixels.shape)}; this judge takes [N, "
                f"{', '.join(map(str, self.config.shape))}] (height, width, channels). Give images "
                "of the source that it was trained on, or train another judge."
            )
        if pixels.dtype != np.uint8 and not np.issubdtype(pixels.dtype, np.floating):
            raise OptionError(
                f"the images are of type {pixels.dtype}; expected uint8 from 0 to 255, or floats "
                "from 0 to 1. Convert them."
            )
        if pixels.dtype != np.uint8 and not np.isfinite(pixels).all():
            raise OptionError(
                "the images hold values that are not finite; expected floats from 0 to 1. Leave "
                "those images out."
            )

    # --- keeping --------------------------------------------------------------------------

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """The judge as (JSON values, arrays float32), enough for ``from_state``."""
        config = asdict(self.config) | {"shape": list(self.config.shape)}
        arrays = {k: v.detach().cpu().numpy().copy() for k, v in self.state_dict().items()}
        return config | {"accuracy": self.accuracy, "tested": self.tested}, arrays

    @classmethod
    def from_state(
        cls, config: Mapping[str, Any], tensors: Mapping[str, Tensor | NDArray[Any]]
    ) -> Self:
        """Rebuilds a judge from what ``state`` gave, to the bit; it lies on the CPU.

        Raises:
            ValueError: something is missing, or is not what ``state`` gives.
        """
        try:
            options = dict(config)
            accuracy, tested = options.pop("accuracy"), int(options.pop("tested"))
            shape = tuple(map(int, options.pop("shape")))
            # Without memory of its own: what the file holds decides how large the judge is.
            with torch.device("meta"):
                judge = cls(shape, **options)  # type: ignore[arg-type]
            weights = {
                k: torch.from_numpy(np.asarray(v).astype(np.float32)) for k, v in tensors.items()
            }
            judge.load_state_dict(weights, assign=True)
            judge.accuracy, judge.tested = None if accuracy is None else float(accuracy), tested
        except DAMAGE as error:
            raise ValueError(
                f"The stored judge is damaged or of another version: {error}. Train it again."
            ) from error
        judge._order()
        return judge


def judge_training(images: int, seed: int = 0) -> TrainConfig:
    """How a judge learns from so many labelled training images, unless told otherwise.

    Args:
        images: their number, from 1 on.
        seed: seed of the order of the images and of how they are warped.
    """
    epochs = min(max(round(IMAGES_SEEN / images), LEAST_EPOCHS), MOST_EPOCHS)
    # Warped images are never the same twice, so that a longer run does no harm.
    return TrainConfig(epochs=epochs, batch_size=128, patience=epochs, seed=seed)


def train_judge(
    images: Images,
    seed: int = 0,
    progress: Progress | None = None,
    *,
    mirror: bool = False,
    config: TrainConfig | None = None,
) -> Judge:
    """Trains a judge on the labelled training images of a source, and tests it.

    It is tested on the labelled images of the test split. Where there are none, one in ten of
    the training images of each label is set aside for the test.

    Args:
        images: decoded images of at least two labels.
        seed: seed of weights, order, warps and of what is set aside.
        progress: where to report.
        mirror: also learn from mirrored images, which suits photographs and harms digits.
        config: how to train, instead of ``judge_training``; its seed is not used.

    Returns:
        The judge, on the CPU.

    Raises:
        OptionError: fewer than two labels among the training images, or a setting out of range.
        TrainingError: the loss is not a number any more.
    """
    if seed < 0:
        raise OptionError(f"seed is {seed}; expected a whole number from 0 on.")
    learn, test = _rows(images, seed)
    known = np.unique(images.labels[learn])
    if len(known) < 2:
        names = [images.classes[k] for k in known.tolist() if k < len(images.classes)]
        found = f"only the label {names[0]!r}" if names else f"{len(known)} labels"
        raise OptionError(
            f"a judge learns to tell labels apart, and the training images of {images.source} have "
            f"{found}; it needs two or more. Label some images, or measure without a judge: what "
            "is taken on pixels and on latents still works."
        )
    classes = max(len(images.classes), int(known[-1]) + 1)
    judge = Judge(images.shape, classes, seed, mirror=mirror)
    settings = config or judge_training(len(learn))
    splits = np.full(len(images), TEST, np.uint8)
    splits[learn] = TRAIN
    train(judge, replace(images, splits=splits), replace(settings, seed=seed), progress=progress)
    judge.eval()
    judge.tested = len(test)
    judge.accuracy = _accuracy(judge, images, test, settings.threads, progress or NoProgress())
    return judge


def _rows(images: Images, seed: int) -> tuple[IntArray, IntArray]:
    """Row numbers to learn from and to be tested on, each ascending int64; all have a label."""
    labels = np.asarray(images.labels)
    learn = np.flatnonzero((images.splits == TRAIN) & (labels >= 0))
    test = np.flatnonzero((images.splits == TEST) & (labels >= 0))
    if len(test):
        return learn, test
    generator = np.random.default_rng(seed)
    aside = [test]
    for label in np.unique(labels[learn]):
        own = learn[labels[learn] == label]
        aside.append(generator.permutation(own)[: len(own) // HELD_OUT_SHARE])
    test = np.sort(np.concatenate(aside))
    return np.setdiff1d(learn, test), test


def _accuracy(
    judge: Judge, images: Images, rows: IntArray, threads: int | None, progress: Progress
) -> float | None:
    """The share of these images that a judge puts right; None without images."""
    block = max(1, BLOCK_VALUES // math.prod(images.shape))
    right = 0
    with progress.stage("testing the judge", len(rows), "images") as stage:
        for start in range(0, len(rows), block):
            own = rows[start : start + block]
            seen = judge.look(images.pixels[own], threads)
            right += int((seen.labels == images.labels[own]).sum())
            stage.advance(len(own))
    return right / len(rows) if len(rows) else None


def _in_parallel(work: Callable[[int], None], starts: range, threads: int) -> None:
    workers = Workers(threads, threads)
    try:
        workers.map(work, starts, threads)
    finally:
        workers.close()
