"""``find``: planted copies, strangers and wrong labels come first in a real space."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

import latlas
from conftest import SCOPES, blobs
from latlas.cleaning import KINDS
from latlas.contracts import NoProgress, OptionError
from latlas.findings.planted import plant_copies, plant_foreign, plant_labels, precision_at

QUICK = {"progress": NoProgress(), "pictures": False, "maps": (), "precision": "float32"}


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Digits with 1% of copies, 1% of foreign images, 2% of wrong labels; and where they are."""
    data = load_digits(n_class=6)
    pixels = (data.images * 255 / 16).round().astype(np.uint8)[..., None]
    copies = plant_copies(pixels, 0.012, seed=1)
    foreign = plant_foreign(pixels, 0.012, seed=2)
    labels, flipped = plant_labels(data.target, 0.02, seed=3)
    added = np.random.default_rng(0).integers(0, 6, len(foreign.pixels))
    everything = np.concatenate([pixels, copies.pixels, foreign.pixels])
    names = np.concatenate([labels, data.target[copies.sources], added])
    place = tmp_path_factory.mktemp("planted")
    options = QUICK | {"epochs": 15, "latent_dim": 8, "labels": names}
    space = latlas.fit(everything, place / "s.latlas", **options)
    where = {
        "copies": (np.arange(len(pixels), len(pixels) + len(copies.pixels)), copies.sources),
        "foreign": np.arange(len(everything) - len(foreign.pixels), len(everything)),
        "flipped": (flipped, data.target),
    }
    return space, where


@pytest.fixture(scope="module")
def found(planted):
    """What each kind of search finds there."""
    return {kind: planted[0].find(kind) for kind in KINDS}


def test_copies_come_first(planted, found):
    where, found = planted[1], found["duplicates"]
    rows, sources = where["copies"]
    pairs = {frozenset(pair) for pair in zip(rows.tolist(), sources.tolist(), strict=True)}
    ranked = [frozenset(p) for p in zip(found.ids.tolist(), found.partners.tolist(), strict=True)]
    assert len(pairs & set(ranked[: len(pairs)])) > 0.8 * len(pairs)
    assert (np.diff(found.scores) <= 0).all()
    first = found.rows(1)[0]
    assert {first["id"], first["partner_id"]} in pairs
    assert float(first["distance"]) < 1e-4


def test_strangers_come_first(planted, found):
    (space, where), found = planted, found["outliers"]
    assert precision_at(found.ids, where["foreign"]) > 0.7
    np.testing.assert_array_equal(np.sort(found.ids), space.latents.ids)


def test_wrong_labels_come_first_with_the_right_one_beside(planted, found):
    where, found = planted[1], found["mislabelled"]
    flipped, truth = where["flipped"]
    wrong = np.concatenate([flipped, where["foreign"]])
    assert precision_at(found.ids, wrong, len(flipped)) > 0.8
    beside = [r for r in found.rows(len(flipped)) if r["id"] in set(flipped.tolist())]
    right = [row["suggested"] == str(truth[row["id"]]) for row in beside]
    assert np.mean(right) > 0.9


@pytest.mark.parametrize(
    ("kind", "columns"),
    [
        ("duplicates", ["partner_id", "partner_uri", "distance", "label", "partner_label"]),
        ("outliers", ["label", "reconstruction_error"]),
        ("mislabelled", ["label", "suggested", "p_suggested", "p_label"]),
    ],
)
def test_a_table_and_a_picture_are_written(found, kind, columns, tmp_path):
    found = found[kind]
    with found.write(tmp_path / "f.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["rank", "id", "uri", "score", *columns]
    assert len(rows) == len(found)
    assert [int(row["rank"]) for row in rows] == list(range(1, len(found) + 1))
    assert [int(row["id"]) for row in rows] == found.ids.tolist()
    with Image.open(found.write(tmp_path / "f.png")) as image:
        assert image.size[0] > 300


def test_where_nothing_is_found_the_table_is_empty_and_nothing_is_drawn(scoped_spaces, tmp_path):
    space = latlas.open(scoped_spaces / "global.latlas")
    found = space.find("duplicates")
    assert len(found) == 0
    lines = found.write(tmp_path / "f.csv").read_text().splitlines()
    assert len(lines) == 1
    with pytest.raises(OptionError, match="nothing was found"):
        found.plot(tmp_path / "f.png")


@pytest.mark.parametrize("scope", SCOPES)
def test_labels_are_judged_by_what_does_not_know_them(scope, tmp_path):
    images = blobs(240)
    labels, flipped = plant_labels(images.labels, 0.03, seed=1)
    options = QUICK | {"epochs": 10, "latent_dim": 2, "labels": labels, "scope": scope}
    space = latlas.fit(images.pixels, tmp_path / "s.latlas", **options)
    found = space.find("mislabelled")
    assert precision_at(found.ids, flipped) > 0.7


def test_copies_across_classes_of_spaces_of_their_own_are_not_compared(scoped_spaces):
    space = latlas.open(scoped_spaces / "per-class.latlas")
    found = space.find("duplicates")
    told = space.latents.told
    rows, partners = (np.searchsorted(space.latents.ids, i) for i in (found.ids, found.partners))
    np.testing.assert_array_equal(told[rows], told[partners])


def test_a_search_repeats_with_its_seed(planted, found):
    for kind, a in found.items():
        b = planted[0].find(kind)
        np.testing.assert_array_equal(a.ids, b.ids)
        np.testing.assert_array_equal(a.scores, b.scores)


def test_without_labels_only_wrong_labels_cannot_be_found(tmp_path):
    pixels = blobs(60).pixels
    space = latlas.fit(pixels, tmp_path / "s.latlas", epochs=2, latent_dim=2, **QUICK)
    assert len(space.find("outliers")) == 60
    space.find("duplicates")
    with pytest.raises(OptionError, match=r"labels of at least two classes.*without"):
        space.find("mislabelled")
    with pytest.raises(OptionError, match="choose one of duplicates, outliers, mislabelled"):
        space.find("pearls")


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_handful_of_images_is_searched(count, tmp_path):
    pixels = blobs(4).pixels[:count]
    options = QUICK | {"model": "pca", "latent_dim": 1, "labels": ["a", "b", "a"][:count]}
    space = latlas.fit(pixels, tmp_path / "s.latlas", **options)
    assert len(space.find("outliers")) == count
    space.find("duplicates")
