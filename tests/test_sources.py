"""Every format opens as the images, labels and splits that it holds."""

import csv
import gzip
import io
import json
import subprocess
import sys
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from latlas.contracts import TEST, TRAIN, OptionError, SourceError
from latlas.data.labels import draw_splits, natural_key
from latlas.data.source import as_pixels, open_images

GENERATOR = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("LATLAS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("LATLAS_DATA", raising=False)


def picture(value, size=(8, 8), mode="RGB"):
    return Image.new(mode, size, value)


def save(path, image, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)


def png(image):
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def write_idx(path, array):
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    data = header + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


def by_uri(images):
    return {
        uri: (images.classes[label] if label >= 0 else None, int(split), images.pixels[i])
        for i, (uri, label, split) in enumerate(
            zip(images.uris, images.labels, images.splits, strict=True)
        )
    }


# --- folders, zip, labels.csv ------------------------------------------------------------


def test_folder_gives_labels_by_subfolder_in_natural_order(tmp_path):
    for name, value in (("10", 100), ("2", 20), ("a", 200)):
        save(tmp_path / "set" / name / "x.png", picture((value, 0, 0)))
    images = open_images(tmp_path / "set")
    assert images.classes == ("2", "10", "a")
    assert images.shape == (8, 8, 3)
    rows = by_uri(images)
    assert rows["10/x.png"][0] == "10"
    assert np.all(rows["10/x.png"][2][..., 0] == 100)
    assert images.source == str(tmp_path / "set")


@pytest.mark.parametrize("held_out", ["test", "val", "valid", "validation"])
def test_split_folders_on_top_become_splits(tmp_path, held_out):
    for split in ("train", held_out):
        for name in ("cat", "dog"):
            save(tmp_path / "set" / split / name / "deep" / "x.png", picture((1, 2, 3)))
    rows = by_uri(open_images(tmp_path / "set"))
    assert rows["train/cat/deep/x.png"][:2] == ("cat", TRAIN)
    assert rows[f"{held_out}/dog/deep/x.png"][:2] == ("dog", TEST)


def test_split_folders_without_labels(tmp_path):
    save(tmp_path / "set" / "train" / "a.png", picture((1, 2, 3)))
    save(tmp_path / "set" / "test" / "b.png", picture((1, 2, 3)))
    images = open_images(tmp_path / "set")
    assert images.classes == ()
    assert by_uri(images)["test/b.png"][:2] == (None, TEST)


def test_flat_folder_has_no_labels_and_a_random_split(tmp_path):
    for i in range(20):
        save(tmp_path / "set" / f"{i}.png", picture((i, 0, 255)))
    images = open_images(tmp_path / "set", test_fraction=0.25)
    assert images.classes == ()
    assert set(images.labels.tolist()) == {-1}
    assert int((images.splits == TEST).sum()) == 5


def test_hidden_files_and_clutter_do_not_count(tmp_path):
    save(tmp_path / "set" / "a.png", picture((1, 2, 3)))
    (tmp_path / "set" / ".DS_Store").write_bytes(b"x")
    (tmp_path / "set" / "Thumbs.db").write_bytes(b"x")
    images = open_images(tmp_path / "set")
    assert (len(images), images.skipped) == (1, ())


def test_zip_is_read_like_the_folder_in_it(tmp_path):
    for split, name, value in (("train", "a", 10), ("train", "b", 20), ("test", "a", 30)):
        save(tmp_path / "set" / split / name / "x.png", picture((value, 0, 0)))
    with zipfile.ZipFile(tmp_path / "set.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("__MACOSX/._x.png", b"")
        for file in sorted((tmp_path / "set").rglob("*.png")):
            archive.write(file, file.relative_to(tmp_path).as_posix())
    folder, packed = open_images(tmp_path / "set"), open_images(tmp_path / "set.zip")
    assert packed.classes == folder.classes == ("a", "b")
    np.testing.assert_array_equal(packed.pixels, folder.pixels)
    np.testing.assert_array_equal(packed.splits, folder.splits)
    assert packed.uris[0] == "set/test/a/x.png"


def test_labels_csv_beside_a_flat_folder(tmp_path):
    for i in range(4):
        save(tmp_path / "set" / "pics" / f"{i}.png", picture((i, 0, 0)))
    with (tmp_path / "set" / "labels.csv").open("w", newline="") as file:
        rows = [("path", "label", "split"), ("pics/0.png", "cat", "train")]
        csv.writer(file).writerows([*rows, ("./pics/1.png", "dog", "test"), ("pics/2.png", "", "")])
    rows = by_uri(open_images(tmp_path / "set"))
    assert rows["pics/0.png"][:2] == ("cat", TRAIN)
    assert rows["pics/1.png"][:2] == ("dog", TEST)
    assert rows["pics/2.png"][0] is None
    assert rows["pics/3.png"][0] is None


def test_labels_csv_without_a_header_inside_a_zip(tmp_path):
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr("set/1.png", png(picture((1, 2, 3))))
        archive.writestr("set/2.png", png(picture((1, 2, 3))))
        archive.writestr("set/labels.csv", "1.png,one\n2.png,two\n")
    images = open_images(tmp_path / "set.zip")
    assert by_uri(images)["set/2.png"][0] == "two"
    assert images.skipped == ()


def test_labels_option_names_another_file(tmp_path):
    for i in range(3):
        save(tmp_path / "set" / f"{i}.png", picture((i, 0, 0)))
    (tmp_path / "mine.csv").write_text("file,class\n0.png,x\n1.png,y\n2.png,x\n")
    images = open_images(tmp_path / "set", labels=tmp_path / "mine.csv")
    assert [images.classes[i] for i in images.labels] == ["x", "y", "x"]


# --- arrays ------------------------------------------------------------------------------


def test_idx_folder_plain_and_gzip_with_splits(tmp_path):
    train = GENERATOR.integers(0, 256, (30, 6, 5), np.uint8)
    test = GENERATOR.integers(0, 256, (10, 6, 5), np.uint8)
    write_idx(tmp_path / "train-images-idx3-ubyte.gz", train)
    write_idx(tmp_path / "train-labels-idx1-ubyte.gz", np.arange(30) % 3)
    write_idx(tmp_path / "t10k-images.idx3-ubyte", test)
    write_idx(tmp_path / "t10k-labels.idx1-ubyte", np.arange(10) % 3)
    images = open_images(tmp_path)
    assert images.shape == (6, 5, 1)
    np.testing.assert_array_equal(images.pixels[..., 0], np.concatenate([train, test]))
    np.testing.assert_array_equal(images.splits, [TRAIN] * 30 + [TEST] * 10)
    np.testing.assert_array_equal(images.labels, [*(np.arange(30) % 3), *(np.arange(10) % 3)])
    assert images.uris[31] == "t10k-images.idx3-ubyte#1"
    assert isinstance(images.pixels, np.memmap)


def test_single_idx_file_finds_its_labels_beside_it(tmp_path):
    write_idx(tmp_path / "train-images-idx3-ubyte", GENERATOR.integers(0, 256, (20, 4, 4)))
    write_idx(tmp_path / "train-labels-idx1-ubyte", np.arange(20) % 2)
    images = open_images(tmp_path / "train-images-idx3-ubyte")
    assert images.classes == ("0", "1")
    assert int((images.splits == TEST).sum()) == 4  # 10 of each class: round(1.5) = 2 of each


@pytest.mark.parametrize(
    "shape", [(6, 7, 9), (6, 7, 9, 1), (6, 7, 9, 3), (6, 3, 7, 9), (6, 1, 7, 9)]
)
@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_numpy_layouts(tmp_path, shape, suffix):
    array = GENERATOR.integers(0, 256, shape, np.uint8)
    path = tmp_path / f"set{suffix}"
    np.save(path, array) if suffix == ".npy" else np.savez_compressed(path, images=array)
    expected = array[..., None] if array.ndim == 3 else array
    if expected.shape[1] in (1, 3):
        expected = expected.transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(open_images(path).pixels, expected)
    np.testing.assert_array_equal(open_images(array).pixels, expected)


def test_floats_and_uint8_give_the_same_pixels(tmp_path):
    array = GENERATOR.integers(0, 256, (5, 8, 8, 3), np.uint8)
    for dtype in (np.float32, np.float64):
        np.testing.assert_array_equal(open_images((array / 255).astype(dtype)).pixels, array)
    np.save(tmp_path / "f.npy", np.asfortranarray(array / 255))
    np.testing.assert_array_equal(open_images(tmp_path / "f.npy").pixels, array)


def test_npz_with_splits_and_string_labels(tmp_path):
    x, y = GENERATOR.integers(0, 256, (12, 8, 8), np.uint8), np.array(["b", "a", "c"] * 4)
    np.savez(tmp_path / "set.npz", test_images=x[:4], test_labels=y[:4], train_images=x[4:],
             train_labels=y[4:])  # fmt: skip
    images = open_images(tmp_path / "set.npz")
    assert images.classes == ("a", "b", "c")
    np.testing.assert_array_equal(images.pixels[:8, ..., 0], x[4:])
    np.testing.assert_array_equal(images.splits, [TRAIN] * 8 + [TEST] * 4)
    assert [images.classes[i] for i in images.labels[:8]] == y[4:].tolist()


def test_array_with_labels_given_one_by_one(tmp_path):
    array = GENERATOR.integers(0, 256, (6, 8, 8), np.uint8)
    images = open_images(array, labels=["x", "y", None, "y", "x", "y"])
    np.testing.assert_array_equal(images.labels, [0, 1, -1, 1, 0, 1])
    np.save(tmp_path / "a.npy", array)
    np.save(tmp_path / "y.npy", [5, 5, 5, 11, 11, -1])
    named = open_images(tmp_path / "a.npy", labels=tmp_path / "y.npy")
    assert named.classes == ("5", "11")
    np.testing.assert_array_equal(named.labels, [0, 0, 0, 1, 1, -1])
    assert named.digest != open_images(tmp_path / "a.npy").digest


def test_array_is_resized_and_changes_channels_on_request():
    array = np.full((3, 8, 8), 77, np.uint8)
    images = open_images(array, image_size=(12, 16), channels=3)
    assert images.pixels.shape == (3, 12, 16, 3)
    assert np.all(images.pixels == 77)


def test_digits_are_scaled_to_the_full_range():
    images = open_images("digits")
    assert images.pixels.shape == (1797, 8, 8, 1)
    assert (images.pixels.min(), images.pixels.max()) == (0, 255)
    assert images.classes == tuple("0123456789")
    assert 0.1 < (images.splits == TEST).mean() < 0.2


# --- Parquet -----------------------------------------------------------------------------


def write_parquet(path, values, labels, row_group_size=3, names=("zebra", "ant")):
    features = {"image": {"_type": "Image"}, "label": {"names": list(names), "_type": "ClassLabel"}}
    metadata = {"huggingface": json.dumps({"info": {"features": features}})}
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    rows = [{"bytes": v if v is None else png(picture((v, 0, 0))), "path": None} for v in values]
    schema = pa.schema([("image", kind), ("label", pa.int64())], metadata=metadata)
    path.parent.mkdir(parents=True, exist_ok=True)
    table = pa.table([pa.array(rows, kind), pa.array(labels, pa.int64())], schema=schema)
    pq.write_table(table, path, row_group_size=row_group_size)


def test_parquet_shards_in_the_hugging_face_layout(tmp_path):
    write_parquet(tmp_path / "data" / "train-00000-of-00002.parquet", range(8), [0, 1] * 4)
    write_parquet(tmp_path / "data" / "train-00001-of-00002.parquet", range(8, 12), [1] * 4)
    write_parquet(tmp_path / "data" / "test-00000-of-00001.parquet", range(50, 55), [0] * 5)
    images = open_images(tmp_path)
    assert images.classes == ("zebra", "ant")  # the order of the ClassLabel feature
    rows = by_uri(images)
    for uri, label, split, value in (
        ("data/train-00000-of-00002.parquet#7", "ant", TRAIN, 7),
        ("data/train-00001-of-00002.parquet#3", "ant", TRAIN, 11),
        ("data/test-00000-of-00001.parquet#4", "zebra", TEST, 54),
    ):
        assert rows[uri][:2] == (label, split)
        assert np.all(rows[uri][2][..., 0] == value)


def test_parquet_row_without_an_image_is_skipped(tmp_path):
    write_parquet(tmp_path / "a.parquet", [1, None, 3, 4], [0, 1, 0, -1])
    images = open_images(tmp_path / "a.parquet")
    assert [s.uri for s in images.skipped] == ["a.parquet#1"]
    assert [images.classes[i] if i >= 0 else None for i in images.labels] == [
        "zebra",
        "zebra",
        None,
    ]
    np.testing.assert_array_equal(images.pixels[:, 0, 0, 0], [1, 3, 4])


def test_parquet_with_a_plain_binary_column_and_string_labels(tmp_path):
    data = [png(picture((v, 0, 0))) for v in range(3)]
    pq.write_table(pa.table({"img": data, "label": ["u", "v", "u"]}), tmp_path / "a.parquet")
    images = open_images(tmp_path / "a.parquet")
    assert [images.classes[i] for i in images.labels] == ["u", "v", "u"]


# --- size and channels -------------------------------------------------------------------


def test_default_size_is_native_when_all_are_alike_and_small(tmp_path):
    for i in range(3):
        save(tmp_path / "set" / f"{i}.png", picture((i, 1, 2), (20, 30)))
    assert open_images(tmp_path / "set").shape == (30, 20, 3)


@pytest.mark.parametrize(("sizes", "side"), [([(28, 28), (30, 33)], 32), ([(300, 200)], 64)])
def test_default_size_of_mixed_or_large_images_is_a_usual_square(tmp_path, sizes, side):
    for i, size in enumerate(sizes):
        save(tmp_path / "set" / f"{i}.png", picture((i, 1, 2), size))
    assert open_images(tmp_path / "set").shape == (side, side, 3)


def test_default_channels_are_grey_only_if_every_sampled_image_is(tmp_path):
    save(tmp_path / "set" / "a.png", picture(9, mode="L"))
    save(tmp_path / "set" / "b.png", picture((9, 9, 9)))  # grey although stored as RGB
    assert open_images(tmp_path / "set").shape == (8, 8, 1)
    save(tmp_path / "set" / "c.png", picture((9, 9, 10)))
    assert open_images(tmp_path / "set").shape == (8, 8, 3)
    assert open_images(tmp_path / "set", channels=1).shape == (8, 8, 1)


def test_split_option_selects_one_split_and_keeps_the_memory_map(tmp_path):
    for split, count in (("train", 5), ("test", 2)):
        for i in range(count):
            save(tmp_path / "set" / split / f"{i}.png", picture((i, 0, 9)))
    images = open_images(tmp_path / "set", split="test")
    assert images.uris == ["test/0.png", "test/1.png"]
    assert isinstance(images.pixels, np.memmap)
    seeded = open_images(np.arange(20 * 64, dtype=np.uint16).reshape(20, 8, 8) % 256, split="test")
    assert len(seeded) == 3
    assert set(seeded.splits.tolist()) == {TEST}


@pytest.mark.parametrize(
    "options",
    [
        {"image_size": 0},
        {"image_size": (8, 9, 10)},
        {"image_size": 2.5},
        {"channels": 2},
        {"resize": "stretch"},
        {"split": "dev"},
        {"test_fraction": 1.0},
        {"workers": 0},
    ],
)
def test_options_out_of_range_are_refused(options):
    with pytest.raises(OptionError, match=r"choose|expected"):
        open_images(np.zeros((4, 8, 8), np.uint8), **options)


# --- seeded splits -----------------------------------------------------------------------


def test_seeded_split_is_stratified_repeatable_and_keeps_lone_images_in_train():
    labels = np.repeat([0, 1, 2, -1], [100, 40, 1, 20]).astype(np.int64)
    first = draw_splits(labels, 0.15, seed=3)
    np.testing.assert_array_equal(first, draw_splits(labels, 0.15, seed=3))
    assert np.any(first != draw_splits(labels, 0.15, seed=4))
    counts = [int((first[labels == label] == TEST).sum()) for label in (0, 1, 2, -1)]
    assert counts == [15, 6, 0, 3]


def test_natural_key_orders_numbers_by_value():
    names = ["class10", "class2", "B", "a", "1", "07"]
    assert sorted(names, key=natural_key) == ["1", "07", "a", "B", "class2", "class10"]


# --- as_pixels ---------------------------------------------------------------------------


def test_as_pixels_takes_arrays_pictures_paths_and_lists(tmp_path):
    save(tmp_path / "a.png", picture((10, 20, 30), (40, 20)))
    image = Image.open(tmp_path / "a.png")
    single = as_pixels(image, (8, 8, 3))
    assert single.shape == (1, 8, 8, 3)
    np.testing.assert_array_equal(single[0, 0, 0], [10, 20, 30])
    for given in ([image], [tmp_path / "a.png"], str(tmp_path / "a.png"), [np.asarray(image)]):
        np.testing.assert_array_equal(as_pixels(given, (8, 8, 3)), single)
    batch = np.asarray(image)[None].transpose(0, 3, 1, 2) / 255
    np.testing.assert_array_equal(as_pixels(batch, (8, 8, 3)), single)
    assert as_pixels(np.zeros((5, 8, 8)), (8, 8, 1)).shape == (5, 8, 8, 1)
    assert as_pixels([], (8, 8, 1)).shape == (0, 8, 8, 1)


@pytest.mark.parametrize("images", [np.zeros((8, 8)), ["nowhere.png"], np.full((1, 8, 8), np.nan)])
def test_as_pixels_says_what_is_wrong(images):
    with pytest.raises(SourceError, match=r"expected|No such file"):
        as_pixels(images, (8, 8, 1))


# --- lightness ---------------------------------------------------------------------------


def test_opening_images_does_not_load_torch_or_arrow():
    code = (
        "import sys, latlas.data.source; print({'torch', 'pyarrow', 'sklearn'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"
