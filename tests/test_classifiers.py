import json
import math

import numpy as np
import pytest
from safetensors.numpy import load, save

from latlas.classifiers import (
    CLASSIFIERS,
    DEFAULT_CLASSIFIER,
    BayesClassifier,
    KNNClassifier,
    LinearClassifier,
    SpreadClassifier,
    calibration_error,
    reliability,
)
from latlas.classifiers.base import best_setting, held_out_folds, neighbour_weights
from latlas.classifiers.calibration import fit_temperature, log_loss, softmax
from latlas.contracts import OptionError
from latlas.priors import GaussianPrior

MEMBERS = (LinearClassifier, KNNClassifier, BayesClassifier, SpreadClassifier)
every_member = pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.name)

CENTRES = np.array([[0.0, 0.0], [8.0, 1.0], [2.0, 9.0]])
LABELS = np.array([2, 5, 7])


def blobs(count=240, seed=0, spread=1.0):
    """Three Gaussians in the plane, each with a label."""
    generator = np.random.default_rng(seed)
    which = generator.integers(3, size=count)
    z = CENTRES[which] + spread * generator.normal(size=(count, 2))
    return z.astype(np.float32), LABELS[which]


def pair(count, seed=0):
    """Two Gaussians a deviation of 1 around -1 and 1 on the line, with p(1 | z) known."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(2, size=count)
    z = (2 * labels - 1 + generator.normal(size=count)).astype(np.float32)
    return z[:, None], labels, 1 / (1 + np.exp(-2 * z.astype(np.float64)))


def moons(count=600, seed=0):
    """Two interlocked half circles, with the label 0 and 1."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    angle = np.pi * generator.random(count)
    x = np.where(labels == 0, np.cos(angle), 1 - np.cos(angle))
    y = np.where(labels == 0, np.sin(angle), 0.5 - np.sin(angle))
    noise = 0.06 * generator.normal(size=(count, 2))
    return (np.stack([x, y], axis=1) + noise).astype(np.float32), labels


def guessed(classifier, z):
    return classifier.classes[classifier.probabilities(z).argmax(axis=1)]


@pytest.fixture(scope="module", params=MEMBERS, ids=lambda member: member.name)
def classifier(request):
    z, labels = blobs()
    labels[::4] = -1
    return request.param().fit(z, labels)


# --- all classifiers ---------------------------------------------------------------------


def test_probabilities_are_those_of_the_classes(classifier):
    z, labels = blobs(seed=1)
    p = classifier.probabilities(z)
    assert p.dtype == np.float64
    assert p.shape == (240, 3)
    assert (p >= 0).all()
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-12)
    np.testing.assert_array_equal(classifier.classes, LABELS)
    assert classifier.classes.dtype == np.int64
    assert np.mean(guessed(classifier, z) == labels) > 0.99


def test_a_row_is_judged_alone(classifier):
    z, _ = blobs(50, seed=1)
    together = classifier.probabilities(z)
    alone = np.concatenate([classifier.probabilities(row[None]) for row in z])
    np.testing.assert_allclose(alone, together, atol=1e-6)


@every_member
def test_probabilities_are_calibrated(member):
    z, labels, _ = pair(1500)
    unseen, theirs, truth = pair(4000, seed=1)
    p = member().fit(z, labels).probabilities(unseen)
    assert calibration_error(p, theirs) < 0.04
    assert np.abs(p[:, 1] - truth).mean() < 0.07


@every_member
def test_the_names_of_labels_do_not_matter(member):
    z, labels = blobs(150, spread=3)
    first = member().fit(z, labels)
    second = member().fit(z, np.searchsorted(LABELS, labels))
    np.testing.assert_array_equal(second.classes, [0, 1, 2])
    np.testing.assert_array_equal(first.probabilities(z), second.probabilities(z))


