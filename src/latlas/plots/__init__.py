"""Arrays in, matplotlib figures out; sees no file, no store, no model."""

from latlas.plots.colours import CLASS_COLOURS
from latlas.plots.curves import kl_per_dimension, loss_curves
from latlas.plots.images import (
    animate,
    image_grid,
    neighbour_row,
    reconstructions,
    traversals,
    walk_strip,
)
from latlas.plots.maps import latent_map
from latlas.plots.page import save
from latlas.plots.plane import plane_grid

__all__ = [
    "CLASS_COLOURS",
    "animate",
    "image_grid",
    "kl_per_dimension",
    "latent_map",
    "loss_curves",
    "neighbour_row",
    "plane_grid",
    "reconstructions",
    "save",
    "traversals",
    "walk_strip",
]
