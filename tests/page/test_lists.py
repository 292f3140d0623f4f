"""Lists of images that are worth a look: what they hold, and that a click flies there."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import expect

import latlas
from page.watching import barriers


def listed(page, name, *, look=False):
    """Opens the panel at one of the lists, and waits for its first row."""
    if page.evaluate("window.__latlas.state.panel.value") != "lists":
        page.locator("#open-lists").click()
    page.locator(".lists-kinds").get_by_role("button", name=name, exact=True).click()
    if look:
        page.get_by_role("button", name="Look for them").click()
    page.get_by_role("listbox", name=name).get_by_role("option").first.wait_for()
    return page.get_by_role("listbox", name=name)


def pinned(page):
    return page.evaluate("window.__latlas.state.pinned.value")


ON_STAGE = """(row) => {
    const { map } = window.__latlas;
    const [x, y] = map.toScreen(map.places[2 * row], map.places[2 * row + 1]);
    const { width, height } = map.size.value;
    return x > 0 && y > 0 && x < width && y < height;
}"""
"""Whether the place of a row is in sight."""


def column(page, name):
    return np.array(
        page.evaluate("(n) => window.__latlas.columns.column(n).then((c) => [...c])", name)
    )


def test_the_worst_drawn_come_first_and_a_click_flies_there(page):
    errors = column(page, "error")
    rows = listed(page, "Worst drawn")
    worst = int(errors.argmax())
    page.evaluate(
        """() => {
            const { map } = window.__latlas;
            const { x, scale } = map.view.value;
            map.setView({ x: x + 5000 / scale });
        }"""
    )
    assert not page.evaluate(ON_STAGE, worst)
    rows.get_by_role("option").first.click()
    assert pinned(page) == worst
    page.wait_for_function(f"({ON_STAGE})({worst})")
    expect(page.locator(f".card.pinned[data-row='{worst}']")).to_be_visible()


def test_arrow_keys_go_down_the_list_from_card_to_card(page):
    order = np.argsort(-column(page, "error"), kind="stable")
    rows = listed(page, "Worst drawn")
    rows.get_by_role("option").first.click()
    rows.focus()
    page.keyboard.press("ArrowDown")
    assert pinned(page) == order[1]
    page.keyboard.press("ArrowDown")
    assert pinned(page) == order[2]
    page.keyboard.press("ArrowUp")
    assert pinned(page) == order[1]
    assert rows.evaluate("(element) => element === document.activeElement")


def test_the_least_sure_answers_are_told_in_words(page):
    confidence = column(page, "confidence")
    first = listed(page, "Least sure").get_by_role("option").first
    share = 100 * np.nanmin(confidence)
    assert f"at {share:.0f}%" in first.inner_text()


def test_all_of_a_list_can_be_selected(page):
    order = np.argsort(-column(page, "error"), kind="stable")
    listed(page, "Worst drawn")
    page.get_by_label("The first, of").fill("12")
    page.get_by_role("button", name="Select these").click()
    chosen = page.evaluate("Array.from(window.__latlas.state.selection.value)")
    assert chosen == sorted(order[:12].tolist())


@pytest.mark.parametrize(("kind", "name"), [("duplicates", "Duplicates"), ("outliers", "Outliers")])
def test_what_the_server_finds_is_listed_and_kept(page, explored, kind, name):
    found = latlas.open(explored).find(kind)
    rows = listed(page, name, look=True)
    first = rows.get_by_role("option").first
    assert str(found.ids[0]) in first.inner_text()
    told = first.inner_text()
    assert first.get_attribute("aria-setsize") == str(min(len(found), 1000))
    page.locator(".lists-kinds").get_by_role("button", name="Loneliest").click()
    page.get_by_role("button", name="Close the panel").click()
    again = listed(page, name)
    assert again.get_by_role("option").first.inner_text() == told


def test_pairs_of_copies_are_selected_together(page, explored):
    found = latlas.open(explored).find("duplicates")
    listed(page, "Duplicates", look=True)
    page.get_by_role("button", name="Select these").click()
    chosen = page.evaluate(
        "Array.from(window.__latlas.state.selection.value, (r) => window.__latlas.columns.id(r))"
    )
    assert sorted(chosen) == sorted({*found.ids.tolist(), *found.partners.tolist()})


def test_without_a_server_the_page_looks_by_itself(page, explored):
    page.evaluate("window.__latlas.server = null")
    space = latlas.open(explored)
    copies, strangers = space.find("duplicates"), space.find("outliers")
    first = listed(page, "Duplicates", look=True).get_by_role("option").first
    assert f"ids {copies.ids[0]} and {copies.partners[0]}" in first.inner_text()
    listed(page, "Outliers", look=True)
    page.get_by_label("The first, of").fill("20")
    page.get_by_role("button", name="Select these").click()
    chosen = page.evaluate(
        "Array.from(window.__latlas.state.selection.value, (r) => window.__latlas.columns.id(r))"
    )
    assert len(set(chosen) & set(strangers.ids[:20].tolist())) >= 18
    page.locator(".lists-kinds").get_by_role("button", name="Suspicious labels").click()
    assert "latlas serve" in page.locator("[data-panel=lists]").inner_text()


def test_people_can_use_the_lists_with_aids(page):
    listed(page, "Worst drawn")
    assert barriers(page) == []


def test_the_lists_speak_korean(page):
    listed(page, "Worst drawn")
    page.evaluate("window.__latlas.state.language.value = 'ko'")
    text = page.locator("[data-panel=lists]").inner_text()
    assert "중복" in text
    assert "lists." not in text
