"""``measure``: every score of a space with its meaning, its floor and its rivals, kept by name."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

import latlas
from conftest import Listening, blobs
from latlas.contracts import NoProgress, OptionError
from latlas.report import meaning
from latlas.scoring import PARTS

QUICK = {"epochs": 4, "latent_dim": 4, "progress": NoProgress(), "pictures": False, "maps": ()}
QUICK["precision"] = "float32"
GENERATED = {
    "frechet_distance",
    "kernel_distance",
    "precision",
    "recall",
    "density",
    "coverage",
    "label_agreement",
    "memorisation",
}


@pytest.fixture(scope="module")
def measured(tmp_path_factory, spots_folder, judged_cache):
    """Spaces of two scopes with all their scores; the judge is trained here, once."""
    place, scores = tmp_path_factory.mktemp("measured"), {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATLAS_CACHE", str(judged_cache))
        for scope in ("global", "per-class"):
            space = latlas.fit(spots_folder, place / f"{scope}.latlas", scope=scope, **QUICK)
            scores[scope] = {score.name: score for score in space.measure(priors=["gaussian"])}
    return place, scores


@pytest.fixture
def copied(measured, tmp_path, kept_judge):
    """A copy of the measured space of scope global."""
    return latlas.open(shutil.copytree(measured[0] / "global.latlas", tmp_path / "s.latlas"))


@pytest.mark.parametrize("scope", ["global", "per-class"])
def test_every_score_has_a_meaning_and_lies_in_its_range(measured, scope):
    scores = measured[1][scope]
    assert [name for name in scores if meaning(name) is None] == []
    for name, score in scores.items():
        known = meaning(name)
        assert np.isfinite(score.value), name
        assert known.low is None or score.value >= known.low - 1e-6, name
        assert known.high is None or score.value <= known.high + 1e-6, name
        if score.interval is not None:
            assert score.interval[0] <= score.value <= score.interval[1], name


def test_all_parts_are_measured(measured):
    scores = measured[1]["global"]
    kinds = {name.partition(":")[0] for name in scores}
    assert {"reconstruction_mse", "psnr", "ssim"} <= kinds
    assert {"knn_accuracy", "linear_accuracy", "silhouette", "graph_nmi"} <= kinds
    assert kinds >= GENERATED | {"accuracy", "calibration_error", "judge_accuracy"}
    assert {f"reconstruction_mse:{name}" for name in "abcd"} <= set(scores)
    assert {"coverage:gaussian", "coverage:gaussian by class"} <= set(scores)


def test_spaces_of_single_classes_are_sampled_only_by_class(measured):
    names = measured[1]["per-class"]
    assert "coverage:gaussian by class" in names
    assert "coverage:gaussian" not in names


def test_floors_and_rivals_stand_beside_the_scores(measured):
    scores = measured[1]["global"]
    assert set(scores["knn_accuracy"].detail["baselines"]) == {"pixels", "pca", "chance"}
    assert scores["knn_accuracy"].detail["baselines"]["chance"] < 0.5
    assert set(scores["reconstruction_mse"].detail["baselines"]) == {"pca"}
    for name in GENERATED - {"label_agreement", "memorisation"}:
        score = scores[f"{name}:gaussian by class"]
        assert score.floor is not None
        assert set(score.detail["baselines"]) == {"reconstructions"}
    distance = scores["frechet_distance:gaussian by class"]
    assert distance.floor < distance.value
    assert scores["memorisation:gaussian"].floor == 0.5
    agreement = scores["label_agreement:gaussian by class"]
    assert set(agreement.detail["by_label"]) == set("abcd")
    assert agreement.value > 0.5
    worst = scores["reconstruction_mse"].detail["worst_ids"]
    assert len(worst) == 16


def test_the_error_is_that_of_the_stored_rows(measured):
    space = latlas.open(measured[0] / "global.latlas")
    held = space.latents.splits == 1
    score = measured[1]["global"]["reconstruction_mse"]
    assert score.value == pytest.approx(space.latents.errors[held].mean(), rel=1e-4)


def test_values_repeat_with_the_seed(copied, measured):
    again = copied.measure(priors=["gaussian"])
    before = measured[1]["global"]
    assert [score.name for score in again] == list(before)
    for score in again:
        assert score.value == before[score.name].value, score.name
        assert score.interval == before[score.name].interval, score.name


def test_new_scores_take_the_place_of_old_ones_of_the_same_name(copied):
    path = copied.folder / "scores.json"
    listed = json.loads(path.read_text())
    names = [entry["name"] for entry in listed]
    assert len(names) == len(set(names))
    for entry in listed:
        entry["value"] = -7.0
    path.write_text(json.dumps(listed))
    taken = {score.name for score in copied.measure(("reconstruction",))}
    now = {score.name: score.value for score in latlas.open(copied.folder).scores}
    assert set(now) == set(names)
    assert all((now[name] != -7.0) == (name in taken) for name in names)


def test_the_priors_of_the_space_are_measured_unless_others_are_asked_for(copied):
    names = {score.name for score in copied.measure(("generation",))}
    priors = {name.partition(":")[2].removesuffix(" by class") for name in names} - {""}
    assert priors == {"gmm", "gaussian"}


def test_the_judge_is_trained_once(copied):
    heard = Listening()
    copied.measure(("generation",), priors=["gaussian"], progress=heard)
    assert not any("training the judge" in line for line in heard.said)


def test_without_labels_reconstruction_is_measured_and_the_rest_says_why_not(tmp_path):
    heard = Listening()
    space = latlas.fit(blobs(80).pixels, tmp_path / "s.latlas", **QUICK)
    scores = space.measure(progress=heard)
    assert {score.name for score in scores} == {"reconstruction_mse", "psnr", "ssim"}
    for what in ("class structure", "generation", "classification"):
        assert any(f"{what} is not measured" in line for line in heard.said)


@pytest.mark.parametrize("count", [1, 3])
def test_a_handful_of_images_is_measured(tmp_path, count):
    options = QUICK | {"labels": ["a", "b", "a"][:count], "latent_dim": 2}
    space = latlas.fit(blobs(3).pixels[:count], tmp_path / "s.latlas", **options)
    scores = space.measure(("reconstruction", "structure", "classification"))
    assert "reconstruction_mse" in {score.name for score in scores}


def test_a_class_without_training_images_is_not_drawn(tmp_path, spots_folder):
    for split, names in (("train", "ab"), ("test", "abc")):
        for name in names:
            place = tmp_path / "source" / split / name
            place.mkdir(parents=True)
            for path in sorted((spots_folder / name).iterdir())[:20]:
                shutil.copy(path, place / f"{split}-{path.name}")
    space = latlas.fit(tmp_path / "source", tmp_path / "s.latlas", **QUICK)
    scores = space.measure(("generation",), priors=["gaussian"])
    (agreement,) = [s for s in scores if s.name.startswith("label_agreement")]
    assert set(agreement.detail["by_label"]) == {"a", "b"}
    assert agreement.detail["samples"] == 40


def test_an_unknown_part_or_prior_is_answered_with_the_choices(copied):
    with pytest.raises(OptionError, match=f"choose from {', '.join(PARTS)}"):
        copied.measure(("beauty",))
    with pytest.raises(OptionError, match="choose one of normal, gaussian"):
        copied.measure(("generation",), priors=["cauchy"])
