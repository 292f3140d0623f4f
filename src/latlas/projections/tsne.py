"""t-SNE, written for ordinary processors: a map of 70,000 points in seconds on two cores."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch

from latlas.contracts import FloatArray, OptionError, Progress
from latlas.neighbours import approximate_neighbours, nearest, single_threaded
from latlas.projections.pca import PCA
from latlas.projections.placement import NeighbourMap
from latlas.projections.repulsion import Repulsion

__all__ = ["TSNE"]

EXACT_NEIGHBOURS_UP_TO = 10_000
EXAGGERATION = 12.0
EXAGGERATED_SHARE = 0.4
MOMENTUM = 0.8
MOST_GAIN = 4.0
START = 0.01  # standard deviation of the start along its first axis
JITTER = 0.01  # of the start, so that copies of one point can part
REPORT_EVERY = 10


class TSNE(NeighbourMap):
    """t-distributed stochastic neighbour embedding (van der Maaten & Hinton, JMLR 2008).

    Pulls each point towards its k nearest neighbours with equal weights pᵢⱼ = 1 / (2 N k) from
    either side, which draws the same map as calibrated weights of a perplexity near 2 k (Böhm,
    Berens & Kobak, "Attraction-Repulsion Spectrum in Neighbor Embeddings", JMLR 2022), and
    pushes all points apart (see ``repulsion``). Starts from PCA (Kobak & Berens, "The art of
    using t-SNE for single-cell transcriptomics", Nature Communications 2019), with an early
    exaggeration of 12 and a learning rate of N / exaggeration (Belkina et al., Nature
    Communications 2019; Poličar, Stražar & Zupan, openTSNE, 2019).

    The same seed gives the same map to the bit, for any number of threads.

    Args:
        seed: seed of the jitter and of the search for neighbours, from 0 on.
        neighbours: k, from 1 on; at most a third of the other points are used.
        iterations: steps of the layout, from 10 on; None takes 500 up to 10,000 points and 250
            beyond.
    """

    name = "tsne"
    settings = ("seed", "neighbours", "iterations")

    def __init__(self, seed: int = 0, neighbours: int = 15, iterations: int | None = None) -> None:
        super().__init__(seed)
        self.neighbours = neighbours
        self.iterations = iterations

    def _layout(self, z: FloatArray, progress: Progress) -> FloatArray:
        if self.neighbours < 1:
            raise OptionError(f"neighbours is {self.neighbours}; expected 1 or more (usually 15).")
        total = self.iterations
        if total is None:
            total = 500 if len(z) <= EXACT_NEIGHBOURS_UP_TO else 250
        if total < 10:
            raise OptionError(f"iterations is {total}; expected 10 or more (usually 250).")
        with progress.stage("finding neighbours", len(z), "images") as stage:
            # A graph that joins everyone to everyone has nothing to tell and draws one dot.
            k = min(self.neighbours, (len(z) - 1) // 3)
            graph = _neighbour_graph(z, k, self.seed)  # [k, N]
            stage.advance(len(z))
        layout = _Layout(graph, _start(z, self.seed))
        exaggerated = round(EXAGGERATED_SHARE * total)
        with progress.stage("laying out the map", total, "steps") as stage:

            def tell(done: int) -> None:
                if done % REPORT_EVERY == 0 or done == total:
                    stage.advance((done - 1) % REPORT_EVERY + 1)

            layout.run(total, exaggerated, tell)
        xy: FloatArray = layout.xy.T.contiguous().numpy()
        return xy


def _neighbour_graph(z: FloatArray, k: int, seed: int) -> torch.Tensor:
    """Rows of the k nearest other points, int64 [k, N]."""
    if len(z) <= EXACT_NEIGHBOURS_UP_TO:
        found = nearest(z, z, k, exclude_self=True)
    else:
        found = approximate_neighbours(z, k, seed=seed)
    return torch.from_numpy(np.ascontiguousarray(found.indices.T))


def _start(z: FloatArray, seed: int) -> torch.Tensor:
    """The PCA of the latents, small, with a little jitter: float32 [2, N]."""
    plane = PCA().fit(z).xy_.T
    plane = plane / max(float(plane[0].std()), 1e-30)
    jitter = np.random.default_rng(seed).normal(size=plane.shape)
    return torch.from_numpy((START * (plane + JITTER * jitter)).astype(np.float32))


class _Layout:
    """Gradient descent with momentum and gains of a map ``xy`` float32 [2, N]."""

    def __init__(self, graph: torch.Tensor, start: torch.Tensor) -> None:
        self.graph = graph
        self.xy = start
        self.velocity = torch.zeros_like(start)
        self.gains = torch.ones_like(start)
        self.repulsion = Repulsion()

    def run(self, total: int, exaggerated: int, tell: Callable[[int], None]) -> None:
        """Takes ``total`` steps, the first of them exaggerated; tells how many are done."""
        # Attraction and repulsion are independent: each gets a thread where two are allowed.
        with single_threaded() as threads, ThreadPoolExecutor(1) as pool:
            for step in range(total):
                if threads > 1:
                    pending = pool.submit(_attraction, self.xy, self.graph)
                    push, z_total = self.repulsion(self.xy)
                    pull = pending.result()
                else:
                    push, z_total = self.repulsion(self.xy)
                    pull = _attraction(self.xy, self.graph)
                self._step(pull, push / z_total, EXAGGERATION if step < exaggerated else 1.0)
                tell(step + 1)

    def _step(self, pull: torch.Tensor, push: torch.Tensor, exaggeration: float) -> None:
        k, count = self.graph.shape
        # The negative gradient of the Kullback-Leibler divergence, without its factor 4.
        downhill = push.add_(pull, alpha=exaggeration / (2 * count * k))
        # Gains of Jacobs, "Increased rates of convergence", Neural Networks 1988.
        steady = downhill * self.velocity > 0
        self.gains = torch.where(steady, self.gains + 0.2, self.gains * 0.8).clamp_(0.01, MOST_GAIN)
        rate = 4 * count / exaggeration
        self.velocity.mul_(MOMENTUM).addcmul_(downhill, self.gains, value=rate)
        # Longer steps than the reach of attraction burst a map of few points for good. The width
        # of a map grows with the root of its points.
        longest = max(1.0, count**0.5 / 100)
        self.velocity.clamp_(-longest, longest)
        self.xy += self.velocity
        self.xy -= self.xy.mean(dim=1, keepdim=True)


def _attraction(xy: torch.Tensor, graph: torch.Tensor) -> torch.Tensor:
    """Σ q (yⱼ - yᵢ) over the edges i → j of a graph int64 [k, N], felt at both ends: [2, N]."""
    x, y = xy
    dx, dy, weight = torch.empty_like(x), torch.empty_like(x), torch.empty_like(x)
    total_x, total_y = torch.zeros_like(x), torch.zeros_like(x)
    # One neighbour of all points at a time: the arrays stay in the processor's cache.
    for others in graph:
        torch.index_select(x, 0, others, out=dx).sub_(x)
        torch.index_select(y, 0, others, out=dy).sub_(y)
        torch.mul(dx, dx, out=weight).addcmul_(dy, dy).add_(1).reciprocal_()
        total_x += dx.mul_(weight)
        total_y += dy.mul_(weight)
        total_x.scatter_add_(0, others, dx.neg_())
        total_y.scatter_add_(0, others, dy.neg_())
    return torch.stack([total_x, total_y])
