from __future__ import annotations

import numpy as np
import pytest

from latlas.contracts import Latents, OptionError


@pytest.fixture
def latents():
    n = 4
    return Latents(
        ids=np.array([2, 5, 7, 90]),
        uris=[""] * n,
        labels=np.zeros(n, np.int64),
        classes=("a",),
        splits=np.zeros(n, np.uint8),
        z=np.zeros((n, 3), np.float32),
        errors=np.zeros(n, np.float32),
    )


def test_the_row_of_each_id_is_found_and_those_that_are_missing_are_told(latents):
    wanted = np.array([90, 1, 5, 91, 2, 6])
    rows, known = latents.find(wanted)
    assert known.tolist() == [True, False, True, False, True, False]
    assert rows[known].tolist() == [3, 1, 0]


def test_one_row_by_its_id(latents):
    assert [latents.row(number) for number in (2, 5, 7, 90)] == [0, 1, 2, 3]


@pytest.mark.parametrize("number", [-1, 6, 91, 10**30])
def test_an_id_that_is_not_there_is_an_error_that_says_which_are(latents, number):
    with pytest.raises(OptionError, match=f"no image with id {number}; ids here run from 2 to 90"):
        latents.row(number)
