"""The latent store: one row for each image, in an embedded, versioned table.

The table is a folder in the Lance format (https://lance.org/format/). Every write is one commit: a
reader sees all or nothing, and a killed write leaves the version before it.

Columns: ``id`` int64, ``uri`` string, ``label`` int32 (-1 unknown), ``split`` uint8, ``z``
float32 [D], ``error`` float32, ``thumbnail`` bytes, ``told`` int32 in spaces with a model for each
class, and ``map_NAME`` float32 [2] for each map.

Lance has threads of its own and does not survive a fork: start other processes by spawning.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from latlas.contracts import FloatArray, IntArray, LatentRows, Latents, OptionError, SpaceError
from latlas.store.columns import (
    COLUMNS,
    MAP_PREFIX,
    TOLD,
    Maps,
    check_schema,
    empty,
    lance,
    pa,
    table_schema,
    to_batch,
    to_numpy,
    to_vectors,
)
from latlas.store.disk import reading, sync, sync_commit, writing

__all__ = ["LatentStore"]

# The file format 2.0 wrote 70,000 rows eight times and read them seven times as quickly as 2.1,
# at the same size: thumbnails and latents hardly compress.
_STORAGE_VERSION = "2.0"
_FRAGMENT_BYTES = 128 << 20
_BATCH_ROWS = 65_536
_MAP_NAME = re.compile(r"[a-z0-9_]{1,64}")


class LatentStore:
    """The rows of a space, open at one version of the table.

    Make one with ``LatentStore.create`` or ``LatentStore.open``. What other processes commit
    afterwards is seen after the next ``open``. All columns come ordered by id.
    """

    def __init__(self, path: Path, dataset: Any) -> None:
        self._path = path
        self._dataset = dataset

    @classmethod
    def create(cls, path: Path, latent_dim: int, told: bool = False) -> Self:
        """Makes an empty table.

        Args:
            path: its folder, not there yet or empty; its parents are made.
            latent_dim: D, the dimension of the latent vectors, at least 1.
            told: rows keep the label that their encoder was told.

        Raises:
            OptionError: ``latent_dim`` below 1.
            SpaceError: a table is there already.
            StorageError: the disk is full or cannot be written.
        """
        if latent_dim < 1:
            raise OptionError(f"A latent vector has at least 1 dimension; got {latent_dim}.")
        if (path / "_versions").exists():
            raise SpaceError(f"{path} holds latents already; choose another folder or delete it.")
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            dataset = lance.write_dataset(
                table_schema(latent_dim, told).empty_table(),
                str(path.absolute()),
                data_storage_version=_STORAGE_VERSION,
            )
            sync_commit(path)
        return cls(path, dataset)

    @classmethod
    def open(cls, path: Path, version: int | None = None) -> Self:
        """Opens a table for reading and writing.

        Args:
            path: its folder.
            version: an earlier version to read; None for the latest.

        Raises:
            SpaceError: no table, or one that is damaged, of a newer format, or refers outside.
        """
        if not (path / "_versions").is_dir():
            raise SpaceError(
                f"{path} is not a table of latents. Give the folder of a whole space, or fit it "
                "again."
            )
        if any(entry.is_symlink() for entry in path.rglob("*")):
            raise SpaceError(
                f"{path} holds a link; expected plain files. If you trust it, put a copy of what "
                "the link points to in its place."
            )
        with reading(path):
            dataset = lance.dataset(str(path.absolute()), version=version)
            check_schema(path, dataset.schema)
            files = [file.path for part in dataset.get_fragments() for file in part.data_files()]
            if dataset.base_paths() or any(Path(file).name != file for file in files):
                raise SpaceError(
                    f"{path} refers to files outside its folder; expected a table that is whole. "
                    "It comes from someone whom you should not trust."
                )
        return cls(path, dataset)

    def __len__(self) -> int:
        with reading(self._path):
            return int(self._dataset.count_rows())

    @property
    def version(self) -> int:
        """Number of this version of the table; each commit raises it."""
        return int(self._dataset.version)

    @property
    def latent_dim(self) -> int:
        """D, the dimension of the latent vectors."""
        return int(self._dataset.schema.field("z").type.list_size)

    @property
    def _told(self) -> str:
        return TOLD if TOLD in self._dataset.schema.names else "label"

    # --- reading ------------------------------------------------------------------------

    def latents(self, classes: Sequence[str] = ()) -> Latents:
        """All rows as columns in memory, ordered by id.

        Args:
            classes: the names of the labels.

        Raises:
            SpaceError: the table is damaged.
        """
        columns = self._read(["id", "uri", "label", "split", "z", "error", self._told])
        return Latents(
            ids=columns["id"],
            uris=columns["uri"].tolist(),
            labels=columns["label"].astype(np.int64),
            classes=tuple(classes),
            splits=columns["split"],
            z=columns["z"],
            errors=columns["error"],
            told=columns[self._told].astype(np.int64),
        )

    def column(self, name: str) -> NDArray[Any]:
        """One column [N] or [N, ...], ordered by id.

        Raises:
            OptionError: there is no such column.
            SpaceError: the table is damaged.
        """
        if name not in self._dataset.schema.names:
            choices = ", ".join(self._dataset.schema.names)
            raise OptionError(f"There is no column {name!r}; choose one of: {choices}.")
        return self._read([name])[name]

    def rows(self, ids: Sequence[int] | IntArray) -> LatentRows:
        """The rows of some images, thumbnails included, in the order asked for.

        Raises:
            OptionError: an id that is not there.
            SpaceError: the table is damaged.
        """
        table = self._take(ids, [*dict.fromkeys([*COLUMNS, self._told])])
        return LatentRows(
            ids=to_numpy(table["id"]),
            uris=table["uri"].to_pylist(),
            labels=to_numpy(table["label"]).astype(np.int64),
            splits=to_numpy(table["split"]),
            z=to_numpy(table["z"]),
            errors=to_numpy(table["error"]),
            thumbnails=table["thumbnail"].to_pylist(),
            told=to_numpy(table[self._told]).astype(np.int64),
        )

    def thumbnails(self, ids: Sequence[int] | IntArray) -> list[bytes]:
        """The PNG thumbnails of some images, in the order asked for.

        Raises:
            OptionError: an id that is not there.
            SpaceError: the table is damaged.
        """
        files: list[bytes] = self._take(ids, ["thumbnail"])["thumbnail"].to_pylist()
        return files

    def map_names(self) -> tuple[str, ...]:
        """Names of the maps whose coordinates the rows have, in order of their making."""
        names = self._dataset.schema.names
        return tuple(name.removeprefix(MAP_PREFIX) for name in names if name.startswith(MAP_PREFIX))

    def map(self, name: str) -> FloatArray:
        """Coordinates on a map, float32 [N, 2], ordered by id; NaN for rows not placed on it.

        Raises:
            OptionError: there is no such map.
            SpaceError: the table is damaged.
        """
        if name not in self.map_names():
            choices = ", ".join(self.map_names()) or "none yet"
            raise OptionError(f"There is no map {name!r}; maps of this space: {choices}.")
        return self._read([MAP_PREFIX + name])[MAP_PREFIX + name]

    # --- writing ------------------------------------------------------------------------

    def append(self, rows: LatentRows, maps: Maps | None = None) -> None:
        """Adds rows in one commit.

        Args:
            rows: the rows.
            maps: coordinates float32 [N, 2] by name, for maps that the table has.

        Raises:
            OptionError: shapes that do not fit, an id that is there already, an unknown map.
            StorageError: the disk is full or cannot be written; the table is unchanged.
        """
        self.append_stream([(rows, maps or {})])

    def append_stream(self, blocks: Iterable[LatentRows | tuple[LatentRows, Maps]]) -> None:
        """Adds any number of blocks of rows in one commit, in bounded memory.

        Args:
            blocks: rows, alone or with their coordinates as in ``append``.

        Raises:
            OptionError: as ``append``.
            StorageError: the disk is full or cannot be written; the table is unchanged.
        """
        fragments: list[Any] = []
        waiting: list[Any] = []
        ids = [self._scan(["id"])["id"]]
        for block in blocks:
            rows, maps = block if isinstance(block, tuple) else (block, {})
            if len(rows) == 0:
                continue
            waiting.append(to_batch(self._dataset.schema, rows, maps))
            ids.append(np.asarray(rows.ids))
            if sum(batch.nbytes for batch in waiting) >= _FRAGMENT_BYTES:
                fragments += self._write_fragments(waiting)
                waiting = []
        if waiting:
            fragments += self._write_fragments(waiting)
        if not fragments:
            return
        values, counts = np.unique(np.concatenate(ids), return_counts=True)
        if len(values) < counts.sum():
            raise OptionError(
                f"The id {values[counts > 1][0]} is given twice or is in the table already; "
                "nothing was added. Give each new row an id of its own."
            )
        self._commit(lance.LanceOperation.Append(fragments), fragments)

    def set_map(self, name: str, xy: FloatArray) -> None:
        """Writes or replaces the coordinates of all rows on one map, in one commit.

        Args:
            name: lower-case letters, digits and ``_``.
            xy: float32 [N, 2], in the order of ids.

        Raises:
            OptionError: another name or shape.
            StorageError: the disk is full or cannot be written; the table is unchanged.
        """
        if not _MAP_NAME.fullmatch(name):
            raise OptionError(
                f"The map name {name!r} is not one: use 1 to 64 lower-case letters, digits and _."
            )
        values = np.asarray(xy, np.float32)
        ids = self._scan(["id"])["id"]
        if values.shape != (len(ids), 2):
            raise OptionError(
                f"The coordinates have shape {list(values.shape)}; expected [{len(ids)}, 2], one "
                "pair for each row of the table."
            )
        if len(ids) == 0:
            raise OptionError("The table has no rows to place on a map; add rows first.")
        placed = np.empty_like(values)
        placed[np.argsort(ids, kind="stable")] = values
        with writing(self._path):
            operation, fragments = self._map_operation(MAP_PREFIX + name, ids, placed)
        self._commit(operation, fragments)

    def tidy(self, older_than: timedelta = timedelta(hours=1)) -> None:
        """Deletes what killed writes left behind and versions of some age.

        Only for the one process that writes.

        Raises:
            StorageError: the folder cannot be written.
        """
        with writing(self._path):
            self._dataset.cleanup_old_versions(older_than, delete_unverified=True)

    def restore(self) -> None:
        """Makes the version that is open the latest one, without the commits after it.

        Raises:
            StorageError: the disk is full or cannot be written.
        """
        if self._dataset.version < self._dataset.latest_version:
            with writing(self._path):
                self._dataset.restore()
                sync_commit(self._path)

    # --- inside -------------------------------------------------------------------------

    def _read(self, names: list[str]) -> dict[str, NDArray[Any]]:
        """Whole columns ordered by id."""
        columns = self._scan(sorted({"id", *names}))
        ids = columns["id"]
        if (ids[1:] > ids[:-1]).all():
            return columns
        order = np.argsort(ids, kind="stable")
        return {name: values[order] for name, values in columns.items()}

    def _scan(self, names: list[str]) -> dict[str, NDArray[Any]]:
        """Whole columns in the order of the table."""
        count, start = len(self), 0
        columns = {name: empty(self._dataset.schema.field(name).type, count) for name in names}
        with reading(self._path):
            for batch in self._dataset.to_batches(columns=names, batch_size=_BATCH_ROWS):
                for name in names:
                    columns[name][start : start + len(batch)] = to_numpy(batch[name])
                start += len(batch)
        return columns

    def _take(self, ids: Sequence[int] | IntArray, names: list[str]) -> Any:
        wanted, known = np.asarray(ids, np.int64), self._scan(["id"])["id"]
        order = np.argsort(known, kind="stable")
        places = np.searchsorted(known, wanted, sorter=order)
        found = order[np.minimum(places, len(order) - 1)] if len(order) else places
        missing = wanted[known[found] != wanted] if len(order) else wanted
        if len(missing):
            raise OptionError(
                f"There is no image with id {missing[0]}; this space has {len(known)} images"
                + (f" with ids from {known.min()} to {known.max()}." if len(known) else ".")
            )
        with reading(self._path):
            return self._dataset.take(found, columns=names)

    def _write_fragments(self, batches: list[Any]) -> list[Any]:
        """New files of rows, not yet committed."""
        with writing(self._path):
            written: list[Any] = lance.fragment.write_fragments(
                pa.Table.from_batches(batches),
                str(self._path.absolute()),
                data_storage_version=_STORAGE_VERSION,
            )
        return written

    def _map_operation(self, column: str, ids: IntArray, xy: FloatArray) -> tuple[Any, list[Any]]:
        """New files for one column of every fragment, not yet committed."""
        known = column in self._dataset.schema.names
        fragments, modified, schema, start = [], set[int](), None, 0
        for fragment in self._dataset.get_fragments():
            rows = slice(start, start + fragment.count_rows())
            start = rows.stop
            values = {column: to_vectors(xy[rows])}
            if known:
                table = pa.table({"id": ids[rows]} | values)
                written, fields = fragment.update_columns(table, "id")
                modified |= set(fields)
            else:
                written, schema = fragment.merge_columns(pa.table(values).to_reader())
            fragments.append(written)
        if known:
            operation = lance.LanceOperation.Update(
                updated_fragments=fragments, fields_modified=sorted(modified)
            )
        else:
            operation = lance.LanceOperation.Merge(fragments, schema)
        return operation, fragments

    def _commit(self, operation: Any, fragments: list[Any]) -> None:
        with writing(self._path):
            # Lance leaves the moment of writing to the system; a version that survives a power
            # cut must not refer to data that did not.
            files = [file.path for fragment in fragments for file in fragment.files]
            sync([self._path / "data" / name for name in files])
            self._dataset = lance.LanceDataset.commit(
                str(self._path.absolute()), operation, read_version=self._dataset.version
            )
            sync_commit(self._path)
