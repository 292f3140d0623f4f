from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import expect

import latlas
from page.looking import next_frame, show_map

PIXELS = """canvas => Array.from(
  canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data)"""
# The row in the densest part of the map, away from the cards at its edges, in page pixels.
DENSE = """() => {
  const { map, stage } = __latlas;
  const places = map.places;
  let [best, least] = [null, Infinity];
  for (let row = 0; row < places.length / 2; row += 3) {
    const [x, y] = map.toScreen(places[2 * row], places[2 * row + 1]);
    if (x < 300 || x > 900 || y < 120 || y > 600) continue;
    const near = [];
    for (let other = 0; other < places.length / 2; other++) {
      near.push((places[2 * other] - places[2 * row]) ** 2 +
        (places[2 * other + 1] - places[2 * row + 1]) ** 2);
    }
    near.sort((a, b) => a - b);
    if (near[15] < least) [best, least] = [[x, y], near[15]];
  }
  const box = stage.getBoundingClientRect();
  return [best[0] + box.left, best[1] + box.top];
}"""


def card(page):
    return page.get_by_role("region", name="What the decoder draws at the cursor")


def pixels(page):
    return np.array(page.locator("#probe-picture").evaluate(PIXELS), np.uint8).reshape(8, 8, 4)


def hover(page, x, y):
    """Moves the cursor there, and waits until that place is decoded and its fog known."""
    page.mouse.move(x, y)
    page.wait_for_function(
        """([x, y]) => {
          const { map, stage } = __latlas;
          const card = stage.querySelector(".probe");
          const box = stage.getBoundingClientRect();
          const [mx, my] = map.toMap(x - box.left, y - box.top);
          const off = Math.hypot(card.dataset.x - mx, card.dataset.y - my) * map.view.value.scale;
          return off < 0.01 && card.dataset.known === "1";
        }""",
        arg=[x, y],
    )


def place(page):
    at = card(page)
    return float(at.get_attribute("data-x")), float(at.get_attribute("data-y"))


def fog(page):
    return float(card(page).get_attribute("data-fog"))


@pytest.fixture
def space(explored):
    return latlas.open(explored)


def plane(space):
    """Mean and the two leading directions, by the eigenvectors of the covariance."""
    z = np.asarray(space.latents.z, np.float64)
    mean = z.mean(0)
    vectors = np.linalg.eigh((z - mean).T @ (z - mean))[1][:, :-3:-1].T
    signs = np.sign(vectors[np.arange(2), np.abs(vectors).argmax(1)])
    return mean, vectors * signs[:, None]


def test_the_picture_changes_under_the_moving_cursor(page):
    hover(page, 480, 300)
    before = pixels(page)
    hover(page, 720, 420)
    assert np.abs(before.astype(int) - pixels(page)).max() > 30


def test_on_the_plane_the_page_draws_what_python_draws(page, space):
    show_map(page, "pca")
    expect(page.get_by_role("radio", name="Plane")).to_have_attribute("aria-checked", "true")
    mean, directions = plane(space)
    for x, y in [(500, 300), (640, 400), (760, 250)]:
        hover(page, x, y)
        z = mean + np.array(place(page)) @ directions
        expected = space.decode(z[None].astype(np.float32))[0, ..., 0]
        assert np.abs(pixels(page)[..., 0].astype(int) - expected).max() <= 2


def test_the_fog_is_thin_where_images_are_dense_and_thick_in_an_empty_corner(page):
    hover(page, *page.evaluate(DENSE))
    assert fog(page) < 0.2
    hover(page, 250, 700)
    assert fog(page) > 0.9
    expect(card(page)).to_contain_text("far from anything real")
    assert int(card(page).get_by_role("meter").get_attribute("aria-valuenow")) > 90


def test_each_map_offers_its_ways_with_a_sentence(page):
    ways = card(page).get_by_role("radio")
    show_map(page, "pca")
    expect(ways).to_have_text(["Plane", "Nearest", "Sheet"])
    expect(card(page)).to_contain_text("plane of greatest variance")
    show_map(page, "tsne")
    expect(ways).to_have_text(["Nearest", "Sheet"])
    hover(page, 600, 300)
    by_nearest = pixels(page)
    ways.nth(1).click()
    expect(card(page)).to_contain_text("A small net")
    hover(page, 601, 300)
    hover(page, 600, 300)
    assert (pixels(page) != by_nearest).any()


def test_the_odds_name_the_class_of_the_images_around(page, space):
    x, y = page.evaluate(DENSE)
    hover(page, x, y)
    near = page.evaluate(
        """([x, y]) => {
          const { map, stage, columns, manifest } = __latlas;
          const box = stage.getBoundingClientRect();
          const row = map.pick(x - box.left, y - box.top, 14);
          return manifest.classes[columns.labels[row]].name;
        }""",
        [x, y],
    )
    bars = card(page).locator(".bar")
    expect(bars).to_have_count(3)
    assert bars.first.inner_text().split()[0] == near


def test_a_pinned_place_stays_until_it_is_let_go(page):
    hover(page, 480, 300)
    before = pixels(page)
    page.keyboard.press("f")
    expect(card(page).get_by_role("button", name="Let go")).to_have_attribute(
        "aria-pressed", "true"
    )
    page.mouse.move(720, 420)
    left = page.evaluate("__latlas.state.cursor.value.x")
    page.mouse.move(730, 420)
    page.wait_for_function("left => __latlas.state.cursor.value.x > left", arg=left)
    next_frame(page)
    assert (pixels(page) == before).all()
    page.keyboard.press("f")
    hover(page, 720, 420)
    assert (pixels(page) != before).any()


def test_the_arrow_keys_move_the_place(page):
    hover(page, 600, 300)
    x, y = place(page)
    scale = page.evaluate("__latlas.map.view.value.scale")
    card(page).get_by_role("group", name="Decoded image").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowUp")
    page.wait_for_function(
        "y => Math.abs(Number(__latlas.stage.querySelector('.probe').dataset.y) - y) < 1e-3",
        arg=y + 36 / scale,
    )
    assert place(page)[0] == pytest.approx(x + 6 / scale, abs=1e-3)


def test_a_vector_that_another_part_of_the_page_looks_at_is_shown(page, space):
    z = np.asarray(space.latents.z[:1], np.float32)
    page.evaluate(
        "z => { __latlas.state.probe.value = { z: Float32Array.from(z), label: -1, x: 0, y: 0 }; }",
        z[0].tolist(),
    )
    page.wait_for_selector(".probe-pinned #probe-picture")
    expected = space.decode(z)[0, ..., 0]
    assert np.abs(pixels(page)[..., 0].astype(int) - expected).max() <= 2


def test_it_speaks_korean(open_page, served):
    page = open_page(served.url, locale="ko-KR")
    page.mouse.move(600, 300)
    expect(page.locator(".probe")).to_contain_text("안개")
