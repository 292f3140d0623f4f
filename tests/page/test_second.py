"""The second map: the same rows on another map, linked both ways."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import expect

import latlas
from conftest import blobs
from latlas.contracts import NoProgress
from latlas.exporting import export_page
from page.looking import (
    address,
    changed,
    clear_rows,
    drawn,
    like,
    link,
    place,
    point_at,
    state,
    until_seen,
    view,
    wait_for_address,
)
from page.serving import serving
from page.test_map import RING
from page.test_select import drag, labels, places, signed_distances, triangle_around
from page.watching import barriers, until

# The middle of the only ring on the second map, in CSS pixels of the window; null: no ring.
RINGED = """() => {
  const canvas = document.querySelector("#second-stage canvas[data-level=rings]");
  if (!canvas?.width) return null;
  const { data, width, height } = canvas.getContext("2d").getImageData(
    0, 0, canvas.width, canvas.height);
  let [x0, y0, x1, y1] = [width, height, -1, -1];
  for (let i = 0; i < width * height; i++) {
    if (!data[4 * i + 3]) continue;
    const [x, y] = [i % width, Math.floor(i / width)];
    [x0, y0, x1, y1] = [Math.min(x0, x), Math.min(y0, y), Math.max(x1, x), Math.max(y1, y)];
  }
  if (x1 < 0) return null;
  const box = canvas.getBoundingClientRect();
  const ratio = width / box.width;
  return [box.left + (x0 + x1 + 1) / 2 / ratio, box.top + (y0 + y1 + 1) / 2 / ratio];
}"""
# Every WebGL context that the page makes, to see which are alive.
CONTEXTS = """
window.contexts = [];
const get = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (name, ...rest) {
  const made = get.call(this, name, ...rest);
  if (/webgl/.test(name) && made && !window.contexts.includes(made)) window.contexts.push(made);
  return made;
};
"""
ALIVE = "window.contexts.filter(each => !each.isContextLost()).length"


def stage(page):
    return page.locator("#second-stage")


def opened(page):
    """The page with the second map open and at rest."""
    if state(page, "panel") != "second":
        page.locator("#open-second").click()
    expect(stage(page)).to_be_visible()
    places(page)  # the main map has taken its new size
    page.evaluate("__latlas.state.hover.value = 0")
    until(page, f"({RINGED})() !== null")
    page.evaluate("__latlas.state.hover.value = -1")
    until(page, f"({RINGED})() === null")
    return page


def ringed(page, row):
    """Where the second map rings a row."""
    page.evaluate("row => (__latlas.state.hover.value = row)", int(row))
    page.evaluate("new Promise(go => requestAnimationFrame(() => requestAnimationFrame(go)))")
    return np.array(page.evaluate(RINGED))


def wait_for_ring(page, at):
    """Waits until the second map rings a place; another may be ringed before."""
    until_seen(
        page,
        lambda: page.evaluate(RINGED),
        lambda seen: seen is not None and np.abs(np.array(seen) - at).max() < 1,
        at,
    )


def second_places(page, name="pca"):
    """Where each row stands on the second map, CSS pixels of the window [N, 2]: told from two
    rows that are far apart on the map and from the coordinates of the space."""
    flat = page.evaluate("name => __latlas.columns.map(name).then(xy => [...xy])", name)
    xy = np.array(flat).reshape(-1, 2) * (1, -1)
    low, high = xy[:, 0].argmin(), xy[:, 0].argmax()
    a, b = ringed(page, low), ringed(page, high)
    page.evaluate("__latlas.state.hover.value = -1")
    scale = (b - a)[0] / (xy[high] - xy[low])[0]
    return a + scale * (xy - xy[low])


def lonely(where, page):
    """A row of the second map that no other could be taken for, well inside."""
    box = stage(page).bounding_box()
    apart = np.hypot(*(where[:, None] - where[None]).transpose(2, 0, 1))
    np.fill_diagonal(apart, np.inf)
    inside = (where[:, 0] > box["x"] + 20) & (where[:, 1] > box["y"] + 20)
    inside &= where[:, 0] < box["x"] + box["width"] - 20
    inside &= where[:, 1] < box["y"] + box["height"] - 20
    return int(np.where(inside, apart.min(axis=1), 0).argmax())


def pixels(page):
    """The second map without its frames, RGB uint8."""
    box = stage(page).bounding_box()
    left, top = int(box["x"]) + 6, int(box["y"]) + 6
    right, bottom = int(box["x"] + box["width"]) - 6, int(box["y"] + box["height"]) - 6
    return drawn(page)[top:bottom, left:right]


def colourful(pixels):
    """The share of pixels with a colour of their own."""
    return float((np.ptp(pixels.astype(int), axis=-1) > 60).mean())


@pytest.fixture
def both(page):
    assert state(page, "map") == "tsne"
    return opened(page)


def test_a_row_that_is_pointed_at_on_one_map_is_ringed_on_both(both):
    page = both
    where = second_places(page)
    for row in clear_rows(page, 3):
        point_at(page, row)
        until(page, f"({RING})({row})")
        wait_for_ring(page, where[row])
    row = lonely(where, page)
    page.mouse.move(*where[row])
    until(page, f"__latlas.state.hover.value === {row}")
    until(page, f"({RING})({row})")
    assert page.locator(f".card[data-row='{row}']").count() <= 1
    expect(page.locator(f".card[data-row='{row}']")).to_be_visible()
    page.locator(".panel h2").hover()
    until(page, "__latlas.state.hover.value === -1")
    until(page, f"({RINGED})() === null")


def test_a_click_on_the_second_pins_on_the_main_and_brings_the_row_into_view(both):
    page = both
    where = second_places(page)
    row = lonely(where, page)
    page.evaluate("__latlas.map.setView({x: 1e3 / __latlas.map.view.value.scale})")
    page.mouse.click(*where[row])
    until(page, f"__latlas.state.pinned.value === {row}")
    expect(page.locator(f".card.pinned[data-row='{row}']")).to_be_visible()
    page.mouse.move(5, 5)
    until(page, f"({RING})({row})")
    x, y = place(page, row)
    box = page.evaluate("__latlas.stage.getBoundingClientRect().toJSON()")
    assert box["left"] < x < box["right"] and box["top"] < y < box["bottom"]
    wait_for_address(page, f"row={page.evaluate(f'__latlas.columns.id({row})')}")
    page.wait_for_timeout(400)  # longer than two clicks may take to be a double click
    page.mouse.click(*where[row])
    until(page, "__latlas.state.pinned.value === -1")


def test_a_lasso_on_either_map_is_the_selection_of_both(both):
    page = both
    before = colourful(pixels(page))
    page.keyboard.press("l")
    where = places(page)
    triangle = triangle_around(where)
    drag(page, triangle)
    chosen = state(page, "selection")
    assert 20 < len(chosen) < len(where) / 2
    assert state(page, "panel") == "second"
    page.mouse.move(5, 5)
    # The grey of context is pale and small: colour is left on what is selected only.
    share = len(chosen) / len(where)
    until_seen(
        page,
        lambda: colourful(pixels(page)),
        lambda seen: 0.2 * share * before < seen < 0.7 * before,
        f"between {0.2 * share * before} and {0.7 * before}",
    )
    where = second_places(page)
    triangle = triangle_around(where)
    depth = signed_distances(where, triangle).min(axis=1)
    main = drawn(page)
    drag(page, triangle)
    own = set(state(page, "selection"))
    assert set(np.flatnonzero(depth > 3)) <= own <= set(np.flatnonzero(depth > -3))
    assert len(own) > 20 and own != set(chosen)
    page.mouse.move(5, 5)
    until_seen(
        page,
        lambda: changed(main[60:, :700], drawn(page)[60:, :700]),
        lambda share: share > 0.01,
        "above 0.01",
    )
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    assert state(page, "selection") == []
    until_seen(
        page,
        lambda: colourful(pixels(page)),
        lambda seen: abs(seen - before) < 0.1 * before,
        before,
    )


def test_shift_adds_and_escape_lets_a_lasso_go_on_the_second_map(both):
    page = both
    where = second_places(page)
    row = lonely(where, page)
    page.keyboard.down("Shift")
    page.mouse.click(*where[row])
    page.keyboard.up("Shift")
    assert state(page, "selection") == [row]
    page.keyboard.press("x")
    box = stage(page).bounding_box()
    page.mouse.move(box["x"] + 8, box["y"] + 8)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 200, steps=5)
    page.keyboard.press("Escape")
    page.mouse.up()
    assert state(page, "selection") == [row]
    assert state(page, "tool") == "box"


def test_a_class_that_is_switched_off_is_grey_on_both(both):
    page = both
    colour = page.evaluate("__latlas.manifest.classes[3].colour")

    def coloured():
        return like(pixels(page), colour, 24)

    whole = coloured()
    assert whole > 50
    button = page.locator(".legend .class").nth(3)
    button.click()
    page.mouse.move(5, 5)
    until_seen(page, coloured, lambda count: count < 0.3 * whole, f"below {0.3 * whole}")
    button.click()
    until_seen(page, coloured, lambda count: count > 0.9 * whole, f"above {0.9 * whole}")
    page.locator("#colour-choice").select_option("error")
    page.mouse.move(5, 5)
    until(page, "__latlas.state.hidden.value.size === 0")
    expect(page.locator(".ramp")).to_be_visible()
    until_seen(page, coloured, lambda count: count < 0.3 * whole, f"below {0.3 * whole}")


def test_wheel_drag_and_keys_move_the_second_map_alone(both):
    page = both
    main = view(page)
    where = second_places(page)
    middle = lonely(where, page)
    a = where[middle]
    far = np.hypot(*(where - a).T)
    other = int(np.flatnonzero((far > 30) & (far < 60))[0])
    page.mouse.move(*a)
    page.mouse.wheel(0, -200)
    page.mouse.move(5, 5)
    reach = f"Math.hypot(({RINGED})()[0] - {a[0]}, ({RINGED})()[1] - {a[1]})"
    ringed(page, other)
    until(page, f"{reach} > {1.2 * far[other]}")
    assert np.abs(ringed(page, middle) - a).max() < 1.5, "the place under the cursor stays there"
    moved = a + np.array([60, 40])
    page.mouse.move(*a)
    page.mouse.down()
    page.mouse.move(*moved, steps=6)
    page.mouse.up()
    page.mouse.move(5, 5)
    assert np.abs(ringed(page, middle) - moved).max() < 1.5
    stage(page).press("ArrowLeft")
    until(page, f"({RINGED})()[0] > {a[0] + 110}")
    stage(page).press("0")
    until(page, f"Math.abs(({RINGED})()[0] - {a[0]}) < 1")
    stage(page).press("+")
    until(page, f"Math.abs(({RINGED})()?.[0] - {a[0]}) > 1 || ({RINGED})() === null")
    page.mouse.dblclick(*a)
    page.mouse.move(5, 5)
    page.evaluate("__latlas.state.pinned.value = -1")
    ringed(page, middle)
    until(page, f"Math.abs(({RINGED})()?.[0] - {a[0]}) < 1")
    assert view(page) == main
    stage(page).press("Enter")
    until(page, "__latlas.state.pinned.value >= 0")


def test_it_costs_nothing_before_it_is_opened_and_nothing_after(open_page, served):
    page = open_page("about:blank", ready=False)
    page.add_init_script(CONTEXTS)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(served.url)
    page.wait_for_selector("html[data-ready='1']", state="attached")
    assert page.evaluate(ALIVE) == 1
    assert not [url for url in asked if "map-pca" in url]
    opened(page)
    assert page.evaluate(ALIVE) == 2
    assert [url for url in asked if "map-pca" in url]
    page.keyboard.press("Escape")
    expect(stage(page)).to_have_count(0)
    until(page, f"{ALIVE} === 1")
    # More than a browser lets live at once, so that one that stays would cost the main map its own.
    for _ in range(20):
        page.locator("#open-second").click()
        expect(stage(page)).to_be_visible()
        page.get_by_role("button", name="Close the panel").click()
        expect(stage(page)).to_have_count(0)
    until(page, f"{ALIVE} === 1")
    assert page.evaluate("window.contexts[0].isContextLost()") is False


def test_maps_swap_and_the_address_keeps_both(both, served, open_page):
    page = both
    assert page.locator("#second-choice option").all_inner_texts() == ["PCA"]
    assert "second" not in address(page)
    page.get_by_role("button", name="Swap the two maps").click()
    until(page, "__latlas.state.map.value === 'pca'")
    expect(page.locator("#second-choice")).to_have_value("tsne")
    wait_for_address(page, "second=tsne")
    again = open_page(link(served, page))
    expect(again.locator("#second-choice")).to_have_value("tsne")
    opened(again)
    row = clear_rows(again)[0]
    point_at(again, row)
    assert np.abs(ringed(again, row) - second_places(again, "tsne")[row]).max() < 1
    again.keyboard.press("m")
    expect(again.locator("#second-choice")).to_have_value("pca")


def test_each_class_has_a_panel_on_both(both):
    page = both
    page.keyboard.press("p")
    until(page, "__latlas.state.apart.value")
    own = np.flatnonzero(labels(page) == 0)
    other = np.flatnonzero(labels(page) == 9)

    def heights(rows):
        return [ringed(page, row)[1] for row in rows[:12]]

    # The rows stand in their panels some time after the key.
    until_seen(
        page,
        lambda: (max(heights(own)), min(heights(other))),
        lambda seen: seen[0] < seen[1],
        "0 stands in the first line, 9 in the last",
    )


def test_panels_of_classes_follow_the_size_of_the_map(open_page, served):
    low = {"width": 740, "height": 760}
    page = opened(open_page(served.url + "#panel=second&apart=1", size=tuple(low.values())))
    rows = [int(np.argmax(labels(page) == label)) for label in range(10)]

    def stands():
        return np.array([ringed(page, row) for row in rows])

    wanted = stands()
    page.close()
    page = opened(open_page(served.url + "#panel=second&apart=1"))
    assert np.abs(stands() - wanted).max() > 20
    page.set_viewport_size(low)
    until_seen(page, stands, lambda seen: np.abs(seen - wanted).max() < 1.5, wanted)


def test_it_is_in_an_exported_file(open_page, explored, tmp_path):
    path = tmp_path / "digits.html"
    path.write_bytes(export_page(latlas.open(explored), images=300))
    page = opened(open_page(path.as_uri(), offline=True))
    row = clear_rows(page)[0]
    where = second_places(page)
    point_at(page, row)
    wait_for_ring(page, where[row])


@pytest.fixture(scope="module")
def one_map(tmp_path_factory):
    folder = tmp_path_factory.mktemp("one") / "spots.latlas"
    images = blobs(96).pixels
    options = {"epochs": 1, "latent_dim": 4, "precision": "float32", "pictures": False}
    return latlas.fit(images, folder, maps=("pca",), progress=NoProgress(), **options)


def test_a_space_with_one_map_says_how_to_get_another(open_page, one_map, page_cache, tmp_path):
    path = tmp_path / "spots.html"
    path.write_bytes(export_page(one_map))
    page = open_page(path.as_uri() + "#panel=second", offline=True)
    panel = page.locator("[data-panel=second]")
    expect(panel).to_contain_text("one map only: PCA")
    expect(panel.locator("code")).to_have_text("latlas map spots.latlas --method tsne")
    expect(panel.get_by_role("button", name="Draw the t-SNE map")).to_have_count(0)
    with serving(one_map.folder, "--read-only", cache=page_cache) as server:
        page = open_page(server.url + "#panel=second")
        expect(page.locator("[data-panel=second] code")).to_contain_text("latlas map")
        expect(page.get_by_role("button", name="Draw the t-SNE map")).to_have_count(0)
        page.close()
    with serving(one_map.folder, cache=page_cache) as server:
        page = open_page(server.url + "#panel=second")
        page.get_by_role("button", name="Draw the t-SNE map").click()
        expect(stage(page)).to_be_visible(timeout=60_000)
        until(page, "document.documentElement.dataset.ready === '1' && !!window.__latlas")
        assert {state(page, "map"), page.locator("#second-choice").input_value()} == {"pca", "tsne"}
        page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_on_a_phone_a_tap_pins_and_all_can_use_it(open_page, served, scheme):
    phone = {"size": (390, 844), "has_touch": True, "is_mobile": True}
    page = opened(open_page(served.url + "#panel=second", color_scheme=scheme, **phone))
    box = stage(page).bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 390 and box["height"] >= 200
    assert box["y"] + box["height"] < page.locator(".rail").bounding_box()["y"]
    where = second_places(page)
    row = lonely(where, page)
    page.touchscreen.tap(*where[row])
    until(page, f"__latlas.state.pinned.value === {row}")
    assert barriers(page) == []
