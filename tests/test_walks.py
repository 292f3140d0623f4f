"""Places, walks and neighbours in spaces of every scope, with and without the source."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image

import latlas
from conftest import SCOPES
from latlas.contracts import TRAIN, NoProgress, OptionError, SpaceError
from latlas.neighbours import nearest
from latlas.walks import place_of

STEPS = 20


@pytest.fixture(scope="module")
def spaces(scoped_spaces):
    """Spaces that these tests only read."""
    return {scope: latlas.open(scoped_spaces / f"{scope}.latlas") for scope in SCOPES}


# --- places ------------------------------------------------------------------------------


def test_a_label_stands_for_the_most_central_training_image_of_its_class(spaces):
    space = spaces["global"]
    latents = space.latents
    own = (latents.labels == 6) & (latents.splits == TRAIN)
    z = latents.z[own]
    expected = latents.ids[own][np.square(z - z.mean(axis=0)).sum(axis=1).argmin()]
    assert place_of(space, "label:6").id == expected
    assert place_of(space, "6").id == expected
    assert place_of(space, 6).id == 6


def test_a_file_of_the_name_of_a_label_is_the_file(spaces, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("L", (8, 8), 255).save(tmp_path / "6", format="png")
    assert place_of(spaces["global"], "6").id is None
    assert place_of(spaces["global"], "label:6").id is not None


@pytest.mark.parametrize("text", ["label:ten", "no-such-file.png", "label:"])
def test_a_place_that_is_nowhere_is_answered_with_what_there_is(spaces, text):
    with pytest.raises(OptionError, match=r"neither an id .* a label \(0, 1, .* nor the path"):
        place_of(spaces["global"], text)


def test_an_image_is_placed_in_the_space_of_the_class_that_draws_it(spaces):
    space = spaces["per-class"]
    row = int(np.flatnonzero(space.latents.labels == 0)[0])
    place = place_of(space, space.pixels(np.array([row]))[0])
    assert place.told == 0
    assert np.allclose(place.z, space.latents.z[row], atol=1e-5)
    assert place_of(spaces["conditional"], np.zeros((8, 8), np.uint8)).told == -1


# --- walks -------------------------------------------------------------------------------


def far_from_data(space, z):
    return nearest(z, space.latents.z, 1).distances[1:-1].mean()


@pytest.mark.parametrize("ends", [(0, 1), ("label:3", "label:8"), (17, "label:0")])
def test_a_walk_along_the_graph_stays_nearer_to_the_data(spaces, ends):
    space = spaces["global"]
    straight = space.walk(*ends, steps=STEPS)
    along = space.walk(*ends, steps=STEPS, path="graph")
    assert far_from_data(space, along.z) < 0.9 * far_from_data(space, straight.z)
    for way in (straight, along):
        np.testing.assert_array_equal(way.z[0], place_of(space, ends[0]).z)
        np.testing.assert_array_equal(way.z[-1], place_of(space, ends[1]).z)
        assert way.images.shape == (STEPS, 8, 8, 1)
    steps = np.linalg.norm(np.diff(along.z, axis=0), axis=1)
    assert steps.max() < 1.5 * np.median(steps)


def test_a_walk_from_a_place_to_itself_stays_there(spaces):
    way = spaces["global"].walk(5, 5, steps=4, path="graph")
    assert (way.z == way.z[0]).all()


def test_ends_on_islands_are_said_not_to_be_joined(tmp_path):
    generator = np.random.default_rng(0)
    dark = generator.integers(0, 20, (120, 8, 8), np.uint8)
    bright = generator.integers(235, 255, (120, 8, 8), np.uint8)
    options = {"model": "pca", "latent_dim": 2, "pictures": False, "maps": ()}
    pixels = np.concatenate([dark, bright])
    space = latlas.fit(pixels, tmp_path / "s.latlas", progress=NoProgress(), **options)
    with pytest.raises(OptionError, match=r"islands of their own.*linear"):
        space.walk(0, 239, path="graph")
    assert space.walk(0, 100, path="graph").z.shape == (10, 2)
    assert space.walk(0, 239).z.shape == (10, 2)


def test_between_classes_of_spaces_of_their_own_there_is_no_way(spaces):
    space = spaces["per-class"]
    with pytest.raises(OptionError, match=r"space of 3, the other in that of 8.*global"):
        space.walk("label:3", "label:8")
    with pytest.raises(OptionError, match="no direction leads"):
        space.walk("label:3", towards="8")
    with pytest.raises(OptionError, match="give the label"):
        space.walk(space.latents.z[0], space.latents.z[1])
    a, b = np.flatnonzero(space.latents.labels == 3)[:2].tolist()
    for path in ("linear", "spherical", "graph"):
        way = space.walk(a, b, path=path)
        assert way.told.tolist() == [3] * 10


def test_a_conditional_walk_is_told_the_label_of_the_nearer_end(spaces):
    way = spaces["conditional"].walk("label:3", "label:8", steps=6)
    assert way.told.tolist() == [3, 3, 3, 8, 8, 8]


def test_towards_a_class_its_odds_rise(spaces):
    space = spaces["global"]
    odds = space.classifier()
    for start, target in ((np.flatnonzero(space.latents.labels == 4)[0], 9), (0, 6)):
        way = space.walk(int(start), towards=str(target), steps=8)
        p = odds.of_latents(way.z)[:, target]
        assert p[-1] > 0.5 > p[0]
        np.testing.assert_array_equal(way.z[0], space.latents.z[start])
    way = space.walk(4, towards="9", steps=3, strength=0.0)
    assert np.allclose(way.z, way.z[0])


def test_towards_its_own_class_a_walk_leaves_all_others(spaces):
    space = spaces["global"]
    latents = space.latents
    start = int(np.flatnonzero(latents.labels == 4)[0])
    way = space.walk(start, towards="4", steps=2)
    own = latents.labels == 4
    expected = latents.z[own].mean(axis=0) - latents.z[~own].mean(axis=0)
    assert np.allclose(way.z[1] - way.z[0], expected, atol=1e-4)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "either an end"),
        ({"end": 1, "towards": "3"}, "either an end"),
        ({"towards": "ten"}, "no label 'ten'; the space has 0, 1"),
        ({"end": 1, "steps": 1}, "at least 2"),
        ({"end": 1, "path": "curly"}, "choose one of linear, spherical, graph"),
    ],
)
def test_a_walk_that_cannot_be_says_why(spaces, options, words):
    with pytest.raises(OptionError, match=words):
        spaces["global"].walk(0, **options)


# --- neighbours --------------------------------------------------------------------------


def test_neighbours_lie_in_the_space_of_the_same_class(spaces):
    space = spaces["per-class"]
    for query in (12, "label:5", space.pixels(np.array([40]))[0]):
        told = place_of(space, query).told
        found = space.neighbours(query, k=15)
        rows = np.searchsorted(space.latents.ids, found.ids)
        assert (space.latents.told[rows] == told).all()
        assert len(found.ids) == 15
        assert (np.diff(found.distances) >= 0).all()
    with pytest.raises(OptionError, match="a vector alone does not say"):
        space.neighbours(space.latents.z[0])


def test_all_of_a_class_are_its_neighbours_when_more_are_asked_for(spaces):
    space = spaces["per-class"]
    found = space.neighbours(0, k=5000)
    assert len(found.ids) == (space.latents.labels == 0).sum() - 1
    assert 0 not in found.ids


def test_an_image_that_is_alone_has_no_neighbours(tmp_path):
    options = {"model": "pca", "latent_dim": 1, "pictures": False, "maps": ()}
    pixels = np.zeros((1, 8, 8), np.uint8)
    space = latlas.fit(pixels, tmp_path / "s.latlas", progress=NoProgress(), **options)
    with pytest.raises(OptionError, match="no image beside this one"):
        space.neighbours(0)


# --- a source that has moved -------------------------------------------------------------


@pytest.fixture(scope="module")
def moved(tmp_path_factory):
    """Spaces of images of more than 64 pixels, whose folder is not where it was."""
    place = tmp_path_factory.mktemp("moved")
    rows, columns = np.mgrid[:72, :72]
    generator = np.random.default_rng(0)
    for index in range(60):
        name = ("left", "right")[index % 2]
        x, y = (20, 50)[index % 2] + generator.normal(0, 4), 36 + generator.normal(0, 8)
        spot = 255 * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / 200)
        (place / "images" / name).mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(spot.astype(np.uint8))
        image.save(place / "images" / name / f"{index}.png")
    options = {"epochs": 2, "latent_dim": 2, "pictures": False, "maps": ("pca",), "width": 0.1}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATLAS_CACHE", str(place / "cache"))
        for scope in ("global", "per-class"):
            made = place / f"{scope}.latlas"
            latlas.fit(place / "images", made, scope=scope, progress=NoProgress(), **options)
    (place / "images").rename(place / "elsewhere")
    return place


@pytest.mark.parametrize("scope", ["global", "per-class"])
def test_without_the_source_what_works_on_latents_works(moved, scope, tmp_path):
    space = latlas.open(shutil.copytree(moved / f"{scope}.latlas", tmp_path / "s.latlas"))
    assert space.shape == (72, 72, 1)
    assert np.isfinite(space.map("pca", refresh=True).xy).all()
    assert space.sample(4, "left").images.shape == (4, 72, 72, 1)
    a, b = np.flatnonzero(space.latents.labels == 0)[:2].tolist()
    for path in ("linear", "graph"):
        assert space.walk(a, b, steps=3, path=path).images.shape == (3, 72, 72, 1)
    assert len(space.neighbours(a, k=3).ids) == 3


def test_without_the_source_a_classifier_by_class_says_what_is_missing(moved, tmp_path):
    space = latlas.open(shutil.copytree(moved / "per-class.latlas", tmp_path / "s.latlas"))
    with pytest.raises(SpaceError, match=r"not where it was.*map, sample, walk, neighbours"):
        space.classifier()
    assert "own" not in latlas.open(space.folder).manifest.classifiers
    plain = latlas.open(shutil.copytree(moved / "global.latlas", tmp_path / "g.latlas"))
    assert plain.classifier().judge().accuracy > 0.5


def test_a_source_that_has_changed_is_not_taken_for_the_old_one(moved, tmp_path):
    source = shutil.copytree(moved / "elsewhere", moved / "images")
    space = latlas.open(moved / "per-class.latlas")
    try:
        assert space.pixels(np.array([3, 1])).shape == (2, 72, 72, 1)
        next(iter((source / "left").iterdir())).unlink()
        with pytest.raises(SpaceError, match="or has changed"):
            space.pixels(np.array([0]))
    finally:
        shutil.rmtree(source)
