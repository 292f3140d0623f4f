"""The latent map, its colours and its fonts, and the files that pictures are written to."""

from __future__ import annotations

import subprocess
import sys
import threading

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from drawing import RNG, clusters, start_again, texts
from latlas import plots
from latlas.contracts import OptionError, StorageError
from latlas.plots import colours, page
from latlas.plots.page import pixels, words

# Machado, Oliveira and Fernandes, 2009, severity 1.0, for linear RGB.
BLINDNESS = {
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


@pytest.fixture(autouse=True)
def same_numbers_in_any_order_of_tests():
    start_again()


def linear(rgb):
    rgb = np.asarray(rgb) / 255
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def smallest_distance(rgb_linear):
    """Smallest distance of two colours in OKLab, times 100."""
    lms = np.cbrt(np.clip(rgb_linear, 0, 1) @ np.linalg.inv(colours._LMS_TO_RGB).T)
    lab = 100 * lms @ np.linalg.inv(colours._LAB_TO_LMS).T
    apart = np.linalg.norm(lab[:, None] - lab[None], axis=-1)
    return apart[np.triu_indices(len(lab), 1)].min()


def lightness(rgb):
    """CIE L* of colours uint8 [K, 3]."""
    return 116 * np.cbrt(linear(rgb) @ [0.2126, 0.7152, 0.0722]) - 16


# --- colours -----------------------------------------------------------------------------


def test_class_colours_stay_apart_for_colour_blind_readers():
    rgb = linear(colours.class_colours(10))
    assert smallest_distance(rgb) > 18
    least = {"deuteranopia": 11, "protanopia": 11, "tritanopia": 9.5}
    for name, matrix in BLINDNESS.items():
        assert smallest_distance(np.clip(rgb @ np.transpose(matrix), 0, 1)) > least[name], name


def test_class_colours_stay_apart_in_grey_print():
    grey = np.sort(lightness(colours.class_colours(10)))
    assert np.diff(grey).min() > 5
    assert grey[-1] < 85  # the lightest is still seen on white paper


def test_two_hundred_classes_get_two_hundred_colours():
    many = colours.class_colours(200)
    assert len({tuple(colour) for colour in many}) == 200
    assert np.abs(np.diff(lightness(many))).min() > 5


def test_density_colours_darken_steadily():
    assert (np.diff(lightness(colours.ramp(64))) < 0).all()


def test_dark_text_colours_have_contrast():
    for count in (10, 200):
        dark = linear(colours.darkened(colours.class_colours(count)))
        assert (dark @ [0.2126, 0.7152, 0.0722]).max() < 0.1  # contrast above 7 on white


# --- the map -----------------------------------------------------------------------------


def test_map_writes_class_names_at_their_medians():
    xy, labels = clusters()
    names = list("abcdefghij")
    figure = plots.latent_map(xy, labels, names, title="Ten classes", method="PCA")
    written = {text.get_text(): text.get_position() for text in figure.axes[0].texts}
    assert set(written) == set(names)
    for k, name in enumerate(names):
        np.testing.assert_allclose(written[name], np.median(xy[labels == k], axis=0), rtol=1e-5)


def test_map_says_number_method_and_trustworthiness():
    xy, labels = clusters()
    figure = plots.latent_map(
        xy, labels, list("abcdefghij"), title="A title", method="t-SNE", trustworthiness=0.98125
    )
    assert "A title" in texts(figure)
    assert "400 images · t-SNE · trustworthiness 0.981" in texts(figure)


def test_map_shows_each_class_in_its_colour_at_its_place():
    xy, labels = clusters(each=200)
    figure = plots.latent_map(xy, labels, list("abcdefghij"))
    drawn, axes = pixels(figure), figure.axes[0]
    for k, colour in enumerate(colours.class_colours(10)):
        x, y = axes.transData.transform(xy[labels == k]).T
        rows, columns = len(drawn) - 1 - y.astype(int), x.astype(int)
        assert (drawn[rows, columns] == colour).all(axis=1).mean() > 0.2  # rims and names aside


def test_map_keeps_one_scale_for_both_axes():
    xy, labels = clusters()
    axes = plots.latent_map(xy * [1, 5], labels, list("abcdefghij")).axes[0]
    (x0, y0), (x1, y1) = axes.transData.transform([(0, 0), (1, 1)])
    assert x1 - x0 == pytest.approx(y1 - y0, rel=1e-6)


def test_no_class_covers_another():
    xy = RNG.normal(0, 1, (20_000, 2)).astype(np.float32)
    labels = np.repeat([0, 1], 10_000)
    drawn = pixels(plots.latent_map(xy, labels, ["", ""]))
    first, second = ((drawn == c).all(axis=2).sum() for c in colours.class_colours(2))
    assert 0.9 < first / second < 1.1


def test_names_on_one_spot_are_pushed_apart():
    xy = RNG.normal(0, 1, (2000, 2)).astype(np.float32)
    labels = np.arange(2000) % 10
    figure = plots.latent_map(xy, labels, [f"a long name {k}" for k in range(10)])
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert len(boxes) == 10
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_two_hundred_classes_name_the_largest_that_find_room():
    xy = RNG.normal(0, 1, (6000, 2)).astype(np.float32)
    labels = np.concatenate([np.arange(200), RNG.integers(0, 200, 5700), np.full(100, 7)])
    figure = plots.latent_map(xy, labels, [f"category {k}" for k in range(200)])
    named = figure.axes[0].texts
    assert 1 < len(named) < 200
    assert "category 7" in [text.get_text() for text in named]
    assert f"names: {len(named)} of the largest of 200 classes" in texts(figure)
    boxes = [text.get_window_extent() for text in named]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


@pytest.mark.parametrize("labels", [None, np.full(500, -1)])
def test_map_without_labels_shows_density(labels):
    xy = np.concatenate([RNG.normal(0, 0.2, (450, 2)), RNG.uniform(-5, 5, (50, 2))])
    figure = plots.latent_map(xy, labels)
    assert not figure.axes[0].texts
    drawn, axes = pixels(figure), figure.axes[0]
    x, y = axes.transData.transform(xy).astype(int).T
    grey = lightness(drawn[len(drawn) - 1 - y, x])
    assert grey[:450].mean() < grey[450:].mean() - 15


def test_points_without_a_label_are_grey_and_below():
    xy = np.zeros((1000, 2), dtype=np.float32)
    labels = np.where(np.arange(1000) < 999, -1, 0)
    drawn = pixels(plots.latent_map(xy, labels, [""]))
    assert (drawn == colours.class_colours(1)[0]).all(axis=2).any()
    assert not (drawn == colours.UNKNOWN).all(axis=2).any()
    apart = pixels(plots.latent_map(xy + np.arange(1000)[:, None], labels, [""]))
    assert (apart == colours.UNKNOWN).all(axis=2).any()


def test_held_out_points_stand_out():
    xy, labels = clusters(classes=2, each=100)
    held_out = np.arange(200) % 4 == 0
    figure = plots.latent_map(xy, labels, ["a", "b"], held_out=held_out)
    assert "full colour: 50 held out · pale: 150 trained on" in texts(figure)
    plain = pixels(plots.latent_map(xy, labels, ["a", "b"]))
    shade = colours.class_colours(1)[0]
    full, fewer = ((p == shade).all(axis=2).sum() for p in (plain, pixels(figure)))
    assert 0 < fewer < full


def test_points_that_are_not_finite_are_left_out_and_counted():
    xy, labels = clusters()
    xy[:3] = [[np.nan, 0], [0, np.inf], [np.nan, np.nan]]
    figure = plots.latent_map(xy, labels, list("abcdefghij"))
    assert "397 images · 3 without coordinates left out" in texts(figure)


@pytest.mark.parametrize("count", [1, 2, 10])
def test_few_points_make_a_map(count):
    xy = np.arange(2 * count, dtype=np.float32).reshape(count, 2)
    figure = plots.latent_map(xy, np.zeros(count, int), ["only"])
    assert (pixels(figure) == colours.class_colours(1)[0]).all(axis=2).any()
    assert "only" in texts(figure)


def test_one_point_keeps_its_name_beside_it():
    figure = plots.latent_map(np.ones((1, 2)), np.zeros(1, int), ["only"])
    box = figure.axes[0].texts[0].get_window_extent()
    x, y = figure.axes[0].transData.transform((1, 1))
    assert not box.contains(x, y)


@pytest.mark.parametrize(
    ("xy", "labels", "classes", "message"),
    [
        (np.zeros((0, 2)), None, (), "0 points"),
        (np.full((4, 2), np.nan), None, (), "none with finite"),
        (np.zeros((4, 3)), None, (), r"\[4, 3\]; expected \[N, 2\]"),
        (np.zeros((4, 2)), np.zeros(3, int), ("a",), "3 labels for 4 points"),
        (np.zeros((4, 2)), np.arange(4), ("a", "b"), "label is 3 but there are 2"),
    ],
)
def test_map_of_nothing_or_of_unequal_arrays_says_so(xy, labels, classes, message):
    with pytest.raises(OptionError, match=message):
        plots.latent_map(xy, labels, classes)


def test_names_are_printed_as_they_stand():
    xy, labels = clusters(classes=4)
    names = ["$x_{$", "\\alpha", "two\nlines", "an extremely long name that goes on and on"]
    figure = plots.latent_map(xy, labels, names, title="$\\frac{broken")
    pixels(figure)
    shown = texts(figure)
    assert {"$x_{$", "\\alpha", "two lines", "$\\frac{broken"} <= set(shown)
    assert "an extremely lo…n and on" in shown


def test_letters_that_no_font_has_become_boxes_or_the_number_of_the_class(monkeypatch):
    monkeypatch.setattr(page, "_OTHER_FONTS", ())
    xy, labels = clusters(classes=2)
    figure = plots.latent_map(xy, labels, ["고양이", "dog 개"], title="고양이 map")
    pixels(figure)  # draws without a warning
    assert {"class 0", "dog □", "□□□ map"} <= set(texts(figure))


def test_another_installed_font_lends_its_letters(monkeypatch):
    # Any bundled font with a letter that DejaVu Sans lacks will do.
    lent = sorted(page._letters("STIXGeneral", "normal") - page._letters("DejaVu Sans", "normal"))
    letter = next(chr(code) for code in lent if chr(code).isprintable())
    monkeypatch.setattr(page, "_OTHER_FONTS", ("No Such Font", "STIXGeneral"))
    figure = page.new_page(4, 1, "", letter)
    pixels(figure)
    assert figure.texts[0].get_text() == letter
    assert figure.texts[0].get_fontfamily() == ["DejaVu Sans", "STIXGeneral"]


def test_words_shortens_in_the_middle():
    assert words("abcdefghijklmnop", longest=10) == "abcdef…nop"
    assert words("short") == "short"


# --- files -------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf", ".PNG"])
def test_the_same_input_gives_the_same_bytes(tmp_path, suffix):
    xy, labels = clusters(classes=3)
    first, second = (
        plots.save(plots.latent_map(xy, labels, list("abc"), title="T"), tmp_path / f"{n}{suffix}")
        for n in range(2)
    )
    assert first.read_bytes() == second.read_bytes()
    assert len(first.read_bytes()) > 1000
    assert sorted(tmp_path.iterdir()) == [first, second]  # nothing left beside


def test_png_has_the_size_of_the_figure(tmp_path):
    xy, labels = clusters(classes=3)
    figure = plots.latent_map(xy, labels, list("abc"))
    path = plots.save(figure, tmp_path / "a" / "b" / "map.png")
    with Image.open(path) as picture:
        assert picture.size[0] == 1600
        np.testing.assert_array_equal(np.asarray(picture), pixels(figure))


def test_map_draws_at_another_resolution_too(tmp_path):
    xy, labels = clusters(classes=3)
    figure = plots.latent_map(xy, labels, list("abc"))
    figure.savefig(tmp_path / "small.png", dpi=50)
    with Image.open(tmp_path / "small.png") as picture:
        assert picture.size[0] == 400
        assert np.asarray(picture.convert("L")).min() < 200


@pytest.mark.parametrize("name", ["map.jpg", "map", "map.gif"])
def test_unknown_file_ending_is_refused(tmp_path, name):
    with pytest.raises(OptionError, match=r"expected one of \.png, \.svg, \.pdf"):
        plots.save(plots.kl_per_dimension(np.ones(2)), tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="Cannot write the picture"):
        plots.save(plots.kl_per_dimension(np.ones(2)), tmp_path / "file" / "kl.png")


def test_threads_draw_the_same_pictures():
    xy, labels = clusters(classes=3)
    alone = pixels(plots.latent_map(xy, labels, list("abc"), title="T"))
    drawn: list[np.ndarray] = []

    def draw():
        drawn.append(pixels(plots.latent_map(xy, labels, list("abc"), title="T")))

    threads = [threading.Thread(target=draw) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(drawn) == 4
    for picture in drawn:
        np.testing.assert_array_equal(picture, alone)


def test_figures_are_plain_matplotlib_figures_without_pyplot():
    assert isinstance(plots.kl_per_dimension(np.ones(2)), Figure)
    code = "import sys, latlas.plots; print('matplotlib.pyplot' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"
