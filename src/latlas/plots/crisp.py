"""Images that reach the picture untouched.

matplotlib resamples every image that it draws, even one that already has the size of its place.
Here such an image is copied, enlarged by a whole number where it must be: exact, and ten times as
fast. At any other size matplotlib resamples as usual.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import AxesImage
from matplotlib.transforms import IdentityTransform

from latlas.contracts import UInt8Array

__all__ = ["fill_axes"]


def fill_axes(
    axes: Axes, image: UInt8Array, extent: tuple[float, float, float, float]
) -> AxesImage:
    """Fills axes with an image uint8 [H, W, 3], the first row on top.

    Args:
        axes: best as large as a whole multiple of the image, in dots.
        image: uint8 [H, W, 3].
        extent: left, right, bottom and top of the axes in data units, which become its limits.
    """
    left, right, bottom, top = extent
    artist = _CrispImage(axes, interpolation="nearest", origin="upper", extent=extent)
    artist.set_data(image)
    artist.set_clip_path(axes.patch)
    axes.add_image(artist)
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    return artist


class _CrispImage(AxesImage):
    def make_image(
        self, renderer: Any, magnification: float = 1.0, unsampled: bool = False
    ) -> tuple[Any, float, float, Any]:
        image = np.asarray(self.get_array())
        box = self.axes.bbox
        zoom = round(box.height * magnification / image.shape[0])
        place = np.rint(np.array([box.height, box.width]) * magnification)
        if zoom < 1 or tuple(place) != (image.shape[0] * zoom, image.shape[1] * zoom):
            made: tuple[Any, float, float, Any] = super().make_image(
                renderer, magnification, unsampled
            )
            return made
        rgba = np.full((image.shape[0] * zoom, image.shape[1] * zoom, 4), 255, dtype=np.uint8)
        rgba[..., :3] = image[::-1].repeat(zoom, axis=0).repeat(zoom, axis=1)
        return rgba, box.x0, box.y0, IdentityTransform()
