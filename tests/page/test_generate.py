from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

import latlas
from latlas.contracts import TRAIN
from page.looking import columns_of, settle, until_seen
from page.watching import barriers, until

PIXELS = """canvases => canvases.map(canvas => {
  const { width, height } = canvas;
  return Array.from(canvas.getContext("2d").getImageData(0, 0, width, height).data);
})"""


@pytest.fixture
def panel(page):
    """The panel, with the first samples drawn."""
    return opened(page)


def opened(page):
    page.locator("#open-generate").click()
    panel = page.locator("[data-panel=generate]")
    panel.locator("[data-drawn='gmm~-1~1~0~24']").wait_for()
    return panel


def draw(panel, *, label=-1, temperature=1, seed=0, n=24):
    """Asks for samples by hand and waits for them: uint8 [n, H W 4]."""
    panel.get_by_label("Class").select_option(str(label))
    panel.get_by_label("Temperature", exact=True).fill(str(temperature))
    panel.get_by_label("Seed", exact=True).fill(str(seed))
    panel.get_by_label("How many").fill(str(n))
    panel.locator(f"[data-drawn='gmm~{label}~{temperature}~{seed}~{n}']").wait_for()
    return seen(panel)


def seen(panel):
    return np.array(panel.locator(".generate-cell canvas").evaluate_all(PIXELS), np.uint8)


def saved(page, panel, name, path):
    with page.expect_download() as download:
        panel.get_by_role("button", name=name).click()
    download.value.save_as(path)
    return path


def test_the_same_seed_draws_the_same_pixels_and_another_seed_others(panel):
    first, other = draw(panel, seed=3), draw(panel, seed=4)
    assert first.shape == (24, 8 * 8 * 4)
    assert (draw(panel, seed=3) == first).all()
    assert (other != first).any(1).all()


def test_cold_samples_are_less_varied_than_usual_ones(panel):
    usual = draw(panel, label=3, n=60)
    cold = draw(panel, label=3, n=60, temperature=0.1)
    assert cold.std(0).mean() < 0.5 * usual.std(0).mean()


def test_the_class_that_is_asked_for_is_mostly_the_one_that_it_reads_as(panel):
    draw(panel, label=6, n=50, temperature=0.8)
    names = panel.locator(".generate-name span:first-child").all_inner_texts()
    assert names.count("6") > 40
    expect(panel.locator(".generate-facts")).to_contain_text(f"{names.count('6')} of 50 read as 6")
    missed = panel.locator(".generate-missed")
    expect(missed).to_have_count(50 - names.count("6"))


def test_drawing_others_takes_the_next_seed(panel):
    before = draw(panel, seed=11)
    panel.get_by_role("button", name="Draw others").click()
    panel.locator("[data-drawn='gmm~-1~1~12~24']").wait_for()
    assert (seen(panel) != before).any()
    expect(panel.get_by_label("Seed", exact=True)).to_have_value("12")


def test_the_saved_latents_and_their_nearest_training_images_are_right(
    page, panel, explored, tmp_path
):
    draw(panel, seed=5, n=12)
    with np.load(saved(page, panel, "Save latents", tmp_path / "drawn.npz")) as drawn:
        z, ids, distances = drawn["z"], drawn["nearest_id"], drawn["nearest_distance"]
        labels = drawn["label"].tolist()
    space = latlas.open(explored)
    trained = space.latents.splits == TRAIN
    true = np.linalg.norm(z[:, None] - space.latents.z[trained][None], axis=2)
    assert z.shape == (12, space.latent_dim)
    assert z.dtype == np.float32
    # The page holds latents in half precision, so two that are as near may change places.
    assert np.allclose(distances, true.min(1), rtol=3e-3)
    rows = np.searchsorted(space.latents.ids[trained], ids)
    assert np.allclose(true[np.arange(12), rows], true.min(1), rtol=3e-3)
    assert set(labels) <= set(space.classes)


def test_pairs_show_the_nearest_real_image_beside_each(panel, explored):
    draw(panel, n=6)
    panel.get_by_label("Show the nearest real image").check()
    expect(panel.locator(".generate-cell canvas")).to_have_count(12)
    until(
        panel.page,
        "[...document.querySelectorAll('.generate-cell .generate-real')].every(c => c.width > 1)",
    )
    real = np.array(panel.locator(".generate-cell .generate-real").evaluate_all(PIXELS))
    space = latlas.open(explored)
    known = space.thumbnails(space.latents.ids[space.latents.splits == TRAIN]).reshape(-1, 64)
    for pixels in real.reshape(6, 64, 4)[:, :, 0]:
        assert np.abs(known.astype(int) - pixels).max(1).min() <= 2


