"""The map: what is pointed at, what the legend does, what the dots become, where they fly."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import expect

import latlas
from page.looking import (
    card,
    changed,
    clear_rows,
    drawn,
    like,
    map_pixels,
    place,
    point_at,
    settle,
    show_map,
    state,
    until_seen,
    view,
    whole_card,
)

RING = """row => {
  const { map, stage } = __latlas;
  const canvas = stage.querySelector("canvas[data-level=rings]");
  const ratio = canvas.width / canvas.clientWidth;
  const [x, y] = map.toScreen(map.places[2 * row], map.places[2 * row + 1]);
  const box = [x - 12, y - 12, 24, 24].map(at => Math.round(at * ratio));
  return canvas.getContext("2d").getImageData(...box).data.some(value => value > 0);
}"""
PLACES = "[...__latlas.map.places]"


@pytest.fixture
def classes(page):
    return page.evaluate("__latlas.manifest.classes")


def of_each(page, classes):
    """How many pixels of the map have the colour of each class."""
    pixels = map_pixels(page)
    return np.array([like(pixels, each["colour"], 24) for each in classes])


def colour_by(page, name):
    page.locator("#colour-choice").select_option(name)


def black(pixels):
    return like(pixels, "#000000", 20)


def test_what_is_pointed_at_has_a_ring_at_once_and_a_card_after_rest(page, explored):
    row = clear_rows(page)[0]
    assert not page.evaluate(RING, row)
    point_at(page, row)
    page.wait_for_function(f"row => ({RING})(row)", arg=row)
    found = card(page, row)
    space = latlas.open(explored)
    ident = page.evaluate("row => __latlas.columns.id(row)", row)
    expect(found).to_contain_text(f"id {ident}")
    label = page.evaluate(
        "row => __latlas.manifest.classes[__latlas.columns.labels[row]].name", row
    )
    expect(found.locator("header strong")).to_have_text(label)
    expect(found.locator(".pair canvas[data-drawn]")).to_have_count(2)
    expect(found.locator(".odds .bar").first).to_contain_text("%")
    near = [int(text) for text in found.locator(".thumb small").all_inner_texts()]
    assert near == list(space.neighbours(ident, k=8).ids)
    page.mouse.move(*place(page, row))
    page.mouse.move(5, 5)
    expect(page.locator(".card")).to_have_count(0)


def test_the_picture_and_what_is_decoded_of_it_are_those_of_the_space(page, explored):
    row = clear_rows(page)[0]
    point_at(page, row)
    read = """canvas => {
      const { width, height } = canvas;
      return [...canvas.getContext("2d").getImageData(0, 0, width, height).data]
        .filter((_, i) => i % 4 === 0);
    }"""
    images = card(page, row).locator(".pair canvas")
    expect(card(page, row).locator(".pair canvas[data-drawn]")).to_have_count(2)
    image, decoded = (np.array(images.nth(i).evaluate(read)).reshape(8, 8) for i in (0, 1))
    space = latlas.open(explored)
    rows = np.array([row])
    assert np.abs(image - space.pixels(rows)[0, ..., 0].astype(int)).max() <= 2
    expected = space.decode(space.latents.z[rows])[0, ..., 0].astype(int)
    assert np.abs(decoded - expected).max() <= 4


def test_a_click_pins_the_card_and_a_neighbour_leads_on(page):
    row = clear_rows(page)[0]
    page.mouse.click(*place(page, row))
    page.mouse.move(5, 5)
    found = whole_card(page, row)
    expect(page.get_by_role("dialog")).to_have_attribute("data-row", str(row))
    x, y = place(page, row)
    box = found.bounding_box()
    assert not (box["x"] < x < box["x"] + box["width"] and box["y"] < y < box["y"] + box["height"])
    found.locator(".thumb").first.click()
    page.wait_for_function("row => ![row, -1].includes(__latlas.state.pinned.value)", arg=row)
    other = state(page, "pinned")
    card(page, other).get_by_role("button", name="Close the card").click()
    expect(page.locator(".card")).to_have_count(0)


def test_a_card_keeps_its_side_while_the_map_moves(page):
    row = clear_rows(page)[0]
    page.mouse.click(*place(page, row))
    before = whole_card(page, row).bounding_box()
    x, _ = place(page, row)
    page.evaluate(
        "__latlas.map.setView({x: __latlas.map.view.value.x - 8 / __latlas.map.view.value.scale})"
    )
    moved = place(page, row)[0] - x
    after = whole_card(page, row).bounding_box()
    assert 6 < moved < 10
    assert abs(after["x"] - before["x"]) <= 10 and abs(after["y"] - before["y"]) <= 1


def test_the_legend_greys_a_class_out_and_shows_one_alone(page, classes):
    whole = of_each(page, classes)
    assert (whole > 50).all()
    buttons = page.locator(".legend .class")
    buttons.nth(3).click()
    page.mouse.move(5, 5)
    without = of_each(page, classes)
    assert without[3] < 0.3 * whole[3]
    assert (np.delete(without, 3) > 0.6 * np.delete(whole, 3)).all()
    expect(buttons.nth(3)).to_have_attribute("aria-checked", "false")
    page.get_by_role("button", name="Show all").click()
    page.get_by_role("button", name="Only 3", exact=True).click(force=True)
    page.mouse.move(5, 5)
    alone = of_each(page, classes)
    assert alone[3] > 0.8 * whole[3]
    assert (np.delete(alone, 3) < 0.4 * np.delete(whole, 3)).all()
    page.get_by_role("button", name="Only 3", exact=True).click(force=True)
    page.mouse.move(5, 5)
    assert np.abs(of_each(page, classes) - whole).max() <= 0.02 * whole.max()


def test_points_are_coloured_by_split_by_a_number_and_by_nothing(page, classes):
    expect(page.locator(".legend .class")).to_have_count(10)
    by_label = map_pixels(page)
    colour_by(page, "split")
    expect(page.locator(".legend .class")).to_have_count(2)
    expect(page.locator(".legend")).to_contain_text("test")
    split = page.evaluate("__latlas.manifest.columns.find(each => each.name === 'split').colours")
    by_split = map_pixels(page)
    assert min(like(by_split, colour, 60) for colour in split[:2]) > 150
    colour_by(page, "error")
    ramp = page.locator(".legend .ramp")
    expect(ramp).to_be_visible()
    by_error = map_pixels(page)
    assert changed(by_label, by_error) > 0.01
    colour_by(page, "none")
    expect(page.locator(".legend")).to_have_count(0)
    assert like(map_pixels(page), "#2b4a94", 60) > 2000


def test_dots_become_images_and_what_is_decoded_of_them(page):
    dots = map_pixels(page)
    page.get_by_role("radio", name="Images").click()
    images = until_seen(page, lambda: map_pixels(page), lambda now: black(now) > black(dots) + 5000)
    page.get_by_role("radio", name="Decoded").click()
    until_seen(
        page,
        lambda: map_pixels(page),
        lambda now: black(now) > 0.5 * black(images) and changed(images, now) > 0.02,
    )
    page.get_by_role("radio", name="Dots").click()
    until_seen(page, lambda: changed(map_pixels(page), dots), lambda share: share < 0.001)


def test_the_points_fly_to_another_map_and_back(open_page, served):
    page = open_page(served.url, reduced_motion="no-preference")
    first = drawn(page)
    names = page.evaluate("__latlas.manifest.maps.map(each => each.name)")
    before = page.evaluate(PLACES)
    show_map(page, names[1])
    assert page.evaluate(PLACES) != before

    def moved():
        return changed(first[50:, 240:960], drawn(page)[50:, 240:960])

    until_seen(page, moved, lambda share: share > 0.02)
    show_map(page, names[0])
    assert page.evaluate(PLACES) == before
    until_seen(page, moved, lambda share: share < 0.001)  # they have landed


def test_names_of_classes_stand_among_their_points(page):
    named = map_pixels(page)
    switch = page.get_by_role("switch", name="Names")
    switch.click()
    plain = map_pixels(page)
    assert 0.001 < changed(named, plain) < 0.1
    assert like(plain, "#1b2430", 30) < 0.5 * like(named, "#1b2430", 30)
    switch.click()
    settle(page, lambda: changed(named, map_pixels(page)), 0)


def test_classes_part_into_panels_that_do_not_overlap_and_come_back(page):
    before = page.evaluate(PLACES)
    fitted = view(page)
    page.get_by_role("switch", name="Per class").click()
    expect(page.get_by_role("switch", name="Per class")).to_have_attribute("aria-checked", "true")
    page.wait_for_function("before => __latlas.map.places[0] !== before", arg=before[0])
    labels = np.array(page.evaluate("[...__latlas.columns.labels]"))
    places = np.array(
        page.evaluate("""() => {
      const { map } = __latlas;
      return Array.from(map.places.filter((_, i) => i % 2 === 0),
        (_, row) => map.toScreen(map.places[2 * row], map.places[2 * row + 1]));
    }""")
    )
    boxes = [(places[labels == k].min(0), places[labels == k].max(0)) for k in range(10)]
    for k, (low, high) in enumerate(boxes):
        for other_low, other_high in boxes[:k]:
            assert (high < other_low).any() or (low > other_high).any()
    # Nothing lies under the legend or the card of the probe.
    size = page.evaluate("__latlas.map.size.value")
    assert places[:, 0].min() > 100
    assert places[:, 0].max() < size["width"] - 210
    page.get_by_role("switch", name="Per class").click()
    settle(page, lambda: page.evaluate(PLACES), before)
    settle(page, lambda: view(page), pytest.approx(fitted))


def test_going_to_an_image_shows_it_with_its_card(page):
    page.evaluate("__latlas.map.setView({scale: 30 * __latlas.map.view.value.scale})")
    row = 1000
    page.evaluate("row => __latlas.goTo(row)", row)
    card(page, row)
    size = page.viewport_size
    until_seen(
        page,
        lambda: place(page, row),
        lambda at: 0 < at[0] < size["width"] and 0 < at[1] < size["height"],
    )


def test_buttons_and_wheel_zoom_and_show_all_again(page):
    whole = view(page)
    page.get_by_role("button", name="Closer").click()
    page.wait_for_function("s => __latlas.map.view.value.scale > 1.5 * s", arg=whole["scale"])
    page.get_by_role("button", name="Whole map").click()
    page.wait_for_function(
        "s => Math.abs(__latlas.map.view.value.scale / s - 1) < 1e-6", arg=whole["scale"]
    )
    x, y = place(page, 0)
    page.mouse.move(x, y)
    page.mouse.wheel(0, -400)
    page.wait_for_function("s => __latlas.map.view.value.scale > 1.2 * s", arg=whole["scale"])
    assert place(page, 0) == pytest.approx((x, y), abs=1.5)


def test_the_hint_goes_and_does_not_come_back(page):
    hint = page.get_by_role("note")
    expect(hint).to_contain_text("Every dot is an image")
    hint.get_by_role("button", name="Do not show this again").click()
    expect(hint).to_have_count(0)
    page.reload()
    page.wait_for_selector("html[data-ready='1']", state="attached")
    expect(page.locator(".legend")).to_be_visible()
    expect(hint).to_have_count(0)


@pytest.mark.parametrize("narrow", [False, True])
def test_panels_stand_clear_of_legend_and_probe_beside_a_panel_too(open_page, served, narrow):
    page = open_page(served.url, size=(1000 if narrow else 1280, 720))
    page.keyboard.press("p")
    page.evaluate("__latlas.state.panel.value = 'draw'")
    sides = """() => {
      const { map, stage } = __latlas;
      const box = stage.getBoundingClientRect();
      const xs = map.places.filter((_, i) => i % 2 === 0).map((x) => map.toScreen(x, 0)[0]);
      const edge = (part) => document.querySelector(part).getBoundingClientRect();
      return [
        xs.reduce((a, b) => Math.min(a, b)) + box.left - edge(".legend").right,
        edge(".probe").left - xs.reduce((a, b) => Math.max(a, b)) - box.left,
      ];
    }"""
    until_seen(page, lambda: page.evaluate(sides), lambda gaps: min(gaps) > 0, "gaps on both sides")
    # They take what is free there: the lowest is near to the lower edge.
    lowest = """() => {
      const { map } = __latlas;
      const ys = map.places.filter((_, i) => i % 2 === 1).map((y) => map.toScreen(0, y)[1]);
      return ys.reduce((a, b) => Math.max(a, b)) / map.size.value.height;
    }"""
    assert page.evaluate(lowest) > 0.85
