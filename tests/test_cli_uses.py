"""The commands that put a space to use and judge it, as a user types them."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from latlas.classifiers import DEFAULT_CLASSIFIER


def run(*arguments, cwd=None):
    command = [sys.executable, "-m", "latlas", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


def answer(result):
    assert result.returncode == 0, result.stderr
    assert "Traceback" not in result.stderr
    return json.loads(result.stdout)


@pytest.fixture
def space(scoped_spaces, tmp_path):
    return shutil.copytree(scoped_spaces / "global.latlas", tmp_path / "d.latlas")


def test_classify_judges_and_answers(space, tmp_path):
    judged = answer(run("classify", space, "--json"))
    assert judged["method"] == DEFAULT_CLASSIFIER
    assert judged["accuracy"] > 0.9
    assert judged["images"] == 269
    names = {path.rpartition("/")[2] for path in judged["pictures"]}
    kinds = ("confusion", "reliability", "regions")
    assert names == {f"{kind}-{DEFAULT_CLASSIFIER}.png" for kind in kinds}
    noise = np.random.default_rng(0).integers(0, 255, (20, 20), np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")
    (tmp_path / "broken.png").write_bytes(b"no image")
    files = tmp_path / "noise.png", tmp_path / "broken.png"
    said = run("classify", space, *files, "-o", tmp_path / "a.csv", "--json")
    found = answer(said)
    (row,) = found["answers"]
    assert row["novel"] is True
    assert row["path"] == str(files[0])
    assert "skipped 1 of 2" in said.stderr
    assert "1 of 1 images were converted to 8x8x1" in said.stderr
    assert (tmp_path / "a.csv").read_text().count("\n") == 2


def test_classify_from_a_few_labels_keeps_nothing(space):
    found = answer(run("classify", space, "--labels-per-class", 5, "--json"))
    assert found["method"] == "spread"
    assert found["pictures"] == []
    assert "spread" not in answer(run("info", space, "--json"))["classifiers"]


def test_find_writes_its_ranking_into_the_space(space, tmp_path):
    found = answer(run("find", space, "--outliers", "--json"))
    assert found["found"] == 1797
    assert len(found["first"]) == 10
    assert found["output"] == str(space / "find-outliers.csv")
    assert (space / "pictures" / "find-outliers.png").exists()
    none = run("find", space, "--duplicates", "-o", tmp_path / "d.csv")
    assert none.returncode == 0, none.stderr
    assert "0 in the ranking" in none.stdout
    assert "picture" not in none.stdout
    assert (tmp_path / "d.csv").exists()


def test_measure_and_report(space, tmp_path):
    options = ("--part", "reconstruction", "--part", "classification")
    scores = answer(run("measure", space, *options, "--json"))["scores"]
    names = {score["name"] for score in scores}
    assert {"reconstruction_mse", "ssim", f"accuracy:{DEFAULT_CLASSIFIER}"} <= names
    made = answer(run("report", space, "-o", tmp_path / "page.html", "--json"))
    assert made["bytes"] == (tmp_path / "page.html").stat().st_size
    said = run("measure", space, "--part", "reconstruction")
    assert "95% interval" in said.stdout
    assert "pca" in said.stdout
    in_space = run("report", space)
    assert in_space.returncode == 0
    assert (space / "report.html").exists()


def test_walk_by_label_along_the_data_and_towards_a_class(space, tmp_path):
    picture = tmp_path / "w.png"
    ways = [
        ("label:3", "label:8", "--path", "graph"),
        (0, "--towards", "6", "--strength", 0.5),
    ]
    for way in ways:
        made = answer(run("walk", space, *way, "-o", picture, "--steps", 4, "--json"))
        assert made["steps"] == 4
        with Image.open(picture) as image:
            assert image.size[0] > 200
        picture.unlink()


def test_compare_prints_table_and_answers(spots_folder, kept_judge, tmp_path):
    options = ("--scopes", "global,per-class", "--seeds", 1, "--epochs", 1, "--sizes", "none")
    options += ("--latent-dims", 2, "--priors", "gaussian", "-o", tmp_path / "c", "--threads", 1)
    found = answer(run("compare", spots_folder, *options, "--json"))
    assert set(found["candidates"]) == {"global", "per-class"}
    purposes = [line for line in found["answers"] if line.startswith("To ")]
    assert len(purposes) == 4
    assert len(found["pictures"]) == 2
    again = run("compare", spots_folder, *options)
    assert again.returncode == 0
    assert again.stdout.splitlines()[0].split() == ["global", "per-class", "real", "images"]
    assert "To classify use" in again.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["classify", "SPACE", "-m", "svm"], "linear, knn, bayes, spread, own"),
        (["classify", "SPACE", "-m", "own"], "one model for all"),
        (["classify", "SPACE", "-o", "a.csv"], "name the images"),
        (["classify", "SPACE", "missing.png"], "none of the 1 images can be read"),
        (["classify", "nothing.latlas"], "not a latlas space"),
        (["find", "SPACE"], "choose one of --duplicates"),
        (["find", "SPACE", "--duplicates", "--outliers"], "choose one of --duplicates"),
        (["find", "SPACE", "--outliers", "-o", "a.doc"], ".doc"),
        (["measure", "SPACE", "--part", "beauty"], "reconstruction, structure"),
        (["report", "SPACE", "-o", "a.pdf"], ".html"),
        (["compare", "digits", "--scopes", "global"], "only one candidate"),
        (["compare", "digits", "--latent-dims", "two"], "latent-dims is 'two'"),
        (["compare", "digits", "--scopes", "local"], "global, per-class, conditional"),
        (["walk", "SPACE", "0"], "either an end"),
        (["walk", "SPACE", "0", "--towards", "ten"], "no label 'ten'"),
        (["sample", "SPACE", "-l", "3", "--each-label"], "not both"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_mistake_is_one_line_and_exit_code_two(scoped_spaces, arguments, said, tmp_path):
    place = {"SPACE": str(scoped_spaces / "global.latlas")}
    result = run(*(place.get(word, word) for word in arguments), cwd=tmp_path)
    assert result.returncode == 2, result.stderr
    *before, last = result.stderr.strip().splitlines()
    assert last.startswith("latlas: ")
    assert said in last
    assert not any("Traceback" in line or "latlas:" in line for line in before)
    assert list(tmp_path.iterdir()) == []
