import json
import math

import numpy as np
import pytest
from safetensors.numpy import load, save

from latlas.classifiers import Novelty
from latlas.contracts import OptionError


def known(count, seed=0):
    """Log densities of a Gaussian in 8 dimensions, and log errors that go with them a little."""
    generator = np.random.default_rng(seed)
    log_density = -0.5 * generator.chisquare(8, count)
    error = 0.5 * generator.normal(size=count) - 0.1 * log_density
    return log_density, error


@pytest.fixture(scope="module")
def novelty():
    return Novelty().fit(*known(4000))


@pytest.mark.parametrize("share", [0.001, 0.01, 0.1])
@pytest.mark.parametrize("decoder", [True, False])
def test_false_alarms_are_as_many_as_was_said(share, decoder):
    def rows(count, seed):
        log_density, error = known(count, seed)
        return log_density, error if decoder else np.full(count, np.nan)

    novelties = [Novelty(share).fit(*rows(4000, seed)) for seed in range(6)]
    rate = np.mean([novelty.is_novel(*rows(30_000, 100)).mean() for novelty in novelties])
    assert 0.5 * share < rate < 1.2 * share


def test_the_score_is_a_tail_probability_in_decades(novelty):
    score = novelty.score(*known(100_000, seed=2))
    assert (score >= 0).all()
    for decades in (1, 2, 3):
        assert np.mean(score >= decades) == pytest.approx(10.0**-decades, rel=0.4)


def test_either_signal_alone_is_enough(novelty):
    usual, strange = (-4.0, 0.4), (-40.0, 6.0)
    pairs = [(usual[0], usual[1]), (strange[0], usual[1]), (usual[0], strange[1])]
    novel = novelty.is_novel(*np.array(pairs).T)
    np.testing.assert_array_equal(novel, [False, True, True])


def test_the_score_never_stands_still_beyond_the_sample(novelty):
    far = -np.array([0.0, 5, 10, 20, 40, 80, 1e3, 1e6, 1e12])
    for error in (0.0, math.nan):
        score = novelty.score(far, np.full(len(far), error))
        assert np.isfinite(score).all()
        assert (np.diff(score[2:]) > 0).all()
        assert (np.diff(score) >= 0).all()


def test_an_exponential_tail_is_carried_on_as_such():
    """-log₁₀ P(V ≥ v) = v / log(10) for V = -log density ~ Exp(1)."""
    values = -np.log((np.arange(2000) + 0.5) / 2000)
    novelty = Novelty().fit(-values, np.full(2000, np.nan))
    v = np.array([1.0, 3, 6, 12, 20])
    score = novelty.score(-v, np.full(5, np.nan))
    np.testing.assert_allclose(score, v / math.log(10), rtol=0.06)


def test_a_heavy_tail_is_carried_on_as_such():
    """P(V ≥ v) = v^-2, whose shape is ξ = 1/2: a decade for each factor √10."""
    values = ((np.arange(20_000) + 0.5) / 20_000) ** -0.5
    novelty = Novelty().fit(-values, np.full(20_000, np.nan))
    score = novelty.score(-np.array([10.0, 1e2, 1e3, 1e4]), np.full(4, np.nan))
    np.testing.assert_allclose(score, [2, 4, 6, 8], rtol=0.1)


def test_nothing_jumps_where_ranks_end(novelty):
    grid = np.linspace(-30, 0, 30_001)
    score = novelty.score(grid, np.full(len(grid), math.nan))
    assert np.abs(np.diff(score)).max() < 0.05
    assert (np.diff(score) <= 0).all()


def test_ranks_count_the_rows_that_are_as_strange():
    log_density = -np.arange(99.0)  # n + 1 = 100
    novelty = Novelty().fit(log_density, np.full(99, math.nan))
    score = novelty.score(np.array([-89.0, -49.0, 0.0, 9.0]), np.full(4, math.nan))
    np.testing.assert_allclose(score, -np.log10([0.11, 0.51, 1, 1]), atol=1e-12)


def test_the_unit_of_the_signals_does_not_matter(novelty):
    log_density, error = known(4000)
    other = Novelty().fit(3 * log_density - 7, 0.5 * error + 2)
    mine, theirs = known(500, seed=3)
    expected = novelty.score(mine, theirs)
    np.testing.assert_allclose(other.score(3 * mine - 7, 0.5 * theirs + 2), expected, rtol=1e-9)


