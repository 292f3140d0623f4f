"""The repulsion of t-SNE among N points of the plane, in time N instead of N².

With q(r) = 1 / (1 + r²), every point feels the potential φ(y) = Σⱼ q(|y - yⱼ|). The repulsion of
t-SNE is its slope, Σⱼ q² (y - yⱼ) = -∇φ(y) / 2, and the normalisation is Z = Σᵢ φ(yᵢ) - N. The
points are spread onto a grid, one Fourier transform convolves the grid with q, and the potential
and its slope are read off at the points (after Linderman, Rachh, Hoskins, Steinerberger & Kluger,
"Fast interpolation-based t-SNE", Nature Methods 2019). Spreading and reading use quadratic
B-splines, whose smoothing is divided out of the transformed kernel (Essmann et al., "A smooth
particle mesh Ewald method", J. Chem. Phys. 1995, section 3), so that one transform each way
serves the potential and both components of the force, where polynomial patches need four.
"""

from __future__ import annotations

import math

import torch

__all__ = ["Repulsion"]

SPACING = 0.5  # of the grid, in units of the width of q: forces within about 2% (root mean square)
FINE_SPACING = 0.125  # while the whole map is smaller than FINE_SPAN
FINE_SPAN = 8.0
MOST_CELLS = 1024  # along a side; beyond, the spacing doubles
SIZES = tuple(quarter * 2**power for power in range(4, 10) for quarter in (4, 5, 6, 7))


class Repulsion:
    """Computes the repulsion; keeps the transformed kernel while the grid stays the same."""

    def __init__(self) -> None:
        self._grid: tuple[int, float] | None = None
        self._kernel = torch.empty(0)

    def __call__(self, xy: torch.Tensor) -> tuple[torch.Tensor, float]:
        """Points float32 [2, N] -> Σⱼ q² (y - yⱼ) as float32 [2, N], and Z."""
        corner = xy.amin(dim=1, keepdim=True)
        span = float((xy.amax(dim=1, keepdim=True) - corner).max())
        spacing = FINE_SPACING if span < FINE_SPAN else SPACING
        while span / spacing > MOST_CELLS:
            spacing *= 2
        needed = 2 * (int(span / spacing) + 4)  # twice the points' part: no wrapping round
        size = next(size for size in SIZES if size >= needed)
        kernel = self._transformed_kernel(size, spacing)

        across, weight, slope = _splines((xy - corner) / spacing + 1)
        first = across[0] * size + across[1] - (size + 1)  # [N], the lowest node of each point
        steps = torch.arange(3, dtype=torch.int32)
        nodes = (first + (steps[:, None] * size + steps).view(9, 1)).view(-1)  # [9 N]
        spread = (weight[0][:, None] * weight[1]).view(-1)  # [9 N]
        density = torch.zeros(size * size).index_add_(0, nodes, spread).view(size, size)
        smooth = torch.fft.irfft2(torch.fft.rfft2(density) * kernel, s=(size, size))
        potential = smooth.view(-1).index_select(0, nodes).view(3, 3, -1)
        along = (potential * weight[1]).sum(dim=1)  # [3, N]
        total = float((along * weight[0]).sum(dtype=torch.float64)) - xy.shape[1]
        force_0 = (along * slope[0]).sum(dim=0)
        force_1 = ((potential * slope[1]).sum(dim=1) * weight[0]).sum(dim=0)
        return torch.stack([force_0, force_1]).mul_(-0.5 / spacing), total

    def _transformed_kernel(self, size: int, spacing: float) -> torch.Tensor:
        """The transform of q on the grid, with the splines' smoothing divided out twice."""
        if self._grid != (size, spacing):
            steps = torch.arange(size, dtype=torch.float64)
            squares = (torch.minimum(steps, size - steps) * spacing).square()
            values = 1 / (1 + squares[:, None] + squares)
            spline = 0.75 + 0.25 * torch.cos(2 * math.pi * steps / size)
            smoothing = spline[:, None] * spline[: size // 2 + 1]
            self._kernel = (torch.fft.rfft2(values).real / smoothing.square()).float()
            self._grid = size, spacing
        return self._kernel


def _splines(places: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Quadratic B-splines of places [2, N] in units of the grid.

    Returns:
        The nearest node int32 [2, N], and for it and the nodes on either side the weights and
        their derivatives, float32 [2, 3, N].
    """
    node = (places + 0.5).floor()
    offset = places - node
    left, right = 0.5 - offset, 0.5 + offset
    weights = torch.stack([left.square() / 2, 0.75 - offset.square(), right.square() / 2], dim=1)
    return node.int(), weights, torch.stack([-left, -2 * offset, right], dim=1)