def test_a_sample_is_looked_at_where_it_lies(page, panel):
    draw(panel, n=8)
    panel.locator(".generate-cell").nth(2).click()
    # Where it lies is known a moment after it is drawn.
    until(page, "() => Number.isFinite(__latlas.state.probe.value?.x)")
    probe = page.evaluate("(({ x, y }) => ({ x, y }))(__latlas.state.probe.value)")
    until(
        page,
        """([x, y]) => {
          const view = __latlas.map.view.value;
          return Math.hypot(view.x - x, view.y - y) * view.scale < 1;
        }""",
        [probe["x"], probe["y"]],
    )
    expect(panel.locator(".generate-chosen")).to_contain_text("Distance")
    panel.get_by_role("button", name="Walk from here").click()
    expect(page.locator("[data-panel=walk]")).to_contain_text("it becomes B")


def test_samples_go_with_the_panels_of_their_classes(page, panel):
    page.keyboard.press("p")
    draw(panel, n=8)

    def off(i):
        """How far a sample lies from the row that is nearest to it; a panel is 1 wide."""
        panel.locator(".generate-cell").nth(i).click()
        return page.evaluate("""async () => {
          const { state, latents, map } = __latlas;
          const { z, x, y } = state.probe.value;
          const [row] = (await latents.nearest(z, 1)).rows;
          return Math.hypot(map.places[2 * row] - x, map.places[2 * row + 1] - y);
        }""")

    for width, columns in ((1000, 2), (1280, 3)):
        page.keyboard.press("0")
        page.set_viewport_size({"width": width, "height": 720})
        settle(page, lambda: columns_of(page), columns)
        for i in range(8):
            until_seen(page, lambda i=i: off(i), lambda distance: distance < 0.5, "its panel")


def test_the_grid_is_saved_as_it_is_shown(page, panel, tmp_path):
    pixels = draw(panel, n=9).reshape(9, 8, 8, 4)
    with Image.open(saved(page, panel, "Save as PNG", tmp_path / "grid.png")) as file:
        grid = np.asarray(file.convert("RGB"))
    assert grid.shape == (3 * 60, 3 * 60, 3)  # 8 pixels x 7, and 2 on each side
    cells = grid.reshape(3, 60, 3, 60, 3).swapaxes(1, 2).reshape(9, 60, 60, 3)
    assert (cells[:, 2:58:7, 2:58:7] == pixels[..., :3]).all()


def test_a_link_shows_the_same_samples(open_page, served, panel):
    pixels = draw(panel, label=2, seed=9, n=5)
    address = f"{served.url}#panel=generate&generate=gmm~2~1~9~5"
    other = open_page(address).locator("[data-panel=generate]")
    other.locator("[data-drawn='gmm~2~1~9~5']").wait_for()
    assert (seen(other) == pixels).all()


def test_clearing_takes_them_away(panel):
    panel.get_by_role("button", name="Clear").click()
    expect(panel.locator(".generate-cell")).to_have_count(0)


def test_the_panel_keeps_nobody_out(page, panel):
    panel.locator(".generate-cell").first.click()
    panel.get_by_label("Show the nearest real image").check()
    assert barriers(page) == []
    panel.locator(".generate-cell").first.press("ArrowRight")
    expect(panel.locator(".generate-cell").nth(1)).to_be_focused()


def test_a_prior_of_the_server_is_fitted_and_drawn_from(open_page, own_served):
    panel = opened(open_page(own_served.url))
    panel.get_by_label("Prior", exact=True).select_option("normal")
    option = panel.get_by_label("Prior", exact=True).locator("option[value=normal]")
    expect(option).to_have_text("normal (on the server, fitted first)")
    panel.get_by_label("How many").fill("4")
    panel.get_by_role("button", name="Draw", exact=True).click()
    panel.locator("[data-drawn='normal~-1~1~0~4']").wait_for()
    assert seen(panel).shape == (4, 8 * 8 * 4)
    expect(option).to_have_text("normal (on the server)")


def test_work_on_the_server_can_be_cancelled(open_page, own_served):
    page = open_page(own_served.url)
    panel = opened(page)
    before = seen(panel)
    panel.get_by_label("Prior", exact=True).select_option("nsf")
    panel.get_by_role("button", name="Draw", exact=True).click()
    panel.get_by_role("progressbar").wait_for()
    panel.get_by_role("button", name="Cancel").click()
    expect(panel.get_by_role("progressbar")).to_have_count(0)
    # The job is not there before the server has answered, nor stopped before the next look.
    until(page, "async () => (await __latlas.server.get('/jobs'))[0]?.state === 'cancelled'")
    expect(panel.get_by_role("alert")).to_have_count(0)
    assert (seen(panel) == before).all()
