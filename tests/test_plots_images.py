"""Pictures made of images, and curves: what is on them, to the text and to the pixel."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from drawing import clusters, images, start_again, texts, tiles_on
from latlas import plots
from latlas.contracts import OptionError
from latlas.plots.page import pixels


@pytest.fixture(autouse=True)
def same_numbers_in_any_order_of_tests():
    start_again()


# --- pictures of images ------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("side", [8, 28, 256])
def test_images_are_drawn_to_the_pixel(channels, side):
    tiles = images(2, height=side, width=side, channels=channels)
    figure = plots.image_grid(tiles, columns=2)
    axes = figure.axes[0]
    width = axes.get_xlim()[1]
    places = [
        tiles_on(figure, axes, np.broadcast_to(tile, (side, side, 3)), width) for tile in tiles
    ]
    assert [len(place) for place in places] == [1, 1]
    assert places[0][0][0] == places[1][0][0]  # in one row
    assert places[0][0][1] < places[1][0][1]


def test_image_grid_has_its_titles_in_order():
    figure = plots.image_grid(images(5), ["a", "b", "c", "d", "e"], columns=2, title="Five")
    assert texts(figure) == ["Five", "a", "b", "c", "d", "e"]
    heights = [text.get_position()[1] for text in figure.axes[0].texts]
    assert heights[0] == heights[1] < heights[2] == heights[3] < heights[4]


def test_long_titles_do_not_meet():
    figure = plots.image_grid(images(20), ["a very long class name"] * 20, columns=10)
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])


def test_reconstructions_stand_beside_their_originals_with_the_error_below():
    originals, decoded = images(3, channels=3), images(3, channels=3)
    figure = plots.reconstructions(originals, decoded, ["a", "b", "c"])
    axes = figure.axes[0]
    width = axes.get_xlim()[1]
    for n in range(3):
        (left,) = tiles_on(figure, axes, originals[n], width)
        (right,) = tiles_on(figure, axes, decoded[n], width)
        assert left[0] == right[0]
        assert left[1] < right[1]
    error = ((originals[1] / 255 - decoded[1] / 255) ** 2).mean()
    assert f"b  {error:.4f}" in texts(figure)


def test_traversals_put_the_most_influential_dimension_first():
    still = np.repeat(images(1, 1, channels=3), 4, axis=1)
    moving = images(1, 4, channels=3)
    slow = (still + np.arange(4)[None, :, None, None, None]).astype(np.uint8)
    values = np.tile(np.linspace(-2, 2, 4), (3, 1))
    figure = plots.traversals(np.concatenate([still, moving, slow]), values, [4, 7, 9])
    rows = [text for text in texts(figure) if text.startswith("z")]
    assert rows == ["z7", "z9", "z4"]
    assert "−2 to 2" in texts(figure)
    assert "0%" in texts(figure)


def test_walk_runs_from_0_to_1():
    figure = plots.walk_strip(images(5))
    assert texts(figure) == ["0", "0.25", "0.5", "0.75", "1"]
    long = plots.walk_strip(images(30))
    assert len({text.get_position()[1] for text in long.axes[0].texts}) == 3  # rows


def test_neighbours_stand_right_of_the_framed_query():
    query, found = images(), images(10)
    distances = np.array([0.5, *np.linspace(1, 2000, 8), np.nan])
    figure = plots.neighbour_row(query, found, distances, list("abcdefghij"))
    axes = figure.axes[0]
    assert len(axes.patches) == 1
    assert {"query", "a", "0.5", "i", "2,000", "j"} <= set(texts(figure))
    width = axes.get_xlim()[1]
    ((_, left),) = tiles_on(figure, axes, np.broadcast_to(found[0], (6, 5, 3)), width)
    assert left > axes.bbox.x0 + axes.bbox.width / width * query.shape[1]


def test_plane_puts_the_first_image_top_left():
    tiles = images(6)
    figure = plots.plane_grid(tiles, 2, 3, (-1, 2, -3, 4), title="Plane")
    axes = figure.axes[0]
    assert axes.get_xlim() == (-1, 2)
    assert axes.get_ylim() == (-3, 4)
    mosaic = np.asarray(axes.images[0].get_array())
    np.testing.assert_array_equal(mosaic[:6, :5, :1], tiles[0])
    np.testing.assert_array_equal(mosaic[6:, 10:, :1], tiles[5])


def test_plane_shows_the_latents_on_the_same_axes():
    xy, labels = clusters(classes=3)
    extent = (-5.0, 35.0, -5.0, 35.0)
    figure = plots.plane_grid(
        images(16), 4, 4, extent, xy=xy, labels=labels, classes=["a", "b", "c"]
    )
    decoded, latents = figure.axes
    assert decoded.get_xlim() == latents.get_xlim()
    assert decoded.get_ylim() == latents.get_ylim()
    assert {"a", "b", "c"} <= set(texts(figure))
    outside = plots.plane_grid(images(16), 4, 4, (90, 91, 90, 91), xy=xy)
    assert not outside.axes[1].images


def test_animation_runs_there_and_back(tmp_path):
    frames = images(4, channels=3, height=16, width=16)
    path = plots.animate(frames, tmp_path / "new" / "walk.gif", seconds=2)
    with Image.open(path) as film:
        assert film.n_frames == 6
        assert film.size == (256, 256)
        assert film.info["loop"] == 0
        assert film.info["duration"] == 500
    with Image.open(plots.animate(frames[:1], tmp_path / "still.gif")) as film:
        assert film.n_frames == 1


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        (lambda: plots.image_grid(images(0)), "images are empty"),
        (lambda: plots.image_grid(images(3)[..., 0]), r"expected uint8 \[N, H, W, C\]"),
        (lambda: plots.image_grid(images(3) / 255), "float64"),
        (lambda: plots.image_grid(images(3, channels=4)), "C = 1 or 3"),
        (lambda: plots.image_grid(images(3), ["a"]), "1 titles for 3 images"),
        (lambda: plots.image_grid(images(3), columns=0), "columns is 0"),
        (lambda: plots.reconstructions(images(3), images(2)), "expected the same shape"),
        (lambda: plots.walk_strip(images(0)), "frames are empty"),
        (lambda: plots.traversals(images(2, 3), np.zeros((3, 2))), r"values \[3, 2\]"),
        (lambda: plots.traversals(images(3), np.zeros((3, 2))), r"expected uint8 \[D, S, H"),
        (lambda: plots.neighbour_row(images(), images(0), np.zeros(0)), "neighbours are empty"),
        (lambda: plots.neighbour_row(images(), images(2), np.zeros(3)), "3 distances for 2"),
        (lambda: plots.neighbour_row(images(width=4), images(2), np.zeros(2)), "one size"),
        (lambda: plots.plane_grid(images(5), 2, 3, (0, 1, 0, 1)), "5 images for 6 places"),
        (lambda: plots.plane_grid(images(6), 2, 3, (1, 0, 0, 1)), "expected left < right"),
        (lambda: plots.animate(images(2), "walk.mp4"), "expected .gif"),
        (lambda: plots.kl_per_dimension(np.zeros(0)), "D at least 1"),
        (lambda: plots.kl_per_dimension(np.ones(3), -1.0), "threshold is -1"),
        (lambda: plots.loss_curves([]), "0 rows"),
        (lambda: plots.loss_curves([{"step": 1, "loss": np.nan}]), "none with a finite loss"),
    ],
)
def test_unfit_arrays_are_refused_in_words(draw, message):
    with pytest.raises(OptionError, match=message):
        draw()


# --- curves ------------------------------------------------------------------------------


def history(parts=("mse", "kl")):
    rows = []
    for step in range(1, 41):
        row = {"step": step * 10, "epoch": step / 10, "seconds": 0.1 * step, "split": "train"}
        rows.append(row | {"loss": 1 / step} | dict.fromkeys(parts, 0.5 / step))
        if step % 10 == 0:
            held_out = 0.3 if step == 20 else 0.5
            rows.append(rows[-1] | {"split": "test", "loss": held_out})
    return rows


def test_loss_curves_show_both_splits_and_mark_the_best():
    figure = plots.loss_curves(history())
    loss, parts = figure.axes
    assert loss.get_yscale() == "log"
    curves = {line.get_label(): line for line in loss.lines}
    assert len(curves["train"].get_xdata()) == 40
    np.testing.assert_allclose(curves["held out"].get_ydata(), [0.5, 0.3, 0.5, 0.5])
    (best,) = (line for line in loss.lines if line.get_gid() == "best")
    assert (best.get_xdata()[0], best.get_ydata()[0]) == (2.0, 0.3)
    assert "best held-out loss 0.3 at epoch 2 (kept) · mse 0.025 · kl 0.025" in texts(figure)
    assert [line.get_label() for line in parts.lines] == ["mse", "kl"]


def test_loss_that_is_one_part_needs_no_second_panel():
    rows = [{"step": k, "split": "train", "loss": 1 / k, "mse": 1 / k} for k in range(1, 9)]
    figure = plots.loss_curves(rows)
    assert len(figure.axes) == 1
    assert "step" in texts(figure)


def test_loss_that_left_the_numbers_leaves_a_gap():
    rows = history()
    rows[5]["loss"] = float("nan")
    rows[7]["loss"] = float("inf")
    (train,) = (
        line for line in plots.loss_curves(rows).axes[0].lines if line.get_label() == "train"
    )
    assert np.isnan(train.get_ydata()).sum() == 2


def test_loss_below_zero_has_a_linear_axis():
    rows = [{"step": k, "split": "train", "loss": 5.0 - k} for k in range(10)]
    figure = plots.loss_curves(rows)
    pixels(figure)
    assert figure.axes[0].get_yscale() == "linear"


def test_one_row_of_history_is_a_picture():
    figure = plots.loss_curves([{"step": 0, "split": "train", "loss": 0.5}])
    assert pixels(figure).min() < 255


def test_kl_bars_are_sorted_and_active_ones_marked():
    kl = np.array([0.001, 2.0, np.nan, 0.5])
    figure = plots.kl_per_dimension(kl, 0.01)
    axes = figure.axes[0]
    assert [bar.get_height() for bar in axes.patches] == [2.0, 0.5, 0.001, 0.0]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["z1", "z3", "z0", "z2"]
    assert len({bar.get_facecolor() for bar in axes.patches[:2]}) == 1
    assert axes.patches[1].get_facecolor() != axes.patches[2].get_facecolor()
    assert texts(figure)[0].startswith("2 of 4 dimensions are active (above 0.01 nats)")
