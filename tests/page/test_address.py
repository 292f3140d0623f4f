"""The address: a copied link shows what was looked at, and a broken one does no harm."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

import latlas
from latlas.exporting import export_page
from page.looking import (
    address,
    card,
    changed,
    clear_rows,
    drawn,
    link,
    show_map,
    state,
    until_seen,
    view,
    wait_for_address,
)
from page.test_select import id_of

KEPT = ("map", "colour", "show", "hidden", "panel", "pinned", "apart", "names", "theme", "language")


@pytest.fixture(scope="module")
def few(explored, tmp_path_factory, page_cache):
    """A file that carries 300 of the images, so that ids are no row numbers."""
    path = tmp_path_factory.mktemp("exported") / "few.html"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATLAS_CACHE", str(page_cache))
        path.write_bytes(export_page(latlas.open(explored), images=300))
    return path


def test_a_copied_link_shows_the_same(page, open_page, served):
    row = clear_rows(page)[0]
    names = page.evaluate("__latlas.manifest.maps.map(each => each.name)")
    show_map(page, names[1])
    page.locator(".legend .class").nth(2).click()
    page.locator(".legend .class").nth(7).click()
    page.locator("#open-select").click()
    page.evaluate(
        """row => {
      const { map } = __latlas;
      const scale = 3 * map.view.value.scale;
      map.setView({x: map.places[2 * row], y: map.places[2 * row + 1], scale});
    }""",
        row,
    )
    page.evaluate("row => __latlas.goTo(row)", row)
    judged(card(page, row))
    page.mouse.move(5, 5)
    wait_for_address(page, f"row={row}(&|$)")
    kept = address(page)
    assert kept["map"] == names[1] and kept["off"] == "2.7" and kept["panel"] == "select"
    assert "colour" not in kept  # as it is at first
    assert len(kept["at"].split("_")) == 3

    again = open_page(link(served, page))
    judged(card(again, row))
    assert {name: state(again, name) for name in KEPT} == {name: state(page, name) for name in KEPT}
    assert view(again) == pytest.approx(view(page), rel=1e-3)
    wait_for_address(again, "row=")
    assert address(again) == kept
    until_seen(page, lambda: changed(drawn(page), drawn(again)), lambda share: share < 0.01)


def judged(found):
    """A card with the odds of its classifier."""
    expect(found.locator(".odds .bar").first).to_be_visible()


def test_a_link_names_an_image_by_its_id(open_page, served, few):
    few_page = open_page(few.as_uri())
    row = next(row for row in clear_rows(few_page, 5) if id_of(few_page, row) != row)
    few_page.evaluate("row => __latlas.goTo(row)", row)
    wait_for_address(few_page, f"row={id_of(few_page, row)}(&|$)")
    again = open_page(f"{few.as_uri()}#row={id_of(few_page, row)}")
    assert state(again, "pinned") == row
    # The whole space shows the same image.
    whole = open_page(f"{served.url}#row={id_of(few_page, row)}")
    assert id_of(whole, state(whole, "pinned")) == id_of(few_page, row)


def test_a_link_shows_the_same_place_in_a_window_of_another_size(page, open_page, served):
    page.evaluate("__latlas.map.setView({x: 3, y: -4, scale: 50})")
    wait_for_address(page, "at=")
    small = open_page(link(served, page), size=(700, 500))
    size, other = (each.evaluate("__latlas.map.size.value") for each in (page, small))
    assert (view(small)["x"], view(small)["y"]) == pytest.approx((3, -4), abs=1e-3)
    seen, seen_small = (
        min(box["width"], box["height"]) / view(each)["scale"]
        for box, each in ((size, page), (other, small))
    )
    assert seen_small == pytest.approx(seen, rel=1e-3)


def test_the_whole_map_needs_no_words_in_the_address(page):
    page.evaluate("__latlas.map.setView({scale: 50})")
    wait_for_address(page, "at=")
    page.get_by_role("button", name="Whole map").click()
    wait_for_address(page, "^$")
    assert address(page) == {}


def test_a_class_column_other_than_the_label_keeps_what_is_off(page, open_page, served):
    page.locator("#colour-choice").select_option("split")
    expect(page.locator(".legend .class")).to_have_count(2)
    page.locator(".legend .class").nth(1).click()
    page.get_by_role("radio", name="Images").click()
    wait_for_address(page, "show=images.*off=1")
    again = open_page(link(served, page))
    expect(again.locator(".legend .class").nth(1)).to_have_attribute("aria-checked", "false")
    assert (state(again, "colour"), state(again, "show")) == ("split", "images")


@pytest.mark.parametrize(
    "broken",
    [
        "map=nowhere&colour=blood&show=films&panel=none&lang=xx&theme=pink&off=a.b&row=first&at=here",
        "row=99999999&off=-7.900&at=1_2_-3&apart=maybe&map=&colour=",
        "at=NaN_0_1&row=-5&row=1e400&off=....&%E0%A4%A",
        "at=1e308_1e308_1e-320&off=255.9999999999999999999999",
    ],
)
def test_a_broken_address_does_no_harm(open_page, served, broken):
    page = open_page(f"{served.url}#{broken}")
    first = page.evaluate("__latlas.manifest.maps[0].name")
    assert (state(page, "map"), state(page, "colour"), state(page, "show")) == (
        first,
        "label",
        "dots",
    )
    assert (state(page, "panel"), state(page, "pinned"), state(page, "hidden")) == ("", -1, [])
    assert all(abs(value) < 1e9 for value in view(page).values())
    assert len(clear_rows(page, 20)) == 20


def test_a_link_that_is_pasted_into_the_open_page_is_followed(page):
    with page.expect_navigation():
        page.evaluate("location.hash = 'colour=split&row=4'")
    page.wait_for_selector("html[data-ready='1']", state="attached")
    card(page, 4)
    assert state(page, "colour") == "split"
