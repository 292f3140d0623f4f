import math

import numpy as np
import pytest

from latlas.contracts import OptionError
from latlas.measures.generation import (
    frechet_distance,
    kernel_distance,
    label_agreement,
    memorisation,
    precision_recall_density_coverage,
)
from latlas.measures.intervals import bootstrap, paired_bootstrap, seeds_interval


def normal(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def rotation(size, seed=9):
    return np.linalg.qr(normal(size, size, seed=seed))[0]


def distances(a, b):
    return np.sqrt(np.square(a[:, None] - b[None]).sum(axis=2))


# --- Fréchet distance ------------------------------------------------------------------------


def test_frechet_distance_of_two_gaussians_by_hand():
    # Means 0 and 3, variances 2 and 18: 3² + (√18 - √2)² = 9 + 8.
    a, b = np.array([[-1.0], [1.0]]), np.array([[0.0], [6.0]])
    assert frechet_distance(a, b) == pytest.approx(17, rel=1e-14)
    # On perpendicular lines the covariances share nothing: d² = 0 + 2 + 18, in 30 dimensions too.
    lines = np.zeros((2, 2, 30))
    lines[0, :, 4], lines[1, :, 11] = [-1, 1], [-3, 3]
    assert frechet_distance(*lines) == pytest.approx(20, rel=1e-14)


def test_frechet_distance_agrees_with_the_eigenvalues_of_the_product():
    a = normal(5000, 12) @ normal(12, 12, seed=1)  # more than one block
    b = normal(700, 12, seed=2) @ normal(12, 12, seed=3) + 1
    product = np.cov(a.T) @ np.cov(b.T)
    root = np.sqrt(np.linalg.eigvals(product).real).sum()
    shift = np.square(a.mean(axis=0) - b.mean(axis=0)).sum()
    expected = shift + np.trace(np.cov(a.T)) + np.trace(np.cov(b.T)) - 2 * root
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("rows", [2, 7, 40, 600])
@pytest.mark.parametrize("offset", [0, 1e6])
def test_equal_sets_have_no_frechet_distance_in_any_order(rows, offset):
    a = (normal(rows, 40) * np.logspace(-6, 3, 40) + offset).astype(np.float32)
    a[:, 3] = 5
    assert frechet_distance(a, a) == 0
    assert frechet_distance(a, a[np.random.default_rng(1).permutation(rows)]) == 0
    assert frechet_distance(a[:1], a[:1]) == 0


@pytest.mark.parametrize("rows", [5, 60])  # fewer and more than the features
def test_frechet_distance_of_a_shifted_set_is_the_square_of_the_shift(rows):
    a = normal(rows, 20)
    step = normal(20, seed=4)
    assert frechet_distance(a, a + step) == pytest.approx(step @ step, rel=1e-10)
    assert frechet_distance(a[:1], a[:1] + step) == pytest.approx(step @ step, rel=1e-10)


def test_frechet_distance_of_a_scaled_set_is_exact_though_singular():
    a = normal(8, 50)
    a -= a.mean(axis=0)
    spread = np.square(a).sum() / 7
    assert frechet_distance(a, 3 * a) == pytest.approx(4 * spread, rel=1e-12)


def test_frechet_distance_does_not_change_under_rotations_and_shifts():
    a, b = normal(300, 6), 2 * normal(200, 6, seed=1) + 1
    turn = rotation(6)
    expected = frechet_distance(a, b)
    assert frechet_distance(b, a) == pytest.approx(expected, rel=1e-12)
    assert frechet_distance(a @ turn + 1e5, b @ turn + 1e5) == pytest.approx(expected, rel=1e-9)
    assert frechet_distance(5 * a, 5 * b) == pytest.approx(25 * expected, rel=1e-12)


# --- kernel distance -------------------------------------------------------------------------


def test_kernel_distance_by_hand():
    # k is 1 between 0 and anything, 8 between 1 and 1, 27 between 1 and 2. So it is 1 within the
    # first set, (8 + 27 + 27) / 3 within the second, (6 + 8 + 8 + 27) / 9 across.
    found = kernel_distance(np.array([[0.0], [0.0], [1.0]]), np.array([[1.0], [1.0], [2.0]]))
    assert found.value == pytest.approx(1 + 62 / 3 - 2 * 49 / 9, rel=1e-14)


def test_kernel_distance_compares_the_first_three_moments():
    # In one dimension it is 3 (Δ E x)² + 3 (Δ E x²)² + (Δ E x³)²: N(0, 1) against N(1, 1) gives
    # 3 + 3 + 4² = 22.
    found = kernel_distance(normal(2000, 1), 1 + normal(3000, 1, seed=1))
    assert 0 < found.standard_error < 3
    assert abs(found.value - 22) < 4 * found.standard_error


def slow_kernel_distance(a, b):
    among_a, among_b, across = (
        (x @ y.T / a.shape[1] + 1) ** 3 for x, y in ((a, a), (b, b), (a, b))
    )
    pairs = [(k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in (among_a, among_b)]
    return sum(pairs) - 2 * across.mean()


def test_kernel_distance_is_that_of_all_pairs_and_its_error_that_of_the_jackknife():
    a, b = normal(9, 4), normal(6, 4, seed=1) + 0.5
    found = kernel_distance(a, b)
    assert found.value == pytest.approx(slow_kernel_distance(a, b))
    variance = 0
    for left_out in (
        [slow_kernel_distance(np.delete(a, i, axis=0), b) for i in range(9)],
        [slow_kernel_distance(a, np.delete(b, i, axis=0)) for i in range(6)],
    ):
        variance += (len(left_out) - 1) * np.var(left_out)
    assert found.standard_error == pytest.approx(math.sqrt(variance))
    large, other = normal(2000, 3), normal(1100, 3, seed=1)  # more than one block
    value = kernel_distance(large, other).value
    assert value == pytest.approx(slow_kernel_distance(large, other), abs=1e-9)


def test_kernel_distance_of_equal_distributions_is_zero_within_its_error():
    found = [
        kernel_distance(normal(200, 8, seed=s), normal(300, 8, seed=s + 50)) for s in range(40)
    ]
    values = np.array([each.value for each in found])
    errors = np.array([each.standard_error for each in found])
    assert (values < 0).any()
    assert abs(values.mean()) < 4 * values.std() / math.sqrt(40)
    assert 0.8 < np.sqrt(np.square(errors).mean()) / values.std() < 2.2  # never much too small


def test_kernel_distance_of_many_rows_takes_a_draw_that_the_seed_decides():
    a, b = normal(1100, 2).astype(np.float32), normal(100, 2, seed=1).astype(np.float32) + 1
    assert kernel_distance(a, b, 3, most=90) == kernel_distance(a.astype(np.float64), b, 3, most=90)
    assert kernel_distance(a, b, 3, most=90) != kernel_distance(a, b, 4, most=90)
    assert kernel_distance(a, b, 3) == kernel_distance(a, b, 4, most=1100)


# --- precision, recall, density, coverage ----------------------------------------------------


def slow_scores(real, fake, k):
    def radii(points):
        between = distances(points, points)
        np.fill_diagonal(between, np.inf)
        return np.sort(between, axis=1)[:, k - 1]

    across = distances(fake, real)  # [M, N]
    in_real = across <= radii(real)
    in_fake = across <= radii(fake)[:, None]
    return [
        in_real.any(axis=1).mean(),
        in_fake.any(axis=0).mean(),
        in_real.sum() / (k * len(fake)),
        in_real.any(axis=0).mean(),
    ]


def scores(found):
    return [found.precision, found.recall, found.density, found.coverage]


@pytest.mark.parametrize(("rows", "fakes", "k"), [(1300, 900, 5), (30, 200, 1), (40, 9, 8)])
def test_scores_agree_with_all_pairs(rows, fakes, k):
    real, fake = normal(rows, 4), 0.8 * normal(fakes, 4, seed=1) + 0.5
    found = scores(precision_recall_density_coverage(real, fake, k))
    np.testing.assert_allclose(found, slow_scores(real, fake, k), rtol=1e-12)
    far = scores(precision_recall_density_coverage(real + 1e6, fake + 1e6, k))
    np.testing.assert_allclose(far, found, atol=2e-3)


def test_scores_by_hand():
    # k = 1: real balls reach 1, 1 and 2 around 0, 1 and 3; fake balls 8 and 8 around 2 and 10.
    real, fake = np.array([[0.0], [1.0], [3.0]]), np.array([[2.0], [10.0]])
    assert scores(precision_recall_density_coverage(real, fake, 1)) == [0.5, 1, 1, 2 / 3]


@pytest.mark.parametrize("offset", [0, 1000])
def test_an_equal_set_fills_every_ball_to_the_border(offset):
    a = normal(400, 16).astype(np.float32) + np.float32(offset)
    found = scores(precision_recall_density_coverage(a, a[::-1], 4))
    assert found[:2] == [1, 1]
    assert found[3] == 1
    assert found[2] == pytest.approx(5 / 4, abs=5e-3 if offset else 1e-12)  # each with itself


def test_fresh_draws_cover_as_much_as_theory_says():
    found = precision_recall_density_coverage(normal(3000, 3), normal(3000, 3, seed=1), 3)
    assert found.coverage == pytest.approx(1 - 2**-3, abs=0.02)
    assert found.density == pytest.approx(1, abs=0.05)


def test_a_collapsed_model_is_precise_and_covers_nothing():
    real = normal(500, 4)
    found = precision_recall_density_coverage(real, np.repeat(real[7:8], 300, axis=0))
    assert found.precision == 1
    assert found.recall == 1 / 500  # its balls have shrunk to a point
    assert found.coverage < 0.05
    strange = precision_recall_density_coverage(real, real + 100)
    assert scores(strange) == [0, 0, 0, 0]


def test_copies_and_constant_features_do_no_harm():
    same = np.ones((20, 3))
    assert scores(precision_recall_density_coverage(same, same)) == [1, 1, 4, 1]


# --- memorisation ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def drawn():
    rows = normal(5000, 6).astype(np.float32)
    return rows[:3000], rows[3000:4000], rows[4000:]  # train, held out, fresh


def test_fresh_draws_are_no_copies(drawn):
    train, held_out, fresh = drawn
    found = memorisation(fresh, train, held_out)
    assert found.auc == pytest.approx(0.5, abs=0.04)
    assert abs(found.deviations) < 3
    assert found.below_median == pytest.approx(0.5, abs=0.05)
    assert found.below_low == pytest.approx(0.05, abs=0.03)
    assert found.copied == pytest.approx(0.01, abs=0.01)
    assert found.median_ratio == pytest.approx(1, abs=0.05)
    assert found.expected_nearer == 0.75
    assert found.nearer_training == pytest.approx(0.75, abs=0.05)


def test_a_copier_is_caught(drawn):
    train, held_out, _ = drawn
    noise = 0.01 * normal(1000, 6, seed=2).astype(np.float32)
    found = memorisation(train[:1000] + noise, train, held_out)
    assert found.auc > 0.99
    assert found.deviations > 30
    assert found.below_low > 0.95
    assert found.copied > 0.95
    assert found.median_ratio < 0.1
    assert found.nearer_training > 0.99
    np.testing.assert_array_equal(found.nearest_training, np.arange(1000))
    np.testing.assert_allclose(found.distances, np.linalg.norm(noise, axis=1), rtol=1e-3)


def test_a_few_copies_among_fresh_draws_are_named(drawn):
    train, held_out, fresh = drawn
    samples = fresh.copy()
    copies = [900, 3, 77]
    samples[copies] = train[[5, 6, 7]] + np.array([[1e-4], [2e-4], [3e-4]], dtype=np.float32)
    found = memorisation(samples, train, held_out, most=3)
    assert set(found.most_copied.tolist()) == set(copies)
    odd = memorisation(3 * samples[4:], train, held_out).copied
    assert odd < 0.01
    samples[:20] = train[:20]
    hidden = memorisation(
        np.where(np.arange(1000)[:, None] < 20, samples, 3 * fresh), train, held_out
    )
    assert hidden.auc < 0.3
    assert hidden.copied == pytest.approx(0.02, abs=0.003)
    assert found.nearest_training[copies].tolist() == [5, 6, 7]
    assert memorisation(samples, train, held_out, most=5000).most_copied.shape == (1000,)
    assert memorisation(samples, train, held_out, most=0).most_copied.shape == (0,)


def test_dull_samples_are_not_taken_for_copies():
    shares = []
    for seed in range(8):
        rows = normal(3000, 6, seed=seed)
        found = memorisation(0.5 * rows[2400:], rows[:1800], rows[1800:2400])
        assert found.auc > 0.7  # they lie where all is near
        assert found.expected_nearer == 0.75
        shares.append(found.nearer_training)
    assert np.mean(shares) == pytest.approx(0.75, abs=0.035)


def test_memorisation_by_hand():
    # d of the samples: 1, 4, 0; of the held-out rows: 1, 4. Pairs: (1 < 4), two ties at half,
    # and 0 below both: (0.5 + 1 + 0 + 0.5 + 1 + 1) / 6.
    train, held_out = np.array([[0.0], [10.0]]), np.array([[1.0], [14.0]])
    found = memorisation(np.array([[-1.0], [6.0], [10.0]]), train, held_out)
    assert found.auc == pytest.approx(4 / 6)
    # The standard deviation of the statistic is √((3 + 2 + 1) / (12 * 3 * 2)).
    assert found.deviations == pytest.approx((4 / 6 - 0.5) / math.sqrt(6 / 72))
    assert found.below_median == pytest.approx(2 / 3)  # 2.5
    assert found.below_low == pytest.approx(2 / 3)  # 1.15
    # The held-out ratios are 1 / 13 and 4 / 13, those of the samples 1 / 2, 4 / 5 and 0 / 4.
    assert found.copied == pytest.approx(1 / 3)
    assert found.median_ratio == pytest.approx(1 / 2.5)
    assert found.nearer_training == 1  # 1 < 2, 4 < 5, 0 < 4
    # Of the distances to both sets: 1 of 3, 4 of 9, 0 of 4.
    assert found.most_copied.tolist() == [2, 0, 1]
    assert found.distances.tolist() == [1, 4, 0]
    assert found.nearest_training.tolist() == [0, 1, 1]


def test_memorisation_far_from_the_origin_is_the_same(drawn):
    train, held_out, fresh = (rows.astype(np.float64) for rows in drawn)
    near = memorisation(fresh, train, held_out)
    far = memorisation(fresh + 1e6, train + 1e6, held_out + 1e6)
    assert far.auc == pytest.approx(near.auc, abs=1e-6)
    np.testing.assert_allclose(far.distances, near.distances, rtol=1e-4)


def test_constant_features_tell_nothing():
    found = memorisation(np.ones((4, 2)), np.ones((5, 2)), np.ones((5, 2)))
    assert (found.auc, found.below_median, found.below_low, found.copied) == (0.5, 0.5, 0.5, 0.5)
    assert found.nearer_training == found.expected_nearer == 0.5
    assert math.isnan(found.median_ratio)


# --- label agreement -------------------------------------------------------------------------


def test_label_agreement_counts_each_class():
    judged = np.array([0, 0, 2, -1, 5, 2, 2])
    asked = np.array([0, 2, 2, 2, 0, -1, 7])
    found = label_agreement(judged, asked)
    assert found.share == pytest.approx(2 / 6)
    assert found.classes.tolist() == [0, 2, 5, 7]
    assert found.asked.tolist() == [2, 3, 0, 1]
    assert found.agreed.tolist() == [1, 1, 0, 0]
    assert found.judged.tolist() == [2, 2, 1, 0]
    assert found.asked.dtype == found.agreed.dtype == found.judged.dtype == np.int64


def test_labels_of_any_whole_type_are_taken():
    found = label_agreement(np.array([1, 1], dtype=np.uint8), np.array([1, 0], dtype=np.int16))
    assert (found.share, found.classes.tolist()) == (0.5, [0, 1])


@pytest.mark.parametrize(
    ("judged", "asked"),
    [
        ([0, 1], [0, 1, 2]),
        ([0.0, 1.0], [0, 1]),
        ([[0], [1]], [[0], [1]]),
        ([0, 1], [-1, -1]),
        ([0, 1], [-2, 1]),
        ([-3, 1], [0, 1]),
        (np.zeros(0, dtype=int), np.zeros(0, dtype=int)),
    ],
)
def test_bad_labels_are_explained(judged, asked):
    with pytest.raises(OptionError, match="expected whole numbers"):
        label_agreement(np.array(judged), np.array(asked))


# --- bad features ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "measure", [frechet_distance, kernel_distance, precision_recall_density_coverage]
)
def test_bad_features_are_explained(measure):
    good = normal(20, 3)
    with pytest.raises(OptionError, match=r"\[3, 4\] features"):
        measure(good, normal(20, 4))
    with pytest.raises(OptionError, match=r"shape \[20\]"):
        measure(good, good[:, 0])
    with pytest.raises(OptionError, match="at least one row"):
        measure(good[:0], good)
    with pytest.raises(OptionError, match="1 of 20 rows"):
        measure(good, np.where(np.arange(20)[:, None] == 4, np.nan, good))


def test_options_out_of_range_are_explained():
    rows = normal(6, 3)
    with pytest.raises(OptionError, match="at least three rows"):
        kernel_distance(rows, rows[:2])
    with pytest.raises(OptionError, match="seed -1"):
        kernel_distance(rows, rows, -1)
    for k in (0, 5):
        with pytest.raises(OptionError, match=f"k is {k}"):
            precision_recall_density_coverage(rows, rows[:5], k)
    with pytest.raises(OptionError, match="1 held-out rows"):
        memorisation(rows, rows, rows[:1])
    with pytest.raises(OptionError, match="train features"):
        memorisation(rows, rows[:0], rows)
    with pytest.raises(OptionError, match="most is -1"):
        memorisation(rows, rows, rows, most=-1)


# --- intervals -------------------------------------------------------------------------------


def test_bootstrap_of_a_mean_is_about_two_standard_errors_wide():
    values = normal(4000) + 5
    found = bootstrap(values)
    error = values.std() / math.sqrt(4000)
    assert found.value == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - 1.96 * error, abs=0.2 * error)
    assert found.high == pytest.approx(values.mean() + 1.96 * error, abs=0.2 * error)
    narrow = bootstrap(values, level=0.5)
    assert narrow.high - narrow.low == pytest.approx(2 * 0.6745 * error, rel=0.1)


