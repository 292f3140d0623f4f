"""A header that announces more than the file can hold is refused before memory is asked for it."""

import gzip
import io
import struct
import zipfile

import numpy as np
import pytest

from latlas.contracts import SourceError
from latlas.data.source import open_images

COUNT = 1 << 31


def npy(shape):
    """A .npy file with 64 bytes of pixels, whatever its header says."""
    stream = io.BytesIO()
    fields = {"descr": "|u1", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(stream, fields)
    return stream.getvalue() + bytes(64)


def idx(shape, length):
    return bytes([0, 0, 8, len(shape)]) + np.array(shape, ">u4").tobytes() + bytes(length)


def npz(path, **members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(f"{name}.npy", data)


def test_npy_header_that_claims_more_images_than_there_are(tmp_path):
    (tmp_path / "set.npy").write_bytes(npy((COUNT, 1, 1)))
    with pytest.raises(SourceError, match=r"at most 64 bytes of them, expected 2,147,483,648"):
        open_images(tmp_path / "set.npy")


def test_npz_header_that_claims_more_images_than_there_are(tmp_path):
    path = tmp_path / "set.npz"
    npz(path, images=npy((COUNT, 1, 1)))
    with pytest.raises(SourceError, match=r"images in .*at most 64 bytes of them, expected"):
        open_images(path)
    data = bytearray(path.read_bytes())
    place = data.index(b"PK\x01\x02") + 24  # the size in the archive's directory
    data[place : place + 4] = struct.pack("<I", 2**32 - 2)
    path.write_bytes(data)
    with pytest.raises(SourceError, match=r"of the 2147483648 images .* expected 2,147,483,648"):
        open_images(path)


def test_labels_whose_header_lies(tmp_path):
    npz(tmp_path / "set.npz", images=npy((1, 8, 8)), labels=npy((1 << 50,)))
    with pytest.raises(SourceError, match=r"labels in .* cannot be read"):
        open_images(tmp_path / "set.npz")
    (tmp_path / "labels.npy").write_bytes(npy((1 << 50,)))
    with pytest.raises(SourceError, match=r"labels\.npy cannot be read"):
        open_images(np.zeros((1, 8, 8), np.uint8), labels=tmp_path / "labels.npy")


@pytest.mark.parametrize("packed", [False, True])
def test_idx_header_that_claims_more_images_than_there_are(tmp_path, packed):
    data = idx((COUNT, 1, 1), length=64)
    path = tmp_path / f"train-images-idx3-ubyte{'.gz' if packed else ''}"
    path.write_bytes(gzip.compress(data) if packed else data)
    with pytest.raises(SourceError, match=r"of the 2147483648 images .* expected 2,147,483,648"):
        open_images(path)


def test_equal_pixels_that_pack_well_are_not_taken_for_a_lie(tmp_path):
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(
        gzip.compress(idx((3000, 28, 28), length=3000 * 28 * 28), 9)
    )
    assert len(open_images(tmp_path / "train-images-idx3-ubyte.gz")) == 3000
    np.savez_compressed(tmp_path / "set.npz", images=np.zeros((3000, 28, 28), np.uint8))
    assert len(open_images(tmp_path / "set.npz")) == 3000
