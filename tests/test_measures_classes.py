import math

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.metrics import silhouette_score

from latlas.contracts import OptionError
from latlas.measures.classes import (
    baselines,
    chance_accuracy,
    linear_accuracy,
    silhouette,
    within_between_ratio,
)


def classes(count=300, distance=3.0, seed=0):
    generator = np.random.default_rng(seed)
    labels = generator.integers(3, size=count)
    z = distance * np.eye(3, 4)[labels] + generator.normal(size=(count, 4))
    return z.astype(np.float32), labels


# --- a linear classifier -----------------------------------------------------------------


def test_straight_borders_are_found_whatever_the_units():
    z, labels = classes(distance=12)
    units = np.array([1e-4, 1, 1e4, 10], dtype=np.float32)
    for points in (z, z * units, z + np.float32(1e4)):
        assert linear_accuracy(points[:200], labels[:200], points[200:], labels[200:]) == 1


def test_a_line_cannot_tell_an_exclusive_or():
    z = np.random.default_rng(0).uniform(-1, 1, size=(2000, 2))
    labels = (z[:, 0] * z[:, 1] > 0).astype(int)
    accuracy = linear_accuracy(z[:1000], labels[:1000], z[1000:], labels[1000:])
    assert accuracy == pytest.approx(0.5, abs=0.08)


def test_unknown_labels_are_left_out():
    z, labels = classes(distance=12)
    part = labels.copy()
    part[::3] = -1
    assert linear_accuracy(z, part, z, part) == 1


def test_a_draw_from_many_values_is_repeatable(monkeypatch):
    z, labels = classes(900, distance=1)
    whole = linear_accuracy(z, labels, z, labels)
    monkeypatch.setattr("latlas.measures.classes.MOST_VALUES", 4 * 12)  # 12 rows
    drawn = {seed: linear_accuracy(z, labels, z, labels, seed=seed) for seed in range(4)}
    assert drawn[3] == linear_accuracy(z, labels, z, labels, seed=3)
    assert max(drawn.values()) < whole
    assert len(set(drawn.values())) > 1


def test_one_class_and_constant_dimensions_are_fine():
    z, labels = classes()
    assert linear_accuracy(z, np.full(300, 4), z, labels) == 0
    assert linear_accuracy(z, np.ones(300, int), z, labels) == np.mean(labels == 1)
    constant = np.full((300, 2), 1e7, dtype=np.float32)
    answered = linear_accuracy(constant, labels, constant, labels)
    assert answered == pytest.approx(chance_accuracy(labels, labels))


def test_chance_is_the_most_frequent_label():
    assert chance_accuracy(np.array([1, 1, 0, -1, -1, -1]), np.array([1, 0, 1, 0, -1])) == 0.5
    assert chance_accuracy(np.array([2, 3]), np.array([2, 2, 3])) == pytest.approx(2 / 3)


# --- silhouette --------------------------------------------------------------------------


def test_silhouette_by_hand():
    z = np.array([[0.0], [1.0], [10.0]])
    # (10 - 1) / 10, (9 - 1) / 9, and 0 for the point alone
    expected = (9 / 10 + 8 / 9) / 3
    assert silhouette(z, np.array([0, 0, 1])) == pytest.approx(expected)


def test_silhouette_of_a_sample_estimates_that_of_all():
    z, labels = classes(2000)
    whole = silhouette(z, labels, sample=None)
    assert whole == pytest.approx(silhouette_score(z, labels), abs=1e-5)
    part = silhouette(z, labels, sample=800, seed=1)
    assert part == pytest.approx(whole, abs=0.03)
    assert part == silhouette(z, labels, sample=800, seed=1) != whole
    assert silhouette(z + np.float32(1000), labels, sample=None) == pytest.approx(whole, abs=1e-3)


def test_silhouette_of_one_class_is_unknown_and_of_single_images_none():
    z, labels = classes(20)
    assert math.isnan(silhouette(z, np.zeros(20, int)))
    assert silhouette(z, np.arange(20)) == 0
    assert silhouette(np.zeros((20, 2)), labels) == 0


# --- distances within and between --------------------------------------------------------


