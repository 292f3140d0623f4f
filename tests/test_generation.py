"""Priors of a space and the samples drawn from them."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from contextlib import nullcontext

import numpy as np
import pytest
from PIL import Image

import latlas
from latlas.contracts import TRAIN, NoProgress, OptionError, SpaceError
from latlas.priors import learned


@pytest.fixture(scope="module")
def sampled(tmp_path_factory, digits_space):
    """A space whose Gaussian prior has been fitted."""
    folder = shutil.copytree(digits_space, tmp_path_factory.mktemp("gen") / "d.latlas")
    latlas.open(folder).prior("gaussian")
    return folder


def test_samples_are_new_and_near_their_class(sampled):
    space = latlas.open(sampled)
    drawn = space.sample(200, list(space.classes), prior="gaussian", temperature=0.7)
    assert drawn.images.shape == (200, 8, 8, 1)
    assert drawn.labels == tuple(name for name in space.classes for _ in range(20))
    assert (drawn.nearest_distances > 0).all()
    latents = space.latents
    rows = np.searchsorted(latents.ids, drawn.nearest_ids)
    assert (latents.splits[rows] == TRAIN).all()
    near = [space.label(int(label)) for label in latents.labels[rows]]
    assert np.mean([a == b for a, b in zip(near, drawn.labels, strict=True)]) > 0.9
    again = np.linalg.norm(latents.z[rows] - drawn.z, axis=1)
    assert np.allclose(again, drawn.nearest_distances, atol=1e-4)


def test_a_draw_follows_its_seed_and_not_the_labels_beside_it(sampled):
    space = latlas.open(sampled)
    alone = space.sample(3, "4", prior="gaussian", seed=5)
    beside = space.sample(6, ["2", "4"], prior="gaussian", seed=5)
    assert np.array_equal(alone.z, beside.z[3:])
    assert not np.array_equal(alone.z, space.sample(3, "4", prior="gaussian", seed=6).z)


def test_a_prior_is_fitted_once_and_read_again(sampled):
    space = latlas.open(sampled)
    assert space.manifest.priors["gaussian"].scores["held_out_log_density"] < 0
    before = (sampled / "priors" / "gaussian" / "weights.safetensors").stat().st_mtime_ns
    a, b = space.prior("gaussian"), latlas.open(sampled).prior("gaussian")
    assert (sampled / "priors" / "gaussian" / "weights.safetensors").stat().st_mtime_ns == before
    z = space.latents.z[:50]
    assert np.array_equal(a.log_density(z, 3), b.log_density(z, 3))


def test_a_prior_that_is_behind_the_space_says_so(sampled, tmp_path):
    folder = shutil.copytree(sampled, tmp_path / "d.latlas")
    space = latlas.open(folder)
    pixels = np.random.default_rng(0).integers(0, 255, (10, 8, 8), np.uint8)
    space.add(latlas.open_images(pixels, image_size=(8, 8), channels=1))
    said = []

    class Listening(NoProgress):
        def note(self, message):
            said.append(message)

    space.sample(2, prior="gaussian", progress=Listening())
    assert any("fit it again" in line for line in said)
    said.clear()
    space.prior("gaussian", refresh=True, progress=Listening())
    assert not any("fit it again" in line for line in said)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"label": "ten"}, "the space has 0, 1, 2"),
        ({"n": 0}, "at least 1"),
        ({"prior": "cauchy"}, "choose one of normal, gaussian, gmm, flow, nsf"),
        ({"temperature": 0.0}, "above 0"),
    ],
)
def test_mistakes_are_answered_in_words(sampled, options, words):
    with pytest.raises(OptionError, match=words):
        latlas.open(sampled).sample(**{"prior": "gaussian"} | options)


def test_a_space_without_labels_samples_from_everything(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (60, 8, 8), np.uint8)
    options = {"latent_dim": 2, "epochs": 1, "pictures": False, "maps": ("pca",)}
    space = latlas.fit(pixels, tmp_path / "s.latlas", progress=NoProgress(), **options)
    drawn = space.sample(4)
    assert drawn.labels == ("",) * 4
    with pytest.raises(OptionError, match="no labels"):
        space.sample(4, "3")


class Impatient(NoProgress):
    """Stops the training at its third report."""

    def __init__(self):
        self.reports = 0

    def stage(self, name, total=None, unit=""):
        return nullcontext(self)

    def advance(self, amount=1, **fields):
        self.reports += bool(fields)
        if self.reports == 3:
            raise KeyboardInterrupt


def test_a_prior_that_was_stopped_goes_on_when_it_is_asked_for_again(
    sampled, tmp_path, monkeypatch
):
    monkeypatch.setattr(learned, "ROWS_SEEN", 20_000)
    whole = latlas.open(shutil.copytree(sampled, tmp_path / "w.latlas")).sample(5, prior="flow")
    folder = shutil.copytree(sampled, tmp_path / "s.latlas")
    with pytest.raises(KeyboardInterrupt):
        latlas.open(folder).sample(5, prior="flow", progress=Impatient())
    kept = folder / "priors" / "flow.unfinished"
    assert (kept / "checkpoint").is_dir()
    assert "flow" not in latlas.open(folder).manifest.priors
    again = latlas.open(folder).sample(5, prior="flow")
    np.testing.assert_array_equal(again.z, whole.z)
    assert not kept.exists()


def test_a_damaged_prior_says_what_to_do(sampled, tmp_path):
    folder = shutil.copytree(sampled, tmp_path / "d.latlas")
    config = folder / "priors" / "gaussian" / "config.json"
    config.write_text(config.read_text().replace('"latent_dim"', '"dim"'))
    with pytest.raises(SpaceError):
        latlas.open(folder).sample(2, prior="gaussian")


def test_the_folder_of_samples_has_a_table(sampled, tmp_path):
    drawn = latlas.open(sampled).sample(12, ["1", "7"], prior="gaussian")
    folder = drawn.write(tmp_path / "out")
    with (folder / "samples.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["label"] for row in rows] == ["1"] * 6 + ["7"] * 6
    for index in (0, 11):
        with Image.open(folder / rows[index]["file"]) as image:
            pixels = np.asarray(image)
        assert np.array_equal(pixels, drawn.images[index, :, :, 0])
    with pytest.raises(OptionError, match="holds images already"):
        drawn.write(folder)


def test_the_command_prints_one_json_object(sampled, tmp_path):
    picture = tmp_path / "samples.png"
    command = [sys.executable, "-m", "latlas", "sample", str(sampled), "-n", "20", "--each-label"]
    command += ["--prior", "gaussian", "-o", str(picture), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    answer = json.loads(done.stdout)
    assert answer["images"] == 20
    assert len(answer["labels"]) == 10
    with Image.open(picture) as image:
        assert image.size[0] > 500
