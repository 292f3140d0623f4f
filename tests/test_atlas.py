"""What the explorer page reads of a space."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator
from PIL import Image

import latlas
from conftest import blobs
from latlas.atlas import Atlas
from latlas.atlas.density import rarity, rarity_end
from latlas.atlas.quantised import class_bytes, class_dtype, corners, quantised
from latlas.atlas.thumbs import encode_sheet, hilbert, representatives
from latlas.contracts import NoProgress, OptionError, Score, SpaceError
from latlas.models import SCOPES
from latlas.neighbours import nearest
from latlas.stored import write_scores

COLUMNS = {"u1": np.uint8, "u2": np.dtype("<u2")}


def read(atlas, name, dtype):
    return np.frombuffer(atlas.resource(name).data, dtype)


def column(atlas, name):
    """A column as the page reads it: numbers with NaN, classes with -1."""
    info = next(each for each in atlas.manifest()["columns"] if each["name"] == name)
    raw = read(atlas, f"column-{name}", COLUMNS[info["dtype"]])
    if info["kind"] == "class":
        return np.where(raw == np.iinfo(raw.dtype).max, -1, raw.astype(np.int64))
    values = info["low"] + raw / 65534 * (info["high"] - info["low"])
    return np.where(raw == 65535, np.nan, values)


def picture(resource):
    return np.asarray(Image.open(io.BytesIO(resource.data)).convert("RGB"))


def strict(manifest):
    """The manifest after a trip as JSON, which has no NaN."""
    return json.loads(json.dumps(manifest, allow_nan=False))


# --- columns -----------------------------------------------------------------------------


def test_numbers_come_back_within_half_a_step():
    values = np.random.default_rng(0).normal(size=(500, 2)) * [1, 1e4] + [0, 7]
    values[3, 1] = np.nan
    low, high = corners(values.astype(np.float32))
    raw = np.frombuffer(quantised(values, low, high), "<u2").reshape(-1, 2)
    assert raw[3].tolist() == [65535, 65535]  # half a place is none
    back = low + raw / 65534 * (np.array(high) - low)
    error = np.abs(np.delete(back - values, 3, axis=0)) / (np.array(high) - low)
    assert error.max() <= 0.5 / 65534 * 1.01


def test_numbers_outside_their_ends_are_taken_as_the_end():
    raw = np.frombuffer(quantised(np.array([-5, 0, 1, 9, np.inf]), 0, 1), "<u2")
    assert raw.tolist() == [0, 0, 65534, 65534, 65535]


@pytest.mark.parametrize(("count", "dtype"), [(1, "u1"), (255, "u1"), (256, "u2")])
def test_classes_leave_one_value_for_unknown(count, dtype):
    assert class_dtype(count) == dtype
    raw = np.frombuffer(class_bytes(np.array([0, count - 1, -1]), count), COLUMNS[dtype])
    assert raw.tolist() == [0, count - 1, np.iinfo(raw.dtype).max]


def test_places_all_alike_still_have_a_box():
    low, high = corners(np.full((3, 2), 5, np.float32))
    assert low[0] < 5 < high[0]


# --- pictures ----------------------------------------------------------------------------


def test_the_curve_goes_from_cell_to_next_cell():
    """Over a grid, hand-made: it visits each of 16 x 16 places once, one step at a time."""
    y, x = np.mgrid[:16, :16]
    xy = np.stack([x.ravel(), y.ravel()], axis=1).astype(np.float32)
    path = xy[np.argsort(hilbert(xy))]
    assert np.abs(np.diff(path, axis=0)).sum(axis=1).tolist() == [1] * 255


def test_four_places_are_visited_around_the_open_side():
    xy = np.float32([[0, 0], [0, 1], [1, 0], [1, 1], [np.nan, 0]])
    assert np.argsort(hilbert(xy), kind="stable").tolist() == [0, 1, 3, 2, 4]


def test_representatives_are_the_rows_nearest_to_the_middle_of_each_cell():
    xy = np.float32([[0, 0], [0.2, 0.3], [2, 2], [np.nan, 1], [1.9, 0.4]])
    assert representatives(xy, cells=2).tolist() == [1, 4, 2]
    assert representatives(np.full((9, 2), np.nan, np.float32), cells=2).tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("channels", [1, 3])
def test_a_sheet_keeps_every_pixel(channels):
    pictures = np.random.default_rng(0).integers(0, 256, (5, 3, 4, channels), np.uint8)
    sheet = picture(SimpleNamespace(data=encode_sheet(pictures, 2)))
    for place in range(5):
        line, at = divmod(place, 2)
        cell = sheet[3 * line : 3 * line + 3, 4 * at : 4 * at + 4]
        assert np.array_equal(cell, np.broadcast_to(pictures[place], (3, 4, 3)))


def test_every_row_has_one_cell_and_its_own_picture(space):
    atlas = Atlas(space)
    info = atlas.manifest()["pictures"]
    order = read(atlas, "order", "<u4")
    assert sorted(order.tolist()) == list(range(len(space)))
    height, width = info["cell"]
    for row in (0, 7, len(space) - 1):
        sheet, cell = divmod(int(order[row]), info["perSheet"])
        line, at = divmod(cell, info["columns"])
        seen = picture(atlas.resource(f"sheet-{sheet}"))
        seen = seen[height * line : height * (line + 1), width * at : width * (at + 1), :1]
        assert np.array_equal(seen, space.thumbnails([row])[0])
    rows = read(atlas, "overview-rows", "<u4")
    assert len(set(rows.tolist())) == len(rows) == info["overview"]["rows"]
    first = picture(atlas.resource("overview"))[:height, :width, :1]
    assert np.array_equal(first, space.thumbnails(rows[:1].astype(np.int64))[0])


# --- the whole ---------------------------------------------------------------------------


def test_the_manifest_says_what_is_there(space):
    space.classifier()
    atlas = Atlas(space)
    manifest = strict(atlas.manifest({"readOnly": True, "uploadBytes": 5}))
    assert manifest["server"] == {"readOnly": True, "uploadBytes": 5}
    assert (manifest["rows"], manifest["latentDim"], manifest["shape"]) == (1797, 16, [8, 8, 1])
    assert [each["name"] for each in manifest["maps"]] == ["tsne", "pca"]
    assert sum(each["count"] for each in manifest["classes"]) == 1797
    assert len(manifest["fog"]) == 101 and manifest["fog"] == sorted(manifest["fog"])
    assert manifest["z"] == {"bytes": len(atlas.resource("z").data)}
    assert manifest["knn"]["k"] >= 3 and manifest["linear"] is None
    assert {"gmm", "gaussian"} == {each["name"] for each in manifest["mixtures"]}
    assert all(score["shown"] and score["title"] for score in manifest["scores"])
    named = [manifest[k][0]["resource"] for k in ("decoders", "encoders", "borders", "mixtures")]
    named += [each["resource"] for each in manifest["sheets"].values()]
    named += [f"map-{each['name']}" for each in manifest["maps"]]
    named += [f"column-{each['name']}" for each in manifest["columns"]]
    assert set(named) <= set(atlas.names())
    assert "ids" not in atlas.names()  # they are the numbers of the rows


def test_resources_hold_what_the_space_holds(space):
    atlas = Atlas(space)
    latents = space.latents
    assert np.array_equal(column(atlas, "label"), latents.labels)
    assert np.array_equal(column(atlas, "split"), latents.splits)
    error = column(atlas, "error")
    assert np.abs(error - latents.errors).max() <= np.ptp(latents.errors) / 131068 * 1.01
    z = read(atlas, "z", "<f2").reshape(latents.z.shape)
    assert np.abs(z - latents.z).max() <= 2**-11 * np.abs(latents.z).max()
    info = atlas.manifest()["maps"][0]
    q = read(atlas, "map-tsne", "<u2").reshape(-1, 2)
    low, high = np.array(info["low"]), np.array(info["high"])
    places = low + q / 65534 * (high - low)
    assert (np.abs(places - space.store.map("tsne")) <= (high - low) / 131068 * 1.01).all()


def test_the_decoder_draws_what_the_space_decodes(space):
    atlas, z = Atlas(space), space.latents.z[:40]
    data = atlas.resource("decoder-0.onnx")
    assert data.type == "application/onnx"
    images = ReferenceEvaluator(onnx.load_from_string(data.data)).run(None, {"z": z})[0]
    expected = space.coder.decode_floats(z).transpose(0, 3, 1, 2)
    assert np.abs(images - expected).max() <= 1 / 255


def test_a_sheet_is_made_once_and_its_error_is_known_then(space):
    atlas = Atlas(space)
    assert atlas.manifest()["sheets"]["pca"]["error"] is None
    data = atlas.resource("sheet-net-pca.onnx").data
    assert 0 < atlas.manifest()["sheets"]["pca"]["error"] < 1
    assert Atlas(space).resource("sheet-net-pca.onnx").data == data  # from the cache


def test_the_linear_odds_are_those_of_the_classifier(space):
    asked = space.classifier("linear")
    info, z = Atlas(space).manifest()["linear"], space.latents.z[:50].astype(np.float64)
    weights = np.reshape(info["weights"], (16, len(info["classes"])))
    odds = np.exp(z @ weights + info["bias"])
    odds /= odds.sum(axis=1, keepdims=True)
    assert np.abs(odds - asked.of_latents(space.latents.z[:50])).max() < 1e-4
    assert info["accuracy"] == pytest.approx(asked.judge().accuracy)


def test_held_out_rows_have_the_odds_of_the_classifier(space):
    asked, atlas = space.classifier("knn"), Atlas(space)
    held = np.flatnonzero(space.latents.splits == 1)
    odds, labels = asked.of_rows(held), space.latents.labels[held]
    assert np.array_equal(column(atlas, "predicted")[held], odds.argmax(axis=1))
    surprise = 1 - odds[np.arange(len(held)), labels]
    assert np.abs(column(atlas, "surprise")[held] - surprise).max() < 1e-4
    assert np.abs(column(atlas, "confidence")[held] - odds.max(axis=1)).max() < 1e-4


def test_a_wrong_label_surprises_although_it_was_learnt(tmp_path):
    images = blobs(classes=2)
    wrong = int(np.flatnonzero(images.splits == 0)[5])
    labels = images.labels.copy()
    labels[wrong] = 1 - labels[wrong]
    space = small(tmp_path, replace(images, labels=labels), epochs=10)
    space.classifier("knn")
    surprise = column(Atlas(space), "surprise")
    assert surprise[5] > 0.5  # training images come first
    assert np.median(surprise) < 0.1


def test_borders_are_the_answers_of_the_classifier(space):
    asked, atlas = space.classifier("knn"), Atlas(space)
    info = next(each for each in atlas.manifest()["borders"] if each["map"] == "pca")
    grid = read(atlas, "borders-pca", np.uint8).reshape(info["size"], info["size"], 2)
    box = next(each for each in atlas.manifest()["maps"] if each["name"] == "pca")
    low, high = np.array(box["low"]), np.array(box["high"])
    seen = np.argwhere(grid[..., 0] != 255)[::400]
    share = (seen[:, ::-1] + 0.5) / info["size"] * (1 + 2 * info["margin"]) - info["margin"]
    share[:, 1] = 1 - share[:, 1]  # row 0 lies at the top
    pca = atlas.manifest()["pca"]
    z = np.array(pca["mean"]) + (low + share * (high - low)) @ np.array(pca["components"])
    odds = asked.of_latents(z.astype(np.float32))
    assert len(seen) > 10
    right = grid[seen[:, 0], seen[:, 1], 0] == odds.argmax(axis=1)
    assert right.mean() > 0.9  # rounding moves a latent over a border
    strength = grid[seen[:, 0], seen[:, 1], 1] / 255
    assert np.median(np.abs(strength - odds.max(axis=1))) < 0.01
    assert (grid[..., 0] == 255).any()  # corners, where no image is near


def test_mixtures_are_those_of_the_prior(space):
    prior, atlas = space.prior("gmm"), Atlas(space)
    info = next(each for each in atlas.manifest()["mixtures"] if each["name"] == "gmm")
    values, D = read(atlas, "mixture-gmm", "<f4"), 16
    sizes = [each["components"] * (1 + D + D * D) for each in info["densities"]]
    assert len(values) == sum(sizes)
    k = info["densities"][0]["components"]
    _, arrays = prior.state()
    assert info["densities"][0]["label"] == -1
    assert np.allclose(values[:k], arrays["all.weights"], rtol=1e-6)
    means = values[k : k + k * D].reshape(k, D)
    assert np.allclose(means, arrays["all.means"], rtol=1e-5, atol=1e-6)


def test_rarity_is_the_distance_to_the_nearest_other_training_row(space):
    z, train = space.latents.z, space.latents.splits == 0
    found = rarity(space)
    expected = nearest(z[~train], z[train], 1).distances[:, 0]
    assert np.allclose(found[~train], expected)
    own = nearest(z[train], z[train], 1, exclude_self=True).distances[:, 0]
    assert np.isclose(found[train], own).mean() > 0.95  # a few neighbours are missed
    assert found.max() <= rarity_end(space)
    assert np.abs(column(Atlas(space), "rarity") - found).max() < rarity_end(space) / 60000


# --- other spaces ------------------------------------------------------------------------


def small(folder, images, **options):
    """A space of some images, whose labels are the names of their classes."""
    options = {"epochs": 2, "latent_dim": 4, "maps": ("pca",), "pictures": False} | options
    options["precision"] = "float32"
    arrays = {}
    for split, name in enumerate(("train", "test")):
        rows = images.splits == split
        arrays[f"{name}_images"] = images.pixels[rows]
        if images.classes:
            arrays[f"{name}_labels"] = np.array(images.classes)[images.labels[rows]]
    np.savez(folder / "small.npz", **arrays)
    source, output = folder / "small.npz", folder / "small.latlas"
    return latlas.fit(source, output, progress=NoProgress(), **options)


def everything(atlas):
    """Reads the manifest and all resources but sheets, which are tested elsewhere."""
    strict(atlas.manifest())
    return {n: atlas.resource(n) for n in atlas.names() if not n.startswith("sheet-net")}


def test_a_space_for_each_class(scoped):
    atlas = Atlas(scoped("per-class"))
    manifest, resources = strict(atlas.manifest()), everything(atlas)
    assert manifest["owners"] == list(range(10)) and len(manifest["decoders"]) == 10
    assert manifest["pca"] is None and manifest["knn"] is None and manifest["borders"] == []
    assert all(each["panels"] for each in manifest["maps"])
    labels = [each["label"] for each in manifest["mixtures"][0]["densities"]]
    assert labels == list(range(10))  # none over everything: these are ten spaces
    space, rows = atlas.space, np.flatnonzero(atlas.space.latents.told == 3)[:5]
    graph = onnx.load_from_string(resources["decoder-3.onnx"].data)
    images = ReferenceEvaluator(graph).run(None, {"z": space.latents.z[rows]})[0]
    expected = space.coder.decode_floats(space.latents.z[rows], np.full(len(rows), 3))
    assert np.abs(images - expected.transpose(0, 3, 1, 2)).max() <= 1 / 255
    odds = space.classifier("own").of_rows(np.arange(20))
    assert np.array_equal(column(atlas, "predicted")[:20], odds.argmax(axis=1))


def test_without_a_model_each_label_is_a_space_of_its_own(scoped):
    space = scoped("per-class")
    known = Atlas(space).manifest()["fog"]
    shutil.rmtree(space.folder / "model")
    bare = latlas.open(space.folder)
    bare.manifest.model = None
    manifest = Atlas(bare).manifest()
    assert (manifest["decoders"], manifest["encoders"], manifest["owners"]) == ([], [], [])
    assert manifest["fog"] == known  # here every class is large enough for a model of its own
    assert column(Atlas(bare), "rarity") == pytest.approx(rarity(space), abs=1e-3)


def test_no_sheet_lies_under_panels(scoped):
    atlas = Atlas(scoped("per-class"))
    assert atlas.manifest()["maps"][0]["panels"]
    assert atlas.manifest()["sheets"] == {}
    assert not [name for name in atlas.names() if name.startswith("sheet-net")]


@pytest.mark.parametrize("scope", SCOPES)
def test_what_the_model_was_told_is_a_column_where_it_is_not_the_label(scoped, scope):
    space = scoped(scope)
    told = space.latents.told.copy()
    if scope != "global":
        told[:] = space.latents.labels
        told[3] = -1
    space.__dict__["latents"] = replace(space.latents, told=told)

    def names(atlas):
        return [each["name"] for each in atlas.manifest()["columns"]]

    assert ("told" in names(Atlas(space))) == (scope != "global")
    assert "told" not in names(Atlas(space, rows=np.array([1, 2])))
    if scope != "global":
        assert (column(Atlas(space), "told") == told).all()
        assert column(Atlas(space, rows=np.array([3, 4])), "told").tolist() == [-1, told[4]]


def test_the_manifest_says_which_classifier_drew_and_how_images_are_fitted(scoped):
    manifest = Atlas(scoped("global")).manifest()
    assert manifest["resize"] == "crop"
    assert [each["method"] for each in manifest["borders"]] == ["knn"]


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("mnist", "mnist"),
        ("/home/ada/secret/photos", "photos"),
        ("~/photos/", "photos"),
        (r"C:\Users\ada\photos.zip", "photos.zip"),
        ("https://host/a/b.zip?key=secret", "b.zip"),
        ("/", "images"),
    ],
)
def test_a_source_is_named_without_its_way(scoped, uri, shown):
    space = scoped("global")
    sources = [space.manifest.sources[0].model_copy(update={"uri": uri})]
    space.manifest = space.manifest.model_copy(update={"sources": sources})
    assert Atlas(space).manifest()["source"] == shown


def test_a_conditional_space(scoped):
    atlas = Atlas(scoped("conditional"))
    everything(atlas)
    manifest = atlas.manifest()
    assert manifest["decoders"][0]["told"] and manifest["owners"] == []
    assert manifest["knn"] is None and manifest["borders"] == []


@pytest.mark.parametrize("latent_dim", [1, 2])
def test_few_dimensions_and_no_labels(tmp_path, latent_dim):
    images = blobs(60)
    space = small(tmp_path, replace(images, classes=()), latent_dim=latent_dim)
    atlas = Atlas(space)
    manifest = strict(atlas.manifest())
    everything(atlas)
    assert manifest["classes"] == [] and manifest["borders"] == []
    assert [each["name"] for each in manifest["columns"]] == ["split", "error", "rarity"]
    assert len(manifest["pca"]["components"][1]) == latent_dim


def test_two_hundred_classes_one_row_each(tmp_path):
    images = blobs(200)
    names = tuple(f"{k:03d}" for k in range(200))
    space = small(tmp_path, replace(images, labels=np.arange(200), classes=names))
    space.classifier("knn")
    atlas = Atlas(space)
    everything(atlas)
    assert len({each["colour"] for each in atlas.manifest()["classes"]}) > 150
    assert np.array_equal(column(atlas, "label"), space.latents.labels)


def test_large_images_whose_source_is_gone(tmp_path):
    space = small(tmp_path, blobs(40, (70, 90, 3), 1), width=0.1)
    space.classifier()
    (tmp_path / "small.npz").unlink()
    atlas = Atlas(latlas.open(space.folder))
    resources = everything(atlas)
    assert atlas.manifest()["pictures"]["cell"] == [50, 64]
    assert picture(resources["sheet-0"]).shape[1] == 16 * 64


def test_a_damaged_classifier_is_left_out(space):
    space.classifier()
    folder = space.folder / "classifiers" / "knn"
    (folder / "weights.safetensors").write_bytes(b"nothing")
    manifest = strict(Atlas(latlas.open(space.folder)).manifest())
    assert manifest["knn"] is None and manifest["borders"] == []
    assert "predicted" not in [each["name"] for each in manifest["columns"]]


def test_rows_that_were_added_later_are_there(space, tmp_path):
    atlas = Atlas(space)
    before = atlas.manifest()
    pixels = space.thumbnails([3, 4]) // 2
    images = replace(
        blobs(2), pixels=pixels, labels=np.array([-1, 0]), classes=("1",), digest="later"
    )
    space.add(replace(images, splits=np.array([0, 1], np.uint8), source="later"))
    after = atlas.manifest()
    assert after["fingerprint"] != before["fingerprint"] and after["rows"] == before["rows"] + 2
    assert len(read(atlas, "order", "<u4")) == after["rows"]
    assert column(atlas, "label")[-2:].tolist() == [-1, 1]


# --- never stale -------------------------------------------------------------------------


def test_what_changed_is_never_served_from_before(space):
    atlas = Atlas(space)
    first, places = atlas.manifest()["fingerprint"], atlas.resource("map-pca").data
    assert atlas.manifest()["fingerprint"] == first
    space.classifier("linear")
    second = atlas.manifest()
    assert second["fingerprint"] != first and second["linear"]
    write_scores(space.folder, [*space.scores, Score("knn_accuracy", 0.5)])
    third = atlas.manifest()
    assert third["fingerprint"] != second["fingerprint"]
    assert any(score["shown"] == "50.0%" for score in third["scores"])
    assert atlas.resource("map-pca").data == places


def test_the_cache_of_another_space_is_not_taken(space, tmp_path):
    """Two spaces under one manifest, of other latents: nothing kept of one is of the other."""
    other = latlas.open(shutil.copytree(space.folder, tmp_path / "other.latlas"))
    latents = other.latents
    other.__dict__["latents"] = replace(latents, z=latents.z * np.float32(2))
    first, second = column(Atlas(space), "rarity"), column(Atlas(other), "rarity")
    assert np.allclose(second, 2 * first, rtol=1e-2)


def test_a_damaged_cache_is_made_again(space, own_cache, monkeypatch, tmp_path):
    monkeypatch.setenv("LATLAS_CACHE", str(tmp_path / "cache"))
    expected = Atlas(space).resource("column-rarity").data
    kept = list((tmp_path / "cache" / "atlas").iterdir())
    assert kept
    for folder in kept:
        (folder / "weights.safetensors").write_bytes(b"half")
    assert Atlas(space).resource("column-rarity").data == expected


def test_unknown_names_and_latents_that_are_too_many(space):
    atlas = Atlas(space, most_z_bytes=1000)
    assert atlas.manifest()["z"] is None
    with pytest.raises(OptionError, match="no resource 'z'"):
        atlas.resource("z")
    with pytest.raises(OptionError, match="this space has map-tsne, map-pca"):
        atlas.resource("map-umap")
    with pytest.raises(SpaceError, match="no classifier"):
        atlas._now().views.odds.rows()
