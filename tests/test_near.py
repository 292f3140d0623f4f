"""Neighbours for many readers: exact whatever the shape of the data, each with the own answer."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from latlas.contracts import OptionError
from latlas.serving import near
from latlas.serving.near import Finder, Meeting


def cloud(rows, dim=5, seed=0):
    generator = np.random.default_rng(seed)
    centres = generator.normal(size=(20, dim)) * 3
    z = centres[generator.integers(0, 20, rows)] + generator.normal(size=(rows, dim))
    return z.astype(np.float32)


def exact(points, queries, k):
    """By distance in float64, equal ones in the order of their rows."""
    apart = queries[:, None].astype(np.float64) - points
    squares = np.square(apart).sum(axis=2)
    rows = np.argsort(squares, axis=1, kind="stable")[:, :k]
    return rows, np.sqrt(np.take_along_axis(squares, rows, axis=1))


@pytest.mark.parametrize("rows", [64 * 300, 64 * 300 + 1, 64 * 300 + 63])
@pytest.mark.parametrize("k", [1, 11, 40])
def test_the_nearest_are_found_wherever_they_lie(rows, k, monkeypatch):
    monkeypatch.setattr(near, "CHUNK", 4096)  # several products, the last of another size
    points = cloud(rows)
    finder = Finder(points)
    queries = np.concatenate([points[[0, 63, 64, 4095, 4096, rows - 1]], cloud(20, seed=1)])
    found = finder.find(queries, k)
    expected, distances = exact(points, queries, k)
    np.testing.assert_array_equal(found.indices, expected)
    np.testing.assert_allclose(found.distances, distances, rtol=1e-5, atol=1e-6)


def test_equal_points_come_in_the_order_of_their_rows(monkeypatch):
    monkeypatch.setattr(near, "CHUNK", 4096)
    points = np.repeat(cloud(2000), 5, axis=0)[np.random.default_rng(3).permutation(10_000)]
    found = Finder(points).find(points[:40], 12)
    expected, _ = exact(points, points[:40], 12)
    np.testing.assert_array_equal(found.indices, expected)


@pytest.mark.parametrize("centre", [0, 300, 30_000])
def test_far_from_the_origin_rounding_loses_nothing(centre, monkeypatch):
    monkeypatch.setattr(near, "CHUNK", 4096)
    points = cloud(10_000) + np.float32(centre)
    points[5000:] -= 2 * np.float32(centre)  # so that the middle is far from all of them
    found = Finder(points).find(points[:60], 10)
    _, distances = exact(points, points[:60], 10)
    np.testing.assert_allclose(found.distances, distances, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("query", "k", "said"),
    [
        (np.zeros((1, 4)), 3, "has 4 values"),
        (np.full((1, 5), np.nan), 3, "finite"),
        (np.zeros((1, 5)), 0, "k is 0"),
        (np.zeros((1, 5)), 501, "k is 501"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_words(query, k, said):
    with pytest.raises(OptionError, match=said):
        Finder(cloud(500)).find(query.astype(np.float32), k)


def test_readers_who_ask_together_get_each_the_own_answer():
    points = cloud(20_000)
    meeting = Meeting(Finder(points))
    expected, distances = exact(points, points[:70], 9)

    async def ask():
        wrong = asyncio.create_task(meeting.find(np.zeros(4, np.float32), 3))
        asked = [meeting.find(points[row], 1 + row % 9) for row in range(70)]
        leaving = asyncio.create_task(meeting.find(points[0], 3))
        await asyncio.sleep(0)
        leaving.cancel()
        answers = await asyncio.gather(*asked)
        with pytest.raises(OptionError, match="has 4 values"):
            await wrong
        with pytest.raises(asyncio.CancelledError):
            await leaving
        return answers

    for row, (found, apart) in enumerate(asyncio.run(ask())):
        np.testing.assert_array_equal(found, expected[row, : 1 + row % 9])
        np.testing.assert_allclose(apart, distances[row, : 1 + row % 9], rtol=1e-5, atol=1e-6)
    meeting.close()
    found, _ = asyncio.run(meeting.find(points[3], 4))  # the old state still answers
    np.testing.assert_array_equal(found, expected[3, :4])
