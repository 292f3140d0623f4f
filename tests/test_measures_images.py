import numpy as np
import pytest

from latlas.contracts import OptionError
from latlas.measures.images import structural_similarity

C1, C2 = 0.0001, 0.0009


def pictures(count, height, width, channels=1, seed=0):
    generator = np.random.default_rng(seed)
    x = generator.integers(0, 256, size=(count, height, width, channels), dtype=np.uint8)
    noise = generator.integers(-60, 61, size=x.shape)
    return x, np.clip(x + noise, 0, 255).astype(np.uint8)


def slow_similarity(x, y):
    """The formula place by place, in float64, on one grey image in 0..1."""
    size = min(11, *x.shape)
    size -= 1 - size % 2
    offsets = np.arange(size) - size // 2
    window = np.exp(-(offsets[:, None] ** 2 + offsets[None] ** 2) / (2 * 1.5**2))
    window /= window.sum()
    scores = []
    for top in range(x.shape[0] - size + 1):
        for left in range(x.shape[1] - size + 1):
            p, q = (image[top : top + size, left : left + size] for image in (x, y))
            mean_p, mean_q = (window * p).sum(), (window * q).sum()
            var_p, var_q = (window * (p - mean_p) ** 2).sum(), (window * (q - mean_q) ** 2).sum()
            covariance = (window * (p - mean_p) * (q - mean_q)).sum()
            scores.append(
                (2 * mean_p * mean_q + C1)
                * (2 * covariance + C2)
                / ((mean_p**2 + mean_q**2 + C1) * (var_p + var_q + C2))
            )
    return np.mean(scores)


@pytest.mark.parametrize(
    ("height", "width", "channels"),
    [(16, 13, 1), (11, 11, 3), (12, 30, 3), (8, 20, 1), (7, 5, 1), (2, 2, 1), (1, 9, 3)],
)
def test_similarity_agrees_with_the_formula_place_by_place(height, width, channels):
    x, y = pictures(3, height, width, channels)
    expected = [
        np.mean([slow_similarity(p[..., c] / 255, q[..., c] / 255) for c in range(channels)])
        for p, q in zip(x, y, strict=True)
    ]
    found = structural_similarity(x, y)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_similarity_of_flat_images_is_that_of_their_light():
    x = np.full((2, 12, 12, 1), 0.5)
    y = np.full((2, 12, 12, 1), 0.25)
    y[1] = 1
    # (2 * 0.5 * 0.25 + C1) / (0.25 + 0.0625 + C1), and 2 * 0.5 * 1 over 0.25 + 1
    np.testing.assert_allclose(structural_similarity(x, y), [0.800064, 0.800016], atol=2e-5)


def test_similarity_of_one_small_window_by_hand():
    # The window of 3 is (a, b, a) with b = 1 / (1 + 2 exp(-1 / 4.5)) = 0.384397, a = 0.307801.
    # The middle pixel has b² = 0.147761 of the weight. In x it alone is 1, in y all others are:
    # both variances are b² (1 - b²) = 0.125928, and the covariance is the negative of it.
    x = np.zeros((1, 3, 3, 1), dtype=np.float32)
    x[0, 1, 1] = 1
    luminance = (2 * 0.147761 * 0.852239 + C1) / (0.147761**2 + 0.852239**2 + C1)
    structure = (-2 * 0.125928 + C2) / (2 * 0.125928 + C2)
    assert structural_similarity(x, 1 - x)[0] == pytest.approx(luminance * structure, abs=1e-5)


def test_equal_images_are_wholly_similar_and_the_order_does_not_matter():
    x, y = pictures(600, 28, 28)  # more than one block
    np.testing.assert_array_equal(structural_similarity(x, x), 1)
    similar = structural_similarity(x, y)
    np.testing.assert_array_equal(similar, structural_similarity(y, x))
    assert (similar < 1).all()
    np.testing.assert_array_equal(similar[590:], structural_similarity(x[590:], y[590:]))


def test_similarity_is_the_same_for_uint8_and_floats():
    x, y = pictures(4, 14, 14, 3)
    floats = structural_similarity((x / 255).astype(np.float32), y / 255)
    np.testing.assert_allclose(structural_similarity(x, y), floats, atol=1e-6)


def test_similarity_keeps_its_precision_in_bright_places():
    generator = np.random.default_rng(0)
    x, y = 0.95 + 0.01 * generator.normal(size=(2, 2, 13, 13, 1))
    expected = [slow_similarity(p[..., 0], q[..., 0]) for p, q in zip(x, y, strict=True)]
    np.testing.assert_allclose(structural_similarity(x, y), expected, atol=1e-4)


def test_images_may_be_read_only():
    x, y = pictures(2, 12, 12)
    for images in (x, y):
        images.flags.writeable = False
    assert structural_similarity(x, y).shape == (2,)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.ones((2, 8, 8)), np.ones((2, 8, 8)), "axis of one channel"),
        (np.ones((2, 8, 8, 1)), np.ones((2, 8, 9, 1)), r"\[2, 8, 8, 1\] and \[2, 8, 9, 1\]"),
        (np.ones((0, 8, 8, 1)), np.ones((0, 8, 8, 1)), "at least one image"),
        (np.ones((2, 8, 8, 1), dtype=int), np.ones((2, 8, 8, 1)), "type int64"),
    ],
)
def test_images_that_cannot_be_compared_are_explained(x, y, message):
    with pytest.raises(OptionError, match=message):
        structural_similarity(x, y)
