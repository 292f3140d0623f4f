"""What a first visitor of the page stumbled over."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

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
        page.wait_for_function("document.querySelector('.panel .body').scrollTop === 0")


@pytest.mark.parametrize("width", [390, 360, 320])
@pytest.mark.parametrize("language", ["en", "ko"])
def test_on_a_phone_each_panel_is_a_tap_away(open_page, served, width, language):
    page = open_page(f"{served.url}#lang={language}", **PHONE | {"size": (width, 844)})
    buttons = page.locator(".rail-button")
    assert buttons.count() == 7
    for button in buttons.all():
        box = button.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["y"] + box["height"] <= 844
        assert min(box["width"], box["height"]) >= 44
        button.tap()
        expect(button).to_have_attribute("aria-pressed", "true")
        assert button.evaluate("each => each.scrollWidth <= each.clientWidth")
