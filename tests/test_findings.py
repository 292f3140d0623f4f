import numpy as np
import pytest
from sklearn.datasets import load_digits

from latlas.contracts import OptionError
from latlas.findings import (
    duplicates,
    mislabelled,
    outliers,
    plant_copies,
    plant_foreign,
    plant_labels,
    precision_at,
)


@pytest.fixture(scope="module")
def digits():
    """Digits as 16 principal components, and their labels."""
    pixels, labels = load_digits(return_X_y=True)
    pixels, labels = pixels[:1000], labels[:1000]
    centred = pixels - pixels.mean(axis=0)
    axes = np.linalg.svd(centred, full_matrices=False)[2][:16]
    return (centred @ axes.T).astype(np.float32), labels.astype(np.int64)


def blobs(classes, each, seed=0, dimensions=8):
    generator = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), each)
    centres = 5 * generator.normal(size=(classes, dimensions))
    z = centres[labels] + generator.normal(size=(len(labels), dimensions))
    return z.astype(np.float32), labels


# --- copies ------------------------------------------------------------------------------


def test_planted_copies_rank_first_with_their_sources(digits):
    z, _ = digits
    generator = np.random.default_rng(1)
    sources = np.sort(generator.choice(len(z), 40, replace=False))
    nudge = 0.02 * z.std() * generator.normal(size=(40, z.shape[1]))
    found = duplicates(np.concatenate([z, z[sources] + nudge.astype(np.float32)]))
    planted = set(zip(sources.tolist(), range(len(z), len(z) + 40), strict=True))
    pairs = list(zip(found.rows.tolist(), found.partners.tolist(), strict=True))
    assert len(planted & set(pairs[:40])) >= 39
    assert len(set(pairs) - planted) <= 3


def test_the_score_is_the_formula_on_a_line():
    # Distances to the two nearest others are read off the line; 6.0 has 4.6 and 7.5 beside it.
    z = np.array([0, 1, 2.1, 3.3, 4.6, 6, 7.5, 7.501])[:, None]
    found = duplicates(z, neighbours=2, least=-9)
    logs = np.log([2.1, 1.1, 1.2 / 1.1, 1.3 / 1.2, 1.4 / 1.3, 1.5 / 1.4, 1500, 1501])
    dimension = max(1, 1 / np.median(logs))
    reach = 1.5  # the smaller of 1.5 and 1.501
    expected = -np.log10(8 * (0.001 / reach) ** dimension)
    assert (found.rows[0], found.partners[0]) == (6, 7)
    assert found.scores[0] == pytest.approx(expected, abs=0.02)
    assert found.distances[0] == pytest.approx(0.001, rel=1e-3)


def test_random_points_hold_no_copies():
    z = np.random.default_rng(0).normal(size=(2000, 6))
    assert len(duplicates(z).rows) <= 3


def test_equal_rows_form_one_group_however_many_they_are():
    z, _ = blobs(3, 30)
    z[[5, 20, 40, *range(60, 90)]] = z[5]
    z[11] = z[10]
    found = duplicates(z)
    exact = found.distances == 0
    assert exact.sum() == 32 + 1
    together = np.unique(np.concatenate([found.rows[exact], found.partners[exact]]))
    np.testing.assert_array_equal(together, sorted([5, 10, 11, 20, 40, *range(60, 90)]))
    assert len(np.unique(found.groups[exact])) == 2
    assert (found.rows < found.partners).all()
    assert (np.diff(found.scores) <= 0).all()


def test_copies_do_not_depend_on_scale_or_place():
    z, _ = blobs(3, 100)
    z[7] = z[3] + 0.01
    plain, other = duplicates(z, least=-2), duplicates(64 * z, least=-2)
    np.testing.assert_array_equal(plain.rows, other.rows)
    np.testing.assert_allclose(plain.scores, other.scores, rtol=1e-5)
    far = duplicates(z + np.float32(1000))
    assert (far.rows[0], far.partners[0]) == (3, 7)


