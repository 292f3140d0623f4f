"""``compare``: candidates at equal budget, a table, and sentences that the table bears out."""

from __future__ import annotations

import csv
import json
import shutil

import numpy as np
import pytest
from PIL import Image

import latlas
from conftest import Listening, blobs
from latlas.comparing import MEASURES, Row
from latlas.comparing.answers import answers_of
from latlas.contracts import NoProgress, OptionError

TINY = {"epochs": 2, "seeds": 2, "sizes": (), "latent_dims": (4,), "priors": ("gaussian",)}
TINY["precision"] = "float32"


@pytest.fixture(scope="module")
def compared(tmp_path_factory, spots_folder, judged_cache):
    """Two scopes with two seeds each, and one size of a learning curve."""
    folder = tmp_path_factory.mktemp("compared") / "spots.compare"
    options = TINY | {"scopes": ("global", "per-class"), "sizes": (60,)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATLAS_CACHE", str(judged_cache))
        return latlas.compare(spots_folder, folder, progress=NoProgress(), **options)


def test_the_table_has_every_measure_of_every_candidate(compared):
    assert list(compared.candidates) == ["global", "per-class"]
    assert compared.seeds == (0, 1)
    for measure in MEASURES:
        for name in compared.candidates:
            row = compared.row(measure, name)
            assert row is not None, measure
            assert len(row.values) == 2
            assert row.mean == pytest.approx(np.mean(row.values))
            assert row.low <= row.mean <= row.high
    for label in "abcd":
        assert compared.row(f"reconstruction_mse:{label}", "global") is not None
        assert compared.row(f"label_agreement:{label}", "per-class") is not None
    lines = compared.table()
    assert len(lines) == 1 + len(MEASURES)
    assert lines[0].split() == ["global", "per-class", "real", "images"]


def test_the_budget_of_the_candidates_is_equal(compared):
    sizes = [compared.row("parameters", name).mean for name in compared.candidates]
    assert max(sizes) < 1.05 * min(sizes)
    seen = [compared.row("images_seen", name).mean for name in compared.candidates]
    assert max(seen) < 1.25 * min(seen)


def test_the_answers_name_the_rows_that_they_use(compared):
    agreement, varied, classify, kept, *few = compared.answers
    for sentence, measure in (
        (agreement, "label_agreement"),
        (varied, "frechet_distance"),
        (kept, "reconstruction_mse"),
    ):
        for name in compared.candidates:
            mean = compared.row(measure, name).mean
            shown = f"{mean:.2%}" if measure == "label_agreement" else format(
                mean, MEASURES[measure][2]
            )  # fmt: skip
            assert f"{name} {shown} ±" in sentence
        assert MEASURES[measure][0] in sentence
    assert classify.startswith("To classify use ")
    assert "linear probe" in classify or "own way" in classify
    assert all("images per class" in said or said.startswith("Beware") for said in few)
    assert set(compared.curve) == {60}
    assert set(compared.curve[60]) == {"global", "per-class"}


def test_everything_is_written_beside_the_spaces(compared):
    stored = json.loads((compared.folder / "comparison.json").read_text(encoding="utf-8"))
    assert stored["answers"] == list(compared.answers)
    assert len(stored["rows"]) == len(compared.rows)
    with (compared.folder / "comparison.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["measure"] for row in rows] == [row.measure for row in compared.rows]
    assert {path.name for path in compared.pictures} == {"scores.png", "samples.png"}
    for path in compared.pictures:
        with Image.open(path) as image:
            assert image.size[0] > 300
    names = {path.name for path in compared.folder.glob("*.latlas")}
    assert names == {f"rae-4-{s}-seed{i}.latlas" for s in compared.candidates for i in (0, 1)}
    assert latlas.open(compared.folder / "rae-4-per-class-seed1.latlas").scope == "per-class"


def test_a_second_run_trains_nothing_and_gives_the_same(compared, spots_folder, kept_judge):
    heard = Listening()
    weights = sorted(compared.folder.glob("*.latlas/model/weights.safetensors"))
    before = [path.stat().st_mtime_ns for path in weights]
    options = TINY | {"scopes": ("global", "per-class")}
    again = latlas.compare(spots_folder, compared.folder, progress=heard, **options)
    assert [line for line in heard.said if line.startswith("training")] == []
    assert sum("is used as it is" in line for line in heard.said) == 4
    assert [path.stat().st_mtime_ns for path in weights] == before
    for a, b in zip(compared.rows, again.rows, strict=True):
        assert (a.measure, a.candidate) == (b.measure, b.candidate)
        assert a.values == pytest.approx(b.values), a.measure


def test_a_space_of_other_settings_is_trained_anew(compared, spots_folder, tmp_path, kept_judge):
    folder = tmp_path / "again.compare"
    for name in ("global", "per-class"):
        space = f"rae-4-{name}-seed0.latlas"
        shutil.copytree(compared.folder / space, folder / space)
    heard = Listening()
    options = TINY | {"scopes": ("global", "per-class"), "seeds": 1, "epochs": 1}
    found = latlas.compare(spots_folder, folder, progress=heard, **options)
    assert sum(line.startswith("training rae-4-") for line in heard.said) == 2
    # Nothing varies over one seed; what is a mean over images has its interval over them.
    error, distance = (found.row(m, "global") for m in ("reconstruction_mse", "frechet_distance"))
    assert error.low < error.mean < error.high
    assert distance.low is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"scopes": ("global",)}, "only one candidate"),
        ({"scopes": ("local",)}, "scope is 'local'; choose from global, per-class, conditional"),
        ({"models": ("gan",)}, "model is 'gan'; choose from rae"),
        ({"priors": ("cauchy",)}, "prior is 'cauchy'; choose from normal"),
        ({"scopes": ()}, "at least one each"),
        ({"models": ("pca", "rae")}, "pca cannot be told the label"),
        ({"seeds": 0}, "seeds is 0"),
        ({"width": 2.0}, "compare chooses width itself"),
        ({"epoch": 2}, "compare has no option epoch; it has"),
    ],
)
def test_what_cannot_be_compared_is_said_before_any_work(options, words, tmp_path):
    with pytest.raises(OptionError, match=words):
        latlas.compare("digits", tmp_path / "c", progress=NoProgress(), **options)
    assert not (tmp_path / "c").exists()


