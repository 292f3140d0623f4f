"""Maps: latents [N, D] -> plane [N, 2], each behind the contract ``contracts.Projection``.

To add one, write a class (for a neighbour map: a subclass of ``NeighbourMap`` with its layout)
and give it a name in ``PROJECTIONS``.
"""

from __future__ import annotations

from latlas.projections.opentsne import OpenTSNE
from latlas.projections.panels import Panels
from latlas.projections.pca import PCA
from latlas.projections.placement import NeighbourMap
from latlas.projections.tsne import TSNE
from latlas.projections.umap import UMAP

__all__ = [
    "DEFAULT_MAP",
    "PCA",
    "PROJECTIONS",
    "TSNE",
    "UMAP",
    "NeighbourMap",
    "OpenTSNE",
    "Panels",
]

PROJECTIONS: dict[str, type[PCA] | type[NeighbourMap]] = {
    projection.name: projection for projection in (PCA, TSNE, UMAP, OpenTSNE)
}
"""Every map by its name; each is made with ``PROJECTIONS[name](seed=0)``."""

DEFAULT_MAP = TSNE.name
"""The neighbour map that a space gets when none is named; chosen in decision 4."""
