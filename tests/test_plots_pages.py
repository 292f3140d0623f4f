"""Pages of every kind: nothing lies on another or is cut off, all formats, the same pixels."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from drawing import RNG, clusters, images, start_again
from latlas import plots
from latlas.plots import layout
from latlas.plots.page import pixels

LONG = (
    "golden retriever",
    "a",
    "Staffordshire bullterrier, bull terrier",
    "flat-coated dog",
    "고양이",
)


@pytest.fixture(autouse=True)
def same_numbers_in_any_order_of_tests():
    start_again()


def names(count):
    return [f"{LONG[k % 5]} {k}" for k in range(count)]


def softmax(*shape):
    logits = np.exp(RNG.normal(0, 2, shape))
    return logits / logits.sum(axis=-1, keepdims=True)


def written(figure):
    """All texts of the page and its axes that are not empty."""
    every = [text for axes in figure.axes for text in axes.texts]
    for axes in figure.axes:
        low, high = sorted(axes.get_xlim())
        if axes.axison:
            ticks = zip(axes.get_xticks(), axes.get_xticklabels(), strict=True)
            every += [text for at, text in ticks if low <= at <= high]
    return [text for text in (*figure.texts, *every) if text.get_text() and text.get_visible()]


def assert_tidy(figure):
    """No text lies on another or leaves the page."""
    pixels(figure)
    boxes = [(text.get_text(), text.get_window_extent()) for text in written(figure)]
    page = figure.bbox
    for n, (text, box) in enumerate(boxes):
        assert page.x0 <= box.x0, text
        assert page.y0 <= box.y0, text
        assert box.x1 <= page.x1, text
        assert box.y1 <= page.y1, text
        crossed = [other for other, beside in boxes[:n] if box.overlaps(beside)]
        assert crossed == [], text


def a_confusion(K, **how):
    counts = RNG.integers(0, 3, (K, K)) + 90 * np.eye(K, dtype=int)
    examples = {(0, 1): images(2, **how), (1, 0): images(6, **how)}
    return plots.confusion(counts, names(K), examples, title="T")


def some_regions(K):
    xy, labels = clusters(K, each=20)
    low, high = xy.min() - 1, xy.max() + 1
    extent = (2 * low - high, high, low, high)
    return plots.decision_regions(xy, labels, names(K), softmax(12, 12, K), extent)


def some_panels(K, **how):
    xy, labels = clusters(K, each=20)
    return plots.class_panels(xy, labels, names(K), title="T", **how)


def a_film(K, S=12, **how):
    return plots.film_with_odds(images(S, **how), softmax(S, K), names(K), title="T")


def a_row(name, value, measure="FID", better="lower", **more):
    return {"measure": measure, "name": name, "value": value, "better": better} | more


def some_scores(measures):
    return [
        a_row(name, value, f"a measure with a long name {m}", low=value * 0.8, high=value * 1.3)
        for m in range(measures)
        for name, value in (("a candidate with a very long name indeed", 3.0 + m), ("b", 700.0))
    ] + [a_row("real against real", 1.0, "a measure with a long name 0", role="floor")]


def a_reliability(bins=10):
    x = np.linspace(0.05, 0.999, bins)
    return plots.reliability_curve(x, x**2, np.arange(bins) ** 4, 0.1, title="T")


def some_samples(K, groups=4):
    return plots.sample_rows(
        {f"the scope {g}": images(K, 5) for g in range(groups)}, "T", classes=names(K)
    )


def some_findings(count, pairs=None):
    titles = [f"given {LONG[n % 5]}, looks like {LONG[n % 3]}" for n in range(count)]
    return plots.findings_sheet(images(count, channels=3), titles, ["0.98"] * count, pairs)


# --- pages -------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [2, 10])
def test_texts_of_pages_by_class_do_not_meet(classes):
    assert_tidy(a_confusion(classes))
    assert_tidy(some_panels(classes))
    assert_tidy(some_samples(min(classes, 10)))
    assert_tidy(a_film(classes))


@pytest.mark.parametrize(
    "draw",
    [
        lambda: a_confusion(60, channels=3, height=300, width=300),
        lambda: some_regions(6),
        lambda: some_panels(60, page=2),
        lambda: some_samples(60, groups=8),
        lambda: a_film(60, S=30, channels=3),
        lambda: some_findings(7),
        lambda: some_findings(3, images(3, channels=3)),
        lambda: plots.score_bars(some_scores(1), title="T"),
        lambda: plots.score_bars(some_scores(5), title="T"),
        lambda: a_reliability(20),
        lambda: a_reliability(2),
    ],
)
def test_texts_of_large_and_odd_pages_do_not_meet(draw):
    assert_tidy(draw())


DRAWN = [
    lambda: a_confusion(3),
    lambda: some_regions(3),
    lambda: some_panels(2, errors=np.arange(40.0)),
    lambda: a_film(3, S=3),
    lambda: some_findings(2),
    lambda: some_samples(2, groups=2),
    lambda: plots.score_bars(some_scores(2)),
    a_reliability,
]


@pytest.mark.parametrize("draw", DRAWN)
def test_the_same_input_gives_the_same_pixels(draw):
    first = pixels(draw())
    start_again()
    np.testing.assert_array_equal(first, pixels(draw()))
    assert len(np.unique(first[::7, ::7, 0])) > 3


@pytest.mark.parametrize("draw", DRAWN)
def test_every_picture_is_written_in_every_format(tmp_path, draw):
    figure = draw()
    for suffix, start in ((".png", b"\x89PNG"), (".svg", b"<?xml"), (".pdf", b"%PDF")):
        content = plots.save(figure, tmp_path / f"picture{suffix}").read_bytes()
        assert content.startswith(start)
        assert len(content) > 1000


def test_pages_are_eight_inches_wide(tmp_path):
    for draw in (lambda: a_confusion(2), lambda: some_findings(2), lambda: a_film(2, S=3)):
        figure = draw()
        assert figure.get_size_inches()[0] == pytest.approx(8, abs=0.01)
        with Image.open(plots.save(figure, tmp_path / "a.png")) as picture:
            assert 1270 <= picture.size[0] <= 2600


# --- letters -----------------------------------------------------------------------------


def test_fitted_text_keeps_to_its_room():
    for room in (0.3, 1.0, 2.0):
        assert layout.width_of(layout.fitted("curly-coated retriever", room, 8.5), 8.5) <= room
    assert layout.fitted("dog", 1.0, 8.5) == "dog"
    assert layout.fitted("고양이", 1.0, 8.5, otherwise="class 3") in ("고양이", "class 3")


def test_wrapped_text_breaks_where_both_lines_are_shortest():
    assert layout.wrapped("one two three four", 9.0, 8.5) == ["one two three four"]
    half = layout.width_of("three four", 8.5)
    assert layout.wrapped("one two three four", half, 8.5) == ["one two", "three four"]
    assert len(layout.wrapped("x" * 80, 1.0, 8.5)) == 1


def test_large_images_are_shrunk_to_the_dots_of_the_page():
    large = np.full((2, 600, 300, 3), 77, dtype=np.uint8)
    small = layout.shrunk(large, 0.5)
    assert small.shape == (2, 200, 100, 3)
    assert (small == 77).all()
    assert layout.shrunk(small, 0.5) is small


@pytest.mark.parametrize("K", [2, 60, 200])
def test_confusion_without_mistakes_and_with_many_classes(K):
    figure = plots.confusion(5 * np.eye(K, dtype=int), names(K))
    assert "no mistakes" in [text.get_text() for text in figure.texts]
    assert figure.axes[0].images[0].get_array().shape == (K, K, 3)
    assert_tidy(figure)


@pytest.mark.parametrize("shape", [(40, 20), (20, 40), (300, 500)])
def test_panels_take_images_of_any_shape(shape):
    tiles = images(6, height=shape[0], width=shape[1])
    xy = RNG.normal(0, 1, (6, 2))
    figure = plots.class_panels(xy, np.zeros(6, int), ["a"], tiles, errors=np.arange(6.0))
    assert_tidy(figure)


def test_panels_of_one_point_and_of_constant_errors():
    figure = plots.class_panels(np.ones((3, 2)) * 1e6, np.arange(3), names(3), errors=np.ones(3))
    assert_tidy(figure)
    plots.class_panels(np.ones((1, 2)), np.zeros(1, int), ["a"], errors=np.full(1, np.nan))


def test_drawing_leaves_the_settings_of_matplotlib_alone():
    before = dict(mpl.rcParams)
    pixels(a_confusion(3))
    pixels(some_panels(2))
    assert dict(mpl.rcParams) == before
