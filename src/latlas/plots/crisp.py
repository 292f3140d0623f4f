"""Images that reach the picture untouched.

matplotlib resamples every image that it draws, even one that already has the size of its place.
Here such an image is copied, enlarged by a whole number where it must be: exact, and ten times as
fast. At any other size matplotlib resamples as usual.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from latlas.contracts import UInt8Array
from latlas.lazily import lazy_import

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

images = lazy_import("matplotlib.image")
transforms = lazy_import("matplotlib.transforms")

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
    artist: AxesImage = images.AxesImage(
        axes, interpolation="nearest", origin="upper", extent=extent
    )
    # On this one object and not in a subclass, which would load matplotlib with this module.
    artist.make_image = partial(  # type: ignore[method-assign]
        _copied, artist, artist.make_image
    )
    artist.set_data(image)
    artist.set_clip_path(axes.patch)
    axes.add_image(artist)
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    return artist


def _copied(
    artist: AxesImage,
    resampled: Any,
    renderer: Any,
    magnification: float = 1.0,
    unsampled: bool = False,
) -> tuple[Any, float, float, Any]:
    """Does ``make_image`` of matplotlib, which is ``resampled``, by copying where that is exact."""
    image = np.asarray(artist.get_array())
    box = artist.axes.bbox
    zoom = round(box.height * magnification / image.shape[0])
    place = np.rint(np.array([box.height, box.width]) * magnification)
    if zoom < 1 or tuple(place) != (image.shape[0] * zoom, image.shape[1] * zoom):
        made: tuple[Any, float, float, Any] = resampled(renderer, magnification, unsampled)
        return made
    rgba = np.full((image.shape[0] * zoom, image.shape[1] * zoom, 4), 255, dtype=np.uint8)
    rgba[..., :3] = image[::-1].repeat(zoom, axis=0).repeat(zoom, axis=1)
    return rgba, box.x0, box.y0, transforms.IdentityTransform()
