import math

import pytest

from latlas.report import MEANINGS, WORDS, Meaning, meaning, shown, shown_interval, title_of

STORED = [  # by hand, so that none changes unnoticed
    "reconstruction_mse",
    "psnr",
    "ssim",
    "knn_accuracy",
    "linear_accuracy",
    "silhouette",
    "within_between_ratio",
    "kmeans_accuracy",
    "kmeans_nmi",
    "kmeans_ari",
    "gmm_accuracy",
    "gmm_nmi",
    "gmm_ari",
    "graph_accuracy",
    "graph_nmi",
    "graph_ari",
    "trustworthiness",
    "neighbour_preservation",
    "fid",
    "frechet_distance",
    "kernel_distance",
    "precision",
    "recall",
    "density",
    "coverage",
    "label_agreement",
    "memorisation",
    "judge_accuracy",
    "novelty_false_alarms",
    "accuracy",
    "calibration_error",
    "held_out_log_density",
]


def test_every_score_that_a_space_can_hold_has_a_meaning():
    assert sorted(MEANINGS) == sorted(STORED)


@pytest.mark.parametrize("name", STORED)
def test_a_meaning_is_one_plain_line(name):
    found = MEANINGS[name]
    assert found.title[0].isupper() and not found.title.endswith(".")
    assert 20 < len(found.says) <= 150 and "\n" not in found.says
    assert found.says[0].isupper() and found.says.endswith(".") and found.says.count(". ") == 0
    assert "{" not in found.says + found.title + found.note
    assert found.better in ("higher", "lower")
    assert not found.note or found.note.endswith(".")
    assert (found.unit == "share") <= ((found.low, found.high) == (0, 1))
    assert found.low is None or found.high is None or found.low < found.high
    assert found.range


def test_titles_and_words_are_distinct_and_full_sentences():
    titles = [found.title for found in MEANINGS.values()]
    assert len(set(titles)) == len(titles)
    assert all(says[0].isupper() and says.endswith(".") for says in WORDS.values())


def test_what_follows_a_colon_does_not_change_the_meaning():
    assert meaning("frechet_distance:gmm") is MEANINGS["frechet_distance"]
    assert meaning("reconstruction_mse:7:x") is MEANINGS["reconstruction_mse"]
    assert meaning("my_score") is None and meaning("") is None and meaning(":7") is None
    assert title_of("my_score:7") == "My score"
    assert title_of("psnr:cat") == "Peak signal-to-noise ratio"


def test_ranges_read_well():
    assert MEANINGS["knn_accuracy"].range == "0 to 100%"
    assert MEANINGS["silhouette"].range == "−1 to 1"
    assert MEANINGS["psnr"].range == "from 0, dB"
    assert MEANINGS["kernel_distance"].range == "any number"
    assert MEANINGS["kmeans_ari"].range == "−0.5 to 1"


@pytest.mark.parametrize(
    ("value", "name", "expected"),
    [
        (0.976, "knn_accuracy", "97.6%"),
        (1.0, "knn_accuracy", "100.0%"),
        (0.0065944, "reconstruction_mse", "0.00659"),
        (-0.25, "silhouette", "−0.25"),
        (12345.6, "frechet_distance", "12,346"),
        (math.nan, "psnr", "unknown"),
        (math.inf, "psnr", "∞"),
        (-math.inf, "psnr", "−∞"),
        (0.5, "my_score", "0.5"),
    ],
)
def test_values_are_printed_in_their_unit(value, name, expected):
    assert shown(value, meaning(name)) == expected


def test_digits_follow_the_width_of_the_interval():
    accuracy, error = MEANINGS["knn_accuracy"], MEANINGS["reconstruction_mse"]
    assert shown_interval(0.9758, (0.9727, 0.9787), accuracy) == ("97.58%", "97.27 to 97.87%")
    assert shown_interval(0.78123, (0.54, 0.84), accuracy) == ("78%", "54 to 84%")
    assert shown_interval(0.0066, (0.00651, 0.00668), error) == ("0.00660", "0.00651 to 0.00668")
    assert shown_interval(8.69, None, None) == ("8.69", "")
    assert shown_interval(0.5, (0.5, 0.5), accuracy) == ("50.0%", "50.0 to 50.0%")


def test_a_meaning_of_ones_own_can_be_printed():
    own = Meaning("Size", "How large a thing is.", "higher", "cm", None, 10)
    assert own.range == "up to 10, cm"
