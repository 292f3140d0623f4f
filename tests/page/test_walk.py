from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

import latlas
from latlas.walks import place_of
from page.looking import settle, until_seen
from page.test_select import places
from page.watching import barriers

PIXELS = """canvases => canvases.map(canvas => {
  const { width, height } = canvas;
  return Array.from(canvas.getContext("2d").getImageData(0, 0, width, height).data);
})"""
PLACE = """row => {
  const { map, stage } = __latlas;
  const [x, y] = map.toScreen(map.places[2 * row], map.places[2 * row + 1]);
  const box = stage.getBoundingClientRect();
  return [x + box.left, y + box.top];
}"""
# CSS pixels that something is painted on over the points.
PAINTED_ABOVE = """() => {
  const canvas = __latlas.stage.querySelector("canvas[data-level=above]");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const count = data.filter((value, i) => i % 4 === 3 && value > 0).length;
  return count * (__latlas.map.size.value.width / canvas.width) ** 2;
}"""
UNSEEN = """() => {
  const { map, columns } = __latlas;
  const [left, right] = [300, 600];
  const lonely = [];
  for (let row = 0; row < columns.rows && lonely.length < 40; row++) {
    const [x, y] = map.toScreen(map.places[2 * row], map.places[2 * row + 1]);
    if (x > left && x < right && map.pick(x, y, 14) === row) lonely.push(row);
  }
  return lonely;
}"""


@pytest.fixture
def panel(page):
    page.locator("#open-walk").click()
    return page.locator("[data-panel=walk]")


def strip(panel, path):
    return panel.locator(f".walk-strip[data-path={path}]")


def frames(panel, path):
    """Pixels of the frames of a way, its first channel: uint8 [n, 8, 8]."""
    pixels = strip(panel, path).locator(".film-frame canvas").evaluate_all(PIXELS)
    return np.array(pixels, np.uint8).reshape(len(pixels), 8, 8, 4)[..., 0]


def walk(panel, start, end, steps=12):
    """Walks from the image of one class to that of another, and waits for both ways."""
    panel.get_by_label("Frames").fill(str(steps))
    panel.get_by_label("or class").nth(0).select_option(start)
    panel.get_by_label("or class").nth(1).select_option(end)
    expect(strip(panel, "graph").locator(".film-frame")).to_have_count(steps)


def test_two_clicks_on_the_map_walk_from_one_image_to_the_other(page, panel, explored):
    expect(panel).to_contain_text("it becomes A")
    places(page)  # the panel has taken its share of the window
    rows = [page.evaluate(UNSEEN)[place] for place in (0, -1)]
    for row, letter in zip(rows, "AB", strict=True):
        expect(panel.get_by_role("status")).to_contain_text(f"it becomes {letter}")
        page.mouse.click(*page.evaluate(PLACE, row))
    expect(strip(panel, "graph").locator(".film-frame")).to_have_count(12)
    space = latlas.open(explored)
    ids = [int(field.input_value()) for field in panel.get_by_label("Image id").all()]
    assert ids == space.latents.ids[rows].tolist()
    told = np.full(2, -1, np.int64)
    ends = space.coder.decode(space.latents.z[rows], told)[..., 0].astype(int)
    for path in ("linear", "graph"):
        shown = frames(panel, path)[[0, -1]]
        # The page holds latents in half precision.
        assert np.abs(shown - ends).max() <= 3


def test_the_straight_way_is_the_line_of_latlas_walk(panel, explored):
    walk(panel, "2", "7", steps=8)
    known = latlas.open(explored).walk("label:2", "label:7", steps=8, path="linear")
    assert np.abs(frames(panel, "linear") - known.images[..., 0].astype(int)).max() <= 3


def test_a_class_stands_for_its_most_typical_image(panel, explored):
    walk(panel, "5", "0", steps=4)
    space = latlas.open(explored)
    typical = [place_of(space, f"label:{name}").id for name in "50"]
    assert [int(f.input_value()) for f in panel.get_by_label("Image id").all()] == typical


def test_the_frame_where_the_answer_flips_is_framed_and_said(panel):
    walk(panel, "1", "8")
    for path in ("linear", "graph"):
        names = strip(panel, path).locator(".film-winner").all_inner_texts()
        flips = [i for i in range(1, 12) if names[i] != names[i - 1]]
        framed = (
            strip(panel, path)
            .locator(".film-frame")
            .evaluate_all(
                "all => all.flatMap((f, i) => f.classList.contains('film-flip') ? [i] : [])"
            )
        )
        assert names[0] == "1"
        assert names[-1] == "8"
        assert framed == flips
        first = flips[0]
        words = f"turns from {names[first - 1]} into {names[first]} at frame {first + 1} of 12"
        expect(strip(panel, path).locator("> p").first).to_contain_text(words)