@pytest.mark.parametrize("z", [np.zeros((1, 3)), np.zeros((9, 1)), np.arange(2.0)[:, None]])
def test_copies_stand_tiny_sets(z):
    assert len(duplicates(z).rows) == (8 if len(z) == 9 else 0)


# --- strangers ---------------------------------------------------------------------------


def test_planted_strangers_rank_first_by_any_kind_of_evidence():
    generator = np.random.default_rng(0)
    z, errors = generator.normal(size=(600, 4)), np.exp(generator.normal(size=600))
    density = -0.5 * np.square(z).sum(axis=1)
    errors[3] = 3e4
    z[7] = 20
    density[11] = -60
    found = outliers(z, errors, density)
    assert set(found.rows[:3].tolist()) == {3, 7, 11}
    assert (np.diff(found.scores) <= 0).all()
    np.testing.assert_array_equal(np.sort(found.rows), np.arange(600))
    assert found.evidence[found.rows == 7].argmax() == 1
    np.testing.assert_array_equal(found.scores, found.evidence.max(axis=1))


def test_evidence_is_zero_at_the_median_and_one_at_the_upper_decile():
    errors = np.exp(np.arange(11.0))
    found = outliers(np.zeros((11, 2)), errors)
    by_row = found.evidence[found.rows.argsort()]
    np.testing.assert_allclose(by_row[:, 0], (np.arange(11) - 5) / 4)
    assert (by_row[:, 1] == 0).all()
    np.testing.assert_array_equal(found.rows[:3], [10, 9, 8])


def test_strangers_do_not_depend_on_units_or_unknown_errors(digits):
    z, _ = digits
    errors = np.exp(np.random.default_rng(0).normal(size=len(z)))
    plain, other = outliers(z, errors), outliers(8 * z, 100 * errors)
    np.testing.assert_allclose(plain.scores, other.scores, rtol=1e-4)
    unknown = outliers(z, np.full(len(z), np.nan))
    assert (unknown.evidence[:, 0] == 0).all()
    assert unknown.evidence[0, 1] == unknown.evidence[:, 1].max()


def test_strangers_stand_tiny_and_constant_sets():
    assert outliers(np.zeros((1, 2)), np.zeros(1)).scores.tolist() == [0]
    assert outliers(np.ones((30, 1)), np.ones(30), np.zeros(30)).scores.max() == 0


# --- labels ------------------------------------------------------------------------------


def test_wrong_labels_of_digits_rank_first_with_the_right_suggestion(digits):
    z, truth = digits
    given, rows = plant_labels(truth, 0.02)
    found = mislabelled(z, given)
    assert precision_at(found.rows, rows) >= 0.85
    wrong = np.isin(found.rows, rows)
    assert np.mean(found.suggested[wrong] == truth[found.rows[wrong]]) >= 0.9
    np.testing.assert_array_equal(found.labels, given[found.rows])
    np.testing.assert_allclose(found.scores, np.log(found.probabilities / found.given), atol=1e-6)
    assert (np.diff(found.scores) <= 0).all()


def test_wrong_labels_are_found_among_many_classes_of_few_images():
    z, truth = blobs(40, 5, dimensions=16)
    given, rows = plant_labels(truth, 0.03)
    assert precision_at(mislabelled(z, given).rows, rows) >= 0.85


def test_features_judge_where_latents_say_nothing():
    features, truth = blobs(3, 30)
    given, rows = plant_labels(truth, 0.05)
    blank = np.zeros((len(truth), 2))
    assert precision_at(mislabelled(blank, given, features).rows, rows) == 1


def test_unknown_labels_and_lonely_ones_are_not_judged_and_runs_repeat():
    z, labels = blobs(2, 20)
    labels = np.where(labels == 1, 40, 7)
    labels[[0, 30]] = -1
    labels[5] = 3  # the only one of its class
    labels[10] = 40
    z += 1000
    found, again = mislabelled(z, labels, seed=4), mislabelled(z, labels, seed=4)
    np.testing.assert_array_equal(np.sort(found.rows), np.setdiff1d(np.arange(40), [0, 5, 30]))
    assert (found.rows[0], found.labels[0], found.suggested[0]) == (10, 40, 7)
    np.testing.assert_array_equal(found.scores, again.scores)


