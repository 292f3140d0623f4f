"""Batches: which images come when, as input tensors on the device that computes."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from latlas.contracts import TRAIN, FloatArray, Images, OptionError, UInt8Array

__all__ = ["Batch", "Feed", "held_out_count", "to_input"]

SAMPLE_VALUES = 16_000_000

HELD_OUT_SHARE, MOST_HELD_OUT = 20, 2000


class Batch(NamedTuple):
    """Images and what is known of them.

    Attributes:
        x: float32 [B, C, H, W] in 0..1 (latents that a prior learns from: of any range).
        labels: int64 [B], -1 where unknown.
    """

    x: Tensor
    labels: Tensor


def held_out_count(images: int) -> int:
    """How many of so many training images are held out from training, to judge it by."""
    return min(images // HELD_OUT_SHARE, MOST_HELD_OUT)


def to_input(pixels: Tensor) -> Tensor:
    """Images [B, H, W, C], uint8 or float32 in 0..1 -> model input float32 [B, C, H, W]."""
    x = pixels.permute(0, 3, 1, 2)
    return x.float().div_(255) if x.dtype == torch.uint8 else x


class Feed:
    """The training images of a source, cut into batches in an order that (seed, epoch) fixes.

    One in twenty of the training images, at most 2,000, is held out from training.

    Args:
        images: decoded images; only their training split is used.
        batch_size: images per batch; fewer where there are fewer images.
        seed: seed of the order and of the held-out choice.
        device: where batches go. The pixels stay in memory (or in their memory map), or move to
            a CUDA device once and for all when they fit in half of its free memory.

    Raises:
        OptionError: there are no training images.
    """

    def __init__(self, images: Images, batch_size: int, seed: int, device: torch.device) -> None:
        self.seed, self.device = seed, device
        ids = torch.from_numpy(np.flatnonzero(images.splits == TRAIN))
        if len(ids) == 0:
            raise OptionError(
                f"{images.source} has no training images (0 of {len(images)} are in the split "
                "'train'). Give a source with training images, or another split."
            )
        order = torch.randperm(len(ids), generator=torch.Generator().manual_seed(seed))
        held = held_out_count(len(ids))
        # A handful of images cannot spare any: they are then judged on what they learn from.
        self.held_out = ids[order[:held]].sort().values if held else ids
        self.ids = ids[order[held:]].sort().values if held else ids
        self.batch_size = min(batch_size, len(self.ids))
        self.steps_per_epoch = len(self.ids) // self.batch_size
        self._pixels = _place(images.pixels, device)
        self._labels = torch.tensor(images.labels, dtype=torch.int64).to(self._pixels.device)
        self._epoch, self._order = -1, self.ids

    def batch(self, step: int) -> Batch:
        """The images and labels of one step, on the device."""
        epoch, place = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
            order = self.ids[torch.randperm(len(self.ids), generator=generator)]
            self._epoch, self._order = epoch, order.to(self._pixels.device)
        return self.take(self._order[place * self.batch_size : (place + 1) * self.batch_size])

    def sample(self, most: int) -> Batch:
        """Training images spread evenly over the source, at most ``most`` and 64 MB of them."""
        room = max(1, SAMPLE_VALUES // self._pixels[0].numel())
        count = min(len(self.ids), most, room)
        return self.take(self.ids[torch.linspace(0, len(self.ids) - 1, count).long()])

    def take(self, ids: Tensor) -> Batch:
        """The images with these row numbers, int64 [B], and their labels."""
        rows = ids.to(self._pixels.device)
        x = to_input(self._pixels[rows].to(self.device))
        return Batch(x, self._labels[rows].to(self.device))


def _place(pixels: UInt8Array | FloatArray, device: torch.device) -> Tensor:
    array = np.asarray(pixels)
    tensor = torch.from_numpy(array if array.flags.writeable else _writable_view(array))
    if device.type == "cuda" and tensor.numel() < torch.cuda.mem_get_info(device)[0] // 2:
        return tensor.to(device)
    return tensor


def _writable_view(pixels: NDArray[Any]) -> NDArray[Any]:
    """The same memory under a view that PyTorch takes without a warning; it is only read."""
    interface = dict(pixels.__array_interface__)
    interface["data"] = (interface["data"][0], False)

    class _View:
        __array_interface__ = interface
        owner = pixels

    return np.asarray(_View())
