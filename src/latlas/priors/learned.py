"""What priors that are trained by gradient share: a Gaussian frame, and a net that bends it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from latlas.contracts import FloatArray, Images, IntArray, OptionError, Progress
from latlas.neighbours import as_points, single_threaded
from latlas.priors.base import label_of, name_of
from latlas.priors.gaussian import GaussianPrior
from latlas.priors.mixture import Float64Array, Mixture
from latlas.settings import TrainConfig, TrainResult
from latlas.train import train

__all__ = ["Bend", "LearnedPrior"]

ROWS_PER_DIMENSION = 10  # with fewer, a group keeps its Gaussian
FEWEST_ROWS = 400  # in all: with fewer, those held out are too few to judge by
LEAST_GAIN = 0.01  # share of the Gaussian's loss: less may be luck
LABEL_DROPOUT = 0.15
ROWS_SEEN, MOST_EPOCHS = 2_000_000, 300
LARGE_BATCH, SMALL_BATCH, STEPS_PER_EPOCH = 512, 64, 16
AVERAGED_SHARE = 0.05  # of the steps: how far back the moving average of the weights reaches
PATIENCE = 10
BLOCK_ROWS = 256
NET = "net."


class Bend(nn.Module, ABC):
    """An invertible map of R^D for each label, trained to carry N(0, I) to the data.

    Labels are indices here: 0 stands for everything, c + 1 for the c-th class. Data come
    standardised, so that N(0, I) is the Gaussian that was fitted to them. A member says what it
    minimises and how both ways are computed; the training loop trains it (``Trainable``).

    Args:
        D: the dimension.
        classes: C, the number of classes.
    """

    learning_rate = 1e-3

    def __init__(self, D: int, classes: int) -> None:
        super().__init__()
        self.D, self.classes = D, classes

    @abstractmethod
    def loss(self, x: Tensor, index: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """What is minimised, and what the Gaussian alone would score: two scalars.

        Args:
            x: standardised data, float [B, D].
            index: int64 [B].
            generator: the source of all randomness.
        """

    @abstractmethod
    def push(self, x: Tensor, index: int) -> Tensor:
        """From noise [B, D] to data [B, D]."""

    @abstractmethod
    def pull(self, x: Tensor, index: int) -> tuple[Tensor, Tensor]:
        """From data [B, D] to noise [B, D], and the log determinant of that step: [B]."""

    def losses(
        self, x: Tensor, generator: torch.Generator, labels: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Named losses of latents [B, 2 D, 1, 1]: in the frame of their label, then of everything.

        A share of the labels is left out, so that the same net learns the density over everything
        (as in Ho & Salimans, "Classifier-Free Diffusion Guidance", 2022, algorithm 1).
        """
        own, everything = x.flatten(1).chunk(2, dim=1)
        index = torch.zeros(len(x), dtype=torch.int64, device=x.device)
        if labels is not None and self.classes:
            chance = torch.rand(len(x), generator=generator, device=x.device)
            index = torch.where(chance < LABEL_DROPOUT, index, labels + 1)
        chosen = torch.where(index[:, None] > 0, own, everything)
        loss, gaussian = self.loss(chosen, index, generator)
        return {"loss": loss, "gaussian": gaussian}

    def prepare(self, x: Tensor) -> None:
        """Nothing: the latents come standardised."""

    def parameter_groups(self) -> list[dict[str, Any]]:
        """All parameters in one group."""
        return [{"params": list(self.parameters()), "weight_decay": 0.0}]


