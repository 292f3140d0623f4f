"""The page of a space: every picture and score that it has, in one file."""

from __future__ import annotations

import shutil

import pytest

import latlas
from conftest import blobs
from latlas.classifiers import DEFAULT_CLASSIFIER
from latlas.contracts import NoProgress, OptionError
from latlas.pictures import draw_pictures
from latlas.report import title_of
from latlas.reporting import report_space


@pytest.fixture(scope="module")
def full(scoped_spaces, tmp_path_factory):
    """A space of digits with pictures of every kind, findings, a classifier and scores."""
    folder = tmp_path_factory.mktemp("full") / "s.latlas"
    space = latlas.open(shutil.copytree(scoped_spaces / "global.latlas", folder))
    draw_pictures(space, NoProgress())
    pictures = space.folder / "pictures"
    asked = space.classifier()
    latlas.draw_proofs(asked, asked.judge(), pictures)
    space.find("outliers").plot(pictures / "find-outliers.png")
    space.sample(12).plot(pictures / "samples.png")
    shutil.copy(pictures / "samples.png", pictures / "of-my-own.png")
    space.measure(("reconstruction", "classification"))
    return space


def test_the_page_shows_every_picture_and_score(full, tmp_path):
    page = full.report(tmp_path / "report.html")
    text = page.read_text(encoding="utf-8")
    pictures = {path.stem for path in (full.folder / "pictures").glob("*.png")}
    assert {
        "map-pca",
        "samples",
        f"confusion-{DEFAULT_CLASSIFIER}",
        "find-outliers",
        "of-my-own",
    } <= pictures
    assert text.count("<img") == len(pictures)
    assert text.count("data:image/png;base64,") == len(pictures)
    for score in full.scores:
        assert title_of(score.name) in text, score.name
    for name in ("trustworthiness", "held_out_log_density", "accuracy"):
        assert title_of(name) in text
    assert "digits" in text
    assert "How well images come back" in text
    assert 'src="http' not in text  # one file, with nothing from elsewhere


def test_each_picture_stands_once(full, tmp_path):
    text = report_space(full, tmp_path / "r.htm").read_text(encoding="utf-8")
    stems = [path.stem for path in (full.folder / "pictures").glob("*.png")]
    alts = [part.split('"')[0] for part in text.split('alt="')[1:]]
    for stem in stems:
        assert sum(alt.endswith(stem) for alt in alts) == 1, stem


def test_a_space_without_pictures_labels_or_scores_has_a_page(tmp_path):
    options = {"epochs": 1, "latent_dim": 2, "pictures": False, "maps": ()}
    pixels = blobs(20).pixels
    space = latlas.fit(pixels, tmp_path / "s.latlas", progress=NoProgress(), **options)
    (space.folder / "scores.json").unlink()
    text = space.report(tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<img" not in text
    assert "20" in text


def test_a_page_ends_in_html(scoped_spaces, tmp_path):
    space = latlas.open(scoped_spaces / "global.latlas")
    with pytest.raises(OptionError, match="html"):
        space.report(tmp_path / "page.txt")
