"""What priors that are trained by gradient share: a mixture to begin with, and a net to bend it."""

from __future__ import annotations

import contextlib
import hashlib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from latlas.checkpoint import has_part
from latlas.contracts import FloatArray, Images, IntArray, OptionError, Progress, SpaceError
from latlas.neighbours import as_points, single_threaded
from latlas.priors.base import MixturePrior, label_of, name_of
from latlas.priors.components import Components
from latlas.priors.mixture import Float64Array, Mixture
from latlas.settings import TrainConfig, TrainResult
from latlas.train import CHECKPOINT, train

__all__ = ["Bend", "LearnedPrior"]

ROWS_PER_DIMENSION = 10  # a label with fewer keeps its mixture
FEWEST_ROWS = 400  # in all: with fewer, those held out are too few to judge by
LEAST_GAIN = 0.1  # share of the base's loss over the root of the held-out values: less is luck
LABEL_DROPOUT = 0.15
ROWS_SEEN, MOST_EPOCHS = 800_000, 200
LARGE_BATCH, SMALL_BATCH, STEPS_PER_EPOCH = 512, 64, 16
AVERAGED_SHARE = 0.05  # of the steps: how far back the moving average of the weights reaches
PATIENCE = 10
KEPT_EVERY = 10.0  # seconds between two states of a training that is kept
BLOCK_ROWS, DENSITY_ROWS = 256, 8192
NEAR = 10.0  # nats: a component that far below the likeliest one adds nothing to a density
KEPT = 0.01  # share of the base in the density: it bounds what a net can do far from all rows
NET = "net."


