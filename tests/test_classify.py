"""Classifiers of a space: fitted, kept, asked about arrays and files, and proved by pictures."""

from __future__ import annotations

import csv
import shutil

import numpy as np
import pytest
from PIL import Image

import latlas
from conftest import SCOPES, Listening, blobs
from latlas.classifiers import CLASSIFIERS, DEFAULT_CLASSIFIER
from latlas.contracts import TEST, TRAIN, NoProgress, OptionError, SourceError, SpaceError

QUICK = {"epochs": 2, "progress": NoProgress(), "pictures": False, "maps": ("pca",)}
QUICK["precision"] = "float32"


@pytest.fixture(scope="module")
def spaces(scoped_spaces):
    """Spaces that these tests only read; each has its usual classifier."""
    return {scope: latlas.open(scoped_spaces / f"{scope}.latlas") for scope in SCOPES}


def held_out(space, count=60):
    rows = np.flatnonzero(space.latents.splits == TEST)[:count]
    return rows, space.pixels(rows)


# --- answers -----------------------------------------------------------------------------


@pytest.mark.parametrize("scope", SCOPES)
def test_held_out_images_are_told_apart(spaces, scope):
    space = spaces[scope]
    usual = {"global": DEFAULT_CLASSIFIER}.get(scope, "own")
    assert usual in space.manifest.classifiers
    kept = space.manifest.classifiers[usual].scores
    judged = space.classifier().judge()
    assert judged.accuracy > 0.9
    assert (judged.accuracy, judged.calibration) == pytest.approx(
        (kept["accuracy"], kept["calibration_error"])
    )
    rows, pixels = held_out(space)
    found = space.classify(pixels)
    assert found.method == usual
    truth = [space.label(int(label)) for label in space.latents.labels[rows]]
    assert np.mean([a == b for a, b in zip(found.labels, truth, strict=True)]) > 0.85
    assert np.allclose(found.probabilities.sum(axis=1), 1)
    assert np.allclose(found.probabilities, space.classifier().of_rows(rows), atol=1e-4)


@pytest.mark.parametrize("scope", SCOPES)
def test_a_kept_classifier_is_read_again_to_the_bit(spaces, scoped_spaces, scope):
    name = spaces[scope].classifier().method
    weights = scoped_spaces / f"{scope}.latlas" / "classifiers" / name / "weights.safetensors"
    before = weights.stat().st_mtime_ns
    again = latlas.open(scoped_spaces / f"{scope}.latlas")
    _, pixels = held_out(again)
    a, b = spaces[scope].classify(pixels), again.classify(pixels)
    np.testing.assert_array_equal(a.probabilities, b.probabilities)
    np.testing.assert_array_equal(a.strangeness, b.strangeness)
    assert weights.stat().st_mtime_ns == before


def test_refresh_fits_again_and_keeps_the_new_one(scoped):
    space = scoped("global")
    before = space.manifest.classifiers[DEFAULT_CLASSIFIER]
    rows = np.flatnonzero(space.latents.splits == TRAIN)[:200]
    images = space.images(rows)
    flipped = latlas.open_images(
        255 - images.pixels, image_size=(8, 8), channels=1, labels=images.labels
    )
    space.add(flipped)
    assert space.manifest.classifiers[DEFAULT_CLASSIFIER] == before
    space.classifier(refresh=True)
    after = latlas.open(space.folder).manifest.classifiers[DEFAULT_CLASSIFIER]
    assert after.digest != before.digest


def test_a_classifier_of_a_few_labels_is_not_kept(scoped):
    heard, space = Listening(), scoped("global")
    before = dict(space.manifest.classifiers)
    asked = space.classifier(labels_per_class=5, progress=heard)
    assert asked.method == "spread"
    assert asked.judge().accuracy > 0.6
    assert latlas.open(space.folder).manifest.classifiers == before
    assert any("from 5 labels a class" in line for line in heard.said)
    few = space.classifier("linear", labels_per_class=5, seed=1).judge().answers
    np.testing.assert_array_equal(
        few, space.classifier("linear", labels_per_class=5, seed=1).judge().answers
    )