def test_distances_by_hand():
    z = np.array([[0.0], [2.0], [10.0], [14.0], [99.0]])
    found = within_between_ratio(z, np.array([3, 3, 7, 7, -1]))
    np.testing.assert_array_equal(found.classes, [3, 7])
    np.testing.assert_allclose(found.matrix, [[2, 11], [11, 4]], rtol=1e-6)
    assert (found.within, found.between) == (pytest.approx(3), pytest.approx(11))
    assert found.ratio == pytest.approx(3 / 11)


def test_the_ratio_knows_no_scale_and_is_one_without_structure():
    z, labels = classes()
    found = within_between_ratio(z, labels)
    assert within_between_ratio(100 * z + 500, labels).ratio == pytest.approx(found.ratio, rel=1e-4)
    shuffled = np.random.default_rng(0).permutation(labels)
    assert found.ratio < 0.8 < within_between_ratio(z, shuffled).ratio == pytest.approx(1, abs=0.02)


def test_distances_where_there_is_nothing_to_compare():
    z, _ = classes(20)
    single = within_between_ratio(z, np.arange(20))
    assert math.isnan(single.ratio)
    assert np.isnan(np.diag(single.matrix)).all()
    one = within_between_ratio(z, np.zeros(20, int))
    assert math.isnan(one.ratio)
    assert one.within > 0
    assert math.isnan(within_between_ratio(np.zeros((20, 2)), np.arange(20) % 2).ratio)


# --- baselines ---------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(6, 5, 1), (30, 30, 3)])
def test_baselines_are_the_pixels_and_their_principal_components(shape):
    generator = np.random.default_rng(0)
    hidden = generator.normal(size=(80, 3)) * [9, 6, 4]
    pixels = hidden @ generator.normal(size=(3, math.prod(shape)))
    pixels = (120 + pixels).clip(0, 255).astype(np.uint8).reshape(80, *shape)
    found = baselines(pixels, 3)
    assert found.pixels.dtype == found.pca.dtype == np.float32
    np.testing.assert_allclose(found.pixels, pixels.reshape(80, -1) / 255, rtol=1e-6)
    expected = PCA(3, svd_solver="full").fit_transform(pixels.reshape(80, -1) / 255)
    np.testing.assert_allclose(np.abs(found.pca), np.abs(expected), atol=2e-3)


def test_baselines_learn_from_the_training_images_alone():
    pixels = np.random.default_rng(0).random((60, 4, 4, 1), dtype=np.float32)
    train = np.arange(60) < 40
    other = pixels.copy()
    other[50] = 1
    rows = np.arange(60) != 50
    np.testing.assert_array_equal(
        baselines(pixels, 4, train=train).pca[rows], baselines(other, 4, train=train).pca[rows]
    )
    assert baselines(pixels, 99).pca.shape == (60, 16)
    assert pixels.max() < 1  # the images themselves stay


# --- bad input ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda z, y: linear_accuracy(z, y[:9], z, y), "train has 10 latents and 9 labels"),
        (lambda z, y: linear_accuracy(z, y, z, y - 9), "test has no known label"),
        (lambda z, y: linear_accuracy(z, y, z[:, :1], y), "2 dimensions and test 1"),
        (lambda z, y: linear_accuracy(z, y, z, y, seed=-1), "seed is -1"),
        (lambda z, y: chance_accuracy(y, y - 9), "test has no known label"),
        (lambda z, y: silhouette(z, y + 0.5), "expected whole numbers"),
        (lambda z, y: silhouette(z, y, sample=0), "sample is 0"),
        (lambda z, y: within_between_ratio(z * np.nan, y), "NaN"),
        (lambda z, y: within_between_ratio(z, y, seed=-1), "seed is -1"),
        (lambda z, y: baselines(z, 0), "D is 0"),
        (lambda z, y: baselines(y, 2), "expected images"),
        (lambda z, y: baselines(z, 2, train=y > 5), "with 0 images"),
    ],
)
def test_bad_input_is_explained(call, message):
    with pytest.raises(OptionError, match=message):
        call(np.ones((10, 2)), np.arange(10) % 2)
