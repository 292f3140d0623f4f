"""Lists of images that are worth a look: what they hold, and that a click flies there."""

from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import expect

import latlas
from page.looking import settle, until_seen, wait_for_state
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


CHOSEN_IDS = "Array.from(__latlas.state.selection.value, (row) => __latlas.columns.id(row))"
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
    wait_for_state(page, "pinned", worst)
    page.wait_for_function(ON_STAGE, arg=worst)
    expect(page.locator(f".card.pinned[data-row='{worst}']")).to_be_visible()


def test_arrow_keys_go_down_the_list_from_card_to_card(page):
    order = np.argsort(-column(page, "error"), kind="stable")
    rows = listed(page, "Worst drawn")
    rows.get_by_role("option").first.click()
    rows.focus()
    for key, at in (("ArrowDown", 1), ("ArrowDown", 2), ("ArrowUp", 1)):
        page.keyboard.press(key)
        wait_for_state(page, "pinned", int(order[at]))
    expect(rows).to_be_focused()


def test_the_least_sure_answers_are_told_in_words(page):
    confidence = column(page, "confidence")
    first = listed(page, "Least sure").get_by_role("option").first
    share = 100 * np.nanmin(confidence)
    expect(first).to_contain_text(f"at {share:.0f}%")


def test_all_of_a_list_can_be_selected(page):
    order = np.argsort(-column(page, "error"), kind="stable")
    listed(page, "Worst drawn")
    page.get_by_label("The first, of").fill("12")
    page.get_by_role("button", name="Select these").click()
    wait_for_state(page, "selection", sorted(order[:12].tolist()))


@pytest.mark.parametrize(("kind", "name"), [("duplicates", "Duplicates"), ("outliers", "Outliers")])
def test_what_the_server_finds_is_listed_and_kept(page, explored, kind, name):
    found = latlas.open(explored).find(kind)
    rows = listed(page, name, look=True)
    first = rows.get_by_role("option").first
    expect(first).to_contain_text(str(found.ids[0]))
    expect(first).to_have_attribute("aria-setsize", str(min(len(found), 1000)))
    told = first.inner_text()
    page.locator(".lists-kinds").get_by_role("button", name="Loneliest").click()
    page.get_by_role("button", name="Close the panel").click()
    again = listed(page, name)
    expect(again.get_by_role("option").first).to_have_text(told, use_inner_text=True)


def test_pairs_of_copies_are_selected_together(page, explored):
    found = latlas.open(explored).find("duplicates")
    listed(page, "Duplicates", look=True)
    page.get_by_role("button", name="Select these").click()
    wanted = sorted({*found.ids.tolist(), *found.partners.tolist()})
    settle(page, lambda: sorted(page.evaluate(CHOSEN_IDS)), wanted)


def test_without_a_server_the_page_looks_by_itself(page, explored):
    page.evaluate("window.__latlas.server = null")
    space = latlas.open(explored)
    copies, strangers = space.find("duplicates"), space.find("outliers")
    first = listed(page, "Duplicates", look=True).get_by_role("option").first
    expect(first).to_contain_text(f"ids {copies.ids[0]} and {copies.partners[0]}")
    listed(page, "Outliers", look=True)
    page.get_by_label("The first, of").fill("20")
    page.get_by_role("button", name="Select these").click()
    chosen = until_seen(page, lambda: page.evaluate(CHOSEN_IDS), lambda ids: len(ids) == 20)
    assert len(set(chosen) & set(strangers.ids[:20].tolist())) >= 18
    page.locator(".lists-kinds").get_by_role("button", name="Suspicious labels").click()
    expect(page.locator("[data-panel=lists]")).to_contain_text("latlas serve")


def test_people_can_use_the_lists_with_aids(page):
    listed(page, "Worst drawn")
    assert barriers(page) == []


def test_the_lists_speak_korean(page):
    listed(page, "Worst drawn")
    page.evaluate("window.__latlas.state.language.value = 'ko'")
    panel = page.locator("[data-panel=lists]")
    expect(panel).to_contain_text("중복")
    expect(panel).not_to_contain_text("lists.")
