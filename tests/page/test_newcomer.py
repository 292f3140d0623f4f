"""What a first visitor of the page stumbled over."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from page.looking import card, clear_rows, like, map_pixels, place, settle
from page.watching import barriers

PHONE = {"size": (390, 844), "has_touch": True, "is_mobile": True}
# Where each word of the trade is met, and a part of what is said of it.
TERMS = [
    ("panel=generate", "[data-panel=generate]", "Prior", "new latent vectors are drawn from it"),
    ("panel=generate", "[data-panel=generate]", "Prior", "gmm: many clouds"),
    ("panel=generate", "[data-panel=generate]", "Temperature", "Multiplies the spread"),
    ("panel=generate", "[data-panel=generate]", "Seed", "the same seed"),
    ("colour=surprise", ".legend", "Surprise", "How little the classifier believes the label"),
    ("colour=confidence", ".legend", "Confidence", "How sure the classifier is"),
    ("colour=split", ".legend", "Split", "held out for tests"),
    ("", ".probe", "Sheet", "curved in the space of"),
]


@pytest.mark.parametrize(("at", "where", "word", "said"), TERMS)
def test_a_word_of_the_trade_is_explained_where_it_is_met(open_page, served, at, where, word, said):
    page = open_page(f"{served.url}#{at}")
    button = page.locator(where).get_by_role("button", name=f"What does {word} mean?")
    about = page.get_by_role("tooltip").filter(has_text=said)
    expect(button).to_have_accessible_description(f"{word} {about_of(page, button)}")
    expect(about).to_have_count(0)
    button.hover()
    expect(about).to_be_visible()
    page.mouse.move(600, 30)
    expect(about).to_have_count(0)
    button.press("Enter")
    expect(about).to_be_visible()
    assert inside(about)
    # Escape closes what was opened last, and nothing else.
    panel = page.evaluate("__latlas.state.panel.value")
    page.keyboard.press("Escape")
    expect(about).to_have_count(0)
    assert page.evaluate("__latlas.state.panel.value") == panel


def about_of(page, button):
    """What is said of the word, whether it is shown or not."""
    return button.evaluate("each => each.nextElementSibling.lastChild.textContent")


def inside(locator):
    """Whether all of it is in the window."""
    return locator.evaluate(
        """each => {
          const { left, top, right, bottom } = each.getBoundingClientRect();
          return left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight;
        }"""
    )


def test_fog_and_the_spread_of_the_ring_are_explained(page):
    page.mouse.move(600, 400)
    expect(page.locator(".probe")).to_have_attribute("data-known", "1")
    fog = page.locator(".probe").get_by_role("button", name="What does Fog mean?")
    fog.press("Enter")
    expect(page.get_by_role("tooltip").filter(has_text="far from anything real")).to_be_visible()
    assert barriers(page) == []
    page.keyboard.press("Escape")
    page.mouse.move(600, 402)
    page.keyboard.press("o")
    page.locator(".lift").get_by_role("button", name="What does spread mean?").press("Enter")
    expect(page.get_by_role("tooltip").filter(has_text="standard deviation")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".lift-foot")).to_be_visible()


def test_a_finger_opens_an_explanation_and_the_next_touch_closes_it(open_page, served):
    page = open_page(f"{served.url}#panel=generate", **PHONE)
    page.get_by_role("button", name="What does Temperature mean?").tap()
    about = page.get_by_role("tooltip").filter(has_text="Multiplies the spread")
    expect(about).to_be_visible()
    assert inside(about)
    page.locator(".generate .generate-muted").first.tap()
    expect(about).to_have_count(0)


def test_the_columns_of_every_space_have_korean_names_and_ones_own_keep_theirs(open_page, served):
    page = open_page(f"{served.url}#lang=ko&colour=surprise")
    names = page.locator("#colour-choice option").all_inner_texts()
    assert names[1:3] == ["레이블", "분할"]
    assert not [name for name in names if name.isascii()]
    expect(page.locator(".legend header")).to_contain_text("의외성")
    page.locator(".legend .term button").hover()
    expect(page.get_by_role("tooltip").filter(has_text="분류기가")).to_be_visible()
    # A column of somebody's own may be called as one of ours.
    page.evaluate(
        """() => {
          const { manifest, state } = __latlas;
          manifest.columns.push({ ...manifest.columns[0], name: "error", title: "Error of mine" });
          state.language.value = "en";
          state.language.value = "ko";
        }"""
    )
    expect(page.locator("#colour-choice option").last).to_have_text("Error of mine")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_each_press_for_light_or_dark_changes_what_is_shown(open_page, served, scheme):
    page = open_page(served.url, color_scheme=scheme)
    other = {"light": "dark", "dark": "light"}
    shown = scheme
    for _ in range(3):
        page.locator(".stage").press("d")
        shown = other[shown]
        expect(page.locator("html")).to_have_attribute("data-theme", shown)
    page.get_by_role("button", name="Light or dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", scheme)
    # Back where the system is, the page follows the system again.
    page.emulate_media(color_scheme=other[scheme])
    expect(page.locator("html")).to_have_attribute("data-theme", other[scheme])


def test_a_step_of_the_tour_begins_at_its_top(open_page, served):
    page = open_page(f"{served.url}#panel=tour", **PHONE)
    body = page.locator("[data-panel=tour] .body")
    for name in ("Next", "Back"):
        body.get_by_role("button", name=name, exact=True).scroll_into_view_if_needed()
        before = page.locator(".tour h3").inner_text()
        assert body.evaluate("each => each.scrollTop") > 0
        body.get_by_role("button", name=name, exact=True).tap()
        expect(page.locator(".tour h3")).not_to_have_text(before)
        page.wait_for_function("() => document.querySelector('.panel .body').scrollTop === 0")


@pytest.mark.parametrize("width", [390, 360, 320])
@pytest.mark.parametrize("language", ["en", "ko"])
def test_on_a_phone_each_panel_is_a_tap_away(open_page, served, width, language):
    page = open_page(f"{served.url}#lang={language}", **PHONE | {"size": (width, 844)})
    buttons = page.locator(".rail-button")
    assert buttons.count() == 8
    for button in buttons.all():
        box = button.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= 844
        assert min(box["width"], box["height"]) >= 44
        button.tap()
        expect(button).to_have_attribute("aria-pressed", "true")
        assert button.evaluate("each => each.scrollWidth <= each.clientWidth")


def test_notes_lie_over_nothing_and_can_be_closed(open_page, served):
    page = open_page(f"{served.url}#borders=1&ground=1")
    notes = page.locator(".map-note")
    expect(notes).to_have_count(2)
    expect(notes.first).to_contain_text("kNN classifier")
    stage = page.locator(".stage").bounding_box()
    for note in notes.all():
        box = note.bounding_box()
        assert box["y"] + box["height"] <= stage["y"] + 0.5
    assert barriers(page) == []
    notes.first.get_by_role("button", name="Close this note").click()
    expect(notes).to_have_count(1)
    expect(page.locator(".stage")).to_be_focused()
    page.keyboard.press("Escape")
    expect(notes).to_have_count(0)
    assert page.locator(".stage").bounding_box()["y"] < stage["y"]
    # What was read once is not said again.
    page.keyboard.press("b")
    page.keyboard.press("b")
    expect(page.get_by_role("switch", name="Borders")).to_have_attribute("aria-checked", "true")
    expect(notes).to_have_count(0)


def test_why_no_borders_are_painted_is_said_each_time_that_they_are_asked_for(page):
    page.locator("#switch-apart").click()
    page.locator("#switch-borders").click()
    note = page.locator(".map-note").filter(has_text="Borders are painted when")
    close = note.get_by_role("button", name="Close this note")
    close.press("Escape")
    expect(note).to_have_count(0)
    assert page.evaluate("__latlas.state.borders.value")
    page.locator("#switch-borders").click()
    page.locator("#switch-borders").click()
    expect(note).to_be_visible()


def test_messages_do_not_pile_up(page):
    page.evaluate("['a', 'b', 'a', 'c', 'd', 'b'].forEach(text => __latlas.say(`It says ${text}`))")
    messages = page.locator(".messages p")
    expect(messages).to_have_text([re.compile(f"It says {text}") for text in "cdb"])


def wait_for_thumbnails(page, there):
    """Waits until pictures of digits, which are black but for the pen, lie on the map, or none."""
    settle(page, lambda: like(map_pixels(page), "#000000", 24) > 500, there)


def test_samples_leave_the_map_with_their_panel_unless_they_are_to_stay(open_page, served):
    page = open_page(f"{served.url}#names=0&panel=generate", color_scheme="light")
    panel = page.locator("[data-panel=generate]")
    panel.locator("[data-drawn='gmm~-1~1~0~24']").wait_for()
    wait_for_thumbnails(page, True)
    page.locator("#open-lists").click()
    wait_for_thumbnails(page, False)
    page.locator("#open-generate").click()
    wait_for_thumbnails(page, True)
    panel.get_by_label("Leave them on the map").check()
    page.locator("#open-lists").click()
    expect(page.locator("[data-panel=lists]")).to_be_visible()
    wait_for_thumbnails(page, True)


@pytest.mark.parametrize("how", ["Escape", "button"])
def test_a_card_that_was_clicked_closes_from_within_and_gives_the_focus_back(page, how):
    (row,) = clear_rows(page)
    page.mouse.click(*place(page, row))
    opened = card(page, row)
    if how == "Escape":
        opened.locator(".thumb").first.focus()
        page.keyboard.press("Escape")
    else:
        opened.get_by_role("button", name="Close the card").press("Enter")
    # The cursor still rests on the point, and opens no other card there until it moves.
    expect(page.locator(".card")).to_have_count(0)
    expect(page.locator(".stage")).to_be_focused()
    assert page.evaluate("__latlas.state.hover.value") == row


EDGE = re.compile("stand at the edge of its panel")
STRAY = """() => {
  const { map, columns } = __latlas;
  const places = map.places;
  const boxes = new Map();
  for (let row = 0; row < columns.rows; row++) {
    const label = columns.labels[row];
    const box = boxes.get(label) ?? [Infinity, -Infinity];
    boxes.set(label, [Math.min(box[0], places[2 * row]), Math.max(box[1], places[2 * row])]);
  }
  const rows = [...Array(columns.rows).keys()];
  const edge = row => boxes.get(columns.labels[row]).includes(places[2 * row]);
  const middle = row => {
    const [low, high] = boxes.get(columns.labels[row]);
    return Math.abs(places[2 * row] - (low + high) / 2) < 0.2 * (high - low);
  };
  const alone = (row, at) => rows.filter(other => edge(other) && places[2 * other] === at
    && columns.labels[other] === columns.labels[row]).length > 1;
  return [rows.find(row => edge(row) && alone(row, places[2 * row])), rows.find(middle)];
}"""


def test_an_image_at_the_edge_of_its_panel_says_that_it_lies_farther_out(open_page, served):
    page = open_page(f"{served.url}#apart=1")
    stray, among = page.evaluate(STRAY)
    for row, count in (stray, 1), (among, 0):
        page.evaluate("row => __latlas.goTo(row)", row)
        expect(card(page, row).locator(".card-stray")).to_have_count(count)
    expect(page.locator("#switch-apart")).to_have_attribute(
        "title", re.compile("edge of its panel")
    )


def test_the_probe_takes_less_of_a_map_that_is_narrow(page):
    probe = page.locator(".probe")
    wide = probe.bounding_box()["width"]
    page.mouse.move(600, 400)
    expect(probe).to_have_attribute("data-known", "1")
    page.locator("#open-walk").click()
    page.wait_for_function(
        "wide => document.querySelector('.probe').offsetWidth < 0.75 * wide", arg=wide
    )
    assert probe.evaluate("each => each.scrollWidth <= each.clientWidth")
    assert probe.locator("#probe-picture").bounding_box()["width"] <= 122
    page.locator("#map-choice").select_option("pca")
    expect(probe.get_by_role("radio")).to_have_count(3)
    for button in probe.get_by_role("radio").all():
        assert button.evaluate("each => each.scrollWidth <= each.clientWidth")
    assert barriers(page) == []
