"""Decoders, encoders and sheets of a space as ONNX files, and what the page knows of each."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from latlas.atlas.kept import digest, kept, recall
from latlas.atlas.maps import MapView
from latlas.contracts import FloatArray, IntArray, LatlasError, Progress
from latlas.graphs import (
    decoder_onnx,
    encoder_onnx,
    is_told,
    members_of,
    net_parameters,
    sheet_onnx,
)
from latlas.models import AnyModel, PerClass
from latlas.sheets import Sheet, fit_sheet, sheet_parameters
from latlas.stored import StoredSpace

__all__ = ["Nets"]

PROBES = 256
FEWEST_PLACES = 20
"""With fewer rows a sheet is not worth fitting."""
FRAME_BYTES = 2_000
"""What a file takes besides its weights, about."""


class Nets:
    """The nets of a space.

    Args:
        space: the space.
    """

    def __init__(self, space: StoredSpace) -> None:
        self._space = space
        self._model: AnyModel | PerClass | None = None
        with contextlib.suppress(LatlasError):  # a space of vectors alone can still be looked at
            self._model = space.model
        self._members = [] if self._model is None else members_of(self._model)

    @property
    def owners(self) -> list[int]:
        """The member of each label; empty where one model is for all."""
        return list(self._model.owners) if isinstance(self._model, PerClass) else []

    @property
    def count(self) -> int:
        """How many decoders and encoders there are."""
        return len(self._members)

    def infos(self, kind: str) -> list[dict[str, Any]]:
        """``GraphInfo`` of all nets of a kind, ``"decoder"`` or ``"encoder"``."""
        infos = []
        for index, member in enumerate(self._members):
            numbers = net_parameters(member)[kind]
            infos.append(
                {
                    "resource": f"{kind}-{index}.onnx",
                    "bytes": 2 * numbers + FRAME_BYTES,
                    "parameters": numbers,
                    "told": is_told(member),
                }
            )
        return infos

    def decoder(self, index: int) -> bytes:
        """The decoder of a member as ONNX."""
        return decoder_onnx(self._members[index], self._probe(index))

    def encoder(self, index: int) -> bytes:
        """The encoder of a member as ONNX."""
        return encoder_onnx(self._members[index], self._probe(index))

    def _probe(self, index: int) -> FloatArray | None:
        """Latents of real images to try halved weights on; None where there are none."""
        latents, owners = self._space.latents, self.owners
        rows: IntArray = np.arange(len(latents))
        if owners:
            rows = np.flatnonzero(np.array([*owners, -1])[latents.told] == index)
        if not len(rows):
            return None
        chosen = np.random.default_rng(0).permutation(rows)[:PROBES]
        probe: FloatArray = latents.z[chosen]
        return probe

    # --- sheets -------------------------------------------------------------------------

    def with_sheet(self, views: list[MapView]) -> list[MapView]:
        """The maps that a sheet can be fitted to.

        Not those with a panel for each class: their classes lie in frames that overlap, so a
        place does not say whose latent it is.
        """
        if not self._members:
            return []
        placed = [np.isfinite(view.xy).all(axis=1).sum() for view in views]
        return [
            v
            for v, count in zip(views, placed, strict=True)
            if count >= FEWEST_PLACES and not v.panels
        ]

    def sheet_infos(self, views: list[MapView]) -> dict[str, dict[str, Any]]:
        """``GraphInfo`` and error of the sheet of each map; the error is None until it is made."""
        infos = {}
        for view in self.with_sheet(views):
            numbers = sheet_parameters(self._space.latent_dim)
            known = recall(self._sheet_key(view))
            infos[view.name] = {
                "resource": f"sheet-net-{view.name}.onnx",
                "bytes": 2 * numbers + FRAME_BYTES,
                "parameters": numbers,
                "told": False,
                "error": _error(known[0]) if known else None,
            }
        return infos

    def sheet(self, view: MapView, progress: Progress | None = None) -> Sheet:
        """The sheet of a map, from the cache or fitted now."""

        def make() -> tuple[dict[str, Any], dict[str, Any]]:
            z = self._space.latents.z
            return fit_sheet(view.xy, z, *view.box, progress=progress).state()

        key = self._sheet_key(view)
        with contextlib.suppress(ValueError):
            return Sheet.from_state(*kept(key, make))
        return Sheet.from_state(*make())

    def sheet_file(self, view: MapView) -> bytes:
        """The sheet of a map as ONNX."""
        return sheet_onnx(self.sheet(view))

    def _sheet_key(self, view: MapView) -> str:
        return digest("sheet", self._space.latents.z, view.xy)


def _error(config: Mapping[str, Any]) -> float | None:
    error = config.get("error")
    return float(error) if isinstance(error, float) and np.isfinite(error) else None
