"""Keys: each does what the help sheet says, none fires in a field, and they suffice."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from page.looking import (
    BARE,
    card,
    clear_rows,
    place,
    point_at,
    settle,
    state,
    view,
    wait_for_state,
)

# The state that each key of the sheet changes, as an expression of the page.
EFFECTS = {
    "?": "document.querySelector('.help') !== null",
    "0": "__latlas.map.view.value.scale",
    "+": "__latlas.map.view.value.scale",
    "-": "__latlas.map.view.value.scale",
    "v": "__latlas.state.show.value",
    "m": "__latlas.state.map.value",
    "p": "__latlas.state.apart.value",
    "n": "__latlas.state.names.value",
    "d": "__latlas.state.theme.value",
    "Escape": "__latlas.state.pinned.value",
    "ArrowLeft": "__latlas.map.view.value.x",
    "Enter": "__latlas.state.pinned.value",
    "]": "__latlas.state.pinned.value",
    "[": "__latlas.state.pinned.value",
    "f": "__latlas.state.probe.value !== null",
    "l": "__latlas.state.tool.value",
    "x": "__latlas.state.tool.value",
    "s": "__latlas.state.selection.value.length",
    "Shift+a": "__latlas.state.selection.value.length",
    "Shift+i": "__latlas.state.selection.value.length",
    "b": "__latlas.state.borders.value",
    "g": "__latlas.state.ground.value",
    "c": "__latlas.state.contours.value",
    "o": "document.querySelector('.lift') !== null",
}
SHEET = {"Esc": "Escape", "← → ↑ ↓": "ArrowLeft", "⏎": "Enter"}
OUTLINED = """() => {
  const at = document.activeElement;
  const style = getComputedStyle(at);
  return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1;
}"""
# What Escape closes, in that order.
OPEN = """[
  ["help", document.querySelector(".help") !== null],
  ["card", __latlas.state.pinned.value >= 0],
  ["tool", __latlas.state.tool.value !== "pan"],
  ["panel", __latlas.state.panel.value !== ""],
].filter(([, open]) => open).map(([name]) => name)"""
FOCUSED = """() => {
  const at = document.activeElement;
  return at.id || at.getAttribute("aria-label") || at.className || at.tagName;
}"""


def on_sheet(page):
    page.keyboard.press("?")
    keys = page.locator(".help kbd").all_inner_texts()
    page.keyboard.press("?")
    expect(page.locator(".help")).to_have_count(0)
    return [SHEET.get(key, key).replace("⇧ ", "Shift+") for key in keys]


def test_each_key_of_the_help_sheet_does_something_and_each_is_tried_here(page):
    keys = on_sheet(page)
    assert sorted(keys) == sorted(EFFECTS)
    row, other = clear_rows(page, 2)
    for key in keys:
        page.evaluate(
            """row => {
          const { state, map, stage } = __latlas;
          state.pinned.value = row;
          map.setView({x: map.places[2 * row] + 1, scale: 40});
          stage.focus();
        }""",
            -1 if key in ("Enter", "f") else row,
        )
        if key in "][":
            card(page, row)
        if key == "[":
            page.keyboard.press("]")
            page.wait_for_function("row => __latlas.state.pinned.value !== row", arg=row)
        if key == "Shift+i":
            page.evaluate("__latlas.state.selection.value = new Uint32Array(0)")
        if key == "f":
            point_at_middle(page)
        before = page.evaluate(EFFECTS[key])
        page.keyboard.press(key)
        page.wait_for_function(
            f"before => JSON.stringify({EFFECTS[key]}) !== JSON.stringify(before)", arg=before
        )
        if key in ("?", "o", "l", "x", "p"):
            page.keyboard.press("Escape" if key in "?o" else key)
            settle(page, lambda effect=EFFECTS[key]: page.evaluate(effect), before)
    assert other != row


def point_at_middle(page):
    box = page.evaluate("__latlas.stage.getBoundingClientRect().toJSON()")
    spots = [(box["x"] + x, box["y"] + y) for x in (400, 250, 800) for y in (500, 620, 300)]
    # A card would get the cursor instead of the map: none is pinned, and one may still go.
    expect(page.locator(".card.pinned")).to_have_count(0)
    x, y = next(spot for spot in spots if page.evaluate(f"([x, y]) => ({BARE})(x, y)", spot))
    page.mouse.move(x - 4, y)
    page.mouse.move(x, y)
    page.wait_for_function("() => document.querySelector('.probe')?.dataset.known === '1'")


def test_what_keys_do(page):
    for show in ("images", "decoded", "dots"):
        page.keyboard.press("v")
        wait_for_state(page, "show", show)
    names = page.evaluate("__latlas.manifest.maps.map(each => each.name)")
    for name in (names[1], names[0]):
        page.keyboard.press("m")
        wait_for_state(page, "map", name)
    # The system's theme is light here: back there the page follows it again.
    for theme, shown in (("dark", "dark"), ("auto", "light")):
        page.keyboard.press("d")
        wait_for_state(page, "theme", theme)
        expect(page.locator("html")).to_have_attribute("data-theme", shown)


def test_no_key_fires_in_a_field_or_with_a_modifier(page):
    page.locator("#open-generate").click()
    field = page.locator(".panel input[type=number]").first
    field.focus()
    before = page.evaluate("location.hash"), state(page, "tool"), view(page)
    for key in "?0+-vmpndlxsbgcof[]":
        page.keyboard.press(key)
    page.locator("#colour-choice").focus()
    for key in "?0vmp":
        page.keyboard.press(key)
    page.evaluate("__latlas.stage.focus()")
    for key in ("Control+p", "Control+m", "Alt+v", "Meta+d"):
        page.evaluate(
            """key => dispatchEvent(new KeyboardEvent("keydown", {
          key: key.split("+")[1], ctrlKey: key.startsWith("Control"),
          altKey: key.startsWith("Alt"), metaKey: key.startsWith("Meta")}))""",
            key,
        )
    assert state(page, "map") == page.evaluate("__latlas.manifest.maps[0].name")
    assert (state(page, "show"), state(page, "apart"), state(page, "theme")) == (
        "dots",
        False,
        "auto",
    )
    assert (state(page, "tool"), view(page)) == before[1:]
    expect(page.locator(".help")).to_have_count(0)


def test_tab_goes_round_in_the_order_of_the_page_and_the_focus_is_seen(page):
    seen = []
    for _ in range(60):
        page.keyboard.press("Tab")
        name = page.evaluate(FOCUSED)
        if name == "BODY":
            break
        assert page.evaluate(OUTLINED), f"no frame around {name}"
        seen.append(name)
    stops = ["map-choice", "colour-choice", "switch-names", "The map", "fold", "tool-pan"]
    stops += ["Closer", "Do not show this again", "open-tour", "open-lists"]
    at = [next(i for i, name in enumerate(seen) if name.startswith(stop)) for stop in stops]
    assert at == sorted(at)


def test_the_keyboard_alone_opens_images_and_goes_on_to_their_neighbours(page):
    page.evaluate("__latlas.stage.focus()")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Enter")
    page.wait_for_function("() => __latlas.state.pinned.value >= 0")
    row = state(page, "pinned")
    card(page, row)
    page.wait_for_function("() => document.activeElement.classList.contains('card')")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.wait_for_function("() => document.activeElement.className === 'thumb'")
    page.keyboard.press("Enter")
    page.wait_for_function("row => __latlas.state.pinned.value !== row", arg=row)
    card(page, state(page, "pinned"))
    page.wait_for_function("() => document.activeElement.classList.contains('card')")
    page.keyboard.press("]")
    page.keyboard.press("Escape")
    expect(page.locator(".card.pinned")).to_have_count(0)
    page.wait_for_function("() => document.activeElement === __latlas.stage")


def test_the_nearest_image_not_yet_seen_and_back_again(page):
    row = clear_rows(page)[0]
    page.mouse.click(*place(page, row))
    trail = [row]
    for _ in range(4):
        card(page, trail[-1])
        page.keyboard.press("]")
        page.wait_for_function("row => __latlas.state.pinned.value !== row", arg=trail[-1])
        trail.append(state(page, "pinned"))
    assert len(set(trail)) == 5
    for row in reversed(trail[:-1]):
        page.keyboard.press("[")
        wait_for_state(page, "pinned", row)


def test_escape_closes_one_thing_after_the_other(page):
    row = clear_rows(page)[0]
    page.keyboard.press("l")
    page.locator("#open-select").click()
    page.evaluate("row => __latlas.goTo(row)", row)
    page.keyboard.press("?")
    names = ["help", "card", "tool", "panel"]
    for count in range(len(names) + 1):
        settle(page, lambda: page.evaluate(OPEN), names[count:])
        page.keyboard.press("Escape")


@pytest.mark.parametrize("way", ["Escape", "Enter"])
def test_a_panel_is_opened_and_left_by_keys(page, way):
    page.locator("#open-lists").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".panel[data-panel=lists]")).to_be_visible()
    page.locator(".panel header .icon").focus()
    page.keyboard.press(way)
    expect(page.locator(".panel")).to_have_count(0)
    expect(page.locator("#open-lists")).to_be_focused()


def test_the_help_sheet_keeps_the_focus_and_gives_it_back(page):
    page.locator("#switch-names").focus()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    for _ in range(4):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.closest('.help, body') !== null")
        assert page.evaluate("document.activeElement.closest('.top, .side, .stage') === null")
    page.keyboard.press("Escape")
    page.wait_for_function("() => document.activeElement.id === 'switch-names'")


def test_arrows_choose_among_dots_and_images(page):
    page.get_by_role("radio", name="Dots").focus()
    page.keyboard.press("ArrowRight")
    wait_for_state(page, "show", "images")
    expect(page.get_by_role("radio", name="Images")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    wait_for_state(page, "show", "decoded")


def test_a_click_on_the_map_draws_no_frame_around_it(page):
    row = clear_rows(page)[0]
    point_at(page, row)
    page.mouse.down()
    page.mouse.up()
    page.wait_for_function("() => document.activeElement === __latlas.stage")
    assert not page.evaluate(OUTLINED)
    page.keyboard.press("ArrowLeft")
    page.wait_for_function(OUTLINED)
