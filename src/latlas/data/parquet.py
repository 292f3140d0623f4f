"""Parquet files with pictures in them, as Hugging Face datasets are stored."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

from latlas.contracts import SourceError
from latlas.data.files import EncodedSource, file_fingerprint, joint_fingerprint
from latlas.data.labels import Table, index_labels, label_array, split_named
from latlas.data.pixels import BadImage
from latlas.lazily import lazy_import

pa = lazy_import("pyarrow")
pq = lazy_import("pyarrow.parquet")

__all__ = ["ParquetSource"]


class ParquetSource(EncodedSource):
    """Parquet files with a column of image bytes, as Hugging Face datasets are stored.

    The image column is a struct with a field ``bytes``, or binary. Label names come from the
    ``ClassLabel`` feature in the schema's metadata, otherwise the column ``label`` is used as it
    is. Files named ``train-*`` and ``test-*`` (or ``validation-*``) are splits.
    """

    format = "parquet"

    def __init__(
        self, column: str, pieces: list[tuple[str, int, int]], table: Table, fingerprint: str
    ) -> None:
        self.column, self.pieces, self.table, self.fingerprint = column, pieces, table, fingerprint
        rows = np.array([0, *(count for _, _, count in pieces)])
        self.starts = np.cumsum(rows)  # [pieces + 1], first image of each row group

    @classmethod
    def matches(cls, path: Path) -> bool:
        """A .parquet file, or a folder with some in it or in its folder ``data``."""
        return bool(_parquet_files(path))

    @classmethod
    def open(cls, path: Path, labels: Path | None) -> Self:
        """Reads schemas and labels, no image."""
        if labels is not None:
            raise SourceError("a labels file cannot be given for Parquet; use its label column.")
        files = _parquet_files(path)
        root = path if path.is_dir() else path.parent
        uris: list[str] = []
        pieces: list[tuple[str, int, int]] = []
        names: list[str | None] = []
        order: tuple[str, ...] = ()
        tops: list[int | None] = []
        column = ""
        for file in files:
            try:
                column, groups, file_names, order = _parquet_table(file)
            except (pa.ArrowException, OSError) as error:
                raise SourceError(f"{file} cannot be read as Parquet: {error}.") from None
            pieces += [(str(file.resolve()), group, count) for group, count in enumerate(groups)]
            relative = file.relative_to(root).as_posix()
            uris += [f"{relative}#{row}" for row in range(sum(groups))]
            names += file_names
            tops += [split_named(file.stem.split("-")[0].split(".")[0])] * sum(groups)
        if not uris:
            raise SourceError(f"{path} holds no rows; expected a Parquet file with images.")
        splits = None
        if None not in tops and len(set(tops)) > 1:
            splits = np.array(tops, np.uint8)
        numbers, classes = index_labels(names, order)
        fingerprint = joint_fingerprint("parquet", *(file_fingerprint(file) for file in files))
        return cls(column, pieces, Table(uris, numbers, classes, splits), fingerprint)

    def ranges(self, size: int) -> list[tuple[int, int]]:
        """One piece for each row group, whatever its size: they are read as a whole."""
        return list(zip(self.starts[:-1].tolist(), self.starts[1:].tolist(), strict=True))

    def batch(self, start: int, stop: int) -> dict[str, Any]:
        """The file and the row group."""
        piece = int(np.searchsorted(self.starts, start, side="right")) - 1
        path, group, _ = self.pieces[piece]
        return {
            "start": start,
            "path": path,
            "group": group,
            "column": self.column,
            "count": stop - start,
        }

    @staticmethod
    def read(batch: Mapping[str, Any]) -> Iterator[bytes | BadImage]:
        """Reads a row group in small steps."""
        left = batch["count"]
        with pq.ParquetFile(batch["path"], buffer_size=1 << 20) as file:
            steps = file.iter_batches(64, row_groups=[batch["group"]], columns=[batch["column"]])
            for step in steps:
                values = step.column(0)
                if pa.types.is_struct(values.type):
                    values = values.flatten()[values.type.get_field_index("bytes")]
                for value in values[:left]:
                    data = value.as_py()
                    yield BadImage("the row has no image bytes") if data is None else data
                left -= len(values)
                if left <= 0:
                    return


def _parquet_files(path: Path) -> list[Path]:
    if path.is_file():
        return [path] if path.suffix.lower() == ".parquet" else []
    return sorted([*path.glob("*.parquet"), *path.glob("data/*.parquet")])


def _parquet_table(path: Path) -> tuple[str, list[int], list[str | None], tuple[str, ...]]:
    """Image column, rows of each row group, label name of each row, order of the names."""
    with pq.ParquetFile(path) as file:
        schema = file.schema_arrow
        features = _hugging_face_features(schema.metadata or {})
        image = _image_column(schema, features, path)
        groups = [file.metadata.row_group(g).num_rows for g in range(file.num_row_groups)]
        kinds = {name: feature.get("_type") for name, feature in features.items()}
        candidates = [n for n in schema.names if kinds.get(n) == "ClassLabel" or n == "label"]
        if not candidates:
            return image, groups, [None] * sum(groups), ()
        column = "label" if "label" in candidates else candidates[0]
        values = file.read(columns=[column]).column(0).to_pylist()
    given = features.get(column, {}).get("names")
    if given:
        names = [given[v] if v is not None and 0 <= v < len(given) else None for v in values]
        return image, groups, names, tuple(given)
    numbers, classes = label_array(values, f"column {column} of {path}")
    return image, groups, [classes[n] if n >= 0 else None for n in numbers], ()


def _hugging_face_features(metadata: Mapping[bytes, bytes]) -> dict[str, Any]:
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
    except (KeyError, ValueError, TypeError):
        return {}
    return {k: v for k, v in features.items() if isinstance(v, dict)}


def _image_column(schema: Any, features: Mapping[str, Any], path: Path) -> str:
    def holds_bytes(kind: Any) -> bool:
        return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))

    usable: list[str] = []
    for column in schema:
        kind = column.type
        if pa.types.is_struct(kind):
            position = kind.get_field_index("bytes")
            kind = kind.field(position).type if position >= 0 else pa.null()
        if holds_bytes(kind):
            usable.append(column.name)
    marked = [name for name in usable if features.get(name, {}).get("_type") == "Image"]
    if not (marked or usable):
        raise SourceError(
            f"{path} has the columns {', '.join(schema.names)}; expected one of image bytes "
            "(binary, or a struct with a field bytes)."
        )
    return str((marked or usable)[0])