class LearnedPrior(ABC):
    """A density over latents, for all of them and for each label, learnt by one net.

    Each label c has a Gaussian N(m, L Lᵀ) to begin with, that of ``GaussianPrior``, and so has
    everything (None). A net f then bends it: z = m + L f(x, c) with x from N(0, I). A label with
    fewer than 10 D rows keeps its Gaussian. All keep theirs where there are fewer than 400 rows,
    and where the net's loss on rows that it was not trained on is not 1% below the Gaussian's.

    Args:
        seed: seed of the weights, of the order of rows and of the noise in ``fit``, from 0 on.
        epochs: passes over the rows, from 1 on; None chooses from their number.

    Attributes:
        classes: int64 [C], the labels that have a density of their own, ascending; empty when
            fitted without labels.
        latent_dim: D.
        learnt: the labels (None for everything) whose Gaussian was bent.
        result: what came of the training; None before it, where there was nothing to train, and
            for a prior that was read back.

    Raises:
        OptionError: ``seed`` below 0 or ``epochs`` below 1.
    """

    name: ClassVar[str]
    classes: IntArray
    latent_dim: int

    def __init__(self, *, seed: int = 0, epochs: int | None = None) -> None:
        if epochs is not None and epochs < 1:
            raise OptionError(f"epochs is {epochs}; expected a whole number from 1 on, or None.")
        self.seed, self.epochs = seed, epochs
        self._gaussian = GaussianPrior(seed=seed)
        self._frames: dict[int | None, Mixture] = {}
        self._bend: Bend | None = None
        self.learnt: tuple[int | None, ...] = ()
        self.result: TrainResult | None = None

    @abstractmethod
    def _new_bend(self, D: int, classes: int) -> Bend:
        """A net with fresh weights."""

    def fit(
        self, z: FloatArray, labels: IntArray | None = None, progress: Progress | None = None
    ) -> Self:
        """Learns from rows float32 [N, D] what all of them and those of each label are like.

        Args:
            z: the latents.
            labels: int64 [N], -1 where unknown; such rows count for everything only.
            progress: where to report to.

        Raises:
            OptionError: no rows, values that are not finite, or labels of another shape or kind.
            TrainingError: the loss is not a number any more.
        """
        z = as_points(z)
        self._gaussian.fit(z, labels, progress)
        self._take_frames(self._gaussian.state()[1])
        given = np.full(len(z), -1) if labels is None else np.asarray(labels)
        enough = ROWS_PER_DIMENSION * self.latent_dim
        learnt = [c for c in self.classes.tolist() if (given == c).sum() >= enough]
        self._bend, self.learnt, self.result = None, (), None
        if len(z) < max(enough, FEWEST_ROWS):
            return self
        bend = self._fresh()
        images = self._as_images(z, given, learnt)
        self.result = train(bend, images, self._training(len(z)), progress=progress)
        best = min(
            (row for row in self.result.history if row["split"] == "held_out"),
            key=lambda row: row["loss"],
        )
        if best["loss"] < (1 - LEAST_GAIN) * best["gaussian"]:
            self._bend, self.learnt = bend.eval(), (None, *learnt)
        return self

    def sample(
        self, n: int, label: int | None = None, *, seed: int = 0, temperature: float = 1.0
    ) -> FloatArray:
        """Draws n latents of one label, or of everything with None: float32 [n, D].

        The first rows of a longer draw are those of a shorter one with the same seed.

        Args:
            n: number of latents, from 0 on.
            label: one of ``classes``; None draws from the density over all rows.
            seed: seed of the draw, from 0 on.
            temperature: above 0; multiplies the noise x that the net bends. Below 1 latents are
                more typical and less varied.

        Raises:
            OptionError: not fitted, an unknown label, or a number out of its range.
        """
        drawn = self._gaussian.sample(n, label, seed=seed, temperature=temperature)
        if label not in self.learnt:
            return drawn
        bend, index, frame = self._bent(), self._index(label), self._frames[label]
        x = _in_blocks(frame.standardise(drawn), lambda block: bend.push(block, index))
        z: FloatArray = (frame.means[0] + x @ frame.roots[0].T).astype(np.float32)
        return z

    def log_density(self, z: FloatArray, label: int | None = None) -> NDArray[np.float64]:
        """Log p(z) of latents float32 [N, D], in nats: float64 [N].

        Args:
            z: the latents.
            label: one of ``classes``, for log p(z | label); None for the density over all rows.

        Raises:
            OptionError: not fitted, an unknown label, another D, no rows, values not finite.
        """
        gaussian = self._gaussian.log_density(z, label)
        if label not in self.learnt:
            return gaussian
        bend, index = self._bent(), self._index(label)
        x = self._frames[label].standardise(as_points(z))
        pulled = _in_blocks(x, lambda block: torch.column_stack(bend.pull(block, index)))
        noise, change = pulled[:, :-1], pulled[:, -1]
        density: Float64Array = (
            gaussian + change + (np.square(x).sum(axis=1) - np.square(noise).sum(axis=1)) / 2
        )
        return density

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """The fitted prior as (JSON values, arrays), enough for ``from_state``.

        Raises:
            OptionError: not fitted.
        """
        config, arrays = self._gaussian.state()
        weights = {} if self._bend is None else dict(self._bend.named_parameters())
        arrays |= {NET + name: value.detach().numpy().copy() for name, value in weights.items()}
        return config | {"epochs": self.epochs, "learnt": [*map(name_of, self.learnt)]}, arrays

    @classmethod
    def from_state(cls, config: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Rebuilds a fitted prior from what ``state`` gave, to the bit.

        Raises:
            ValueError: something is missing, or is not what ``state`` gives.
        """
        try:
            gaussian = GaussianPrior.from_state(config, arrays)
            restored = cls(seed=gaussian.seed, epochs=config["epochs"])
            restored._gaussian = gaussian
            restored._take_frames(arrays)
            learnt = tuple(map(label_of, config["learnt"]))
            if learnt and not {None} <= {*learnt} <= {*restored._frames}:
                raise ValueError(f"learnt is {config['learnt']!r}; expected 'all' and classes")
            if learnt:
                restored._bend = restored._fresh().eval()
                _take_weights(restored._bend, arrays)
            restored.learnt = learnt
        except (KeyError, TypeError, AttributeError, ValueError, RuntimeError) as error:
            raise ValueError(
                f"The stored prior {cls.name!r} is damaged or of another version: {error}. Fit it "
                "again."
            ) from error
        return restored

    def _take_frames(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.classes, self.latent_dim = self._gaussian.classes, self._gaussian.latent_dim
        self._frames = {
            label: Mixture.from_arrays(name_of(label), arrays, self.latent_dim)
            for label in (None, *self.classes.tolist())
        }

    def _fresh(self) -> Bend:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return self._new_bend(self.latent_dim, len(self.classes))

    def _bent(self) -> Bend:
        if self._bend is None:
            raise OptionError("This prior has not been fitted yet. Call fit with latents first.")
        return self._bend

    def _index(self, label: int | None) -> int:
        return 0 if label is None else 1 + int(np.searchsorted(self.classes, label))

    def _as_images(self, z: FloatArray, labels: IntArray, learnt: list[int]) -> Images:
        """The latents as the training loop takes them: float32 [N, 1, 1, 2 D].

        Each row stands there twice, in the frame of its label and in that of everything.
        """
        everything = self._frames[None].standardise(z).astype(np.float32)
        own, index = everything.copy(), np.full(len(z), -1)
        for label in learnt:
            rows = labels == label
            own[rows] = self._frames[label].standardise(z[rows])
            index[rows] = self._index(label) - 1
        both = np.concatenate([own, everything], axis=1)[:, None, None]
        splits = np.zeros(len(z), dtype=np.uint8)
        return Images(both, index, (), splits, (), "latents", digest="")

    def _training(self, rows: int) -> TrainConfig:
        epochs = self.epochs or min(max(1, round(ROWS_SEEN / rows)), MOST_EPOCHS)
        batch = min(max(SMALL_BATCH, rows // STEPS_PER_EPOCH), LARGE_BATCH)
        steps = epochs * max(1, rows // batch)
        return TrainConfig(
            epochs=epochs,
            batch_size=batch,
            ema=max(0.0, 1 - 1 / (AVERAGED_SHARE * steps)),
            patience=PATIENCE,
            seed=self.seed % 2**32,
            device="cpu",
            precision="float32",
            threads=1 if torch.get_num_threads() == 1 else None,
        )


def _take_weights(bend: Bend, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Puts stored weights into a net."""
    for name, parameter in bend.named_parameters():
        value = arrays[NET + name]
        shape = tuple(parameter.shape)
        if value.dtype != np.float32 or value.shape != shape or not np.isfinite(value).all():
            raise ValueError(f"{NET}{name} must be finite float32 of the shape {[*shape]}")
        parameter.data.copy_(torch.from_numpy(value))


def _in_blocks(x: Float64Array, function: Callable[[Tensor], Tensor]) -> Float64Array:
    """Applies a function to rows [N, D], in blocks of one size: float64 [N, ...].

    Matrix products of other sizes may round in another way; so no row depends on its neighbours.
    """
    blocks = -(-len(x) // BLOCK_ROWS)
    padded = torch.zeros(max(blocks, 1), BLOCK_ROWS, x.shape[1])
    padded.flatten(0, 1)[: len(x)] = torch.from_numpy(x)

    def work(block: Tensor) -> Tensor:
        with torch.no_grad():
            return function(block)

    with single_threaded() as threads, ThreadPoolExecutor(threads) as pool:
        done = torch.cat(list(pool.map(work, padded)))
    values: Float64Array = done[: len(x)].double().numpy()
    return values