class Bend(nn.Module, ABC):
    """An invertible map of R^D for each of M components, trained to carry N(0, I) to the data.

    Data come standardised, so that N(0, I) is the Gaussian of their component. A member says what
    it minimises and how both ways are computed; the training loop trains it (``Trainable``).

    Args:
        D: the dimension.
        owners: int64 [M], the density that each component belongs to: 0 is that over everything,
            c + 1 that of the c-th class.
    """

    learning_rate = 2e-3

    def __init__(self, D: int, owners: IntArray) -> None:
        super().__init__()
        self.D, self.M = D, len(owners)

    @abstractmethod
    def loss(self, x: Tensor, index: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """What is minimised, and what the Gaussians alone would score: two scalars.

        Args:
            x: standardised data, float [B, D].
            index: int64 [B], their components.
            generator: the source of all randomness.
        """

    @abstractmethod
    def push(self, x: Tensor, index: Tensor) -> Tensor:
        """From noise [B, D] to data [B, D], for components int64 [B]."""

    @abstractmethod
    def pull(self, x: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        """From data [B, D] to noise [B, D], and the log determinant of that step: [B]."""

    def losses(
        self, x: Tensor, generator: torch.Generator, labels: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Named losses of a batch as ``LearnedPrior`` lays it out.

        A share of the rows is seen as one of everything instead of its label, so that the same
        net learns that density too (as in Ho & Salimans, "Classifier-Free Diffusion Guidance",
        2022, algorithm 1).

        Args:
            x: [B, 2 D, 1, 1]: rows in the frame of their label, then in that of everything.
            generator: the source of all randomness.
            labels: int64 [B], M times the component of the label plus that of everything.
        """
        if labels is None:
            raise OptionError("labels are None; expected the number of a component for each row.")
        own, everything = x.flatten(1).chunk(2, dim=1)
        dropped = torch.rand(len(x), generator=generator, device=x.device) < LABEL_DROPOUT
        index = torch.where(dropped, labels % self.M, labels // self.M)
        loss, base = self.loss(torch.where(dropped[:, None], everything, own), index, generator)
        return {"loss": loss, "base": base}

    def prepare(self, x: Tensor) -> None:
        """Nothing: the latents come standardised."""

    def parameter_groups(self) -> list[dict[str, Any]]:
        """All parameters in one group."""
        return [{"params": list(self.parameters()), "weight_decay": 0.0}]


class LearnedPrior(ABC):
    """A density over latents, for all of them and for each label, learnt by one net.

    To begin with each label, and everything (None), has the mixture that another prior fits,
    Σₖ πₖ N(μₖ, LₖLₖᵀ). A net f then bends each component: z = μₖ + Lₖ f(x, k) with k drawn by πₖ
    and x from N(0, I). It learns from rows whose component is drawn from p(k | z), so that what
    the bent components add up to is the density of the rows. A hundredth of the density stays as
    it was, so that no log density is more than 4.6 nats below the mixture's, also far from all
    rows, where a net may do anything (a defensive mixture: Hesterberg, "Weighted Average
    Importance Sampling and Defensive Mixture Distributions", Technometrics 1995). A label with
    fewer than 10 D rows keeps its mixture. All keep theirs where there are fewer than 400 rows,
    and where the net is no better on rows that it was not trained on.

    Args:
        seed: seed of the weights, of the order of rows and of the noise in ``fit``, from 0 on.
        epochs: passes over the rows, from 1 on; None chooses from their number.

    Attributes:
        classes: int64 [C], the labels that have a density of their own, ascending; empty when
            fitted without labels.
        latent_dim: D.
        learnt: the labels (None for everything) whose mixture was bent.
        result: what came of the training; None before it, where there was nothing to train, and
            for a prior that was read back.
        run: folder where ``fit`` keeps the state of its training every 10 seconds and when it is
            stopped, so that the same fit asked for again goes on from there; None keeps none.

    Raises:
        OptionError: ``seed`` below 0 or ``epochs`` below 1.
    """

    name: ClassVar[str]
    base: ClassVar[type[MixturePrior]]
    classes: IntArray
    latent_dim: int

    def __init__(self, *, seed: int = 0, epochs: int | None = None) -> None:
        if epochs is not None and epochs < 1:
            raise OptionError(f"epochs is {epochs}; expected a whole number from 1 on, or None.")
        self.seed, self.epochs = seed, epochs
        self._base = self.base(seed=seed)
        self._parts: dict[int | None, Components] = {}
        self._bend: Bend | None = None
        self.learnt: tuple[int | None, ...] = ()
        self.result: TrainResult | None = None
        self.run: Path | None = None

    @abstractmethod
    def _new_bend(self, D: int, owners: IntArray) -> Bend:
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
        self._base.fit(z, labels, progress)
        self._take_base(self._base.state()[1])
        self._bend, self.learnt, self.result = None, (), None
        digest = self._digest(z, labels)
        given = np.full(len(z), -1) if labels is None else np.asarray(labels)
        enough = ROWS_PER_DIMENSION * self.latent_dim
        learnt = [c for c in self.classes.tolist() if (given == c).sum() >= enough]
        if len(z) < max(enough, FEWEST_ROWS):
            return self
        images = self._as_images(z, given, learnt, digest)
        bend, self.result = self._trained(images, progress)
        held_out = (row for row in self.result.history if row["split"] == "held_out")
        best = min(held_out, key=lambda row: row["loss"])
        values = len(z) / 20 * self.latent_dim
        if best["loss"] < (1 - LEAST_GAIN / math.sqrt(values)) * best["base"]:
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
        drawn = self._base.sample(n, label, seed=seed, temperature=temperature)
        if self._bend is None or label not in self.learnt:
            return drawn
        parts = self._parts[label]
        own, noise = parts.draw(n, seed)
        x = _in_blocks(self._bend.push, temperature * noise, own + parts.start)
        kept = np.random.default_rng((seed, 2)).random(n) < KEPT
        return np.where(kept[:, None], drawn, parts.carry(x, own))

    def log_density(self, z: FloatArray, label: int | None = None) -> NDArray[np.float64]:
        """Log p(z) of latents float32 [N, D], in nats: float64 [N].

        It is the logarithm of Σₖ πₖ pₖ(z) over the bent components, and a hundredth of the mixture
        as it was. A component that is 10 nats less likely than the likeliest before bending is
        left out, so each row costs a few passes back through the net: at D = 16 about a second for
        1,000 to 2,000 rows on one thread.

        Args:
            z: the latents.
            label: one of ``classes``, for log p(z | label); None for the density over all rows.

        Raises:
            OptionError: not fitted, an unknown label, another D, no rows, values not finite.
        """
        density = self._base.log_density(z, label)
        if self._bend is None or label not in self.learnt:
            return density
        z, parts = as_points(z), self._parts[label]
        for start in range(0, len(z), DENSITY_ROWS):
            rows = slice(start, start + DENSITY_ROWS)
            bent = _bent_density(self._bend, parts, z[rows])
            density[rows] = np.logaddexp(density[rows] + math.log(KEPT), bent + math.log(1 - KEPT))
        return density

    def state(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """The fitted prior as (JSON values, arrays), enough for ``from_state``.

        Raises:
            OptionError: not fitted.
        """
        config, arrays = self._base.state()
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
            base = cls.base.from_state(config, arrays)
            restored = cls(seed=base.seed, epochs=config["epochs"])
            restored._base = base
            restored._take_base(arrays)
            learnt = tuple(map(label_of, config["learnt"]))
            if learnt and not {None} <= {*learnt} <= {*restored._parts}:
                raise ValueError(f"learnt is {config['learnt']!r}; expected 'all' and classes")
            bend = restored._fresh().eval()
            if learnt:
                _take_weights(bend, arrays)
                restored._bend, restored.learnt = bend, learnt
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError(
                f"The stored prior {cls.name!r} is damaged or of another version: {error}. Fit it "
                "again."
            ) from error
        return restored

    def _take_base(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self.classes, self.latent_dim = self._base.classes, self._base.latent_dim
        self._parts, start = {}, 0
        for label in (None, *self.classes.tolist()):
            mixture = Mixture.from_arrays(name_of(label), arrays, self.latent_dim)
            self._parts[label] = Components(mixture, start)
            start += len(mixture)

    def _fresh(self) -> Bend:
        counts = [len(parts.mixture) for parts in self._parts.values()]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return self._new_bend(self.latent_dim, np.repeat(np.arange(len(counts)), counts))

    def _digest(self, z: FloatArray, labels: IntArray | None) -> str:
        """Tells one fit from another: its rows, labels and settings."""
        known = b"" if labels is None else np.ascontiguousarray(labels, np.int64).tobytes()
        settings = f"{self.name} {self.seed} {self.epochs} {z.shape}".encode()
        return hashlib.sha256(settings + z.tobytes() + known).hexdigest()

    def _trained(self, images: Images, progress: Progress | None) -> tuple[Bend, TrainResult]:
        """The net, trained; goes on from what an earlier fit of the same rows left in ``run``."""
        bend, config, run = self._fresh(), self._training(len(images)), self.run
        if run is not None and has_part(run / CHECKPOINT):
            with contextlib.suppress(SpaceError):  # of other rows, or damaged: begin anew
                return bend, train(bend, images, config, folder=run, resume=True, progress=progress)
            bend = self._fresh()
        return bend, train(bend, images, config, folder=run, progress=progress)

    def _as_images(self, z: FloatArray, labels: IntArray, learnt: list[int], digest: str) -> Images:
        """The latents as the training loop takes them: float32 [N, 1, 1, 2 D], with components."""
        seed = self.seed % 2**32
        parts = self._parts[None]
        all_index = parts.assign(z, seed)
        everything = parts.standardise(z, all_index)
        own, index = everything.copy(), all_index.copy()
        for label in learnt:
            parts, rows = self._parts[label], labels == label
            drawn = parts.assign(z[rows], seed)
            own[rows], index[rows] = parts.standardise(z[rows], drawn), drawn + parts.start
        both = np.concatenate([own, everything], axis=1, dtype=np.float32)[:, None, None]
        count = sum(len(parts.mixture) for parts in self._parts.values())
        splits = np.zeros(len(z), dtype=np.uint8)
        return Images(both, index * count + all_index, (), splits, (), "latents", digest=digest)

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
            checkpoint_seconds=KEPT_EVERY,
            threads=1 if torch.get_num_threads() == 1 else None,
        )


def _bent_density(bend: Bend, parts: Components, z: FloatArray) -> Float64Array:
    """Log Σₖ πₖ pₖ(z) of rows float32 [N, D] over components that are near enough: [N]."""
    joint = parts.joint(z)
    rows, own = np.nonzero(joint >= joint.max(axis=1, keepdims=True) - NEAR)
    pulled = _in_blocks(
        lambda x, index: torch.column_stack(bend.pull(x, index)),
        parts.standardise(z[rows], own),
        own + parts.start,
    )
    noise, change = pulled[:, :-1], pulled[:, -1]
    constants = np.log(parts.mixture.weights) - parts.volumes()
    terms = np.full(joint.shape, -np.inf)
    pulled_density = constants[own] + change - np.square(noise).sum(axis=1) / 2
    terms[rows, own] = np.where(np.isfinite(pulled_density), pulled_density, -np.inf)
    density: Float64Array = np.logaddexp.reduce(terms, axis=1)
    density -= z.shape[1] / 2 * math.log(2 * math.pi)
    return density


def _take_weights(bend: Bend, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Puts stored weights into a net."""
    for name, parameter in bend.named_parameters():
        value = arrays[NET + name]
        shape = tuple(parameter.shape)
        if value.dtype != np.float32 or value.shape != shape or not np.isfinite(value).all():
            raise ValueError(f"{NET}{name} must be finite float32 of the shape {[*shape]}")
        parameter.data.copy_(torch.from_numpy(value))


def _in_blocks(
    function: Callable[[Tensor, Tensor], Tensor], x: Float64Array, index: IntArray
) -> Float64Array:
    """Applies a function to rows [N, D] and their components, in blocks of one size: [N, ...].

    Matrix products of other sizes may round in another way; so no row depends on its neighbours.
    """
    blocks = max(1, -(-len(x) // BLOCK_ROWS))
    padded = torch.zeros(blocks * BLOCK_ROWS, x.shape[1])
    numbers = torch.zeros(len(padded), dtype=torch.int64)
    padded[: len(x)], numbers[: len(x)] = torch.from_numpy(x), torch.from_numpy(index)

    def work(rows: Tensor, own: Tensor) -> Tensor:
        with torch.no_grad():
            return function(rows, own)

    with single_threaded() as threads, ThreadPoolExecutor(threads) as pool:
        done = pool.map(work, padded.view(blocks, BLOCK_ROWS, -1), numbers.view(blocks, -1))
        values: Float64Array = torch.cat(list(done))[: len(x)].double().numpy()
    return values
