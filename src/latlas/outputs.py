"""Vectors and images as files that other tools read; nothing is pickled."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from latlas.checkpoint import write_file
from latlas.contracts import (
    SPLITS,
    FloatArray,
    Latents,
    OptionError,
    SourceError,
    StorageError,
    UInt8Array,
)
from latlas.lazily import lazy_import
from latlas.plots import image_grid, save

pa = lazy_import("pyarrow")
pq = lazy_import("pyarrow.parquet")

__all__ = ["VECTOR_SUFFIXES", "read_told", "read_vectors", "write_images", "write_vectors"]

VECTOR_SUFFIXES = (".npz", ".parquet")

GRID_SUFFIXES = (".png", ".svg", ".pdf")
ARRAY_SUFFIXES = (".npy", ".npz")


def write_vectors(path: str | Path, latents: Latents) -> Path:
    """Writes z float32 [N, D], label, id, split and uri [N] to an ``.npz`` or ``.parquet`` file.

    In an ``.npz`` file, labels, splits and uris are Unicode arrays, and unknown labels are empty.
    In a ``.parquet`` file, z is a column of lists of D floats, and unknown labels are null. Where
    the encoder was told other labels than the images have, as for unlabelled images in a space
    for each class, those stand in a further array or column ``told``.

    Raises:
        OptionError: the path ends in something else.
        StorageError: the file cannot be written.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in VECTOR_SUFFIXES:
        raise OptionError(
            f"vectors go to a file that ends in {' or '.join(VECTOR_SUFFIXES)}; got {path}."
        )
    names = np.array([*latents.classes, ""], dtype=np.str_)
    columns: dict[str, Any] = {
        "id": latents.ids,
        "label": names[latents.labels],
        "split": np.array(SPLITS, dtype=np.str_)[latents.splits],
        "uri": np.array(latents.uris, dtype=np.str_),
    }
    if not np.array_equal(latents.told, latents.labels):
        columns["told"] = names[latents.told]
    buffer = io.BytesIO()
    if suffix == ".npz":
        np.savez(buffer, z=latents.z, **columns)
    else:
        pq.write_table(_table(latents.z, columns), buffer, compression="zstd")
    write_file(path, buffer.getvalue())
    return path


def _table(z: FloatArray, columns: dict[str, Any]) -> Any:
    """Vectors [N, D] and columns [N] as an Arrow table; unknown labels are null."""
    arrays = {name: pa.array(values) for name, values in columns.items()}
    for name in {"label", "told"} & set(columns):
        arrays[name] = pa.array(columns[name], mask=columns[name] == "")
    flat = pa.array(np.ascontiguousarray(z, np.float32).ravel())
    arrays["z"] = pa.FixedSizeListArray.from_arrays(flat, z.shape[1])
    return pa.table(arrays)


def read_vectors(path: str | Path) -> FloatArray:
    """Reads latent vectors float32 [N, D] from ``.npz`` (array ``z``) or ``.npy``.

    Raises:
        SourceError: no such file, or no such array in it.
    """
    path = Path(path)
    try:
        loaded: Any = np.load(path, allow_pickle=False)
        z: NDArray[Any] = loaded["z"] if path.suffix == ".npz" else loaded
    except KeyError as error:
        raise SourceError(
            f"{path} has no array 'z'. Write vectors with: "
            "latlas encode SPACE SOURCE -o vectors.npz"
        ) from error
    except (OSError, ValueError, EOFError) as error:
        raise SourceError(
            f"cannot read vectors from {path} ({getattr(error, 'strerror', None) or error}). Give "
            "an .npz file with an array 'z' [N, D], or an .npy file."
        ) from error
    if not isinstance(z, np.ndarray) or not np.issubdtype(z.dtype, np.number):
        raise SourceError(f"{path} holds no array of numbers; expected vectors [N, D].")
    return np.atleast_2d(z).astype(np.float32)


def read_told(path: str | Path) -> list[str] | None:
    """The labels that a decoder is to be told for the vectors of a file; None without any.

    Raises:
        SourceError: no such file.
    """
    path = Path(path)
    if path.suffix != ".npz":
        return None
    try:
        with np.load(path, allow_pickle=False) as loaded:
            names = [name for name in ("told", "label") if name in loaded.files]
            return [str(label) for label in loaded[names[0]]] if names else None
    except (OSError, ValueError, EOFError) as error:
        raise SourceError(
            f"cannot read labels from {path} ({getattr(error, 'strerror', None) or error})."
        ) from error


def write_images(path: str | Path, images: UInt8Array, titles: Sequence[str] | None = None) -> Path:
    """Writes images uint8 [N, H, W, C] as one picture, an array file, or a folder of PNGs.

    Args:
        path: ends in ``.png``, ``.svg`` or ``.pdf`` for one picture with all of them, in
            ``.npy`` or ``.npz`` for the array; anything else names a folder of PNG files.
        images: values 0..255, C = 1 or 3.
        titles: a line for each image in the picture.

    Raises:
        StorageError: the file or folder cannot be written.
    """
    path = Path(path)
    if path.suffix in GRID_SUFFIXES:
        return save(image_grid(images, titles=titles), path)
    if path.suffix in ARRAY_SUFFIXES:
        buffer = io.BytesIO()
        writer: Callable[..., None] = np.save if path.suffix == ".npy" else _savez_images
        writer(buffer, images)
        write_file(path, buffer.getvalue())
        return path
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(
            f"cannot make the folder {path} ({error.strerror}). Choose another output."
        ) from error
    digits = len(str(max(len(images) - 1, 0)))
    for index, image in enumerate(images):
        buffer = io.BytesIO()
        Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image).save(buffer, "PNG")
        write_file(path / f"{index:0{digits}d}.png", buffer.getvalue())
    return path


def _savez_images(buffer: io.BytesIO, images: UInt8Array) -> None:
    np.savez(buffer, images=images)