def test_the_film_plays_and_stops_and_can_be_scrubbed(panel):
    walk(panel, "3", "9", steps=10)
    panel.get_by_role("button", name="Play").click()
    expect(panel.locator(".walk-count")).not_to_have_text("1 / 10")
    panel.get_by_role("button", name="Pause").click()
    panel.get_by_label("Frame", exact=True).fill("7")
    expect(panel.locator(".walk-count")).to_have_text("7 / 10")
    large = panel.locator(".walk-screen canvas").evaluate_all(PIXELS)
    for pixels, path in zip(large, ("linear", "graph"), strict=True):
        assert (np.array(pixels).reshape(8, 8, 4)[..., 0] == frames(panel, path)[6]).all()
    strip(panel, "graph").locator(".film-frame").nth(2).click()
    expect(panel.locator(".walk-count")).to_have_text("3 / 10")


def test_the_saved_gif_has_all_frames_as_they_are_shown(page, panel, tmp_path):
    walk(panel, "4", "6", steps=9)
    shown = frames(panel, "graph")
    with page.expect_download() as download:
        panel.get_by_role("button", name="Along the data: save as GIF").click()
    download.value.save_as(tmp_path / "walk.gif")
    with Image.open(tmp_path / "walk.gif") as gif:
        assert gif.n_frames == 9
        assert gif.size == (224, 224)
        assert gif.info["loop"] == 0
        for place in range(9):
            gif.seek(place)
            pixels = np.asarray(gif.convert("RGB"))
            assert gif.info["duration"] == (900 if place in {0, 8} else 140)
            assert (pixels.reshape(8, 28, 8, 28, 3) == shown[place][:, None, :, None, None]).all()


def test_the_saved_strip_has_the_frames_side_by_side(page, panel, tmp_path):
    walk(panel, "4", "6", steps=5)
    with page.expect_download() as download:
        panel.get_by_role("button", name="Straight: save as PNG").click()
    download.value.save_as(tmp_path / "strip.png")
    with Image.open(tmp_path / "strip.png") as file:
        strip_ = np.asarray(file.convert("RGB"))
    assert strip_.shape == (112, 5 * 114 - 2, 3)
    last = strip_[::14, 4 * 114 :: 14, 0]
    assert (last == frames(panel, "linear")[-1]).all()


def test_both_ways_are_drawn_on_the_map(page, panel):
    page.get_by_role("switch", name="Names").click()
    settle(page, lambda: page.evaluate(PAINTED_ABOVE), 0)
    walk(panel, "0", "1")
    # Two lines of 5 pixels across the map, and their ends.
    until_seen(page, lambda: page.evaluate(PAINTED_ABOVE), lambda pixels: pixels > 1500)
    page.get_by_role("button", name="Let start and end change places").click()
    expect(panel.get_by_label("or class").nth(0)).to_have_value("1")
    until_seen(page, lambda: page.evaluate(PAINTED_ABOVE), lambda pixels: pixels > 1500)
    page.get_by_role("button", name="Close the panel").click()
    settle(page, lambda: page.evaluate(PAINTED_ABOVE), 0)


def test_a_link_walks_the_same_way(open_page, served, panel):
    walk(panel, "0", "3", steps=6)
    shown = frames(panel, "linear")
    other = open_page(f"{served.url}#panel=walk&from=c0&to=c3&steps=6")
    expect(strip(other, "graph").locator(".film-frame")).to_have_count(6)
    assert (frames(other, "linear") == shown).all()


def test_an_id_that_is_not_there_is_said(panel):
    field = panel.locator(".walk-one input").first
    field.fill("123456")
    field.press("Tab")
    expect(panel).to_contain_text("No image has this id")


def test_the_panel_keeps_nobody_out(page, panel):
    walk(panel, "7", "2", steps=6)
    assert barriers(page) == []
    first = strip(panel, "linear").locator(".film-frame").first
    first.press("ArrowRight")
    expect(strip(panel, "linear").locator(".film-frame").nth(1)).to_be_focused()
    expect(panel.locator(".walk-count")).to_have_text("2 / 6")


def test_spaces_of_their_own_have_no_way_between(open_page, scoped_spaces, serve):
    server = serve(scoped_spaces / "per-class.latlas")
    page = open_page(f"{server.url}#panel=walk&from=c0&to=c1")
    panel = page.locator("[data-panel=walk]")
    expect(panel.get_by_role("alert")).to_contain_text("two spaces of their own")
    panel.get_by_label("or class").nth(1).select_option("")
    ids = latlas.open(scoped_spaces / "per-class.latlas").latents
    same = ids.ids[ids.told == 0][0]
    panel.get_by_label("Image id").nth(1).fill(str(same))
    panel.get_by_label("Image id").nth(1).press("Tab")
    expect(strip(panel, "graph").locator(".film-frame")).to_have_count(12)
    expect(panel.get_by_role("alert")).to_have_count(0)
    expect(strip(panel, "linear").locator("p").first).to_have_text(re.compile("among|fog"))


def test_a_straight_way_that_bends_on_the_map_says_why(page, panel):
    walk(panel, "3", "8")
    expect(strip(panel, "linear")).to_contain_text("On the map the same way bends")
    expect(strip(panel, "graph")).not_to_contain_text("bends")
    # The plane of the PCA cuts straight through the space, so straight stays straight.
    page.locator("#map-choice").select_option("pca")
    expect(strip(panel, "linear")).not_to_contain_text("bends")
