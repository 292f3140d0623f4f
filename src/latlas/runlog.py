"""The diary of a training run: one JSON line a row, and TensorBoard where it is installed."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from latlas.contracts import MissingExtraError, StorageError

__all__ = ["RunLog"]

Row = Mapping[str, float | int | str]


class RunLog:
    """Writes rows to ``log.jsonl`` in a folder; without a folder it only passes them by.

    Args:
        folder: where the log lies; made when it is missing.
        rows: rows of an earlier part of the run, which the file shall begin with.
        tensorboard: also write TensorBoard events below ``folder``.

    Raises:
        MissingExtraError: TensorBoard is asked for and not installed.
        StorageError: the file cannot be written.
    """

    def __init__(
        self, folder: Path | None, rows: Sequence[Row] = (), tensorboard: bool = False
    ) -> None:
        self._file = None
        self._board: Any = None
        if folder is None:
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = (folder / "log.jsonl").open("w", encoding="utf-8")
        except OSError as error:
            raise StorageError(
                f"cannot write {folder / 'log.jsonl'} ({error.strerror}). Free space or choose "
                "another output folder."
            ) from error
        if tensorboard:
            try:
                module = importlib.import_module("torch.utils.tensorboard")
            except ImportError as error:
                raise MissingExtraError("TensorBoard logging", "track") from error
            self._board = module.SummaryWriter(str(folder / "tensorboard"))
        for row in rows:
            self.write(row)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()
        if self._board is not None:
            self._board.close()

    def write(self, row: Row) -> None:
        """Appends one row; ``step`` and ``split`` name its place in TensorBoard."""
        if self._file is None:
            return
        try:
            self._file.write(json.dumps(row) + "\n")
            self._file.flush()
        except OSError as error:
            raise StorageError(
                f"cannot go on writing the training log ({error.strerror}). Free space and "
                "resume the run."
            ) from error
        if self._board is not None:
            for name, value in row.items():
                if name not in {"step", "split"} and not isinstance(value, str):
                    self._board.add_scalar(f"{row['split']}/{name}", value, int(row["step"]))
