import numpy as np
import pytest
import torch

from latlas import neighbours
from latlas.contracts import OptionError
from latlas.neighbours import approximate_neighbours, as_points, nearest


def brute_force(queries, points, k, exclude_self=False):
    """Rows and distances by differences in double precision, ties by row."""
    q, p = queries.astype(np.float64), points.astype(np.float64)
    distances = np.sqrt(np.square(q[:, None] - p[None]).sum(axis=2))
    if exclude_self:
        np.fill_diagonal(distances, np.inf)
    order = np.argsort(distances, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(distances, order, axis=1)


def blobs(count, dimensions, seed=0):
    generator = np.random.default_rng(seed)
    centres = 4 * generator.normal(size=(10, dimensions))
    return (centres[generator.integers(10, size=count)] + generator.normal(size=(count, dimensions))
            ).astype(np.float32)  # fmt: skip


@pytest.mark.parametrize(
    ("queries", "count", "dimensions", "k"),
    [(1, 1, 1, 1), (3, 2, 5, 2), (40, 300, 2, 7), (30, 4000, 16, 5), (5, 3000, 64, 300)],
)
def test_nearest_finds_what_brute_force_finds(queries, count, dimensions, k):
    points, asked = blobs(count, dimensions), blobs(queries, dimensions, seed=1)
    rows, distances = brute_force(asked, points, k)
    found = nearest(asked, points, k)
    assert found.indices.dtype == np.int64
    assert found.distances.dtype == np.float32
    np.testing.assert_array_equal(found.indices, rows)
    np.testing.assert_allclose(found.distances, distances, rtol=1e-5)


def test_cutting_the_work_into_blocks_does_not_change_the_result(monkeypatch):
    points = blobs(1500, 6)
    whole = nearest(points, points, 9, exclude_self=True)
    monkeypatch.setattr(neighbours, "_CHUNK", 100)
    monkeypatch.setattr(neighbours, "_VALUES", 3000)
    monkeypatch.setattr(neighbours, "_ROUND", 400)
    cut = nearest(points, points, 9, exclude_self=True)
    np.testing.assert_array_equal(cut.indices, whole.indices)
    np.testing.assert_array_equal(cut.distances, whole.distances)


def test_the_number_of_threads_does_not_change_the_result():
    points, before = blobs(6000, 8), torch.get_num_threads()
    found = {}
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            found[threads] = nearest(points, points, 5), approximate_neighbours(points, 5)
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    for one, three in zip(found[1], found[3], strict=True):
        np.testing.assert_array_equal(one.indices, three.indices)
        np.testing.assert_array_equal(one.distances, three.distances)


def test_excluding_self_leaves_out_the_row_and_keeps_its_copies():
    points = np.repeat(blobs(20, 3), 3, axis=0)
    found = nearest(points, points, 2, exclude_self=True)
    rows = np.arange(60)
    assert not (found.indices == rows[:, None]).any()
    np.testing.assert_array_equal(found.indices // 3, np.repeat(rows // 3, 2).reshape(60, 2))
    np.testing.assert_array_equal(found.distances, 0)


def test_equal_distances_come_in_the_order_of_their_rows():
    points = np.array([[1, 0], [0, 1], [-1, 0], [0, -1]], dtype=np.float32)
    np.testing.assert_array_equal(nearest(np.zeros((1, 2)), points, 4).indices, [[0, 1, 2, 3]])


def test_points_far_from_the_origin_are_told_apart():
    points = blobs(2500, 4) + np.float32(10_000)
    rows, distances = brute_force(points[:50], points, 6)
    found = nearest(points[:50], points, 6)
    np.testing.assert_array_equal(found.indices, rows)
    np.testing.assert_allclose(found.distances, distances, rtol=1e-5)


def test_tight_groups_far_from_each_other_are_told_apart():
    generator = np.random.default_rng(0)
    far = np.repeat([[-1000.0], [1000.0]], 600, axis=0)
    points = (far + 0.01 * generator.normal(size=(1200, 3))).astype(np.float32)
    rows, distances = brute_force(points, points, 5, exclude_self=True)
    found = nearest(points, points, 5, exclude_self=True)
    np.testing.assert_allclose(found.distances, distances, rtol=1e-4)
    assert (found.indices == rows).mean() > 0.99  # float32 itself makes a few ties


@pytest.mark.parametrize(
    ("queries", "points", "k", "message"),
    [
        (np.ones((2, 3)), np.ones((4, 3)), 5, "k is 5, expected 1..4"),
        (np.ones((2, 3)), np.ones((4, 3)), 0, "k is 0"),
        (np.ones((2, 3)), np.ones((4, 2)), 1, "3 dimensions and the points 2"),
        (np.ones(3), np.ones((4, 3)), 1, r"shape \[3\]"),
        (np.ones((0, 3)), np.ones((4, 3)), 1, "at least one row"),
        (np.full((2, 3), np.nan), np.ones((4, 3)), 1, "2 of 2 rows of the queries hold NaN"),
    ],
)
def test_bad_input_is_explained(queries, points, k, message):
    with pytest.raises(OptionError, match=message):
        nearest(queries, points, k)


def test_excluding_self_needs_the_same_rows():
    with pytest.raises(OptionError, match="same rows"):
        nearest(np.ones((2, 3)), np.ones((4, 3)), 1, exclude_self=True)
    with pytest.raises(OptionError, match=r"expected 1\.\.3"):
        nearest(np.ones((4, 3)), np.ones((4, 3)), 4, exclude_self=True)


@pytest.mark.parametrize("count", [2, 30, 900])
def test_approximate_neighbours_of_a_small_set_are_exact(count):
    points = blobs(count, 5)
    k = min(7, count - 1)
    exact = nearest(points, points, k, exclude_self=True)
    found = approximate_neighbours(points, k)
    np.testing.assert_array_equal(found.indices, exact.indices)
    np.testing.assert_allclose(found.distances, exact.distances, rtol=1e-5)


def test_approximate_neighbours_miss_few():
    points = blobs(12_000, 16)
    exact = nearest(points, points, 10, exclude_self=True).indices
    found = approximate_neighbours(points, 10, seed=3)
    hits = (found.indices[:, :, None] == exact[:, None, :]).any(axis=2)
    assert hits.mean() > 0.9
    assert not (found.indices == np.arange(len(points))[:, None]).any()
    assert (np.diff(found.distances, axis=1) >= 0).all()
    again = approximate_neighbours(points, 10, seed=3)
    np.testing.assert_array_equal(found.indices, again.indices)


def test_approximate_neighbours_of_copies_are_copies():
    points = np.repeat(blobs(4, 3), 500, axis=0)
    found = approximate_neighbours(points, 6)
    np.testing.assert_array_equal(found.distances, 0)
    assert not (found.indices == np.arange(len(points))[:, None]).any()


def test_as_points_keeps_float32_as_it_is():
    points = blobs(3, 2)
    assert as_points(points) is points
    assert as_points(points.astype(np.float64)).dtype == np.float32