def test_bootstrap_holds_the_true_mean_as_often_as_it_says():
    held = [
        found.low <= 0 <= found.high
        for found in (bootstrap(normal(60, seed=s), resamples=400, seed=s) for s in range(400))
    ]
    assert np.mean(held) == pytest.approx(0.94, abs=0.035)


def test_bootstrap_takes_other_statistics_and_booleans():
    values = normal(501)
    found = bootstrap(values, np.median)
    assert found.value == np.median(values)
    assert found.low < found.value < found.high
    share = bootstrap(values > 0)
    assert share.value == np.mean(values > 0)


def test_bootstrap_is_the_same_for_one_seed():
    values = normal(50)
    assert bootstrap(values, seed=1) == bootstrap(values.copy(), seed=1)
    assert bootstrap(values, seed=1) != bootstrap(values, seed=2)
    equal = bootstrap(np.full(9, 3.0))
    assert (equal.low, equal.value, equal.high) == (3, 3, 3)


def test_pairs_cancel_what_is_hard_for_both():
    hard = 10 * normal(400)
    a, b = hard + 0.1 * normal(400, seed=1) + 0.1, hard + 0.1 * normal(400, seed=2)
    found = paired_bootstrap(a, b)
    assert found.value == pytest.approx(np.mean(a - b))
    differences = bootstrap(a - b)
    assert (found.low, found.high) == pytest.approx((differences.low, differences.high))
    assert found.low > 0
    assert found.share_above == 1
    back = paired_bootstrap(b, a)
    assert (back.low, back.high) == pytest.approx((-found.high, -found.low))
    assert back.share_above == 0
    assert paired_bootstrap(a, a).share_above == 0.5
    assert paired_bootstrap(a, b, np.median).value == np.median(a) - np.median(b)


