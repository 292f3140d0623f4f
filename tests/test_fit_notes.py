"""What ``fit`` says and leaves behind, beside the space itself."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch

import latlas
from conftest import picture_folder
from latlas.contracts import MissingExtraError, NoProgress
from latlas.devices import limited_threads

QUICK = {"epochs": 2, "pictures": False, "maps": ("pca",)}


class Listening(NoProgress):
    def __init__(self):
        self.said = []

    def note(self, message):
        self.said.append(message)


def test_skipped_files_are_told_apart(tmp_path):
    folder = picture_folder(tmp_path / "pictures")
    (folder / "cat" / "notes.txt").write_text("no image")
    listening = Listening()
    latlas.fit(folder, tmp_path / "a.latlas", latent_dim=2, progress=listening, **QUICK)
    assert "skipped 1 file without the name of an image, such as cat/notes.txt" in listening.said
    for name in ("one.png", "two.png"):
        (folder / "cat" / name).write_bytes(b"damaged")
    latlas.fit(folder, tmp_path / "b.latlas", latent_dim=2, progress=listening, **QUICK)
    (said,) = [line for line in listening.said if line.startswith("warning: skipped")]
    assert "2 files that cannot be read, such as cat/one.png" in said
    assert said.endswith("1 file without the name of an image, such as cat/notes.txt")


@pytest.mark.parametrize(("count", "warned"), [(100, True), (600, False)])
def test_few_images_are_warned_of(tmp_path, count, warned):
    pixels = np.random.default_rng(0).integers(0, 255, (count, 8, 8), np.uint8)
    listening = Listening()
    latlas.fit(pixels, tmp_path / "s.latlas", latent_dim=2, progress=listening, **QUICK)
    assert any("few to learn from" in line for line in listening.said) is warned


def test_a_finished_space_keeps_one_version_of_its_table(digits_space):
    assert len(list((digits_space / "latents" / "_versions").glob("*.manifest"))) == 1


def test_threads_are_limited_everywhere_and_given_back(tmp_path):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    seen = set()

    class Watching(NoProgress):
        def stage(self, *arguments, **options):
            if threading.current_thread() is threading.main_thread():
                seen.add(torch.get_num_threads())
            return super().stage(*arguments, **options)

    try:
        options = QUICK | {"maps": ("pca", "tsne"), "pictures": True}
        latlas.fit("digits", tmp_path / "s.latlas", threads=1, progress=Watching(), **options)
        assert seen == {1}
        assert torch.get_num_threads() == 2
        with limited_threads(None):
            assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_numbers_of_numpy_are_numbers(tmp_path):
    options = QUICK | {"epochs": np.int64(2), "progress": NoProgress(), "seed": np.int64(3)}
    space = latlas.fit("digits", tmp_path / "a.latlas", latent_dim=np.int64(4), **options)
    assert space.manifest.config["seed"] == 3
    assert space.latent_dim == 4


def test_every_dimension_is_traversed_sixteen_to_a_page(tmp_path):
    options = QUICK | {"pictures": True, "progress": NoProgress()}
    space = latlas.fit("digits", tmp_path / "s.latlas", latent_dim=20, **options)
    pages = {path.name for path in (space.folder / "pictures").glob("traversals*")}
    assert pages == {"traversals.png", "traversals-2.png"}


def test_tensorboard_holds_what_the_log_holds(tmp_path):
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    options = QUICK | {"progress": NoProgress(), "tensorboard": True}
    space = latlas.fit("digits", tmp_path / "s.latlas", **options)
    events = reader.EventAccumulator(str(space.folder / "run" / "tensorboard")).Reload()
    rows = [line for line in (space.folder / "run" / "log.jsonl").read_text().splitlines() if line]
    assert {"train/loss", "held_out/loss", "held_out/mse"} <= set(events.Tags()["scalars"])
    assert len(events.Scalars("train/loss")) + len(events.Scalars("held_out/loss")) == len(rows)


def test_tensorboard_that_is_missing_is_said_before_any_work(tmp_path, monkeypatch):
    from latlas import jobs

    monkeypatch.setattr(jobs.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"pip install 'latlas\[track\]'"):
        latlas.fit("digits", tmp_path / "s.latlas", tensorboard=True)
    assert not (tmp_path / "s.latlas").exists()