def test_scopes_need_labels_and_models_do_not(tmp_path):
    pixels = blobs(60).pixels
    with pytest.raises(OptionError, match=r"needs labels.*--models ae,rae"):
        latlas.compare(pixels, tmp_path / "c", progress=NoProgress(), **TINY)
    options = TINY | {"scopes": ("global",), "models": ("pca", "ae"), "seeds": 1}
    found = latlas.compare(pixels, tmp_path / "d", progress=NoProgress(), **options)
    assert list(found.candidates) == ["pca", "ae"]
    assert {row.measure for row in found.rows} >= {"reconstruction_mse", "parameters"}
    assert found.judge_accuracy is None
    sentence, warning = found.answers
    assert warning.startswith("Beware: only")
    assert sentence.startswith("To keep what is in an image use ")


# --- sentences ---------------------------------------------------------------------------


def row(measure, name, mean, half=None):
    ends = (None, None) if half is None else (mean - half, mean + half)
    return Row(measure, name, (mean,), mean, *ends)


def test_the_best_mean_wins_where_the_intervals_tell_them_apart():
    rows = [row("label_agreement", "one", 0.80, 0.01), row("label_agreement", "each", 0.95, 0.02)]
    (sentence,) = answers_of(rows, ["one", "each"], {})
    assert sentence == (
        "To generate images that look like the class asked for use each "
        "(label agreement: each 95.00% ± 2.00%, one 80.00% ± 1.00%)."
    )


def test_lower_wins_where_lower_is_better():
    rows = [row("frechet_distance", "one", 4.0), row("frechet_distance", "each", 3.0)]
    (sentence,) = answers_of(rows, ["one", "each"], {})
    assert "use each (Fréchet distance: each 3.00, one 4.00)" in sentence


@pytest.mark.parametrize(("gap", "tie"), [(0.049, True), (0.051, False)])
def test_differences_within_both_intervals_in_quadrature_are_ties(gap, tie):
    rows = [row("reconstruction_mse", "a", 0.1, 0.03), row("reconstruction_mse", "b", 0.1 + gap, 0.04)]  # noqa: E501  # fmt: skip
    (sentence,) = answers_of(rows, ["a", "b"], {})
    assert ("use a or b" in sentence) is tie
    assert ("do not tell them apart" in sentence) is tie


def test_each_candidate_classifies_by_its_better_way():
    rows = [
        row("accuracy_own", "one", 0.90),
        row("accuracy_linear", "one", 0.97),
        row("accuracy_own", "each", 0.95),
        row("accuracy_linear", "each", 0.80),
    ]
    (sentence,) = answers_of(rows, ["one", "each"], {})
    assert "use one (accuracy: one 97.00%, each 95.00%; one by its linear probe)" in sentence


def test_one_candidate_or_unmeasured_rows_give_no_sentence():
    rows = [row("label_agreement", "one", 0.8)]
    assert answers_of(rows, ["one"], {}) == ()
    assert answers_of(rows, ["one", "each"], {}) == ()


def test_the_learning_curve_says_up_to_where_a_candidate_is_better():
    points = {30: (0.5, 0.8), 100: (0.7, 0.85), 300: (0.9, 0.88)}
    curve = {
        size: {"one": {"label_agreement": a}, "each": {"label_agreement": b}}
        for size, (a, b) in points.items()
    }
    (sentence,) = answers_of([], ["one", "each"], curve)
    assert sentence == (
        "For class-faithful images with fewer than about 300 images per class use each "
        "(one 70.0%, each 85.0% at 100); with 300 use one (one 90.0%, each 88.0%; one seed each)."
    )
    del curve[300]
    (sentence,) = answers_of([], ["one", "each"], curve)
    assert "each was best at every size tried, from 30 to 100" in sentence