def test_interval_over_seeds_by_hand():
    # Mean 2, deviation 1, and Student's t for two degrees of freedom is 4.30265.
    found = seeds_interval([1.0, 2.0, 3.0])
    assert found.value == 2
    assert (found.low, found.high) == pytest.approx(
        (2 - 4.30265 / math.sqrt(3), 2 + 4.30265 / math.sqrt(3)), abs=1e-5
    )


@pytest.mark.parametrize(
    ("count", "level", "t"),
    [(2, 0.95, 12.7062), (4, 0.95, 3.18245), (5, 0.99, 4.60409), (11, 0.95, 2.22814),
     (31, 0.9, 1.69726), (2001, 0.95, 1.96115)],
)  # fmt: skip
def test_interval_over_seeds_uses_the_table_of_student(count, level, t):
    values = np.where(np.arange(count) % 2, 1.0, -1.0)
    found = seeds_interval(values, level=level)
    half = t * values.std(ddof=1) / math.sqrt(count)
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=1e-5)


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        ([1.0], {}, "at least two numbers"),
        ([[1.0, 2.0]], {}, r"\[1, 2\]"),
        (["a", "b"], {}, "at least two numbers"),
        ([1.0, np.nan, 2.0], {}, "1 of 3 values"),
        ([1.0, 2.0], {"level": 1.0}, "level is 1.0"),
    ],
)
def test_values_without_an_interval_are_explained(values, options, message):
    for interval in (bootstrap, seeds_interval):
        with pytest.raises(OptionError, match=message):
            interval(values, **options)


def test_options_of_the_bootstrap_are_checked():
    with pytest.raises(OptionError, match="at least 100"):
        bootstrap(np.arange(5), resamples=10)
    with pytest.raises(OptionError, match="seed -1"):
        bootstrap(np.arange(5), seed=-1)
    with pytest.raises(OptionError, match="5 scores and 4"):
        paired_bootstrap(np.arange(5), np.arange(4))
