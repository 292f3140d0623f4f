import numpy as np
import pytest
import torch
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from latlas.contracts import OptionError
from latlas.measures.clustering import (
    chance_agreement,
    cluster_scores,
    gmm_clusters,
    graph_clusters,
    hungarian_accuracy,
    kmeans_clusters,
)

METHODS = [kmeans_clusters, gmm_clusters, graph_clusters]


def blobs(sizes=(120, 90, 60), distance=12.0, dimensions=5, seed=0):
    generator = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    centres = distance * np.eye(len(sizes), dimensions)
    z = centres[labels] + generator.normal(size=(len(labels), dimensions))
    order = generator.permutation(len(labels))
    return z[order].astype(np.float32), labels[order]


def rings(count=400, seed=0):
    """Two rings, one in the other: no straight border parts them."""
    generator = np.random.default_rng(seed)
    labels = np.arange(2 * count) % 2
    angle = generator.uniform(0, 2 * np.pi, 2 * count)
    radius = 1 + 2 * labels + generator.normal(0, 0.05, 2 * count)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1), labels


# --- agreement ---------------------------------------------------------------------------


def test_accuracy_by_hand():
    labels = np.array([0, 0, 0, 1, 1, 2])
    assert hungarian_accuracy(labels, np.array([5, 5, 5, 3, 3, 9])) == 1
    assert hungarian_accuracy(labels, np.array([1, 1, 2, 2, 2, 0])) == pytest.approx(5 / 6)
    # Cluster 1 holds most of both labels and can stand for one only.
    assert hungarian_accuracy(labels, np.array([1, 1, 1, 1, 1, 1])) == pytest.approx(3 / 6)


def test_more_clusters_than_labels_leave_some_without_a_label():
    labels = np.array([0, 0, 0, 0, 1, 1])
    assert hungarian_accuracy(labels, np.array([0, 0, 1, 1, 2, 2])) == pytest.approx(4 / 6)


def test_unknown_labels_are_left_out_and_points_without_a_cluster_are_wrong():
    labels, clusters = np.array([0, 0, 1, 1, -1]), np.array([4, 4, 2, -1, 2])
    assert hungarian_accuracy(labels, clusters) == pytest.approx(3 / 4)
    assert hungarian_accuracy(labels, np.full(5, -1)) == 0


def test_scores_do_not_depend_on_the_names_of_clusters():
    generator = np.random.default_rng(0)
    labels, clusters = generator.integers(4, size=(2, 300))
    clusters = np.where(generator.random(300) < 0.6, labels, clusters)
    scores = cluster_scores(labels, clusters)
    renamed = cluster_scores(labels, np.array([3, 0, 2, 1])[clusters])
    assert (renamed.accuracy, renamed.nmi) == (scores.accuracy, pytest.approx(scores.nmi))
    assert scores.nmi == pytest.approx(normalized_mutual_info_score(labels, clusters))
    assert scores.ari == pytest.approx(adjusted_rand_score(labels, clusters))


def test_chance_is_what_shuffled_clusters_reach():
    labels = np.repeat(np.arange(10), 500)
    chance = chance_agreement(labels, labels)
    assert 0.1 <= chance < 0.13
    assert chance == chance_agreement(labels, labels)
    assert chance_agreement(np.zeros(10, int), np.zeros(10, int)) == 1


@pytest.mark.parametrize(
    ("labels", "clusters", "message"),
    [
        ([0, 1], [0, 1, 1], "one of each for every"),
        ([0.5, 1.0], [0, 1], "float64"),
        ([-1, -1], [0, 1], "known label"),
    ],
)
def test_labels_that_cannot_be_compared_are_explained(labels, clusters, message):
    for measure in (hungarian_accuracy, cluster_scores, chance_agreement):
        with pytest.raises(OptionError, match=message):
            measure(np.array(labels), np.array(clusters))


# --- clusters ----------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_clear_clusters_are_found_and_the_largest_comes_first(method):
    z, labels = blobs()
    clusters = method(z, 3)
    assert clusters.dtype == np.int64
    np.testing.assert_array_equal(clusters, labels)


@pytest.mark.parametrize("method", METHODS)
def test_scale_and_place_do_not_matter(method):
    z, labels = blobs(distance=40)
    np.testing.assert_array_equal(method(z * 1000 + np.float32(1e5), 3), labels)


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_clusters(method):
    z, _ = blobs(distance=2)
    np.testing.assert_array_equal(method(z, 4, 7), method(z, 4, 7))


def test_the_graph_follows_shapes_that_means_cannot():
    z, labels = rings()
    assert hungarian_accuracy(labels, graph_clusters(z, 2)) == 1
    assert hungarian_accuracy(labels, kmeans_clusters(z, 2)) < 0.7


def test_the_number_of_clusters_can_come_from_the_data():
    z, labels = blobs((200, 150, 120, 90, 80))
    np.testing.assert_array_equal(graph_clusters(z), labels)
    one = np.random.default_rng(0).normal(size=(600, 16))
    assert not graph_clusters(one).any()


def test_a_few_copies_far_away_are_no_cluster_of_their_own():
    z, labels = blobs((700, 600), dimensions=5)
    far = np.concatenate([z, np.full((11, 5), 60, dtype=np.float32)])
    clusters = graph_clusters(far, 2)
    np.testing.assert_array_equal(clusters[:-11], labels)


@pytest.mark.parametrize("K", [1, 2, 7, 40, 60])
def test_any_number_of_clusters_can_be_asked_for(K):
    z, _ = blobs((30, 20, 10), distance=3)
    assert set(graph_clusters(z, K).tolist()) == set(range(K))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("count", [1, 2, 3, 12])
@pytest.mark.parametrize("dimensions", [1, 3])
def test_few_points_copies_and_one_dimension_are_fine(method, count, dimensions):
    points = np.arange(count * dimensions, dtype=np.float32).reshape(count, dimensions)
    for z in (points, np.zeros_like(points), np.repeat(points[:1] + 3e7, count, axis=0)):
        for K in {1, min(2, count), count}:
            clusters = method(z, K)
            assert clusters.shape == (count,)
            assert 0 <= clusters.min() <= clusters.max() < K


def test_learning_smooths_borders_and_leaves_the_state_of_torch_alone():
    z, labels = blobs((1900, 1700, 1400), distance=4, dimensions=8)
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    learnt = graph_clusters(z, 3)
    assert torch.rand(1) == expected
    plain = graph_clusters(z, 3, learn=False)
    assert hungarian_accuracy(labels, learnt) >= hungarian_accuracy(labels, plain) > 0.95
    np.testing.assert_array_equal(learnt, graph_clusters(z, 3))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("z", "K", "seed", "message"),
    [
        (np.ones((4, 2)), 5, 0, "expected 1..4"),
        (np.ones((4, 2)), 0, 0, "K is 0"),
        (np.ones((4, 2)), 2, -1, "seed is -1"),
        (np.ones(4), 2, 0, r"expected \[N, D\]"),
        (np.full((4, 2), np.nan), 2, 0, "NaN"),
    ],
)
def test_bad_input_to_a_clustering_is_explained(method, z, K, seed, message):
    with pytest.raises(OptionError, match=message):
        method(z, K, seed)
