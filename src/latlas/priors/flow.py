"""Flow matching: a velocity field that carries noise to latents, for everything and each label."""

from __future__ import annotations

import itertools
import math
from typing import ClassVar, NamedTuple, final

import torch
from torch import Tensor, nn

from latlas.contracts import IntArray
from latlas.priors.gmm import GMMPrior
from latlas.priors.learned import Bend, LearnedPrior

__all__ = ["FlowPrior", "Shifts", "VelocityField"]

WIDTH = 256
EMBEDDING = 64
FREQUENCIES = 5
STEPS = 10


class Shifts(NamedTuple):
    """What an angle and a component add to the two hidden layers: b and b', [B, W] each."""

    first: Tensor
    second: Tensor


@final
class VelocityField(Bend):
    """u(x, θ, k): the velocity at the place x, at the angle θ, of the flow of the component k.

    Two hidden layers, each also tied to the velocity, with shifts b and b' that are sums of a
    function of θ, an embedding of k and one of the density that k belongs to:

        g = silu(W x + b),   h = silu(V g + U x + b'),   u = A h + B g + C x

    A flow starts at noise x₀ at θ = 0, ends at data x₁ at θ = π/2, and between them stands
    x = cos θ x₀ + sin θ x₁ with dx/dθ = cos θ x₁ - sin θ x₀. The net is trained by least squares
    to give the latter, x₀ and x₁ drawn independently and θ uniformly (Lipman, Chen, Ben-Hamu,
    Nickel & Le, "Flow Matching for Generative Modeling", ICLR 2023, equation 9; Liu, Gong & Liu,
    "Flow Straight and Fast", ICLR 2023, equation 1; this path: Albergo & Vanden-Eijnden, "Building
    Normalizing Flows with Stochastic Interpolants", ICLR 2023, section 2). On this path data from
    N(0, I) need u = 0, where the net begins: so it need only learn in what a component is not
    Gaussian.

    The divergence is exact, and costs one more product of the size of V. With g' and h' the
    derivatives of silu at the two layers,

        div u = h'ᵀ (V ∘ (W A)ᵀ) g' + h'ᵀ diag(U A) + g'ᵀ diag(W B) + tr C

    where D products with the Jacobian would cost D passes.

    Args: as in ``Bend``.
    """

    owners: Tensor

    def __init__(self, D: int, owners: IntArray) -> None:
        super().__init__(D, owners)
        self.register_buffer("owners", torch.from_numpy(owners), persistent=False)
        self.angle = nn.Linear(2 * FREQUENCIES, 2 * WIDTH)
        self.density = nn.Embedding(int(owners.max()) + 1, 2 * WIDTH)
        self.component = nn.Embedding(len(owners), EMBEDDING)
        self.spread = nn.Linear(EMBEDDING, 2 * WIDTH, bias=False)
        self.W, self.U = (nn.Linear(D, WIDTH, bias=False) for _ in range(2))
        self.V = nn.Linear(WIDTH, WIDTH, bias=False)
        self.A, self.B = (nn.Linear(WIDTH, D, bias=False) for _ in range(2))
        self.C = nn.Linear(D, D, bias=False)
        nn.init.normal_(self.density.weight, std=0.3)
        for layer in (self.A, self.B, self.C):
            nn.init.zeros_(layer.weight)

    def shifts(self, angle: Tensor, index: Tensor) -> Shifts:
        """The shifts at angles float [B] or [1], of components int64 [B]."""
        return self._sum(angle, self._own(index))

    def forward(self, x: Tensor, at: Shifts) -> Tensor:
        """The velocity at places [B, D]: [B, D]."""
        g = nn.functional.silu(self.W(x) + at.first)
        h = nn.functional.silu(self.V(g) + self.U(x) + at.second)
        out: Tensor = self.A(h) + self.B(g) + self.C(x)
        return out

    def with_divergence(self, x: Tensor, at: Shifts) -> tuple[Tensor, Tensor]:
        """The velocity [B, D] and its divergence [B] at places [B, D]."""
        W, V, U, A, B = (m.weight for m in (self.W, self.V, self.U, self.A, self.B))
        g, g_slope = _silu(self.W(x) + at.first)
        h, h_slope = _silu(self.V(g) + self.U(x) + at.second)
        divergence = (h_slope * nn.functional.linear(g_slope, V * (W @ A).T)).sum(1)
        divergence += h_slope @ (U * A.T).sum(1) + g_slope @ (W * B.T).sum(1)
        return self.A(h) + self.B(g) + self.C(x), divergence + self.C.weight.trace()

    def loss(self, x: Tensor, index: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Mean squared error of the velocity, and that of u = 0.

        The angles of a batch are spread evenly, one in each of B intervals, which lowers the
        variance of the gradient.
        """
        count, device = len(x), x.device
        noise = torch.randn(x.shape, generator=generator, device=device)
        place = torch.randperm(count, generator=generator, device=device)
        inside = torch.rand(count, generator=generator, device=device)
        angle = (place + inside) * (math.pi / 2 / count)
        sine, cosine = angle.sin()[:, None], angle.cos()[:, None]
        target = cosine * x - sine * noise
        given = self(cosine * noise + sine * x, self.shifts(angle, index))
        return (given - target).square().mean(), target.square().mean()

    def push(self, x: Tensor, index: Tensor) -> Tensor:
        """From noise to data by Heun's method, second order, in 10 steps."""
        step, stations = math.pi / 2 / STEPS, self._stations(index)
        for now, later in itertools.pairwise(stations):
            first = self(x, now)
            x = x + step / 2 * (first + self(x + step * first, later))
        return x

    def pull(self, x: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        """From data to noise by the same method, and the log determinant on the way.

        It is minus the integral of the divergence (Chen, Rubanova, Bettencourt & Duvenaud,
        "Neural Ordinary Differential Equations", NeurIPS 2018, equation 8).
        """
        step, stations = math.pi / 2 / STEPS, self._stations(index)
        change = torch.zeros_like(x[:, 0])
        for now, later in itertools.pairwise(reversed(stations)):
            first, growth = self.with_divergence(x, now)
            second, growth_later = self.with_divergence(x - step * first, later)
            x = x - step / 2 * (first + second)
            change = change - step / 2 * (growth + growth_later)
        return x, change

    def _stations(self, index: Tensor) -> list[Shifts]:
        own, dtype = self._own(index), self.C.weight.dtype
        angles = torch.linspace(0, math.pi / 2, STEPS + 1, dtype=dtype)
        return [self._sum(angle, own) for angle in angles[:, None]]

    def _own(self, index: Tensor) -> Tensor:
        """The part of both shifts that does not change on the way: [B, 2 W]."""
        own: Tensor = self.spread(self.component(index)) + self.density(self.owners[index])
        return own

    def _sum(self, angle: Tensor, own: Tensor) -> Shifts:
        waves = angle[:, None] * torch.arange(1, FREQUENCIES + 1, device=angle.device)
        turned = self.angle(torch.cat([waves.cos(), waves.sin()], dim=1))
        return Shifts(*(turned + own).chunk(2, dim=1))


@final
class FlowPrior(LearnedPrior):
    """Class-conditional flow matching in the latent space, on the mixtures of ``GMMPrior``.

    Noise is carried along a ``VelocityField`` by ten steps of Heun's method, in the frame of
    the component that it was drawn from; the same backwards, with the integral of the exact
    divergence, gives the density.

    Args and attributes: as in ``LearnedPrior``.
    """

    name: ClassVar[str] = "flow"
    base = GMMPrior

    def _new_bend(self, D: int, owners: IntArray) -> Bend:
        return VelocityField(D, owners)


def _silu(x: Tensor) -> tuple[Tensor, Tensor]:
    """The sigmoid linear unit x σ(x) and its derivative."""
    gate = torch.sigmoid(x)
    value = x * gate
    return value, gate + value * (1 - gate)