@pytest.mark.parametrize("labels", [[0] * 6, [-1] * 6, [0, 1, 2, 3, 4, 5]])
def test_without_two_classes_to_choose_from_no_label_is_judged(labels):
    assert len(mislabelled(np.eye(6), np.array(labels)).rows) == 0


def test_a_few_images_of_one_constant_dimension_are_judged():
    assert len(mislabelled(np.ones((5, 1)), np.array([0, 0, 1, 1, 1])).rows) == 5


# --- planted cases -----------------------------------------------------------------------


def test_precision_counts_planted_rows_among_the_first():
    assert precision_at(np.array([4, 2, 9, 1]), np.array([9, 4])) == 0.5
    assert precision_at(np.array([4, 2, 9, 1]), np.array([9, 4]), 3) == pytest.approx(2 / 3)
    assert precision_at(np.array([4]), np.array([4, 5])) == 0.5


def test_planted_labels_differ_exactly_where_they_say():
    labels = np.tile([-1, 3, 5, 9], 500)
    changed, rows = plant_labels(labels, 0.02, seed=3)
    np.testing.assert_array_equal(np.flatnonzero(changed != labels), rows)
    assert len(rows) == 30
    assert set(changed[rows].tolist()) <= {3, 5, 9}
    assert (labels[rows] >= 0).all()


def test_planted_images_are_near_their_sources_or_far_from_them():
    pixels = np.random.default_rng(0).integers(0, 256, (200, 6, 7, 3)).astype(np.uint8)
    copies, foreign = plant_copies(pixels, 0.1), plant_foreign(pixels, 0.1)
    away = np.abs(copies.pixels.astype(int) - pixels[copies.sources])
    assert away[::4].max() == 0
    assert 0 < away.max() <= 12
    assert foreign.pixels.shape == (20, 6, 7, 3)
    assert (foreign.sources >= 0).sum() == 8
    negative = foreign.pixels[3].astype(int) + pixels[foreign.sources[3]]
    assert (negative == 255).all()
    np.testing.assert_array_equal(foreign.pixels, plant_foreign(pixels, 0.1).pixels)


# --- bad input ---------------------------------------------------------------------------

Z, ONES = np.zeros((6, 2)), np.ones(6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: duplicates(Z, neighbours=1), "2 or more"),
        (lambda: duplicates(Z, least=np.nan), "finite"),
        (lambda: duplicates(Z, seed=-1), "from 0 on"),
        (lambda: outliers(Z, ONES[:5]), "each of the 6"),
        (lambda: outliers(Z, -ONES), "negative"),
        (lambda: outliers(Z, ONES, np.full(6, np.inf)), "log_density"),
        (lambda: outliers(Z, ONES, neighbours=0), "1 or more"),
        (lambda: outliers(Z, ONES, seed=-1), "from 0 on"),
        (lambda: mislabelled(Z, ONES), "whole number"),
        (lambda: mislabelled(Z, np.zeros(5, int)), "each of the 6"),
        (lambda: mislabelled(Z, np.zeros(6, int), Z[:5]), "5 features"),
        (lambda: mislabelled(Z * np.nan, np.zeros(6, int)), "NaN"),
        (lambda: mislabelled(Z, np.zeros(6, int), seed=-1), "from 0 on"),
        (lambda: plant_labels(np.zeros(6, int)), "2 or more"),
        (lambda: plant_labels(np.arange(6), 0), "share is 0"),
        (lambda: plant_copies(Z), "uint8"),
        (lambda: plant_foreign(np.zeros((3, 1, 4, 1), np.uint8)), "sides of 2"),
        (lambda: precision_at(np.arange(3), np.array([], int)), "0 planted"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(OptionError, match=message):
        call()
