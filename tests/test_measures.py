import numpy as np
import pytest
from sklearn.manifold import trustworthiness as reference
from sklearn.neighbors import KNeighborsClassifier

from latlas.contracts import OptionError
from latlas.measures.images import mean_squared_error, peak_signal_to_noise
from latlas.measures.spaces import knn_accuracy, neighbour_preservation, trustworthiness


def latents_and_map(count=400, seed=0):
    generator = np.random.default_rng(seed)
    z = generator.normal(size=(count, 6)).astype(np.float32)
    noise = generator.normal(size=(count, 2)).astype(np.float32)
    return z, z[:, :2] + 0.3 * noise


# --- spaces ------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 5, 30])
def test_trustworthiness_agrees_with_scikit_learn(k):
    z, xy = latents_and_map()
    expected = reference(z, xy, n_neighbors=k)
    assert trustworthiness(z, xy, k) == pytest.approx(expected, abs=1e-9)


def test_trustworthiness_of_a_sample_estimates_that_of_all():
    z, xy = latents_and_map(2000)
    whole = trustworthiness(z, xy, sample=None)
    assert trustworthiness(z, xy, sample=500, seed=1) == pytest.approx(whole, abs=0.02)
    assert trustworthiness(z, xy, sample=500, seed=1) == trustworthiness(z, xy, sample=500, seed=1)


def test_a_faithful_map_scores_one_and_a_random_map_scores_a_half():
    z, _ = latents_and_map(1000)
    assert trustworthiness(z[:, :2], 5 - 3 * z[:, :2]) == 1
    assert neighbour_preservation(z[:, :2], 5 - 3 * z[:, :2]) == 1
    random = np.random.default_rng(5).normal(size=(1000, 2))
    assert trustworthiness(z, random) == pytest.approx(0.5, abs=0.03)
    assert neighbour_preservation(z, random) == pytest.approx(0.01, abs=0.01)


def test_measures_do_not_change_when_the_latents_move_far_away():
    z, xy = latents_and_map()
    far = z + np.float32(1000)
    assert trustworthiness(far, xy) == pytest.approx(trustworthiness(z, xy), abs=1e-3)
    preserved = neighbour_preservation(z, xy)
    assert neighbour_preservation(far, xy) == pytest.approx(preserved, abs=1e-2)


def test_preservation_is_the_mean_overlap_of_neighbours():
    z, xy = latents_and_map(60)

    def near(points):
        distances = np.linalg.norm(points[:, None] - points[None], axis=2)
        np.fill_diagonal(distances, np.inf)
        return np.argsort(distances, axis=1)[:, :7]

    overlaps = [len(set(a) & set(b)) / 7 for a, b in zip(near(z), near(xy), strict=True)]
    assert neighbour_preservation(z, xy, 7) == pytest.approx(np.mean(overlaps))


def test_measures_stand_many_copies():
    z = np.zeros((50, 3))
    assert trustworthiness(z, z[:, :2], 10) == 1
    assert 0 <= neighbour_preservation(z, z[:, :2], 10) <= 1


@pytest.mark.parametrize("measure", [trustworthiness, neighbour_preservation])
@pytest.mark.parametrize(
    ("rows", "k", "sample", "message"),
    [
        (20, 10, None, "less than 10"),
        (20, 0, None, "at least 1"),
        (19, 3, None, "20 latents and 19 points"),
        (20, 3, 0, "sample is 0"),
    ],
)
def test_bad_input_to_a_measure_is_explained(measure, rows, k, sample, message):
    z, xy = latents_and_map(20)
    with pytest.raises(OptionError, match=message):
        measure(z, xy[:rows], k, sample=sample)


@pytest.mark.parametrize("k", [1, 5])
def test_knn_accuracy_agrees_with_scikit_learn(k):
    generator = np.random.default_rng(0)
    labels = generator.integers(2, size=600)  # two labels and odd k: no equal votes
    z = generator.normal(size=(600, 4)) + labels[:, None]
    expected = KNeighborsClassifier(k).fit(z[:400], labels[:400]).score(z[400:], labels[400:])
    assert knn_accuracy(z[:400], labels[:400], z[400:], labels[400:], k) == expected


def test_equal_votes_go_to_the_nearest():
    train = np.array([[1.0], [2.0], [3.0], [4.0]])
    assert knn_accuracy(train, np.array([7, 5, 5, 7]), np.zeros((1, 1)), np.array([7]), k=4) == 1


def test_few_training_latents_all_vote():
    assert knn_accuracy(np.zeros((1, 2)), np.array([3]), np.ones((4, 2)), np.full(4, 3), k=5) == 1


def test_labels_must_match_the_latents():
    with pytest.raises(OptionError, match="test has 2 latents and 3 labels"):
        knn_accuracy(np.ones((4, 2)), np.ones(4), np.ones((2, 2)), np.ones(3))


# --- images ------------------------------------------------------------------------------


def test_error_of_uint8_and_of_float_images_is_the_same():
    generator = np.random.default_rng(0)
    x, y = generator.integers(0, 256, size=(2, 7, 5, 4, 3), dtype=np.uint8)
    expected = np.square(x / 255.0 - y / 255.0).mean(axis=(1, 2, 3))
    for a in (x, (x / 255).astype(np.float32)):
        for b in (y, y / 255):
            errors = mean_squared_error(a, b)
            assert errors.dtype == np.float32
            np.testing.assert_allclose(errors, expected, rtol=1e-5)


def test_signal_to_noise_in_decibels():
    x = np.zeros((3, 4, 4, 1), dtype=np.float32)
    y = x + np.array([0.1, 1, 0], dtype=np.float32)[:, None, None, None]
    np.testing.assert_allclose(peak_signal_to_noise(x, y), [20, 0, np.inf], atol=1e-5)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.ones((2, 3, 3, 1)), np.ones((2, 3, 3, 3)), r"\[2, 3, 3, 1\] and \[2, 3, 3, 3\]"),
        (np.ones((0, 3)), np.ones((0, 3)), "at least one image"),
        (np.ones((2, 3), dtype=np.int64), np.ones((2, 3)), "type int64"),
    ],
)
def test_images_that_cannot_be_compared_are_explained(x, y, message):
    with pytest.raises(OptionError, match=message):
        mean_squared_error(x, y)
