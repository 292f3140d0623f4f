"""The command line as a user types it, in a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

COMMANDS = [
    *("fit", "encode", "decode", "map", "walk", "neighbours", "info", "sample"),
    *("classify", "find", "measure", "compare", "report", "serve", "export"),
]


def run(*arguments, cwd=None):
    command = [sys.executable, "-m", "latlas", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, check=False)


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    result = run("fit", "digits", "-o", folder / "d.latlas", "--epochs", 3, "--json")
    assert result.returncode == 0, result.stderr
    return folder / "d.latlas", json.loads(result.stdout)


@pytest.fixture
def space(made, tmp_path):
    return shutil.copytree(made[0], tmp_path / "d.latlas")


def answer(result):
    assert result.returncode == 0, result.stderr
    assert "Traceback" not in result.stderr
    return json.loads(result.stdout)


def test_fit_prints_one_json_object_and_logs_on_stderr(made):
    facts = made[1]
    assert facts["images"] == 1797
    assert {score["name"] for score in facts["scores"]} == {"reconstruction_mse", "knn_accuracy"}
    assert all(path.endswith(".png") for path in facts["pictures"])


def test_info_says_what_made_the_space(space):
    said = run("info", space)
    assert said.returncode == 0
    for word in ("digits", "rae, D = 16", "1,797", "trustworthiness", "latlas"):
        assert word in said.stdout
    assert answer(run("info", space, "--json"))["latent_dim"] == 16


def test_encode_writes_vectors_and_decode_brings_them_back(space, tmp_path):
    vectors = tmp_path / "vectors.npz"
    result = answer(run("encode", space, "digits", "-o", vectors, "--json"))
    assert result["images"] == 1797
    with np.load(vectors, allow_pickle=False) as loaded:
        assert set(loaded.files) == {"z", "label", "id", "split", "uri"}
        assert loaded["z"].shape == (1797, 16)
        assert loaded["label"][0] == "0"
        assert set(loaded["split"]) == {"train", "test"}
    np.savez(tmp_path / "few.npz", z=np.zeros((3, 16), np.float32))
    for target in ("images", "grid.png", "images.npz"):
        few = tmp_path / "few.npz"
        result = answer(run("decode", space, few, "-o", tmp_path / target, "--json"))
        assert result["images"] == 3
    assert len(list((tmp_path / "images").glob("*.png"))) == 3
    with Image.open(tmp_path / "images" / "0.png") as first:
        assert first.size == (8, 8)


def test_encode_adds_new_images(space, tmp_path):
    (tmp_path / "new" / "3").mkdir(parents=True)
    Image.new("L", (8, 8), 90).save(tmp_path / "new" / "3" / "a.png")
    result = answer(run("encode", space, tmp_path / "new", "--add", "--json"))
    assert result["added"] == 1
    assert answer(run("info", space, "--json"))["images"] == 1798
    again = run("encode", space, tmp_path / "new", "--add")
    assert again.returncode == 2
    assert "already" in again.stderr


def test_map_walk_and_neighbours_draw(space, tmp_path):
    drawn = answer(run("map", space, "-m", "pca", "-o", tmp_path / "m.svg", "--json"))
    assert drawn["map"] == "pca"
    assert (tmp_path / "m.svg").read_text().lstrip().startswith("<?xml")
    answer(run("walk", space, 0, 1, "-o", tmp_path / "w.gif", "--json"))
    with Image.open(tmp_path / "w.gif") as film:
        assert film.n_frames > 1
    Image.new("L", (20, 20), 128).save(tmp_path / "query.png")
    query, picture = tmp_path / "query.png", tmp_path / "n.png"
    found = answer(run("neighbours", space, query, "-k", 3, "-o", picture, "--json"))
    assert len(found["neighbours"]) == 3
    assert picture.exists()


def test_quiet_says_nothing_but_the_result(tmp_path):
    result = run("fit", "digits", "-o", tmp_path / "q.latlas", "--epochs", 1, "-q", "-m", "pca")
    assert result.returncode == 0
    assert result.stderr == ""
    assert "q.latlas" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["fit", "no-such-thing"], "no-such-thing"),
        (["fit", "digits", "--latent-dim", "100"], "between 1 and"),
        (["fit", "digits", "--model", "gan"], "rae, ae, vae, wae, pca"),
        (["fit", "digits", "--max-time", "soon"], "90s, 5m or 1.5h"),
        (["fit", "digits", "--device", "tpu"], "auto, cpu, cuda or mps"),
        (["fit", "digits", "--maps", "mds"], "pca, tsne"),
        (["fit"], "SOURCE"),
        (["fit", "digits", "--no-such-option"], "--no-such-option"),
        (["info", "nothing.latlas"], "not a latlas space"),
        (["decode", "nothing.latlas", "x.npz", "-o", "y"], "not a latlas space"),
        (["fry", "digits"], "fry"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_two(arguments, said, tmp_path):
    result = run(*arguments, cwd=tmp_path)
    assert result.returncode == 2
    *before, last = result.stderr.strip().splitlines()
    assert last.startswith("latlas: ")
    assert said in last
    assert not any("Traceback" in line or "latlas:" in line for line in before)
    assert not list(tmp_path.glob("*.latlas"))


def test_an_error_is_json_too(tmp_path):
    result = run("info", "nothing.latlas", "--json", cwd=tmp_path)
    assert result.returncode == 2
    assert json.loads(result.stdout)["exit_code"] == 2


def test_debug_shows_where_it_happened(tmp_path):
    result = run("info", "nothing.latlas", "--debug", cwd=tmp_path)
    assert result.returncode != 0
    assert "Traceback" in result.stderr


def test_encode_with_nothing_to_do_says_so(space):
    result = run("encode", space, "digits")
    assert result.returncode == 2
    assert "--output" in result.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(command):
    result = run(command, "--help")
    assert result.returncode == 0
    assert f"latlas {command}" in result.stdout
    assert "Example:" in result.stdout
    assert "--json" in result.stdout


def test_every_command_is_a_heading_of_the_manual():
    manual = (Path(__file__).parent.parent / "docs" / "manual.md").read_text(encoding="utf-8")
    headings = {line.removeprefix("## ") for line in manual.splitlines() if line.startswith("## ")}
    assert set(COMMANDS) <= headings
    from latlas.cli import app

    names = {c.name or c.callback.__name__ for c in app.registered_commands}
    assert names == set(COMMANDS)


def test_help_names_every_prior():
    from latlas.cli.options import PRIOR_NAMES
    from latlas.priors import PRIORS

    assert set(PRIOR_NAMES) == set(PRIORS)
    said = " ".join(run("sample", "--help").stdout.split())
    assert all(name in said for name in PRIORS)


def test_help_names_every_model_and_map():
    from latlas.cli.options import MAP_NAMES, MODEL_NAMES
    from latlas.models import MODELS
    from latlas.projections import PROJECTIONS

    assert set(MODEL_NAMES) == set(MODELS)
    assert set(MAP_NAMES) == set(PROJECTIONS)
    said = " ".join(run("fit", "--help").stdout.split())
    for name in MODELS:
        assert name in said


def test_version_and_shell_completion_are_offered():
    import latlas

    assert latlas.__version__ in run("--version").stdout
    assert "--install-completion" in run("--help").stdout


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("latlas ne", {"neighbours"}),
        ("latlas fit digits --model v", {"vae"}),
        ("latlas map x.latlas --method ", {"pca", "tsne", "umap", "opentsne"}),
    ],
)
def test_the_shell_completes_commands_and_names(typed, offered):
    asked = {
        "_LATLAS_COMPLETE": "complete_bash",
        "COMP_WORDS": typed,
        "COMP_CWORD": str(len(typed.split(" ")) - 1),
    }
    script = Path(sys.executable).with_name("latlas")
    said = subprocess.run(
        [script], env=os.environ | asked, capture_output=True, text=True, check=True
    )
    assert set(said.stdout.split()) == offered


def test_a_label_in_place_of_an_image_is_explained(space):
    said = run("walk", space, "0", "seven")
    assert said.returncode == 2
    assert "'seven' is neither an id (a number from 0 to 1796), a label (0, 1, " in said.stderr
    assert "a number as label:NUMBER) nor the path of an image file" in said.stderr


def test_verbose_says_what_was_worked_with(space):
    said = run("neighbours", space, 3, "-v").stdout
    assert "model = rae, D = 16" in said
    assert "seconds = " in said


def test_ctrl_c_says_how_to_go_on(tmp_path):
    command = [sys.executable, "-m", "latlas", "fit", "digits", "-o", str(tmp_path / "s.latlas")]
    pipes = {"stderr": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    process = subprocess.Popen([*command, "--epochs", "100000"], **pipes)
    deadline = time.monotonic() + 300
    while not (tmp_path / "s.latlas" / "run").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=120)[1]
    assert process.returncode == 130
    assert "latlas: stopped. Go on with the same command and --resume." in said


def test_fewer_neighbours_than_asked_for_are_explained(space):
    said = run("neighbours", space, 3, "-k", 5000)
    assert said.returncode == 0
    assert "that is all: the space has 1,797 images" in said.stdout
