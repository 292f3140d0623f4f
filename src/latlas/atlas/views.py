"""Everything that is worked out of a space for the page, each on first use."""

from __future__ import annotations

import contextlib
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from latlas.atlas.borders import GRID, draw_borders
from latlas.atlas.density import fog, mixture_infos, rarity, rarity_end
from latlas.atlas.kept import digest, kept
from latlas.atlas.maps import MapView, map_views, plane
from latlas.atlas.nets import Nets
from latlas.atlas.odds import Odds, RowOdds
from latlas.atlas.thumbs import PicturePlan
from latlas.contracts import FloatArray, IntArray, LatlasError, OptionError, UInt8Array
from latlas.projections import PCA
from latlas.space import Space

__all__ = ["Views"]

Kind = TypeVar("Kind", bound=np.generic)


class Views:
    """One state of a space; when the space changes, another is made.

    Args:
        space: the space.
        rows: int64 [n], the rows that the page gets; None for all.
    """

    def __init__(self, space: Space, rows: IntArray | None = None) -> None:
        self.space, self.rows = space, rows

    def shown(self, values: NDArray[Kind]) -> NDArray[Kind]:
        """The entries of the rows that the page gets, out of [N] or [N, ...] of all rows."""
        return values if self.rows is None else values[self.rows]

    @cached_property
    def maps(self) -> list[MapView]:
        """The maps, the one to show first."""
        return map_views(self.space)

    @cached_property
    def plane(self) -> PCA | None:
        """The plane of the map of PCA."""
        return plane(self.space)

    @cached_property
    def nets(self) -> Nets:
        """Decoders, encoders, sheets."""
        return Nets(self.space)

    @cached_property
    def odds(self) -> Odds:
        """Classifiers."""
        return Odds(self.space)

    @cached_property
    def pictures(self) -> PicturePlan | None:
        """Which picture lies where; None where the thumbnails cannot be read."""
        with contextlib.suppress(LatlasError):
            return PicturePlan(
                self.space, self.shown(self.maps[0].xy), self.shown(self.space.latents.ids)
            )
        return None

    @cached_property
    def mixtures(self) -> list[dict[str, Any]]:
        """``MixtureInfo`` of each mixture to sample from."""
        return mixture_infos(self.space)

    @cached_property
    def fog(self) -> list[float]:
        """Quantiles of the distance of held-out latents to the nearest training latent.

        Both are of the rows that the page gets, as it looks for the nearest among these.
        """
        key = digest("fog", self.latents_digest, self.space.scope, self.nets.owners, self.rows)
        config, _ = kept(key, lambda: ({"fog": fog(self.space, self.rows)}, {}))
        return [float(value) for value in config["fog"]]

    @cached_property
    def rarity_end(self) -> float:
        """The end of the scale of ``rarity``."""
        return rarity_end(self.space)

    @cached_property
    def latents_digest(self) -> str:
        """Of everything in the latent table that the page shows."""
        latents = self.space.latents
        return digest(
            latents.z, latents.ids, latents.labels, latents.told, latents.splits, latents.errors
        )

    @cached_property
    def layout(self) -> str:
        """Changes when rows or maps do, and with them what lies where on the sheets of pictures.

        A new prior or classifier leaves it as it is.
        """
        maps = [(view.name, digest(view.xy)) for view in self.maps]
        return digest(self.latents_digest, repr(maps), self.rows)

    @cached_property
    def fingerprint(self) -> str:
        """Changes whenever what the page shows may have changed."""
        scores = [(score.name, score.value) for score in self.space.scores]
        maps = [(view.name, digest(view.xy)) for view in self.maps]
        manifest = self.space.manifest.model_dump_json()
        return digest(manifest, repr(scores), repr(maps), self.latents_digest, self.rows)

    def map(self, name: str) -> MapView:
        """A map by name.

        Raises:
            OptionError: there is none.
        """
        for view in self.maps:
            if view.name == name:
                return view
        known = ", ".join(view.name for view in self.maps)
        raise OptionError(f"there is no map {name!r} here; choose one of {known}.")

    # --- what is slow, from the cache ---------------------------------------------------

    @cached_property
    def row_odds(self) -> RowOdds:
        """What the classifier says of every row."""

        def make() -> tuple[dict[str, Any], dict[str, Any]]:
            odds = self.odds.rows()
            return {}, {
                "predicted": odds.predicted,
                "confidence": odds.confidence,
                "surprise": odds.surprise,
            }

        _, arrays = kept(digest("odds", self.latents_digest, self.odds.digest), make)
        return RowOdds(arrays["predicted"], arrays["confidence"], arrays["surprise"])

    @cached_property
    def rarity(self) -> FloatArray:
        """The distance of each row's latent to the nearest training latent: float32 [N]."""
        key = digest("rarity", self.latents_digest, self.space.scope, self.nets.owners)
        _, arrays = kept(key, lambda: ({}, {"distance": rarity(self.space)}))
        return arrays["distance"].astype(np.float32)

    def borders(self, name: str) -> UInt8Array:
        """The classifier's answers over a map: uint8 [G, G, 2].

        Raises:
            OptionError: no such map, or no classifier that is asked by latents alone.
        """
        view, classifier = self.map(name), self.odds.of_latents
        if classifier is None:
            raise OptionError(
                "borders need a classifier that is fitted in a space of scope global. Fit one "
                "with: latlas classify"
            )
        flat = self.plane if name == "pca" else None
        key = digest("borders", GRID, self.latents_digest, view.xy, self.odds.digest)
        z = self.space.latents.z
        _, arrays = kept(key, lambda: ({}, {"grid": draw_borders(view, z, classifier, flat)}))
        return arrays["grid"].astype(np.uint8)
