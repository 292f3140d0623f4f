"""Where every class has a latent space of its own, the page compares within that space alone."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

import latlas
from page.looking import settle, until_seen
from page.serving import serving
from page.test_select import places as in_window
from page.watching import until

PIXELS = """canvas => Array.from(
  canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data)"""
PICTURE = "canvas:not(.decoded-fog)"
CLEAR = 0.95  # the quantile of the distances of held-out latents up to which nothing is veiled


def halves(space):
    """The latents as the page has them, which carries them as float16."""
    return np.asarray(space.latents.z, np.float16).astype(np.float64)


def fog_of(distance, quantiles):
    usual, last = np.quantile(quantiles, [CLEAR, 1])
    return float(np.clip((distance - usual) / (last - usual), 0, 1))


def distance_to(z, points):
    return np.sqrt(((points - z) ** 2).sum(1)).min()


def trained(space, label=None):
    """The rows that were trained on; of one label."""
    latents = space.latents
    kept = latents.splits == 0
    return np.flatnonzero(kept if label is None else kept & (latents.labels == label))


def pin(page, space, row, label=None):
    """Puts the latent of a row under scrutiny, and waits until its fog is known."""
    label = int(space.latents.labels[row]) if label is None else label
    page.evaluate(
        """async ([row, label]) => {
          const { state, map, latentsOf } = __latlas;
          const [x, y] = [map.places[2 * row], map.places[2 * row + 1]];
          state.probe.value = { z: await latentsOf([row]), label, x, y };
        }""",
        [int(row), label],
    )
    until(
        page,
        """() => {
          const { dataset } = document.querySelector(".probe");
          const { probe } = __latlas.state;
          return dataset.known === "1" && Number(dataset.x) === probe.value.x &&
            Number(dataset.y) === probe.value.y;
        }""",
    )
    return float(page.locator(".probe").get_attribute("data-fog"))


def pixels(canvas):
    return np.array(canvas.evaluate(PIXELS), np.uint8).reshape(8, 8, 4)[..., 0].astype(int)


@pytest.fixture(scope="module")
def apart(scoped_spaces):
    return latlas.open(scoped_spaces / "per-class.latlas")


@pytest.fixture(scope="module")
def apart_served(scoped_spaces, page_cache):
    with serving(scoped_spaces / "per-class.latlas", "--read-only", cache=page_cache) as server:
        yield server


@pytest.fixture
def opened(open_page, apart_served):
    return open_page(apart_served.url)


def most_misled(space, quantiles):
    """The held-out row whose fog differs most when other spaces are let in; that fog, and the
    right one."""
    z, labels = halves(space), space.latents.labels
    everything = z[trained(space)]
    rows = np.flatnonzero(space.latents.splits != 0)
    own = [fog_of(distance_to(z[r], z[trained(space, labels[r])]), quantiles) for r in rows]
    wrong = [fog_of(distance_to(z[r], everything), quantiles) for r in rows]
    best = int((np.array(own) - wrong).argmax())
    return int(rows[best]), own[best], wrong[best]


def test_the_fog_of_a_pinned_vector_is_that_of_its_own_space(opened, apart):
    quantiles = opened.evaluate("__latlas.manifest.fog")
    row, expected, wrong = most_misled(apart, quantiles)
    assert expected - wrong > 0.1
    assert abs(pin(opened, apart, row) - expected) < 0.005


def test_the_fog_under_the_cursor_is_that_of_the_panel_it_is_in(opened, apart):
    quantiles = opened.evaluate("__latlas.manifest.fog")
    row, expected, wrong = most_misled(apart, quantiles)
    # The row in the middle of the window, so near that it is all that the cursor's vector is of.
    x, y = opened.evaluate(
        """row => {
          const { map, stage } = __latlas;
          const [x, y] = [map.places[2 * row], map.places[2 * row + 1]];
          map.setView({ x, y, scale: map.view.value.scale * 2000 });
          const box = stage.getBoundingClientRect();
          const [px, py] = map.toScreen(x, y);
          return [box.left + px, box.top + py];
        }""",
        row,
    )
    opened.mouse.move(x, y)
    probe = opened.locator(".probe")
    expect(probe).to_have_attribute("data-known", "1")
    assert expected - wrong > 0.1
    assert abs(float(probe.get_attribute("data-fog")) - expected) < 0.02


def test_a_panel_offers_no_sheet_and_no_plane(opened):
    assert opened.evaluate("__latlas.manifest.maps.every(map => map.panels)")
    expect(opened.locator(".probe")).to_be_visible()
    expect(opened.locator(".probe").get_by_role("radio")).to_have_count(0)


def test_the_neighbours_of_the_card_are_those_of_python(opened, apart):
    for row in range(3, 300):
        near = apart.neighbours(int(apart.latents.ids[row]), 9)
        if near.distances[8] > 1.01 * near.distances[7]:
            break
    opened.evaluate("row => { __latlas.state.pinned.value = row; }", row)
    shown = opened.locator(".card .near small")
    expect(shown).to_have_count(8)
    assert sorted(map(int, shown.all_inner_texts())) == sorted(int(id_) for id_ in near.ids[:8])


def test_the_ring_leads_along_the_space_of_the_class_by_its_own_model(opened, apart):
    row = int(trained(apart, 7)[4])
    pin(opened, apart, row)
    opened.keyboard.press("o")
    expect(opened.locator(".lift-way")).to_have_count(8)
    first = opened.locator(".lift-way").first
    seen = pixels(first.locator(PICTURE))
    fog = float(first.get_attribute("data-fog"))
    # A forced click does not wait for the ring to stand where it belongs.
    until(opened, "() => document.querySelector('.lift').style.transform !== ''")
    first.click(force=True)
    start = halves(apart)[row]
    until(opened, "start => __latlas.state.probe.value.z[0] !== start", float(start[0]))
    z = np.array(opened.evaluate("Array.from(__latlas.state.probe.value.z)"))
    axes = opened.evaluate(
        """async row => {
          const { latents, latentsOf, state } = __latlas;
          const z = await latentsOf([row]);
          const found = await latents.directions(z, state.map.value, 4, 7);
          return Array.from(found.axes);
        }""",
        row,
    )
    away = z - start
    assert np.linalg.norm(away) > 1e-3
    assert abs(away @ np.reshape(axes, (-1, 8))[0]) / np.linalg.norm(away) > 0.999
    expected = apart.decode(z[None].astype(np.float32), "7")[0, ..., 0]
    assert np.abs(seen - expected).max() <= 2
    quantiles = opened.evaluate("__latlas.manifest.fog")
    right = fog_of(distance_to(z, halves(apart)[trained(apart, 7)]), quantiles)
    assert abs(fog - right) < 0.01


def test_new_images_like_a_few_of_a_class_look_like_that_class(opened, apart):
    label = 3
    rows = trained(apart, label)[:6]
    opened.evaluate(
        "rows => { __latlas.state.selection.value = Uint32Array.from(rows); }", rows.tolist()
    )
    opened.locator("#open-select").click()
    part = opened.locator("details.select-part", has_text="New images like these")
    part.locator("summary").click()
    part.get_by_role("button", name="Draw").click()
    images = part.locator(f".select-samples {PICTURE}")
    expect(images).to_have_count(16)
    drawn = np.stack([pixels(image) for image in images.all()])
    real = apart.pixels(np.arange(len(apart)))[..., 0].astype(float)
    labels = apart.latents.labels
    means = np.stack([real[labels == c].mean(0) for c in range(10)])
    away = ((drawn[:, None] - means) ** 2).sum((-1, -2))
    assert (away.argmin(1) == label).mean() >= 0.75
    # They stand in the panel of the class.
    places = apart_places(opened)
    part.locator(".select-samples button").first.click()
    until(opened, "() => __latlas.state.probe.value !== null")
    place = opened.evaluate("[__latlas.state.probe.value.x, __latlas.state.probe.value.y]")
    assert labels[((places - place) ** 2).sum(1).argmin()] == label


def apart_places(page):
    return np.reshape(page.evaluate("Array.from(__latlas.map.places)"), (-1, 2))


def mixed(space, places, at):
    """The mean of the latents of the eight nearest rows of the panel, as the page weighs them."""
    distances = np.sqrt(((places - at) ** 2).sum(1))
    label = int(space.latents.labels[distances.argmin()])
    rows = np.flatnonzero(space.latents.labels == label)
    rows = rows[distances[rows].argsort()]
    near, last = distances[rows[:8]], distances[rows[8]]
    weights = ((last - near) / (last * near)) ** 2
    return label, (weights / weights.sum()) @ halves(space)[rows[:8]]


def test_an_image_dragged_into_another_panel_is_drawn_by_the_model_of_that_panel(
    opened, apart, tmp_path
):
    latents = apart.latents
    file = tmp_path / "picture.png"
    Image.fromarray(apart.pixels(np.array([5]))[0, ..., 0]).save(file)
    opened.locator("#open-draw").click()
    panel = opened.locator("[data-panel=draw]")
    panel.locator("input[type=file]").set_input_files(file)
    expect(panel.locator(".draw-verdict")).to_be_visible()
    best = int(apart.explained(np.array([5])).errors[0].argmin())
    first = int(panel.locator(".draw-near button").first.get_attribute("aria-label").split()[-1])
    row = int(np.flatnonzero(latents.ids == first)[0])
    assert latents.labels[row] == best
    places = apart_places(opened)
    target = next(row for row in trained(apart, (best + 4) % 10) if np.isfinite(places[row]).all())
    # Once the panel has taken its share of the window.
    points = in_window(opened)[[row, target]].round().tolist()
    opened.mouse.move(*points[0])
    opened.mouse.down()
    opened.mouse.move(*points[1])
    opened.mouse.up()
    at = opened.evaluate(
        """([x, y]) => {
          const { map, stage } = __latlas;
          const box = stage.getBoundingClientRect();
          return map.toMap(x - box.left, y - box.top);
        }""",
        points[1],
    )
    label, z = mixed(apart, places, np.array(at))
    assert label == (best + 4) % 10
    expected = apart.decode(z[None].astype(np.float32), str(label))[0, ..., 0].astype(int)
    seen = panel.locator(f".draw-pair {PICTURE}").nth(1)
    until_seen(
        opened, lambda: np.abs(pixels(seen) - expected).max(), lambda off: off <= 3, "at most 3"
    )

    def labels_near():
        names = panel.locator(".draw-near button").evaluate_all("all => all.map(b => b.ariaLabel)")
        return set(latents.labels[np.isin(latents.ids, [int(name.split()[-1]) for name in names])])

    settle(opened, labels_near, {label})


def test_one_model_that_is_told_the_class_compares_with_all_rows(scoped_spaces, open_page, serve):
    folder = scoped_spaces / "conditional.latlas"
    space = latlas.open(folder)
    server = serve(folder, "--read-only")
    page = open_page(server.url)
    quantiles = page.evaluate("__latlas.manifest.fog")
    z, rows = halves(space), np.flatnonzero(space.latents.splits != 0)
    everything = z[trained(space)]
    row = max(rows, key=lambda row: distance_to(z[row], everything))
    expected = fog_of(distance_to(z[row], everything), quantiles)
    label = (int(space.latents.labels[row]) + 1) % 10
    fog = pin(page, space, row, label)
    seen = pixels(page.locator("#probe-picture"))
    assert abs(fog - expected) < 0.005
    told = space.decode(z[[row]].astype(np.float32), str(label))[0, ..., 0]
    assert np.abs(seen - told).max() <= 2
