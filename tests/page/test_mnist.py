"""The main thing on real input: all 70,000 images of MNIST, served, and as a file."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import expect

import latlas
from latlas.exporting import export_page
from page.looking import changed, clear_rows, map_pixels, place, show_map, until_seen
from page.serving import serving
from page.test_probe import PIXELS
from page.watching import until

pytestmark = pytest.mark.mnist


@pytest.fixture(scope="module")
def mnist(tmp_path_factory, page_cache):
    """A space of all of MNIST, trained for seconds only, with maps, a classifier and a prior."""
    folder = tmp_path_factory.mktemp("mnist") / "mnist.latlas"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATLAS_CACHE", str(page_cache))
        options = {"max_seconds": 5, "precision": "float32", "pictures": False}
        space = latlas.fit("mnist", folder, **options)
        space.classifier("linear")
        space.prior("gmm")
    return folder


@pytest.fixture(scope="module")
def address(mnist, page_cache):
    with serving(mnist, "--read-only", cache=page_cache) as server:
        yield server.url


@pytest.fixture
def page(open_page, address):
    return open_page(address)


def decoded(page):
    pixels = page.locator("#probe-picture").evaluate(PIXELS)
    return np.array(pixels, np.uint8).reshape(28, 28, 4)[..., 0].astype(int)


def under_the_cursor(page, space, x, y):
    """What the page decodes on the plane of PCA, and what Python does there."""
    page.mouse.move(x - 1, y)
    page.mouse.move(x, y)
    until(
        page,
        """([x, y]) => {
          const { map, stage } = __latlas;
          const card = stage.querySelector(".probe");
          const box = stage.getBoundingClientRect();
          const [mx, my] = map.toMap(x - box.left, y - box.top);
          return Math.hypot(card.dataset.x - mx, card.dataset.y - my) * map.view.value.scale < 0.01;
        }""",
        [x, y],
    )
    card = page.locator(".probe")
    at = np.array([[float(card.get_attribute(f"data-{axis}")) for axis in "xy"]], np.float32)
    z = space.projection("pca").inverse(at)
    return decoded(page), space.decode(z)[0, ..., 0].astype(int)


def test_all_points_are_there_and_an_image_opens_with_its_neighbours(page, mnist):
    space = latlas.open(mnist)
    assert page.evaluate("__latlas.manifest.rows") == 70_000
    assert page.evaluate("__latlas.map.places.length") == 140_000
    [row] = clear_rows(page)
    page.mouse.click(*place(page, row))
    card = page.locator(f".card[data-row='{row}']")
    expect(card.locator(".pair canvas[data-drawn]")).to_have_count(2, timeout=60_000)
    shown = [int(text) for text in card.locator(".near small").all_inner_texts()]
    near = space.neighbours(int(space.latents.ids[row]), 8)
    # Float16 latents of the page may swap neighbours that are equally far.
    assert len(set(shown) & set(near.ids.tolist())) >= 7


def test_the_decoder_draws_under_the_cursor_as_python_does(page, mnist):
    space = latlas.open(mnist)
    show_map(page, "pca")
    pictures = []
    for x, y in [(560, 300), (640, 400), (700, 330)]:
        here, there = under_the_cursor(page, space, x, y)
        assert np.abs(here - there).max() <= 2
        pictures.append(here)
    assert np.abs(pictures[0] - pictures[1]).max() > 30


def test_images_borders_and_panels_are_drawn(page):
    def changed_from(before):
        until_seen(page, lambda: changed(before, map_pixels(page)), lambda share: share > 0.02)
        return map_pixels(page)

    dots = map_pixels(page)
    page.get_by_role("radio", name="Images").click()
    images = changed_from(dots)
    page.get_by_role("radio", name="Dots").click()
    changed_from(images)
    page.locator("#switch-borders").click()
    expect(page.get_by_text("linear classifier")).to_be_visible(timeout=60_000)
    bordered = changed_from(dots)
    page.locator("#switch-apart").click()
    changed_from(bordered)
    changed_from(dots)


def test_a_lasso_round_everything_selects_all_of_it(page):
    page.locator("#tool-lasso").click()
    page.mouse.move(140, 60)
    page.mouse.down()
    for corner in [(1190, 60), (1190, 710), (140, 710), (140, 60)]:
        page.mouse.move(*corner, steps=3)
    page.mouse.up()
    until(page, "() => __latlas.state.selection.value.length > 60000")


def test_new_digits_are_generated(page):
    page.locator("#open-generate").click()
    shots = page.locator("[data-panel=generate] canvas")
    expect(shots.first).to_be_visible(timeout=60_000)
    until(page, "() => document.querySelectorAll('[data-panel=generate] canvas').length >= 9")


def test_the_exported_file_decodes_live_without_server_or_network(
    mnist, tmp_path, open_page, page_cache, monkeypatch
):
    monkeypatch.setenv("LATLAS_CACHE", str(page_cache))
    space = latlas.open(mnist)
    file = tmp_path / "mnist.html"
    file.write_bytes(export_page(space, images=2000))
    assert file.stat().st_size < 9e6
    page = open_page(file.as_uri(), offline=True)
    assert page.evaluate("__latlas.manifest.total") == 70_000
    show_map(page, "pca")
    here, there = under_the_cursor(page, space, 640, 380)
    assert np.abs(here - there).max() <= 2
