"""Flow matching: a velocity field that carries noise to latents, for everything and each label."""

from __future__ import annotations

import itertools
import math
from typing import ClassVar, NamedTuple, final

import torch
from torch import Tensor, nn

from latlas.priors.learned import Bend, LearnedPrior

__all__ = ["FlowPrior", "VelocityField"]

WIDTH = 256
EMBEDDING = 64
FREQUENCIES = 8
STEPS = 20
SPREAD_OF_TIMES = 1.0


class Condition(NamedTuple):
    """What a time and a label do to the two hidden layers.

    Attributes:
        scale, shift: of the first layer, [B, W] each.
        scale2, shift2: of the second.
    """

    scale: Tensor
    shift: Tensor
    scale2: Tensor
    shift2: Tensor


@final
class VelocityField(Bend):
    """u(x, θ, c): the velocity at the place x of a flow of the label c at the angle θ.

    Two hidden layers h and k, each also tied to what comes before it, with a scale s and a shift
    b for each unit from an embedding of θ and c:

        h = silu((1 + s) W x + b),   k = silu((1 + s') (V h + U x) + b'),   u = A k + B h + C x

    A flow starts at noise x₀ at θ = 0, ends at data x₁ at θ = π/2, and between them stands
    x = cos θ x₀ + sin θ x₁ with dx/dθ = cos θ x₁ - sin θ x₀. The net is trained by least squares
    to give the latter, x₀ and x₁ drawn independently (Lipman et al., "Flow Matching for Generative
    Modeling", ICLR 2023, equation 9; Liu, Gong & Liu, "Flow Straight and Fast", ICLR 2023,
    equation 1; this path: Albergo & Vanden-Eijnden, "Building Normalizing Flows with Stochastic
    Interpolants", ICLR 2023, equation 5). Standardised Gaussian data need u = 0 on this path,
    and the net begins there.

    Its divergence is exact and costs as much as u itself. With d and e the derivatives of h and k
    by their units' sums before scaling,

        div u = eᵀ (V ∘ (W A)ᵀ) d + eᵀ diag(U A) + dᵀ diag(W B) + tr C

    so no D products with the Jacobian are needed.

    Args: as in ``Bend``.
    """

    learning_rate = 2e-3

    def __init__(self, D: int, classes: int) -> None:
        super().__init__(D, classes)
        self.label = nn.Embedding(classes + 1, EMBEDDING)
        self.time = nn.Linear(2 * FREQUENCIES + 1, EMBEDDING)
        self.mixing = nn.Linear(EMBEDDING, EMBEDDING)
        self.condition = nn.Linear(EMBEDDING, 4 * WIDTH)
        self.W = nn.Linear(D, WIDTH, bias=False)
        self.V = nn.Linear(WIDTH, WIDTH, bias=False)
        self.U = nn.Linear(D, WIDTH, bias=False)
        self.A = nn.Linear(WIDTH, D, bias=False)
        self.B = nn.Linear(WIDTH, D, bias=False)
        self.C = nn.Linear(D, D, bias=False)
        for layer in (self.A, self.B, self.C):
            nn.init.zeros_(layer.weight)

    def conditions(self, angle: Tensor, index: Tensor) -> Condition:
        """Scales and shifts at angles float [B] and for label indices int64 [B]."""
        waves = angle[:, None] * torch.arange(FREQUENCIES + 1, device=angle.device)
        time = self.time(torch.cat([waves.cos(), waves[:, 1:].sin()], dim=1))
        embedding = nn.functional.silu(self.mixing(nn.functional.silu(time + self.label(index))))
        return Condition(*self.condition(embedding).chunk(4, dim=1))

    def forward(self, x: Tensor, at: Condition) -> Tensor:
        """The velocity at places [B, D]: [B, D]."""
        h = nn.functional.silu((1 + at.scale) * self.W(x) + at.shift)
        k = nn.functional.silu((1 + at.scale2) * (self.V(h) + self.U(x)) + at.shift2)
        out: Tensor = self.A(k) + self.B(h) + self.C(x)
        return out

    def with_divergence(self, x: Tensor, at: Condition) -> tuple[Tensor, Tensor]:
        """The velocity [B, D] and its divergence [B] at places [B, D]."""
        W, V, U, A, B = (m.weight for m in (self.W, self.V, self.U, self.A, self.B))
        h, d = _silu((1 + at.scale) * self.W(x) + at.shift)
        k, e = _silu((1 + at.scale2) * (self.V(h) + self.U(x)) + at.shift2)
        d, e = d * (1 + at.scale), e * (1 + at.scale2)
        divergence = (e * nn.functional.linear(d, V * (W @ A).T)).sum(1)
        divergence += e @ (U * A.T).sum(1) + d @ (W * B.T).sum(1) + self.C.weight.trace()
        return self.A(k) + self.B(h) + self.C(x), divergence

    def loss(self, x: Tensor, index: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Mean squared error of the velocity, and that of u = 0."""
        noise = torch.randn(x.shape, generator=generator, device=x.device)
        where = torch.randn(len(x), generator=generator, device=x.device)
        angle = torch.sigmoid(SPREAD_OF_TIMES * where) * (math.pi / 2)
        sine, cosine = angle.sin()[:, None], angle.cos()[:, None]
        target = cosine * x - sine * noise
        given = self(cosine * noise + sine * x, self.conditions(angle, index))
        return (given - target).square().mean(), target.square().mean()

    def push(self, x: Tensor, index: int) -> Tensor:
        """From noise to data by Heun's method, second order, in ``STEPS`` steps."""
        size, stations = math.pi / 2 / STEPS, self._stations(index)
        for now, later in itertools.pairwise(stations):
            first = self(x, now)
            x = x + size / 2 * (first + self(x + size * first, later))
        return x

    def pull(self, x: Tensor, index: int) -> tuple[Tensor, Tensor]:
        """From data to noise by the same method, and the log determinant on the way.

        It is minus the integral of the divergence (Chen et al., "Neural Ordinary Differential
        Equations", NeurIPS 2018, equation 8).
        """
        size, stations = math.pi / 2 / STEPS, self._stations(index)
        change = torch.zeros(len(x))
        for now, later in itertools.pairwise(reversed(stations)):
            first, bulge = self.with_divergence(x, now)
            second, bulge2 = self.with_divergence(x - size * first, later)
            x = x - size / 2 * (first + second)
            change = change - size / 2 * (bulge + bulge2)
        return x, change

    def _stations(self, index: int) -> list[Condition]:
        angles = torch.linspace(0, math.pi / 2, STEPS + 1)
        at = self.conditions(angles, torch.full((STEPS + 1,), index))
        return [Condition(*(part[step] for part in at)) for step in range(STEPS + 1)]


@final
class FlowPrior(LearnedPrior):
    """Class-conditional flow matching in the latent space, by ``VelocityField``.

    Twenty steps of Heun's method carry a draw from a label's Gaussian to a latent; the same
    backwards, with the integral of the exact divergence, gives the density.

    Args and attributes: as in ``LearnedPrior``.
    """

    name: ClassVar[str] = "flow"

    def _new_bend(self, D: int, classes: int) -> Bend:
        return VelocityField(D, classes)


def _silu(x: Tensor) -> tuple[Tensor, Tensor]:
    """The sigmoid linear unit x σ(x) and its derivative."""
    gate = torch.sigmoid(x)
    value = x * gate
    return value, gate + value * (1 - gate)