@every_member
def test_a_seed_repeats_itself(member):
    z, labels = blobs(150, spread=3)
    first, second = (member(seed=3).fit(z, labels).probabilities(z) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@every_member
def test_fitting_again_forgets_what_was_before(member):
    z, labels = blobs(150)
    fresh = member().fit(z, labels)
    again = member().fit(*moons(100)).fit(z, labels)
    np.testing.assert_array_equal(fresh.probabilities(z), again.probabilities(z))


@pytest.mark.parametrize("member", MEMBERS[:3], ids=lambda member: member.name)
def test_rows_without_a_label_say_nothing(member):
    z, labels = blobs(150, spread=3)
    more = np.concatenate([z, z[:50] + 4])
    masked = np.concatenate([labels, np.full(50, -1)])
    expected = member().fit(z, labels).probabilities(z)
    np.testing.assert_array_equal(member().fit(more, masked).probabilities(z), expected)


@every_member
def test_moving_the_latents_moves_nothing_else(member):
    z, labels = blobs(150, spread=3)
    far = z + np.float32(1024)
    near = far - np.float32(1024)  # what float32 keeps of them there
    expected = member().fit(near, labels).probabilities(near)
    np.testing.assert_allclose(member().fit(far, labels).probabilities(far), expected, atol=0.03)


@every_member
def test_one_class_is_certain(member):
    z, _ = blobs(40)
    p = member().fit(z, np.full(40, 4)).probabilities(z)
    np.testing.assert_array_equal(p, np.ones((40, 1)))


@every_member
@pytest.mark.parametrize("unknown", [0, 30])
def test_one_row_for_each_class_is_enough(member, unknown):
    z = np.concatenate([CENTRES, blobs(30)[0]]).astype(np.float32)[: 3 + unknown]
    labels = np.concatenate([LABELS, np.full(unknown, -1)])
    classifier = member().fit(z, labels)
    np.testing.assert_array_equal(guessed(classifier, z[:3]), LABELS)
    assert np.isfinite(classifier.probabilities(z)).all()


@every_member
def test_a_class_with_a_single_row_is_possible(member):
    z, labels = blobs(150)
    z, labels = np.r_[z, [[-9.0, 9.0]]].astype(np.float32), np.r_[labels, 9]
    classifier = member().fit(z, labels)
    p = classifier.probabilities(z[-1:])[0]
    np.testing.assert_array_equal(classifier.classes, [2, 5, 7, 9])
    assert p[3] > 0.2


AWKWARD = {
    "one row": (np.zeros((1, 2)), [3]),
    "two rows": (np.array([[0.0], [1.0]]), [0, 1]),
    "two equal rows of two labels": (np.ones((2, 3)), [0, 1]),
    "copies": (np.repeat([[0.0, 0.0], [1.0, 1.0]], 30, axis=0), np.repeat([0, 1], 30)),
    "a constant dimension": (np.c_[moons(60)[0], np.full(60, 7.7)], moons(60)[1]),
    "all equal": (np.full((40, 2), 1e6), np.arange(40) % 2),
    "far and narrow": (1e6 + moons(60)[0], moons(60)[1]),
    "huge": (1e15 * moons(60)[0], moons(60)[1]),
    "two of each of many": (np.arange(60.0)[:, None], np.arange(60) // 2),
}


@every_member
@pytest.mark.parametrize("case", AWKWARD.values(), ids=AWKWARD.keys())
def test_awkward_rows_have_probabilities(member, case):
    z, labels = np.float32(case[0]), np.asarray(case[1])
    p = member().fit(z, labels).probabilities(np.concatenate([z, 3 * z + 1]))
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-9)


def stored(fitted):
    config, arrays = fitted.state()
    return json.loads(json.dumps(config)), load(save(arrays))


def test_a_state_brings_everything_back(classifier):
    z, _ = blobs(seed=2)
    restored = type(classifier).from_state(*stored(classifier))
    np.testing.assert_array_equal(restored.probabilities(z), classifier.probabilities(z))
    np.testing.assert_array_equal(restored.classes, classifier.classes)
    assert restored.state()[0] == classifier.state()[0]


def without(values, name):
    return {key: value for key, value in values.items() if key != name}


@pytest.mark.parametrize("change", ["gone", "longer", "float16", "not finite"])
def test_a_damaged_array_is_refused(classifier, change):
    config, arrays = stored(classifier)
    for name, array in arrays.items():
        if array.size == 0 or (change == "not finite" and array.dtype.kind != "f"):
            continue
        damaged = {
            "gone": without(arrays, name),
            "longer": arrays | {name: np.concatenate([array, array])},
            "float16": arrays | {name: array.astype(np.float16)},
            "not finite": arrays | {name: array * np.nan},
        }[change]
        with pytest.raises(ValueError, match="damaged"):
            type(classifier).from_state(config, damaged)


def test_damaged_values_are_refused(classifier):
    config, arrays = stored(classifier)
    damaged = [without(config, name) for name in config]
    damaged += [config | {name: "one"} for name in config]
    damaged += [config | {"temperature": 0.0}, config | {"latent_dim": 3}, None]
    for values in damaged:
        with pytest.raises(ValueError, match="damaged"):
            type(classifier).from_state(values, arrays)


@every_member
def test_wrong_rows_are_answered_in_words(member):
    z, labels = blobs(5)
    fitted = member().fit(z, labels)
    for call, words in [
        (lambda: member(seed=-1), "seed is -1"),
        (lambda: member().fit(z * np.inf, labels), "rows of the latents hold NaN"),
        (lambda: member().fit(z[:0], labels[:0]), "at least one"),
        (lambda: member().fit(z, labels[:3]), "each of the 5 latents"),
        (lambda: member().fit(z, labels + 0.5), "labels are float64"),
        (lambda: member().fit(z, np.full(5, -1)), "None of the 5 labels is known"),
        (lambda: member().probabilities(z), "not been fitted"),
        (lambda: member().state(), "not been fitted"),
        (lambda: fitted.probabilities(z[:, :1]), "have 1 dimensions; this classifier"),
        (lambda: fitted.probabilities(z * np.nan), "5 of 5 rows"),
    ]:
        with pytest.raises(OptionError, match=words):
            call()


def test_the_table_knows_every_classifier_by_its_name():
    assert {member.name: member for member in MEMBERS}.items() <= CLASSIFIERS.items()
    assert DEFAULT_CLASSIFIER == "knn"


# --- each of them ------------------------------------------------------------------------


def test_the_linear_one_finds_the_plane_between_two_gaussians():
    z, labels, _ = pair(20_000)
    classifier = LinearClassifier().fit(z, labels)
    p = classifier.probabilities(np.float32([[0], [1]]))
    odds = np.log(p[:, 1] / p[:, 0])  # 2 z for deviations of 1 around -1 and 1
    assert odds[0] == pytest.approx(0, abs=0.06)
    assert odds[1] - odds[0] == pytest.approx(2, abs=0.1)


def test_the_linear_one_does_not_heed_the_unit_of_a_dimension():
    z, labels = blobs(150, spread=3)
    scaled = z * np.float32([1000, 0.001])
    expected = LinearClassifier().fit(z, labels).probabilities(z)
    actual = LinearClassifier().fit(scaled, labels).probabilities(scaled)
    np.testing.assert_allclose(actual, expected, atol=1e-3)


def test_neighbours_vote_by_their_distance():
    z, labels = blobs(150, spread=4)
    classifier = KNNClassifier().fit(z, labels)
    query = np.float32([4, 4])
    distances = np.linalg.norm(z.astype(np.float64) - query, axis=1)
    near = np.argsort(distances)[: classifier.k]
    weights = np.exp(-4 * distances[near] ** 2 / distances[near[-1]] ** 2)
    votes = np.array([weights[labels[near] == label].sum() for label in LABELS])
    shares = np.array([np.mean(labels == label) for label in LABELS])
    s = np.log(classifier.k * votes / weights.sum() + shares)
    expected = softmax(s[None] / classifier.temperature)
    np.testing.assert_allclose(classifier.probabilities(query[None]), expected, rtol=1e-5)


def test_more_neighbours_vote_where_the_classes_overlap():
    z, labels = moons()
    _, random = moons(seed=1)
    random = np.random.default_rng(0).permutation(random)
    assert KNNClassifier().fit(z, random).k > KNNClassifier().fit(z, labels).k


def test_bayes_follows_the_rule():
    z, labels = blobs(90, spread=3)
    labels[:30] = 2  # 2 is more frequent
    classifier = BayesClassifier().fit(np.c_[z, z**2, z**3], labels)  # too few for mixtures
    prior = GaussianPrior().fit(np.c_[z, z**2, z**3], labels)
    s = np.stack([prior.log_density(np.c_[z, z**2, z**3], label) for label in LABELS], axis=1)
    s += np.log([np.mean(labels == label) for label in LABELS])
    expected = softmax(s / classifier.temperature)
    np.testing.assert_allclose(
        classifier.probabilities(np.c_[z, z**2, z**3]), expected, rtol=1e-6, atol=1e-12
    )


def test_bayes_sees_what_no_plane_can_part():
    generator = np.random.default_rng(0)
    z = generator.normal(size=(400, 2)).astype(np.float32)
    labels = (z[:, 0] * z[:, 1] > 0).astype(np.int64)
    assert np.mean(guessed(LinearClassifier().fit(z, labels), z) == labels) < 0.7
    assert np.mean(guessed(BayesClassifier().fit(z, labels), z) == labels) > 0.85


def test_labels_spread_as_the_formula_says():
    """F = (I - α S)⁻¹ Y, computed from its definition."""
    z, truth = moons(40)
    labels = np.where(np.arange(40) < 6, truth, -1)
    distances = np.linalg.norm(z.astype(np.float64)[:, None] - z, axis=2)
    np.fill_diagonal(distances, np.inf)
    near = distances <= np.sort(distances, axis=1)[:, 14:15]
    directed = np.exp(-4 * distances**2 / np.sort(distances, axis=1)[:, 14:15] ** 2) * near
    W = np.minimum(directed, directed.T)
    for row, nearest in enumerate(distances.argmin(axis=1)):
        if W[row, nearest] == 0:
            W[row, nearest] = W[nearest, row] = directed[row, nearest]
    root = np.sqrt(W.sum(axis=1))
    Y = (labels[:, None] == [0, 1]).astype(np.float64)
    F = np.linalg.solve(np.eye(40) - 0.99 * W / np.outer(root, root), Y)
    F *= (Y.sum(axis=0) + 1) / F.sum(axis=0)
    F /= F.sum(axis=1, keepdims=True)
    spread = SpreadClassifier().fit(z, labels).state()[1]["spread"]
    np.testing.assert_allclose(spread, F, atol=2e-3)


def test_one_label_spreads_along_a_moon():
    z, truth = moons()
    unseen, theirs = moons(seed=5)
    labels = np.full(len(z), -1)
    labels[:2] = truth[:2]
    few = SpreadClassifier().fit(z, labels)
    assert np.mean(guessed(few, unseen) == theirs) > 0.95
    assert np.mean(guessed(KNNClassifier().fit(z, labels), unseen) == theirs) < 0.9


def test_where_no_label_reaches_the_frequencies_stand():
    z, labels = blobs(150)
    z, labels = np.r_[z, z[:100] + 1000], np.r_[labels, np.full(100, -1)]
    classifier = SpreadClassifier().fit(z, labels)
    counts = np.array([np.sum(labels == label) for label in LABELS]) + 1
    expected = softmax(2 * np.log(counts / counts.sum())[None] / classifier.temperature)
    far = classifier.probabilities(z[150:])
    np.testing.assert_allclose(far, np.tile(expected, (100, 1)), atol=1e-5)


def test_weights_fall_with_the_distance_as_the_place_is_dense():
    weights = neighbour_weights(np.float32([[0, 1, 2], [0, 10, 20], [0, 0, 0]]))
    expected = [[1, math.exp(-1), math.exp(-4)], [1, math.exp(-1), math.exp(-4)], [1, 1, 1]]
    np.testing.assert_allclose(weights, expected)


# --- calibration -------------------------------------------------------------------------


def test_folds_share_out_each_class_and_leave_each_something():
    targets = np.r_[np.zeros(50), np.ones(5), np.full(2, 2), [3], np.full(20, -1)].astype(int)
    folds = held_out_folds(targets, 0)
    rows = np.concatenate(folds)
    assert len(np.unique(rows)) == len(rows) == 57  # all but the single row and the unknown
    for fold in folds:
        assert 10 <= np.sum(targets[fold] == 0) <= 10
        assert set(np.delete(targets, fold)) == {-1, 0, 1, 2, 3}
    assert held_out_folds(np.arange(9), 0) == []


def test_of_many_labels_one_fold_is_held_out():
    (held,) = held_out_folds(np.arange(5000) % 2, 0)
    assert len(held) == 1000
    (held,) = held_out_folds(np.arange(200_000) % 2, 0)
    assert len(held) == 10_000


def test_reliability_of_a_hand_made_case():
    p = [[0.8, 0.2], [0.75, 0.25], [0.1, 0.9], [0.5, 0.5], [0.3, 0.7]]
    found = reliability(np.array(p), np.array([0, 1, 1, 0, -1]), bins=5)
    np.testing.assert_array_equal(found.count, [0, 0, 1, 2, 1])  # 0.8 belongs to the bin below
    np.testing.assert_allclose(found.confidence[2:], [0.5, 0.775, 0.9])
    np.testing.assert_allclose(found.accuracy[2:], [1, 0.5, 1])
    assert np.isnan(found.confidence[:2]).all()
    expected = (1 * 0.5 + 2 * 0.275 + 1 * 0.1) / 4
    assert found.error == pytest.approx(expected)
    assert calibration_error(np.array(p), np.array([0, 1, 1, 0, -1]), 5) == found.error


def test_wrong_probabilities_are_answered_in_words():
    p, labels = np.full((4, 2), 0.5), np.array([0, 1, 0, 1])
    for call, words in [
        (lambda: reliability(p[0], labels), "probabilities are"),
        (lambda: reliability(p, labels[:3]), "each of the N rows"),
        (lambda: reliability(p, labels / 2), "labels float64"),
        (lambda: reliability(p, labels, 0), "bins is 0"),
        (lambda: reliability(p * np.nan, labels), "NaN or outside"),
        (lambda: reliability(p * 3, labels), "NaN or outside"),
        (lambda: reliability(p, labels + 1), "labels go up to 2"),
        (lambda: reliability(p, labels * 0 - 1), "at least one that is known"),
    ]:
        with pytest.raises(OptionError, match=words):
            call()


def test_the_temperature_that_made_the_labels_is_found():
    generator = np.random.default_rng(0)
    scores = 5 * generator.normal(size=(20_000, 4))
    targets = (softmax(scores / 3).cumsum(axis=1) < generator.random((20_000, 1))).sum(axis=1)
    temperature = fit_temperature(scores, targets)
    assert temperature == pytest.approx(3, rel=0.05)
    assert fit_temperature(7 * scores + 4, targets) == pytest.approx(7 * temperature, rel=1e-6)
    for other in (0.9, 1.1):
        assert log_loss(scores / temperature, targets) < log_loss(
            scores / (other * temperature), targets
        )


def test_few_labels_that_are_all_right_do_not_make_certain():
    scores = np.array([[4.0, 0.0], [0.0, 4.0], [4.0, 0.0], [0.0, 4.0]])
    p = softmax(scores / fit_temperature(scores, np.array([0, 1, 0, 1])))
    assert p.max() == pytest.approx(1 - 1 / 6 / 2, abs=1e-6)  # 1 - ε + ε / K with ε = 1 / (N + 2)
    assert fit_temperature(np.empty((0, 2)), np.empty(0, dtype=np.int64)) == 1
    assert fit_temperature(np.zeros((3, 1)), np.zeros(3, dtype=np.int64)) == 1


def test_the_setting_with_the_best_calibrated_scores_is_chosen():
    generator = np.random.default_rng(0)
    targets = generator.integers(3, size=500)
    good = np.eye(3)[targets] + 0.5 * generator.normal(size=(500, 3))
    poor = np.eye(3)[targets] + 2.0 * generator.normal(size=(500, 3))
    assert best_setting([poor, 40 * good], targets) == 1  # 40 times too sure, which is mended
    assert best_setting([poor, good], targets[:0]) == 0