@pytest.mark.parametrize("method", CLASSIFIERS)
def test_every_method_is_kept_beside_the_others(scoped, method):
    space = scoped("global")
    assert space.classifier(method).judge().accuracy > 0.8
    assert set(latlas.open(space.folder).manifest.classifiers) >= {DEFAULT_CLASSIFIER, method}


def test_a_damaged_classifier_says_what_to_do(scoped):
    space = scoped("global")
    config = space.folder / "classifiers" / DEFAULT_CLASSIFIER / "config.json"
    config.write_text(config.read_text().replace('"kind"', '"sort"'))
    with pytest.raises(SpaceError):
        latlas.open(space.folder).classifier()
    assert latlas.open(space.folder).classifier(refresh=True).judge().accuracy > 0.9


# --- novelty -----------------------------------------------------------------------------


@pytest.mark.parametrize("scope", SCOPES)
def test_noise_is_novel_and_known_images_seldom_are(spaces, scope):
    space = spaces[scope]
    noise = np.random.default_rng(0).integers(0, 255, (40, 8, 8), np.uint8)
    found = space.classify(noise)
    assert found.novel.mean() > 0.95
    assert found.strangeness.min() > 1
    known = space.classify(held_out(space, 1000)[1])
    assert known.novel.mean() <= 0.02
    assert found.false_alarms == 0.01


# --- mistakes ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "options", "words"),
    [
        ("global", {"method": "svm"}, "choose one of linear, knn, bayes, spread, own"),
        ("global", {"method": "own"}, "one model for all"),
        ("global", {"labels_per_class": 0}, "at least 1"),
    ],
)
def test_mistakes_are_answered_in_words(spaces, scope, options, words):
    with pytest.raises(OptionError, match=words):
        spaces[scope].classifier(**options)


def test_latents_tell_the_class_only_where_one_model_serves_all(spaces):
    with pytest.raises(OptionError, match="only in the scope global"):
        spaces["per-class"].classifier().of_latents(spaces["per-class"].latents.z[:2])
    z = spaces["global"].latents.z[:50]
    p = spaces["global"].classifier().of_latents(z)
    assert (p.argmax(axis=1) == spaces["global"].latents.labels[:50]).mean() > 0.8


def test_a_space_without_labels_says_which_verbs_work(tmp_path):
    space = latlas.fit(blobs(60).pixels, tmp_path / "s.latlas", latent_dim=2, **QUICK)
    with pytest.raises(OptionError, match=r"no labels.*map, sample, walk, neighbours, measure"):
        space.classifier()
    with pytest.raises(OptionError, match="no labels"):
        space.classify(blobs(2).pixels)


@pytest.mark.parametrize("scope", SCOPES)
def test_one_class_is_always_answered(scope, tmp_path):
    images = blobs(80)
    names = ["only"] * 80
    options = QUICK | {"latent_dim": 2, "scope": scope, "labels": names}
    space = latlas.fit(images.pixels, tmp_path / "s.latlas", **options)
    found = space.classify(images.pixels[:3])
    assert found.labels == ("only",) * 3
    assert np.allclose(found.probabilities, 1)
    asked = space.classifier()
    assert latlas.draw_proofs(asked, asked.judge(), tmp_path)


# --- files -------------------------------------------------------------------------------


@pytest.fixture
def picture(spaces, tmp_path):
    """Writes digits as files of any size and number of channels; gives path and answer."""
    space = spaces["global"]
    _, pixels = held_out(space)
    answers = space.classify(pixels).labels

    def write(index, size=8, mode="L", name=None):
        path = tmp_path / (name or f"{index}-{size}-{mode}.png")
        image = Image.fromarray(pixels[index, :, :, 0]).convert(mode)
        image.resize((size, size), Image.Resampling.NEAREST).save(path)
        return path, answers[index]

    return write


