"""Fits a mixture of Gaussians by k-means and expectation maximisation.

Dempster, Laird & Rubin, "Maximum Likelihood from Incomplete Data via the EM Algorithm", 1977.
With φ(x) = (1, x, all xᵢxⱼ with i ≤ j), log πₖ N(x; μₖ, Σₖ) is a product θₖ · φ(x). So the
expectation is one matrix product, φ θᵀ, and the responsibilities times φ are all that the
maximisation needs: another one.
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from latlas.contracts import FloatArray, IntArray
from latlas.lazily import lazy_import
from latlas.neighbours import single_threaded
from latlas.priors.mixture import FLOOR, Mixture

cluster = lazy_import("sklearn.cluster")

__all__ = ["kmeans", "maximise_likelihood"]

BORROWED = 1.0  # rows per dimension that a component borrows from what all components share
MOST_STEPS = 100
LEAST_GAIN = 1e-3  # in nats per row: a step that gains less is the last
KMEANS_STEPS = 10
BLOCK_VALUES = 500_000  # products that a thread holds at once, as float64: 4 MB


def kmeans(z: FloatArray, K: int, seed: int) -> IntArray:
    """Cuts rows float32 [N, D] into at most K ≤ N groups: int64 [N], the group of each.

    Ten rounds of Lloyd's algorithm from the centres of k-means++ (Arthur & Vassilvitskii,
    "k-means++: The Advantages of Careful Seeding", SODA 2007).
    """
    centred = z - z.mean(axis=0, dtype=np.float64)
    x = torch.from_numpy(centred)
    centres = torch.from_numpy(cluster.kmeans_plusplus(centred, K, random_state=seed % 2**32)[0])
    with single_threaded():
        for _ in range(KMEANS_STEPS):
            nearest = _nearest_centre(x, centres)
            counts = torch.bincount(nearest, minlength=K)[:, None]
            sums = torch.zeros_like(centres).index_add_(0, nearest, x)
            centres = torch.where(counts > 0, sums / counts.clamp(min=1), centres)
        groups: IntArray = _nearest_centre(x, centres).numpy()
    return groups


def maximise_likelihood(x: NDArray[np.float64], start: IntArray | Mixture) -> Mixture:
    """The mixture that rows [N, D] are likeliest under, from a first guess on.

    The rows are expected in a frame where their mean is about 0 and their covariance about I: it
    keeps the products exact, and the least variance is a millionth of that. The covariance of a
    component with n rows becomes (n S + ν W) / (n + ν) with ν = D, where W is the mean of the
    covariances S of all components, each weighted with its rows. The result is the same for any
    number of threads.

    Args:
        x: the rows, float64.
        start: a mixture, or int64 [N], the component that each row belongs to at first.

    Returns:
        A mixture of as many components; fewer where one has less than a single row.
    """
    with single_threaded() as threads, ThreadPoolExecutor(threads) as pool:
        rows = _Rows(x, pool)
        mixture = start if isinstance(start, Mixture) else rows.grouped(start)
        likelihood = -math.inf
        for _ in range(MOST_STEPS):
            before = likelihood
            mixture, likelihood = rows.step(mixture)
            if likelihood - before < LEAST_GAIN:
                break
    return mixture


class _Rows:
    """Rows [N, D], block by block, and what one step of the algorithm takes from them."""

    def __init__(self, x: NDArray[np.float64], pool: ThreadPoolExecutor) -> None:
        self._dim = x.shape[1]
        self._pool = pool
        self._i, self._j = torch.triu_indices(self._dim, self._dim)
        size = max(1, BLOCK_VALUES // (1 + self._dim + len(self._i)))
        self._blocks = [block.T.contiguous() for block in torch.split(torch.from_numpy(x), size)]

    def grouped(self, groups: IntArray) -> Mixture:
        """The mixture whose components are the groups int64 [N]."""
        count = int(groups.max()) + 1
        parts = torch.split(torch.from_numpy(groups), self._blocks[0].shape[1])

        def gather(block: Tensor, part: Tensor) -> Tensor:
            shares = torch.nn.functional.one_hot(part, count).double()  # [B, K]
            return (self._products(block) @ shares).T

        return self._mixture(torch.stack(list(self._pool.map(gather, self._blocks, parts))).sum(0))

    def step(self, mixture: Mixture) -> tuple[Mixture, float]:
        """A better mixture, and the mean log likelihood of the rows under the given one."""
        theta = self._theta(mixture)

        def gather(block: Tensor) -> tuple[Tensor, float]:
            products = self._products(block)  # [P, B]
            joint = theta @ products  # [K, B]
            total = joint.logsumexp(dim=0)
            return (joint - total).exp_() @ products.T, float(total.sum())

        found = list(self._pool.map(gather, self._blocks))
        sums = torch.stack([part for part, _ in found]).sum(dim=0)  # [K, P]
        count = sum(block.shape[1] for block in self._blocks)
        return self._mixture(sums), math.fsum(total for _, total in found) / count

    def _products(self, block: Tensor) -> Tensor:
        """φ of rows [D, B]: [P, B]."""
        products = torch.empty((1 + self._dim + len(self._i), block.shape[1]), dtype=torch.float64)
        products[0] = 1
        products[1 : 1 + self._dim] = block
        start = 1 + self._dim
        for i in range(self._dim):
            end = start + self._dim - i
            torch.mul(block[i], block[i:], out=products[start:end])
            start = end
        return products

    def _theta(self, mixture: Mixture) -> Tensor:
        """θ of each component: [K, P]."""
        means, roots = torch.from_numpy(mixture.means), torch.from_numpy(mixture.roots)
        precision = torch.cholesky_inverse(roots)  # [K, D, D]
        slope = (precision @ means[:, :, None])[:, :, 0]  # [K, D]
        constant = (
            torch.from_numpy(mixture.weights).log()
            - roots.diagonal(dim1=1, dim2=2).log().sum(dim=1)
            - (slope * means).sum(dim=1) / 2
            - self._dim / 2 * math.log(2 * math.pi)
        )
        twice = torch.where(self._i == self._j, -0.5, -1.0).double()
        curve = precision[:, self._i, self._j] * twice
        return torch.cat([constant[:, None], slope, curve], dim=1)

    def _mixture(self, sums: Tensor) -> Mixture:
        """The likeliest mixture, given φ summed over the rows of each component: [K, P]."""
        sums = sums[sums[:, 0] >= 1]
        counts = sums[:, 0]  # [K]
        means = sums[:, 1 : 1 + self._dim] / counts[:, None]
        squares = torch.empty((len(sums), self._dim, self._dim), dtype=torch.float64)
        squares[:, self._i, self._j] = sums[:, 1 + self._dim :] / counts[:, None]
        squares[:, self._j, self._i] = squares[:, self._i, self._j]
        own = squares - means[:, :, None] * means[:, None, :]
        n = counts[:, None, None]
        shared = (n * own).sum(dim=0) / n.sum()
        borrowed = BORROWED * self._dim
        covariances = (n * own + borrowed * shared) / (n + borrowed)
        covariances = covariances + FLOOR**2 * torch.eye(self._dim, dtype=torch.float64)
        roots = torch.linalg.cholesky(covariances)
        return Mixture((counts / counts.sum()).numpy(), means.numpy(), roots.numpy())


def _nearest_centre(x: Tensor, centres: Tensor) -> Tensor:
    half_norms = centres.square().sum(dim=1) / 2
    blocks = torch.split(x, 4096)
    return torch.cat([(half_norms - block @ centres.T).argmin(dim=1) for block in blocks])
