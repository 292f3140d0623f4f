"""Pictures of what a space is used for: answers, findings, samples, walks and scores."""

from __future__ import annotations

import numpy as np
import pytest

from drawing import RNG, clusters, images, start_again, texts, tiles_on
from latlas import plots
from latlas.contracts import OptionError
from latlas.plots import colours
from latlas.plots.judgements import _wilson
from latlas.plots.page import pixels


@pytest.fixture(autouse=True)
def same_numbers_in_any_order_of_tests():
    start_again()


def names(count):
    return [str(k) for k in range(count)]


def with_gid(figure, gid):
    """All artists that carry a name of their own."""
    return figure.findobj(lambda artist: artist.get_gid() == gid)


def a_row(name, value, measure="FID", better="lower", **more):
    return {"measure": measure, "name": name, "value": value, "better": better} | more


# --- confusion ---------------------------------------------------------------------------


def test_confusion_lists_the_fullest_wrong_cells_first():
    counts = np.array([[90, 3, 7], [0, 50, 0], [7, 0, 20]])
    figure = plots.confusion(counts, ["cat", "dog", "owl"])
    assert [text.get_text() for text in with_gid(figure, "pair")] == [
        "owl → cat",  # 7 of 27, a larger share than 7 of 100
        "cat → owl",
        "cat → dog",
    ]
    assert {"7 · 25.9%", "7 · 7.0%", "3 · 3.0%"} <= set(texts(figure))
    assert "160 of 177 answers right (90.4%)" in texts(figure)
    framed = [(round(r.get_y(), 3), round(r.get_x(), 3)) for r in with_gid(figure, "mistake")]
    assert framed == [(2, 0), (0, 2), (0, 1)]


def test_confusion_prints_the_counts_of_up_to_twenty_classes():
    few = plots.confusion(np.array([[12345, 4], [0, 7]]), ["a", "b"])
    assert sorted(text.get_text() for text in with_gid(few, "count")) == ["12k", "4", "7"]
    counts = np.ones((21, 21), dtype=int)
    assert len(with_gid(plots.confusion(counts[:20, :20], names(20)), "count")) == 400
    assert with_gid(plots.confusion(counts, names(21)), "count") == []


def test_confusion_colours_a_cell_by_its_share_of_the_row():
    counts = np.array([[50, 50, 0], [5, 5, 0], [1, 0, 99]])
    image = plots.confusion(counts, ["a", "b", "c"]).axes[0].images[0].get_array()
    np.testing.assert_array_equal(image[0], image[1])  # ten times as many, equal shares
    assert (image[0, 2] == 255).all()
    assert image[2, 0].sum() > image[0, 0].sum() > image[2, 2].sum()  # the more, the darker
    assert image[2, 0].sum() < 3 * 250  # one in a hundred is seen


def test_confusion_shows_four_examples_of_a_cell_to_the_pixel():
    tiles = images(5, channels=3, height=28, width=28)
    figure = plots.confusion(np.array([[5, 9], [0, 5]]), ["a", "b"], {(0, 1): tiles})
    axes = figure.axes[-1]
    width = axes.get_xlim()[1]
    found = [len(tiles_on(figure, axes, tile, width)) for tile in tiles]
    assert found == [1, 1, 1, 1, 0]


def test_confusion_of_a_class_without_images():
    assert "0 of 0 answers right (0.0%)" in texts(plots.confusion(np.zeros((2, 2)), ["a", "b"]))


# --- maps --------------------------------------------------------------------------------


def regions(odds, xy=((0, 0),), labels=(0,)):
    K = np.shape(odds)[-1]
    figure = plots.decision_regions(
        np.array(xy, dtype=float), np.array(labels), [""] * K, odds, (-2, 2, -1, 1)
    )
    return figure, np.asarray(figure.axes[0].images[0].get_array()).astype(int)


