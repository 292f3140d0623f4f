"""Every kind of picture comes out as the eye sees it, at the size that was asked for."""

import io

import numpy as np
import pytest
from PIL import Image

from latlas.data.pixels import Frame, decode, strict_pillow

GENERATOR = np.random.default_rng(1)


def encoded(image, kind="PNG", **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def decoded(data, height, width, channels, resize="crop"):
    with strict_pillow():
        flat = decode(data, Frame(height, width, channels, resize))
    return np.frombuffer(flat, np.uint8).reshape(height, width, channels)


def test_rgb_and_grey_pass_unchanged():
    rgb = GENERATOR.integers(0, 256, (9, 7, 3), np.uint8)
    np.testing.assert_array_equal(decoded(encoded(Image.fromarray(rgb)), 9, 7, 3), rgb)
    grey = rgb[..., 0]
    result = decoded(encoded(Image.fromarray(grey)), 9, 7, 1)
    np.testing.assert_array_equal(result[..., 0], grey)
    as_rgb = decoded(encoded(Image.fromarray(grey)), 9, 7, 3)
    np.testing.assert_array_equal(as_rgb, np.repeat(grey[..., None], 3, axis=2))


def test_colour_becomes_grey_by_luma():
    image = Image.new("RGB", (4, 4), (200, 100, 50))
    assert abs(int(decoded(encoded(image), 4, 4, 1)[0, 0, 0]) - 124) <= 1  # .299R + .587G + .114B


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_laid_over_white(mode):
    image = Image.new(mode, (4, 4), (0, 0, 0, 0) if mode == "RGBA" else (0, 0))
    image.putpixel((0, 0), (10, 10, 10, 255) if mode == "RGBA" else (10, 255))
    pixels = decoded(encoded(image), 4, 4, 3)
    assert pixels[0, 0].tolist() == [10, 10, 10]
    assert pixels[1, 1].tolist() == [255, 255, 255]


def test_palette_and_its_transparent_colour():
    image = Image.new("P", (2, 1))
    image.putpalette([255, 0, 0, 0, 0, 255])
    image.putdata([0, 1])
    assert decoded(encoded(image), 1, 2, 3).tolist() == [[[255, 0, 0], [0, 0, 255]]]
    data = encoded(image, "GIF", transparency=1)
    assert decoded(data, 1, 2, 3).tolist() == [[[255, 0, 0], [255, 255, 255]]]


def test_one_bit_images_are_black_and_white():
    image = Image.fromarray(np.eye(8, dtype=bool))
    pixels = decoded(encoded(image), 8, 8, 1)
    np.testing.assert_array_equal(pixels[..., 0], np.eye(8, dtype=np.uint8) * 255)


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bit_values_are_scaled_not_clipped(kind):
    values = np.array([[0, 257, 32896, 65535]], np.uint16)
    pixels = decoded(encoded(Image.fromarray(values), kind), 1, 4, 1)
    assert pixels.ravel().tolist() == [0, 1, 128, 255]


def test_float_tiff_in_the_unit_range():
    values = np.array([[0.0, 0.5, 1.0]], np.float32)
    pixels = decoded(encoded(Image.fromarray(values), "TIFF"), 1, 3, 1)
    assert pixels.ravel().tolist() == [0, 128, 255]


def test_cmyk_jpeg_keeps_its_colours():
    red = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    pixel = decoded(encoded(red, "JPEG", quality=95), 16, 16, 3)[8, 8]
    assert pixel[0] > 240
    assert max(pixel[1:]) < 15


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_exif_orientation_turns_the_picture_upright(kind):
    upright = np.zeros((8, 16, 3), np.uint8)
    upright[:, :8] = (250, 0, 0)  # red on the left
    exif = Image.Exif()
    exif[0x0112] = 6  # stored turned: show it rotated by 90 degrees clockwise
    stored = Image.fromarray(np.rot90(upright))
    pixels = decoded(encoded(stored, kind, exif=exif), 8, 16, 3)
    assert np.abs(pixels[:, 2].astype(int) - (250, 0, 0)).max() < 30
    assert np.abs(pixels[:, 13].astype(int)).max() < 30


def test_crop_cuts_the_overhang_evenly_and_pad_adds_black():
    wide = np.zeros((10, 30, 3), np.uint8)
    wide[:, :10], wide[:, 10:20], wide[:, 20:] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    data = encoded(Image.fromarray(wide))
    cropped = decoded(data, 10, 10, 3)
    np.testing.assert_array_equal(cropped, np.broadcast_to([0, 255, 0], (10, 10, 3)))
    padded = decoded(data, 30, 30, 3, "pad")
    np.testing.assert_array_equal(padded[10:20], wide)
    assert padded[:10].max() == padded[20:].max() == 0


def test_shrinking_is_antialiased():
    stripes = np.zeros((64, 64), np.uint8)
    stripes[:, ::2] = 255
    pixels = decoded(encoded(Image.fromarray(stripes)), 8, 8, 1)
    assert np.abs(pixels.astype(int) - 127).max() <= 3  # not all black or all white


def test_large_jpeg_shrinks_to_what_a_full_decode_gives():
    ramp = np.linspace(0, 255, 1024).astype(np.uint8)
    picture = np.stack([np.tile(ramp, (768, 1)), np.tile(ramp[:768, None], (1, 1024))] * 2, 2)
    data = encoded(Image.fromarray(picture[..., :3]), "JPEG", quality=95)
    full = encoded(Image.open(io.BytesIO(data)).convert("RGB"))  # the same picture as PNG
    ours, reference = decoded(data, 32, 32, 3), decoded(full, 32, 32, 3)
    assert np.abs(ours.astype(int) - reference).max() <= 3


@pytest.mark.parametrize("size", [(1, 1), (500, 1), (1, 500), (3, 1000)])
@pytest.mark.parametrize("resize", ["crop", "pad"])
def test_extreme_shapes_still_fit(size, resize):
    data = encoded(Image.new("RGB", size, (9, 8, 7)))
    assert decoded(data, 16, 16, 3, resize).max(axis=(0, 1)).tolist() == [9, 8, 7]


@pytest.mark.parametrize("kind", ["JPEG", "GIF", "BMP", "WEBP", "PPM", "TIFF", "JPEG2000"])
def test_usual_file_formats_are_read(kind):
    options = {"quality": 95} if kind in ("JPEG", "WEBP") else {}
    data = encoded(Image.new("RGB", (16, 16), (200, 40, 80)), kind, **options)
    assert np.abs(decoded(data, 16, 16, 3)[8, 8].astype(int) - (200, 40, 80)).max() <= 6
