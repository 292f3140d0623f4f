"""The Inception-v3 network of the FID, from a file that the user has; nothing is fetched.

Only distances in its features may be called FID (Heusel, Ramsauer, Unterthiner, Nessler,
Hochreiter, "GANs Trained by a Two Time-Scale Update Rule Converge to a Local Nash Equilibrium",
NeurIPS 2017, section 2).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from latlas.contracts import FloatArray, OptionError, SourceError, UInt8Array

__all__ = ["FEATURES", "Inception"]

FEATURES = 2048
"""Length of the features that FID is taken in: the last pooling layer."""
BATCH = 50


class Inception:
    """Inception-v3 as a TorchScript file, called as ``net(x, return_features=True)``.

    x is uint8 [B, 3, H, W] in 0..255 of any size, which the network itself brings to 299 x 299;
    it gives features [B, 2048]. This is the form in which the network of 2015 is passed on for
    PyTorch (Karras, Laine, Aila, "A Style-Based Generator Architecture", 2019, and their later
    code). A TorchScript file is a program: take it from someone whom you trust.

    Args:
        path: the file, for instance ``inception-2015-12-05.pt``.
        device: where to compute.

    Raises:
        SourceError: no such file, or not TorchScript.
    """

    def __init__(self, path: str | Path, device: torch.device | None = None) -> None:
        self.path = Path(path).expanduser()
        self._device = device or torch.device("cpu")
        if not self.path.is_file():
            raise SourceError(
                f"there is no file {path}. Give the TorchScript file of Inception-v3, or leave it "
                "out: then the judge trained on the source itself measures."
            )
        try:
            loaded: Any = torch.jit.load(str(self.path), map_location=self._device)  # type: ignore[no-untyped-call]
        except (RuntimeError, ValueError, OSError) as error:
            raise SourceError(
                f"{path} is not a TorchScript file ({str(error).splitlines()[0][:80]}). Give the "
                "file of Inception-v3 that takes uint8 images and return_features=True."
            ) from error
        self._net = loaded.eval()

    def features(self, pixels: UInt8Array) -> FloatArray:
        """Images uint8 [N, H, W, C], C = 1 or 3 -> features float32 [N, 2048].

        Raises:
            OptionError: the network does not give such features: it is another one.
        """
        found = np.empty((len(pixels), FEATURES), np.float32)
        for start in range(0, len(pixels), BATCH):
            block = torch.from_numpy(np.ascontiguousarray(pixels[start : start + BATCH]))
            x = block.permute(0, 3, 1, 2).expand(-1, 3, -1, -1).contiguous()
            with torch.inference_mode():
                found[start : start + BATCH] = self._ask(x.to(self._device)).float().cpu().numpy()
        return found

    def _ask(self, x: Tensor) -> Tensor:
        try:
            seen: Any = self._net(x, return_features=True)
        except (RuntimeError, TypeError) as error:
            raise OptionError(
                f"{self.path.name} does not take images as Inception-v3 does "
                f"({str(error).splitlines()[0][:80]}). Nothing that it gives may be called FID."
            ) from error
        if not isinstance(seen, Tensor) or seen.shape != (len(x), FEATURES):
            shape = list(seen.shape) if isinstance(seen, Tensor) else type(seen).__name__
            raise OptionError(
                f"{self.path.name} gives {shape} for {len(x)} images; Inception-v3 gives "
                f"[{len(x)}, {FEATURES}]. Nothing that another network gives may be called FID."
            )
        return seen