def test_regions_are_strong_where_sure_and_pale_where_not():
    odds = np.zeros((4, 4, 2))
    odds[..., 0] = np.array([1.0, 0.9, 0.6, 0.1])  # from left to right
    odds[..., 1] = 1 - odds[..., 0]
    _, image = regions(odds)
    row = image[len(image) // 2]
    width = len(row)
    away = (255 - row).sum(axis=1)  # from white
    assert away[width // 10] > away[int(width * 0.45)]
    sure, unsure = np.array(colours.class_colours(2), dtype=int)
    assert np.argmin(row[width // 10]) == np.argmin(sure)
    assert np.argmin(row[-3]) == np.argmin(unsure)


def test_a_line_runs_where_the_answer_changes_and_nowhere_else():
    odds = np.zeros((2, 8, 2))
    odds[:, :4, 0], odds[:, 4:, 1] = 1, 1
    _, image = regions(odds)
    row = image[5]
    (dark,) = np.nonzero(row.max(axis=1) < 170)
    assert len(dark) == 2
    assert abs(dark.mean() - (len(row) - 1) / 2) < 2


def test_the_first_row_of_the_grid_is_the_top_one():
    odds = np.zeros((2, 2, 2))
    odds[0, :, 0], odds[1, :, 1] = 1, 1
    figure, image = regions(odds, [(0, 0.9), (0.5, -0.9), (-0.5, 0.9)], [0, 1, 1])
    assert np.argmin(image[3, 50]) == np.argmin(colours.class_colours(2)[0])
    (wrong,) = with_gid(figure, "wrong")
    np.testing.assert_allclose(wrong.get_offsets(), [[-0.5, 0.9]])
    assert "3 points · 1 of them ringed: labelled otherwise than the region says" in texts(figure)


def test_many_points_are_thinned_and_counted():
    xy = RNG.uniform(-1, 1, (8000, 2))
    xy[:500] += 5
    xy[500] = np.nan
    figure, _ = regions(np.full((3, 3, 3), 1 / 3), xy, np.full(8000, -1))
    (points,) = with_gid(figure, "points")
    assert len(points.get_offsets()) == 6000
    (facts,) = (text for text in texts(figure) if text.startswith("6,000 of 7,499 points · "))
    assert facts.endswith(" · 501 outside")


def test_one_class_has_one_region_without_a_line():
    _, image = regions(np.ones((2, 2, 1)))
    assert (image == image[0, 0]).all()


def test_each_class_has_its_panel_on_its_own_scale():
    xy, labels = clusters(3)
    xy[labels == 1] *= 100
    figure = plots.class_panels(xy, labels, ["a", "b", "empty", "c"][:3])
    assert [text.get_text() for text in with_gid(figure, "class")] == ["a", "b", "empty"]
    assert "120 images · each class on its own map" in texts(figure)
    spans = [np.ptp(axes.get_xlim()) for axes in figure.axes]
    assert spans[1] > 20 * spans[0]
    shares = [(pixels(figure) < 250).any(axis=2).mean()]
    assert shares[0] > 0.001


def test_panels_run_on_over_pages():
    xy, labels = clusters(50, each=2)
    figure = plots.class_panels(xy, labels, names(50), page=3)
    assert len(with_gid(figure, "class")) == 2
    facts = "100 images · each class on its own map · classes 49 to 50 of 50 (page 3 of 3)"
    assert facts in texts(figure)


def test_large_errors_are_darker_and_share_one_scale():
    xy, labels = clusters(2, each=100)
    errors = np.where(labels == 0, 0.1, 0.9)
    errors[5] = np.nan
    figure = plots.class_panels(xy, labels, ["a", "b"], errors=errors)
    low, high = (axes.collections[0].get_facecolors()[:, :3] for axes in figure.axes[:2])
    assert low.mean(axis=1).min() > high.mean(axis=1).max()
    grey = np.array(colours.UNKNOWN) / 255
    assert (np.abs(low - grey).max(axis=1) < 1e-6).sum() == 1
    assert {"error", "0.1", "0.9"} <= set(texts(figure))


def test_panels_of_images_show_the_image_nearest_to_each_cell():
    xy = np.array([[0.0, 0.0], [1.0, 1.0], [0.02, 0.02]])
    tiles = images(3, height=28, width=28, channels=3)
    figure = plots.class_panels(xy, np.zeros(3, int), ["a"], tiles)
    (axes,) = figure.axes
    width = axes.get_xlim()[1]
    ((row, column),) = tiles_on(figure, axes, tiles[1], width)
    at = [tiles_on(figure, axes, tile, width) for tile in tiles]
    (low,) = at[0] + at[2]  # one of the two that share a cell
    assert row < low[0]
    assert column > low[1]


# --- judgements --------------------------------------------------------------------------


def test_wilson_interval_is_that_of_a_table():
    # Newcombe, "Two-sided confidence intervals for the single proportion", 1998, Table I.
    low, high = _wilson(np.array([81 / 263, 0.0, 1.0]), np.array([263.0, 20.0, 29.0]))
    np.testing.assert_allclose(low, [0.2553, 0.0, 0.8830], atol=1e-4)
    np.testing.assert_allclose(high, [0.3662, 0.1611, 1.0], atol=1e-4)


def test_reliability_draws_each_bin_with_answers():
    figure = plots.reliability_curve(
        np.array([0.9, np.nan, 0.5]), np.array([0.8, np.nan, 0.6]), np.array([300, 0, 100]), 0.1
    )
    (curve,) = with_gid(figure, "curve")
    np.testing.assert_allclose(curve.get_xydata(), [[0.5, 0.6], [0.9, 0.8]])
    assert [text.get_text() for text in with_gid(figure, "count")] == ["100", "300"]
    facts = "expected calibration error 0.100 · 400 answers · mean confidence 80.0%, right 75.0%"
    assert facts in texts(figure)


def test_scores_mark_the_best_of_each_direction():
    rows = [a_row("a", 3.25), a_row("b", 2.0), a_row("floor", 1.0, role="floor")]
    rows += [a_row("a", 0.9, "recall", "higher"), a_row("b", 0.85, "recall", "higher")]
    figure = plots.score_bars(rows)
    bold = [t.get_text() for t in with_gid(figure, "value") if t.get_fontweight() == "bold"]
    assert bold == ["2.00", "0.90"]
    assert [text.get_text() for text in with_gid(figure, "name")] == ["a", "b", "floor"]
    assert "–" in texts(figure)  # recall has no floor
    assert {"lower is better", "higher is better"} <= set(texts(figure))
    (line,) = with_gid(figure, "floor")
    assert line.get_segments()[0][0, 0] == 1.0


def test_scores_draw_intervals_where_there_are_any():
    rows = [a_row("a", 3.0, low=2.5, high=4.0), a_row("b", 2.0), a_row("c", np.nan)]
    figure = plots.score_bars(rows)
    (interval,) = with_gid(figure, "interval")
    np.testing.assert_allclose(interval.get_segments()[0][:, 0], [2.5, 4.0])
    assert len(with_gid(figure, "dot")) == 2


def test_scores_of_wide_range_stand_on_a_logarithmic_axis():
    wide = plots.score_bars([a_row("a", 1.0), a_row("b", 900.0)])
    near = plots.score_bars([a_row("a", 1.0), a_row("b", 20.0)])
    negative = plots.score_bars([a_row("a", -1.0), a_row("b", 900.0)])
    scales = [figure.axes[0].get_xscale() for figure in (wide, near, negative)]
    assert scales == ["log", "linear", "linear"]


# --- findings, samples, films ------------------------------------------------------------


def test_findings_stand_in_their_order_with_rank_and_score():
    tiles = images(7, height=28, width=28, channels=3)
    figure = plots.findings_sheet(tiles, ["looks odd"] * 7, [f"0.{n}" for n in range(7)])
    lines = [text.get_text() for text in with_gid(figure, "finding")]
    assert lines[:4] == ["1. looks odd", "0.0", "2. looks odd", "0.1"]
    for tile, axes in zip(tiles, figure.axes, strict=True):
        assert len(tiles_on(figure, axes, tile, axes.get_xlim()[1])) == 1


def test_pairs_stand_side_by_side():
    first, second = images(2, height=28, width=28), images(2, height=28, width=28)
    figure = plots.findings_sheet(first, ["a", "b"], ["", ""], second)
    axes = figure.axes[0]
    width = axes.get_xlim()[1]
    wide = [np.broadcast_to(tile[0], (28, 28, 3)) for tile in (first, second)]
    (left,), (right,) = (tiles_on(figure, axes, tile, width) for tile in wide)
    assert left[0] == right[0]
    assert left[1] < right[1]


def test_more_findings_than_a_sheet_holds_are_counted():
    figure = plots.findings_sheet(images(70), ["t"] * 70, [""] * 70, subtitle="by distance")
    assert len(figure.axes) == 60
    assert "by distance · first 60 of 70" in texts(figure)


def test_samples_by_class_put_groups_side_by_side():
    real, made = images(3, 4, height=28, width=28, channels=3), images(3, 2, height=28, width=28)
    figure = plots.sample_rows(
        {"real": real, "made": made}, "T", classes=["a", "b", "c"], notes={"made": "FID 8"}
    )
    assert [text.get_text() for text in with_gid(figure, "group")] == ["real", "made"]
    assert [text.get_text() for text in with_gid(figure, "row")] == ["a", "b", "c"]
    assert "FID 8" in texts(figure)
    left, right = figure.axes
    ((top, _),) = tiles_on(figure, left, real[0, 0], left.get_xlim()[1])
    ((below, _),) = tiles_on(figure, left, real[2, 3], left.get_xlim()[1])
    assert below > top
    whole = np.broadcast_to(made[0, 0], (28, 28, 3))
    ((same, beside),) = tiles_on(figure, right, whole, right.get_xlim()[1])
    assert same == top
    assert beside > left.bbox.x1


def test_samples_without_classes_are_one_row_a_group():
    figure = plots.sample_rows({"real": images(5), "global": images(3)}, notes={"global": "8.7"})
    assert len(figure.axes) == 1
    assert [text.get_text() for text in with_gid(figure, "row")] == ["real", "global"]
    assert "8.7" in texts(figure)


def test_samples_say_what_they_leave_out():
    figure = plots.sample_rows({"a": images(30, 40), "b": images(30, 40)})
    assert any(text.startswith("first 20 of 30 classes, ") for text in texts(figure))


def test_film_stacks_the_odds_to_one_and_frames_the_flip():
    odds = np.array([[0.9, 0.1, 0.0], [0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.6, 0.3, 0.1]])
    figure = plots.film_with_odds(images(4), odds, ["cat", "dog", "owl"])
    (frame,) = with_gid(figure, "flip")
    bars = with_gid(figure, "odds")
    at = [bar for bar in bars if bar.get_x() == frame.get_x()]
    tall = np.array([bar.get_height() for bar in at])
    np.testing.assert_allclose(sorted(tall / tall.sum()), [0.1, 0.2, 0.7], atol=1e-6)
    step = 5 + 1  # pixels of a frame and of the gap after it
    assert frame.get_x() == 2 * step
    assert "answer cat → dog · flips at frame 3 of 4 (framed)" in texts(figure)
    assert [text.get_text() for text in with_gid(figure, "legend")] == ["cat", "dog", "owl"]


def test_film_frames_what_it_is_told_or_nothing():
    odds = np.tile([0.9, 0.1], (30, 1))
    assert with_gid(plots.film_with_odds(images(30), odds, ["a", "b"]), "flip") == []
    told = plots.film_with_odds(images(30), odds, ["a", "b"], 25)
    assert len(with_gid(told, "flip")) == 1
    assert len(told.axes) == 3  # strips of ten frames


def test_film_of_many_classes_names_the_likely_ones():
    odds = np.full((4, 60), 0.2 / 58)
    odds[:, 7], odds[:, 9] = [0.7, 0.5, 0.2, 0.1], [0.1, 0.3, 0.6, 0.7]
    figure = plots.film_with_odds(images(4), odds, names(60))
    assert [t.get_text() for t in with_gid(figure, "legend")] == ["7", "9", "all others"]


# --- refusals ----------------------------------------------------------------------------

XY, LABELS = np.zeros((4, 2)), np.zeros(4, dtype=np.int64)
HALF = np.full((2, 2, 2), 0.5)
SQUARE = (-1.0, 1.0, -1.0, 1.0)
AB = ["a", "b"]


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plots.confusion(np.zeros((2, 3)), AB), r"counts are \[2, 3\]"),
        (lambda: plots.confusion(np.zeros((1, 1)), ["a"]), "2 to 200 classes"),
        (lambda: plots.confusion(np.zeros((201, 201)), names(201)), "2 to 200 classes"),
        (lambda: plots.confusion(np.array([[1, 0], [-1, 1]]), AB), "not whole numbers"),
        (lambda: plots.confusion(np.array([[0.5, 0], [0, 1]]), AB), "not whole numbers"),
        (lambda: plots.confusion(np.array([[np.nan, 0], [0, 1]]), AB), "not whole numbers"),
        (lambda: plots.confusion(np.eye(2), AB, {(0, 2): images(1)}), r"cell \(0, 2\)"),
        (
            lambda: plots.confusion(np.eye(2), AB, {(0, 1): images(1), (1, 0): images(1, width=9)}),
            "2 sizes",
        ),
        (lambda: plots.decision_regions(XY, LABELS, AB, HALF[0], SQUARE), r"\[G, G, K\]"),
        (lambda: plots.decision_regions(XY, LABELS, AB, HALF * 3, SQUARE), "not probabilities"),
        (lambda: plots.decision_regions(XY, LABELS, AB, HALF, (1, 0, 0, 1)), "left < right"),
        (lambda: plots.decision_regions(XY, LABELS, AB, HALF, (5, 6, 5, 6)), "No point lies"),
        (lambda: plots.class_panels(XY, LABELS - 1, AB), "No point has a label"),
        (lambda: plots.class_panels(XY, LABELS, AB, page=2), "expected 1 to 1"),
        (lambda: plots.class_panels(XY, LABELS, AB, images(3)), "3 images for 4 points"),
        (lambda: plots.class_panels(XY, LABELS, AB, errors=np.ones(3)), "3 errors for 4"),
        (lambda: plots.class_panels(XY, LABELS, AB, errors=np.ones((4, 1))), r"\[4, 1\]"),
        (lambda: plots.reliability_curve(np.ones(2), np.ones(3), np.ones(2), 0.1), r"\[3\]"),
        (lambda: plots.reliability_curve(np.ones(2), np.ones(2), np.zeros(2), 0.1), "no answer"),
        (lambda: plots.reliability_curve(np.full(1, 97), np.ones(1), np.ones(1), 0), "0..1"),
        (lambda: plots.score_bars([]), "no score to draw: 0 rows"),
        (lambda: plots.score_bars([{"name": "a"}]), "lacks better, measure, value"),
        (lambda: plots.score_bars([a_row("a", 1, role="best")]), "role 'best'"),
        (lambda: plots.score_bars([a_row("a", 1, better="less")]), "better 'less'"),
        (lambda: plots.score_bars([a_row("a", 1), a_row("a", 2)]), "one name twice"),
        (
            lambda: plots.score_bars([a_row("a", 1), a_row("b", 2, better="higher")]),
            "both directions",
        ),
        (lambda: plots.findings_sheet(images(0), [], []), "images are empty"),
        (lambda: plots.findings_sheet(images(2), ["a"], ["", ""]), "1 titles for 2 images"),
        (lambda: plots.findings_sheet(images(2), AB, [""]), "1 subtitles for 2 images"),
        (lambda: plots.findings_sheet(images(2), AB, AB, images(1)), "same shape"),
        (lambda: plots.sample_rows({}), "no groups"),
        (lambda: plots.sample_rows({"a": images(2), "b": images(2, width=9)}), "one size"),
        (lambda: plots.sample_rows({"a": images(2, 2), "b": images(3, 2)}), "same classes"),
        (lambda: plots.sample_rows({"a": images(2, 2), "b": images(2)}), "samples of a are"),
        (lambda: plots.sample_rows({"a": images(2, 2)}, classes=["a"]), "1 class names for 2"),
        (
            lambda: plots.sample_rows({str(n): images(2, 2) for n in range(9)}),
            "at most 8",
        ),
        (lambda: plots.film_with_odds(images(0), HALF[0], AB), "images are empty"),
        (lambda: plots.film_with_odds(images(3), HALF[0], AB), "2 rows of probabilities for 3"),
        (lambda: plots.film_with_odds(images(2), HALF[0], ["a"]), r"expected \[S, K\]"),
        (lambda: plots.film_with_odds(images(2), HALF[0] + 1, AB), "not probabilities"),
        (lambda: plots.film_with_odds(images(2), HALF[0], AB, 2), "flip is 2"),
    ],
)
def test_unfit_arrays_are_refused_in_words(draw, message):
    with pytest.raises(OptionError, match=message):
        draw()
