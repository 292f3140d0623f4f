"""Arrays in, matplotlib figures out; sees no file, no store, no model."""

from latlas.plots.colours import CLASS_COLOURS
from latlas.plots.comparisons import film_with_odds, sample_rows
from latlas.plots.confusions import confusion
from latlas.plots.curves import kl_per_dimension, loss_curves
from latlas.plots.findings import findings_sheet
from latlas.plots.images import (
    animate,
    image_grid,
    neighbour_row,
    reconstructions,
    traversals,
    walk_strip,
)
from latlas.plots.judgements import reliability_curve, score_bars
from latlas.plots.maps import latent_map
from latlas.plots.page import save
from latlas.plots.panels import class_panels
from latlas.plots.plane import plane_grid
from latlas.plots.regions import decision_regions

__all__ = [
    "CLASS_COLOURS",
    "animate",
    "class_panels",
    "confusion",
    "decision_regions",
    "film_with_odds",
    "findings_sheet",
    "image_grid",
    "kl_per_dimension",
    "latent_map",
    "loss_curves",
    "neighbour_row",
    "plane_grid",
    "reconstructions",
    "reliability_curve",
    "sample_rows",
    "save",
    "score_bars",
    "traversals",
    "walk_strip",
]
