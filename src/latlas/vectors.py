"""A small net that learns which class a vector belongs to, for rooms that judge or redraw labels.

Vectors go through the one training loop as images of one pixel with D channels.
"""

from __future__ import annotations

from typing import Any, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from latlas.contracts import Images, IntArray, OptionError
from latlas.neighbours import as_points, single_threaded
from latlas.settings import TrainConfig
from latlas.train import train

__all__ = ["VectorClassifier", "train_vectors"]

WIDTH = 256  # of both hidden layers
EPOCHS, FEWEST_STEPS = 6, 120
SMALL_BATCH, LARGE_BATCH, STEPS_PER_EPOCH = 256, 512, 100
BLOCK_ROWS = 8192


@final
class VectorClassifier(nn.Module):
    """p(y | x) of vectors x, by two hidden layers of rectifiers; ``train_vectors`` makes one.

    Loss: -Σ_c t_c ln softmax(f(x + σ ε))_c, the cross-entropy of a vector with noise ε from
    N(0, I), where t is 1 at its class; with smoothing s it is 1 - s there and s / K more at every
    class. The noise keeps the net from learning single rows by heart (Bishop, "Training with
    noise is equivalent to Tikhonov regularization", Neural Computation 1995), and is left out
    where no gradient is asked for. Vectors without a class do not count. Weights begin as in He
    et al., "Delving deep into rectifiers", ICCV 2015, equation 10, those of the last layer at a
    tenth.

    Args:
        D: the dimension of the vectors.
        classes: K, the number of classes.
        noise: σ, in the unit of the vectors, from 0 on.
        smoothing: s, 0..1 (Szegedy et al., "Rethinking the Inception Architecture", CVPR 2016,
            section 7).
        seed: of the first weights.
    """

    learning_rate = 3e-3
    weight_decay = 1e-2

    def __init__(
        self, D: int, classes: int, *, noise: float = 0.0, smoothing: float = 0.0, seed: int = 0
    ) -> None:
        super().__init__()
        self.noise, self.smoothing = noise, smoothing
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            layers = nn.Linear(D, WIDTH), nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, classes)
            for layer in layers:
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)
        with torch.no_grad():
            layers[-1].weight.mul_(0.1)
        self.net = nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])

    def prepare(self, x: Tensor) -> None:
        """Nothing: only the caller knows which scale the vectors should have."""

    def losses(
        self, x: Tensor, generator: torch.Generator, labels: Tensor | None = None
    ) -> dict[str, Tensor]:
        """The cross-entropy in nats: a scalar.

        Args:
            x: vectors float [B, D, 1, 1].
            generator: the source of the noise.
            labels: int64 [B], the class, -1 where unknown; None: all unknown, which gives 0.
        """
        x = x.flatten(1)
        if labels is None:
            labels = torch.full((len(x),), -1, device=x.device)
        if self.noise and torch.is_grad_enabled():
            noise = torch.randn(x.shape, generator=generator, device=x.device)
            x = x.add(noise, alpha=self.noise)
        total = nn.functional.cross_entropy(
            self.net(x),
            labels,
            ignore_index=-1,
            reduction="sum",
            label_smoothing=self.smoothing,
        )
        return {"loss": total / (labels >= 0).sum().clamp_min(1)}

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Parameters for the optimiser: weights, which decay, and biases, which do not."""
        weights = [p for p in self.parameters() if p.ndim > 1]
        biases = [p for p in self.parameters() if p.ndim == 1]
        return [
            {"params": weights, "weight_decay": self.weight_decay},
            {"params": biases, "weight_decay": 0.0},
        ]

    def log_probabilities(self, x: NDArray[Any]) -> NDArray[np.float64]:
        """Ln p(y | x) of vectors float [N, D]: float64 [N, K], in nats."""
        blocks = torch.split(torch.from_numpy(np.asarray(x, np.float32)), BLOCK_ROWS)
        with single_threaded(), torch.no_grad():
            logits = torch.cat([self.net(block) for block in blocks]).double()
            result: NDArray[np.float64] = logits.log_softmax(dim=1).numpy()
        return result


def train_vectors(
    x: NDArray[Any],
    targets: NDArray[Any],
    classes: int,
    *,
    noise: float,
    smoothing: float = 0.0,
    seed: int = 0,
) -> VectorClassifier:
    """Trains a net to tell the class of a vector: 6 passes over the rows, 120 steps at least.

    Args:
        x: floats [N, D], standardised: of mean 0 and a deviation near 1.
        targets: integers [N], values 0..K-1, -1 where unknown; such rows are left out.
        classes: K, from 1 on.
        noise: deviation of what is added to the vectors while training.
        smoothing: share of the target that is spread over all classes, 0..1.
        seed: of weights, order, noise and of what is held out, from 0 on; the same seed gives the
            same bits on any number of threads.

    Returns:
        The net, on the CPU.

    Raises:
        OptionError: arrays that do not match, a class out of range, or no row with a class.
        TrainingError: the loss is not a number any more.
    """
    x, targets = as_points(x, "vectors"), _checked(targets, len(x), classes)
    known = targets >= 0
    if not known.all():
        x, targets = x[known], targets[known]
    seed %= 2**32
    model = VectorClassifier(x.shape[1], classes, noise=noise, smoothing=smoothing, seed=seed)
    images = Images(
        x[:, None, None], targets, (), np.zeros(len(x), np.uint8), (), "vectors", digest=""
    )
    train(model, images, _training(len(x), seed))
    return model.eval()


def _training(rows: int, seed: int) -> TrainConfig:
    batch = min(max(SMALL_BATCH, rows // STEPS_PER_EPOCH), LARGE_BATCH)
    epochs = max(EPOCHS, -(-FEWEST_STEPS // max(1, rows // batch)))
    return TrainConfig(
        epochs=epochs,
        batch_size=batch,
        patience=epochs,  # the noise keeps late passes from doing harm
        seed=seed,
        device="cpu",
        precision="float32",
        threads=1 if torch.get_num_threads() == 1 else None,
    )


def _checked(targets: NDArray[Any], rows: int, classes: int) -> IntArray:
    targets = np.asarray(targets)
    if targets.shape != (rows,) or not np.issubdtype(targets.dtype, np.integer):
        raise OptionError(
            f"targets are {targets.dtype} {list(targets.shape)}; expected one whole number for "
            f"each of the {rows} vectors, -1 where it is unknown."
        )
    if targets.max() < 0 or targets.max() >= classes:
        raise OptionError(
            f"The largest target is {targets.max()}; expected 0..{classes - 1}, as there are "
            f"{classes} classes. Number the classes from 0 on, and give at least one."
        )
    return targets.astype(np.int64)
