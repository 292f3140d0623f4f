"""Bad input: what was got, what was expected, what to do; and nothing good is lost."""

import gzip
import io
import struct
import zipfile
import zlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from latlas.contracts import TRAIN, NoProgress, SourceError
from latlas.data import files
from latlas.data.source import open_images


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LATLAS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("LATLAS_DATA", raising=False)


def jpeg(value=100):
    stream = io.BytesIO()
    pixels = np.random.default_rng(value).integers(0, 256, (32, 32, 3), np.uint8)
    Image.fromarray(pixels).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def bomb():
    """A PNG of 60 KB that claims 20,000 x 20,000 pixels."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", 20000, 20000, 8, 0, 0, 0, 0)
    packed = zlib.compress(bytes(20001 * 100))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", packed)


BAD = {
    "bomb.png": (bomb(), "pixels"),
    "empty.jpg": (b"", "empty"),
    "cut.jpg": (jpeg()[:-200], "truncated"),
    "text.png": (b"this is text", "not an image"),
    "notes.txt": (b"hello", "by its name"),
}


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "set"
    for name in ("a", "b"):
        (place / name).mkdir(parents=True)
        for i in range(3):
            (place / name / f"{i}.jpg").write_bytes(jpeg(i))
    for name, (data, _) in BAD.items():
        (place / "a" / name).write_bytes(data)
    return place


def zipped(folder):
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*.*")):
            archive.write(file, file.relative_to(folder).as_posix())
    return path


@pytest.mark.parametrize("pack", [lambda folder: folder, zipped], ids=["folder", "zip"])
@pytest.mark.parametrize("workers", [1, 2])
def test_bad_files_are_skipped_with_the_reason(folder, pack, workers):
    source = pack(folder)
    for images in (open_images(source, workers=workers), open_images(source)):  # fresh, cached
        reasons = {item.uri: item.reason for item in images.skipped}
        assert sorted(reasons) == sorted(f"a/{name}" for name in BAD)
        for name, (_, word) in BAD.items():
            assert word in reasons[f"a/{name}"]
        assert list(images.uris) == [f"{name}/{i}.jpg" for name in "ab" for i in range(3)]
        assert images.labels.tolist() == [0, 0, 0, 1, 1, 1]
        expected = np.asarray(Image.open(io.BytesIO(jpeg(2))))
        np.testing.assert_array_equal(images.pixels[2], expected)
        np.testing.assert_array_equal(images.pixels[5], expected)


def test_skipped_files_are_listed_and_left_to_the_caller_to_announce(folder):
    class Notes(NoProgress):
        said = ()

        def note(self, text):
            self.said += (text,)

    notes = Notes()
    assert len(open_images(folder, progress=notes).skipped) == len(BAD)
    assert notes.said == ()


@pytest.mark.parametrize("name", BAD)
def test_strict_stops_at_a_bad_file(tmp_path, name):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "good.jpg").write_bytes(jpeg())
    (tmp_path / "set" / name).write_bytes(BAD[name][0])
    for _ in range(2):
        with pytest.raises(SourceError, match=rf"{name}.*without strict"):
            open_images(tmp_path / "set", strict=True)
        assert len(open_images(tmp_path / "set")) == 1  # now strict meets the cached entry


def test_damaged_and_encrypted_zip_members_are_skipped(tmp_path):
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for i in range(3):
            archive.writestr(f"{i}.jpg", jpeg(i))
        archive.writestr(zipfile.ZipInfo("3.jpg"), jpeg(3), zipfile.ZIP_LZMA)
        place = archive.getinfo("1.jpg").header_offset
    data = bytearray(path.read_bytes())
    data[place + 200] ^= 0xFF
    path.write_bytes(data)
    images = open_images(path)
    assert list(images.uris) == ["0.jpg", "2.jpg"]
    assert [item.uri for item in images.skipped] == ["1.jpg", "3.jpg"]


def test_nothing_but_bad_files_is_an_error(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a.png").write_bytes(b"x")
    with pytest.raises(SourceError, match=r"none of the 1 files.*a\.png.*not an image"):
        open_images(tmp_path / "set")


@pytest.mark.parametrize("content", [None, "notes.txt"])
def test_folder_without_images(tmp_path, content):
    (tmp_path / "set" / "sub").mkdir(parents=True)
    if content:
        (tmp_path / "set" / content).write_text("x")
    with pytest.raises(SourceError, match=r"holds no images.*Expected image files"):
        open_images(tmp_path / "set")


def test_one_class_and_one_image_open(tmp_path):
    (tmp_path / "set" / "only").mkdir(parents=True)
    (tmp_path / "set" / "only" / "0.jpg").write_bytes(jpeg())
    images = open_images(tmp_path / "set")
    assert (len(images), images.classes, images.splits.tolist()) == (1, ("only",), [TRAIN])
    assert len(open_images(tmp_path / "set" / "only" / "0.jpg")) == 1
    with pytest.raises(SourceError, match="no images in its test split"):
        open_images(tmp_path / "set", split="test")


@pytest.mark.parametrize("uri", ["nowhere", "nowhere.zip"])
def test_source_that_is_not_there(uri):
    with pytest.raises(SourceError, match=r"is not there.*digits, mnist, fashion-mnist, cifar10"):
        open_images(uri)


def test_file_of_unknown_format(tmp_path):
    (tmp_path / "a.pdf").write_bytes(b"x")
    with pytest.raises(SourceError, match="no known format"):
        open_images(tmp_path / "a.pdf")


# --- labels ------------------------------------------------------------------------------


def test_labels_csv_that_names_missing_images(folder):
    for name in BAD:
        (folder / "a" / name).unlink()
    (folder / "labels.csv").write_text("path,label\na/0.jpg,x\nb/1.jpg,y\nb/9.jpg,y\n")
    images = open_images(folder)
    assert [(item.uri, "labels.csv" in item.reason) for item in images.skipped] == [
        ("b/9.jpg", True)
    ]
    with pytest.raises(SourceError, match=r"b/9\.jpg"):
        open_images(folder, strict=True)
    (folder / "labels.csv").write_text("path,label\n8.jpg,x\n9.jpg,x\n")
    with pytest.raises(SourceError, match="none of them is there"):
        open_images(folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("id,colour\n1,red\n", r"expected path,label"),
        ("path,label,split\na/0.jpg,x,dev\n", "expected train or test"),
    ],
)
def test_labels_csv_of_another_form(folder, text, message):
    (folder / "labels.csv").write_text(text)
    with pytest.raises(SourceError, match=message):
        open_images(folder)


def test_labels_csv_with_a_field_without_end(folder):
    (folder / "labels.csv").write_text('path,label\n"a/0.jpg,x\n' + "b/0.jpg,y\n" * 20000)
    with pytest.raises(SourceError, match=r"labels\.csv, line .*expected lines of path,label"):
        open_images(folder)


def zip_with_labels(path, text, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("0.jpg", jpeg())
        archive.writestr(zipfile.ZipInfo("labels.csv"), text, method)
        return archive.getinfo("labels.csv")


def test_labels_csv_that_is_damaged_in_a_zip(tmp_path):
    path = tmp_path / "set.zip"
    member = zip_with_labels(path, "path,label\n0.jpg,x\n")
    start = member.header_offset + 30 + len(member.filename)
    data = bytearray(path.read_bytes())
    for damage in (b"\xff", bytes([data[start] ^ 0x40])):  # no deflated block; a wrong checksum
        data[start : start + 1] = damage
        path.write_bytes(data)
        with pytest.raises(SourceError, match="cannot be read as a zip archive"):
            open_images(path)


def test_labels_csv_that_is_too_large_or_oddly_packed_in_a_zip(tmp_path, monkeypatch):
    text = "path,label\n0.jpg,x\n"
    zip_with_labels(tmp_path / "odd.zip", text, zipfile.ZIP_LZMA)
    with pytest.raises(SourceError, match="method 14; expected stored or deflated"):
        open_images(tmp_path / "odd.zip")
    zip_with_labels(tmp_path / "large.zip", text * 100)
    monkeypatch.setattr(files, "MAX_FILE_BYTES", 1000)
    with pytest.raises(SourceError, match=r"has 1,900 bytes; expected .* at most 1,000 bytes"):
        open_images(tmp_path / "large.zip")


def test_labels_csv_in_another_encoding(folder):
    (folder / "labels.csv").write_bytes("path,label\na/0.jpg,größe\n".encode("latin-1"))
    with pytest.raises(SourceError, match="save it as UTF-8"):
        open_images(folder)


def test_number_of_labels_that_differs_from_the_images(folder):
    with pytest.raises(SourceError, match="3 labels for 4 images"):
        open_images(np.zeros((4, 8, 8), np.uint8), labels=[1, 2, 3])
    with pytest.raises(SourceError, match="labels file"):
        open_images(folder, labels=[1, 2, 3])
    with pytest.raises(SourceError, match="cannot be read"):
        open_images(folder, labels="nowhere.csv")


# --- arrays ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((4, 64), np.uint8), "Reshape"),
        (np.zeros((4, 8, 8, 5), np.uint8), "expected"),
        (np.zeros((0, 8, 8), np.uint8), "holds no images"),
        (np.full((4, 8, 8), np.nan), "holds nan in image 0"),
        (np.full((4, 8, 8), np.inf), "holds inf"),
        (np.full((4, 8, 8), 200.0), "divide|Divide"),
        (np.full((4, 8, 8), -0.5), "expected floats in 0..1"),
        (np.full((4, 8, 8), 300), "whole numbers in 0..255"),
        (np.full((4, 8, 8), "x"), "expected uint8"),
    ],
)
def test_arrays_out_of_range(tmp_path, array, message):
    with pytest.raises(SourceError, match=message):
        open_images(array)
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(SourceError, match=message):
        open_images(tmp_path / "a.npy")


def test_nan_is_found_wherever_it_is(tmp_path):
    array = np.zeros((700, 64, 64), np.float32)  # several blocks
    array[650, 3, 3] = np.nan
    with pytest.raises(SourceError, match="nan in image 650"):
        open_images(array)


def test_numpy_files_that_are_damaged_or_of_another_kind(tmp_path):
    np.save(tmp_path / "objects.npy", np.array([{}, {}]), allow_pickle=True)
    with pytest.raises(SourceError, match="Python objects"):
        open_images(tmp_path / "objects.npy")
    np.save(tmp_path / "cut.npy", np.zeros((100, 8, 8), np.uint8))
    data = (tmp_path / "cut.npy").read_bytes()
    (tmp_path / "cut.npy").write_bytes(data[:1000])
    with pytest.raises(SourceError, match=r"ends after at most 13 of the 100 .* expected 6,400"):
        open_images(tmp_path / "cut.npy")
    (tmp_path / "text.npz").write_bytes(b"text")
    with pytest.raises(SourceError, match=r"cannot be read as \.npz"):
        open_images(tmp_path / "text.npz")
    np.savez(tmp_path / "names.npz", foo=np.zeros((4, 8, 8)))
    with pytest.raises(SourceError, match=r"holds the arrays foo; expected one called images"):
        open_images(tmp_path / "names.npz")
    np.savez(tmp_path / "sizes.npz", x_train=np.zeros((4, 8, 8)), x_test=np.zeros((4, 9, 9)))
    with pytest.raises(SourceError, match="expected one size"):
        open_images(tmp_path / "sizes.npz")


# --- IDX ---------------------------------------------------------------------------------


def idx(shape, length=None, magic=None):
    header = magic or bytes([0, 0, 8, len(shape)])
    size = int(np.prod(shape)) if length is None else length
    return header + np.array(shape, ">u4").tobytes() + bytes(size)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "begins with nothing; expected the IDX magic"),
        (idx((4, 8, 8), magic=b"\0\0\x0d\x03"), "begins with 00000d03"),
        (b"\0\0\x08\x03\0\0", "ends within its IDX header"),
        (idx((4, 8, 8), length=200), r"ends after (at most )?3 of the 4 images"),
        (idx((4, 8, 8), length=257), "goes on after the 4 images"),
    ],
)
def test_idx_of_wrong_magic_or_length(tmp_path, data, message, packed):
    path = tmp_path / f"train-images-idx3-ubyte{'.gz' if packed else ''}"
    path.write_bytes(gzip.compress(data) if packed else data)
    with pytest.raises(SourceError, match=message):
        open_images(path)


def test_idx_gzip_that_breaks_off(tmp_path):
    path = tmp_path / "train-images-idx3-ubyte.gz"
    noise = np.random.default_rng(0).bytes(4 * 64)
    path.write_bytes(gzip.compress(idx((4, 8, 8), length=0) + noise)[:-40])
    with pytest.raises(SourceError, match="cannot be read to its end"):
        open_images(path)


def test_idx_labels_that_do_not_fit(tmp_path):
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx((4, 8, 8)))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx((3,)))
    with pytest.raises(SourceError, match="3 labels for 4 images"):
        open_images(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx((4,), length=2))
    with pytest.raises(SourceError, match="holds 2 labels where its header announces 4"):
        open_images(tmp_path)


def test_idx_files_of_two_sizes(tmp_path):
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx((4, 8, 8)))
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(idx((4, 9, 9)))
    with pytest.raises(SourceError, match="expected one size"):
        open_images(tmp_path)


# --- archives and Parquet ----------------------------------------------------------------


def test_zip_that_breaks_off(tmp_path, folder):
    path = zipped(folder)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(SourceError, match="cannot be read as a zip archive"):
        open_images(path)


def test_parquet_that_is_damaged_or_has_no_images(tmp_path):
    (tmp_path / "text.parquet").write_bytes(b"text")
    with pytest.raises(SourceError, match="cannot be read as Parquet"):
        open_images(tmp_path / "text.parquet")
    pq.write_table(pa.table({"a": [1, 2], "b": ["x", "y"]}), tmp_path / "other.parquet")
    with pytest.raises(SourceError, match="has the columns a, b; expected one of image bytes"):
        open_images(tmp_path / "other.parquet")


def test_cifar_archive_that_is_damaged(tmp_path):
    (tmp_path / "cifar-10-binary.tar.gz").write_bytes(gzip.compress(b"no tar"))
    with pytest.raises(SourceError, match="cannot be read"):
        open_images(tmp_path / "cifar-10-binary.tar.gz")
