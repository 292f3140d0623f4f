"""Neural spline flows by zuko, an optional package: an exact likelihood to compare others with."""

from __future__ import annotations

import importlib
from typing import Any, ClassVar, final

import torch
from torch import Tensor, nn

from latlas.contracts import IntArray, MissingExtraError
from latlas.priors.gaussian import GaussianPrior
from latlas.priors.learned import Bend, LearnedPrior

__all__ = ["NSFPrior"]

TRANSFORMS, HIDDEN, BINS = 4, (128, 128), 8
PASSES = 2


class _Splines(Bend):
    """Monotonic rational-quadratic splines of one half of the dimensions given the other.

    Trained by the mean of -log p(x) / D, where log p(x) = log N(f(x); 0, I) + log |det ∂f/∂x|.
    Outside of -5..5 a spline is the identity.

    Args: as in ``Bend``; ``zuko`` is the package.
    """

    learning_rate = 1e-3

    def __init__(self, D: int, owners: IntArray, zuko: Any) -> None:
        super().__init__(D, owners)
        self.flow: nn.Module = zuko.flows.NSF(
            D,
            context=self.M,
            bins=BINS,
            transforms=TRANSFORMS,
            hidden_features=HIDDEN,
            passes=PASSES,
        )

    def loss(self, x: Tensor, index: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Mean of -log p(x) / D without its constant, and that of the Gaussian."""
        noise, change = self._at(index).call_and_ladj(x)
        gaussian = x.square().mean() / 2
        return noise.square().mean() / 2 - change.mean() / self.D, gaussian

    def push(self, x: Tensor, index: Tensor) -> Tensor:
        """From noise to data: the inverse of the splines."""
        out: Tensor = self._at(index).inv(x)
        return out

    def pull(self, x: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
        """From data to noise, and the log determinant."""
        noise, change = self._at(index).call_and_ladj(x)
        return noise, change

    def _at(self, index: Tensor) -> Any:
        one_hot = nn.functional.one_hot(index, self.M).float()
        return self.flow.transform(one_hot)  # type: ignore[operator]


@final
class NSFPrior(LearnedPrior):
    """A neural spline flow on the Gaussians of ``GaussianPrior``, the label given as context.

    Four coupling layers of splines with 8 bins, their parameters from nets of two hidden layers
    of 128 units (Durkan, Bekasov, Murray & Papamakarios, "Neural Spline Flows", NeurIPS 2019,
    section 3), trained by maximum likelihood.

    Args and attributes: as in ``LearnedPrior``.

    Raises:
        MissingExtraError: on ``fit`` and ``from_state``, where zuko is not installed.
    """

    name: ClassVar[str] = "nsf"
    base = GaussianPrior

    def _new_bend(self, D: int, owners: IntArray) -> Bend:
        try:
            zuko = importlib.import_module("zuko")
        except ImportError as error:
            raise MissingExtraError("the prior nsf", "flows") from error
        return _Splines(D, owners, zuko)