def test_rows_without_an_error_are_judged_by_their_density(novelty):
    log_density, _ = known(4000)
    alone = Novelty().fit(log_density, np.full(4000, np.nan))
    mine, theirs = known(50, seed=4)
    some = np.where(np.arange(50) % 2, theirs, np.nan)
    expected = np.where(np.arange(50) % 2, novelty.score(mine, theirs), alone.score(mine, some))
    np.testing.assert_array_equal(novelty.score(mine, some), expected)
    np.testing.assert_array_equal(alone.score(mine, theirs), alone.score(mine, some))


@pytest.mark.parametrize("count", [1, 2, 3, 12])
def test_few_rows_are_enough(count):
    log_density, error = known(count)
    novelty = Novelty().fit(log_density, error)
    score = novelty.score(np.r_[log_density, -1e4], np.r_[error, 50])
    assert np.isfinite(score).all()
    assert score[-1] > 2
    assert not novelty.is_novel(log_density, error).all()


@pytest.mark.parametrize("log_density", [np.full(30, -2.0), np.r_[np.full(29, -2.0), -np.inf]])
def test_equal_and_infinite_values_have_scores(log_density):
    novelty = Novelty().fit(log_density, np.full(30, -np.inf))
    score = novelty.score(np.array([-2.0, -9.0, -np.inf, np.inf]), np.array([-np.inf, 0, 0, 0]))
    assert np.isfinite(score).all()
    assert score[1] >= score[0]


def stored(novelty):
    config, arrays = novelty.state()
    return json.loads(json.dumps(config)), load(save(arrays))


@pytest.mark.parametrize("decoder", [True, False])
def test_a_state_brings_everything_back(decoder):
    log_density, error = known(300)
    novelty = Novelty(0.05).fit(log_density, error if decoder else error * np.nan)
    restored = Novelty.from_state(*stored(novelty))
    assert restored.false_alarms == 0.05
    mine = known(300, seed=1)
    np.testing.assert_array_equal(restored.score(*mine), novelty.score(*mine))
    np.testing.assert_array_equal(restored.is_novel(*mine), novelty.is_novel(*mine))


def test_a_damaged_state_is_refused(novelty):
    config, arrays = stored(novelty)
    tails = config["tails"]
    values = [
        {},
        None,
        config | {"false_alarms": 2.0},
        config | {"false_alarms": "1"},
        config | {"tails": {"density": tails["density"], "error": tails["error"]}},
        config | {"tails": tails | {"both": [0.1]}},
        config | {"tails": tails | {"both": [0.1, 0.0]}},
        config | {"tails": tails | {"both": [-0.1, 1.0]}},
        config | {"tails": tails | {"both": ["0.1", 1.0]}},
        config | {"tails": 3},
    ]
    cases = [(damaged, arrays) for damaged in values]
    for name, array in arrays.items():
        cases.append((config, {key: a for key, a in arrays.items() if key != name}))
        cases.append((config, arrays | {name: array[:0]}))
        cases.append((config, arrays | {name: array.astype(np.float32)}))
        cases.append((config, arrays | {name: array * np.nan}))
    cases.append((config, arrays | {"both.values": arrays["both.values"][::-1]}))
    for damaged, theirs in cases:
        with pytest.raises(ValueError, match="damaged"):
            Novelty.from_state(damaged, theirs)


def test_wrong_requests_are_answered_in_words(novelty):
    log_density, error = known(5)
    for call, words in [
        (lambda: Novelty(0.0), "false_alarms is 0.0"),
        (lambda: Novelty(math.nan), "false_alarms is nan"),
        (lambda: Novelty().fit(log_density, error[:3]), r"shape \[5\] and error \[3\]"),
        (lambda: Novelty().fit(log_density[:0], error[:0]), "at least one row"),
        (lambda: Novelty().fit(log_density * np.nan, error), "5 of 5 log densities are NaN"),
        (lambda: novelty.score(log_density, error[:3]), r"shape \[5\] and error \[3\]"),
        (lambda: Novelty().score(log_density, error), "Call fit"),
        (lambda: Novelty().state(), "Call fit"),
    ]:
        with pytest.raises(OptionError, match=words):
            call()