def test_files_of_another_size_or_of_colour_are_converted_with_a_note(spaces, picture):
    heard, asked = Listening(), spaces["global"].classifier()
    files = [picture(0), picture(1, 32), picture(2, 8, "RGB"), picture(3, 64, "RGBA")]
    found = latlas.classify_files(asked, [path for path, _ in files], progress=heard)
    assert list(found.labels) == [label for _, label in files]
    assert found.names == tuple(str(path) for path, _ in files)
    assert "3 of 4 images were converted to 8x8x1, as those of the space were" in heard.said


def test_files_that_cannot_be_read_are_skipped_with_a_note(spaces, picture, tmp_path):
    heard, asked = Listening(), spaces["global"].classifier()
    good, label = picture(0)
    (tmp_path / "broken.png").write_bytes(b"no image")
    asked_of = [tmp_path / "broken.png", good, tmp_path / "missing.png"]
    found = latlas.classify_files(asked, asked_of, progress=heard)
    assert (found.names, found.labels) == ((str(good),), (label,))
    (warning,) = [line for line in heard.said if line.startswith("warning: skipped 2 of 3")]
    assert "broken.png" in warning


@pytest.mark.parametrize("count", [1, 2])
def test_when_no_file_can_be_read_that_is_an_error(spaces, tmp_path, count):
    files = [tmp_path / f"{index}.png" for index in range(count)]
    files[0].write_bytes(b"no image")
    with pytest.raises(SourceError, match=rf"none of the {count} images can be read.*0\.png"):
        latlas.classify_files(spaces["global"].classifier(), files)


def test_a_folder_is_classified_as_a_whole(spaces, picture, tmp_path):
    for index in range(3):
        picture(index, name=f"{index}.png")
    (tmp_path / "broken.png").write_bytes(b"no image")
    heard = Listening()
    found = latlas.classify_files(spaces["global"].classifier(), [tmp_path], progress=heard)
    assert len(found) == 3
    assert any("skipped 1 file" in line for line in heard.said)


def test_answers_are_written_with_the_odds_of_each_class(spaces, tmp_path):
    space = spaces["global"]
    found = space.classify(held_out(space, 5)[1], names=[*"abcd", 'e,"f"'])
    with found.write(tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == [*"abcd", 'e,"f"']
    assert [row["label"] for row in rows] == list(found.labels)
    for row, p in zip(rows, found.probabilities, strict=True):
        assert row["novel"] in {"true", "false"}
        assert float(row["probability"]) == pytest.approx(p.max(), abs=1e-4)
        odds = [float(row[f"p({name})"]) for name in space.classes]
        assert odds == pytest.approx(p.tolist(), abs=1e-4)
    with pytest.raises(OptionError, match=r"ends in \.csv"):
        found.write(tmp_path / "a.txt")


# --- proofs ------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", SCOPES)
def test_proofs_are_drawn(spaces, scope, tmp_path):
    asked = spaces[scope].classifier()
    paths = latlas.draw_proofs(asked, asked.judge(), tmp_path)
    kinds = {path.name.split("-")[0] for path in paths}
    assert kinds == {"confusion", "reliability"} | ({"regions"} if scope != "per-class" else set())
    for path in paths:
        with Image.open(path) as image:
            assert image.size[0] > 200


def test_without_held_out_labels_there_is_nothing_to_judge(tmp_path):
    images = blobs(60)
    space = latlas.fit(
        images.pixels, tmp_path / "s.latlas", labels=images.labels, split="train",
        latent_dim=2, **QUICK,
    )  # fmt: skip
    asked = space.classifier()
    assert asked.judge() is None
    assert asked.space.manifest.classifiers[asked.method].scores == {}
    shutil.rmtree(space.folder)
