"""The columns of the latent table, and their way from numpy to Arrow and back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from latlas.contracts import FloatArray, LatentRows, OptionError, SpaceError
from latlas.lazily import lazy_import

lance = lazy_import("lance")
pa = lazy_import("pyarrow")

__all__ = [
    "COLUMNS",
    "MAP_PREFIX",
    "TOLD",
    "Maps",
    "check_schema",
    "empty",
    "lance",
    "pa",
    "table_schema",
    "to_batch",
    "to_numpy",
    "to_vectors",
]

Maps = Mapping[str, FloatArray]
"""Coordinates of rows on each map, float32 [N, 2] by the map's name."""

COLUMNS = ("id", "uri", "label", "split", "z", "error", "thumbnail")
TOLD = "told"
"""A column of spaces with a model for each class: the label whose model encoded the row."""
MAP_PREFIX = "map_"
_FORMAT = 1
_FORMAT_KEY = b"latlas.latents"


def table_schema(latent_dim: int, told: bool = False) -> Any:
    """The Arrow schema of a table without maps, with or without the column ``told``."""
    z = pa.list_(pa.float32(), latent_dim)
    types = (pa.int64(), pa.string(), pa.int32(), pa.uint8(), z, pa.float32(), pa.large_binary())
    fields = [pa.field(n, t, nullable=False) for n, t in zip(COLUMNS, types, strict=True)]
    fields += [pa.field(TOLD, pa.int32(), nullable=False)] if told else []
    return pa.schema(fields, metadata={_FORMAT_KEY: str(_FORMAT)})


def check_schema(path: Path, schema: Any) -> None:
    """Refuses what is not a latent table, or one of a newer format.

    Raises:
        SpaceError: it is not.
    """
    found = (schema.metadata or {}).get(_FORMAT_KEY, b"")
    if found.isdigit() and int(found) > _FORMAT:
        raise SpaceError(
            f"{path} has format {int(found)} and this latlas reads up to {_FORMAT}. Install a "
            "newer latlas."
        )
    names = [n for n in schema.names if n != TOLD and not n.startswith(MAP_PREFIX)]
    if not found.isdigit() or names != list(COLUMNS):
        raise SpaceError(
            f"{path} is a table with the columns {', '.join(schema.names)}; expected those of a "
            f"latent table: {', '.join(COLUMNS)}. Give the folder of a space, or restore it "
            "from a copy."
        )


def to_batch(schema: Any, rows: LatentRows, maps: Maps) -> Any:
    """Rows as an Arrow record batch; NaN on the maps that have no coordinates for them.

    Raises:
        OptionError: columns of unequal length, vectors of another dimension, an unknown map.
    """
    columns: dict[str, Any] = {
        "id": np.asarray(rows.ids, np.int64),
        "uri": list(rows.uris),
        "label": np.asarray(rows.labels, np.int32),
        "split": np.asarray(rows.splits, np.uint8),
        "z": np.asarray(rows.z, np.float32),
        "error": np.asarray(rows.errors, np.float32),
        "thumbnail": list(rows.thumbnails),
        TOLD: np.asarray(rows.labels if rows.told is None else rows.told, np.int32),
    }
    placed = {MAP_PREFIX + name: np.asarray(xy, np.float32) for name, xy in maps.items()}
    unknown = sorted(placed.keys() - set(schema.names))
    if unknown:
        raise OptionError(
            f"The table has no map {unknown[0].removeprefix(MAP_PREFIX)!r} to add rows to. "
            "Write that map for all rows first."
        )
    nowhere = np.full((len(rows), 2), np.nan, np.float32)
    arrays = []
    for field in schema:
        values = columns[field.name] if field.name in columns else placed.get(field.name, nowhere)
        size = getattr(field.type, "list_size", None)
        got = list(values.shape) if isinstance(values, np.ndarray) else [len(values)]
        expected = [len(rows)] if size is None else [len(rows), size]
        if got != expected:
            raise OptionError(
                f"The column {field.name} of {len(rows)} new rows has shape {got}; expected "
                f"{expected}."
            )
        arrays.append(pa.array(values, field.type) if size is None else to_vectors(values))
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def to_vectors(values: NDArray[Any]) -> Any:
    """An array [N, D] as an Arrow array of N lists of D."""
    flat = pa.array(np.ascontiguousarray(values).reshape(-1))
    return pa.FixedSizeListArray.from_arrays(flat, values.shape[1])


def empty(kind: Any, count: int) -> NDArray[Any]:
    """A numpy array for a column of an Arrow type: [N], or [N, D] for vectors of D."""
    size = getattr(kind, "list_size", None)
    if size is None:
        return np.empty(count, kind.to_pandas_dtype())
    return np.empty((count, size), kind.value_type.to_pandas_dtype())


def to_numpy(array: Any) -> NDArray[Any]:
    """An Arrow array as numpy: [N], [N, D] for vectors, objects for strings and bytes."""
    if hasattr(array, "combine_chunks"):
        array = array.combine_chunks()
    size = getattr(array.type, "list_size", None)
    if size is None:
        return np.asarray(array)
    return np.asarray(array.flatten()).reshape(-1, size)
