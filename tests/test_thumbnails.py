import io

import numpy as np
import pytest
from PIL import Image

from latlas.contracts import OptionError
from latlas.thumbnails import thumbnails


def decode(file: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(file)) as picture:
        picture.verify()
    return np.asarray(Image.open(io.BytesIO(file)))


@pytest.mark.parametrize("shape", [(3, 28, 28, 1), (2, 1, 1, 1), (2, 5, 9, 3), (1, 64, 64, 3)])
def test_small_images_survive_to_the_bit(shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    files = thumbnails(pixels)
    assert len(files) == shape[0]
    for image, file in zip(pixels, files, strict=True):
        np.testing.assert_array_equal(decode(file).reshape(image.shape), image)


def test_large_images_shrink_to_the_longer_side_and_keep_their_colour():
    pixels = np.zeros((1, 100, 200, 3), np.uint8)
    pixels[:] = (10, 120, 250)
    picture = decode(thumbnails(pixels)[0])
    assert picture.shape == (32, 64, 3)
    assert (picture == (10, 120, 250)).all()


def test_a_very_long_image_keeps_at_least_one_pixel():
    picture = decode(thumbnails(np.full((1, 1000, 2, 1), 7, np.uint8))[0])
    assert picture.shape == (64, 1)
    assert (picture == 7).all()


def test_shrinking_averages_instead_of_skipping_pixels():
    stripes = np.zeros((1, 256, 256, 1), np.uint8)
    stripes[:, :, ::2] = 255
    picture = decode(thumbnails(stripes)[0])
    assert abs(picture[2:-2, 2:-2].astype(int) - 127).max() <= 8


def test_no_images_give_no_files():
    assert thumbnails(np.empty((0, 8, 8, 1), np.uint8)) == []


def test_more_images_than_a_batch_keep_their_order():
    pixels = (np.arange(5000) % 251).astype(np.uint8).reshape(-1, 1, 1, 1)
    files = thumbnails(pixels)
    assert [int(decode(files[i])[0, 0]) for i in (0, 4095, 4096, 4999)] == [0, 79, 80, 230]


@pytest.mark.parametrize(
    "pixels", [np.zeros((2, 4, 4), np.uint8), np.zeros((2, 4, 4, 1)), np.zeros((2, 4, 4, 4), "u1")]
)
def test_wrong_arrays_are_refused_in_words(pixels):
    with pytest.raises(OptionError, match="uint8 images"):
        thumbnails(pixels)


def test_a_side_below_one_is_refused():
    with pytest.raises(OptionError, match="at least 1 pixel"):
        thumbnails(np.zeros((1, 2, 2, 1), np.uint8), side=0)
