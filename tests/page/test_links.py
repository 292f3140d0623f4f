"""Links: tool, pinned place and selection go into the address and come out of it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

import latlas
from latlas.exporting import export_page
from page.looking import address, link, show_map, state, wait_for_address
from page.test_ground import IN_RING
from page.test_probe import card as probe_card
from page.test_probe import hover, pixels, place
from page.test_select import id_of

PLACES = "rows => rows.map(row => [__latlas.map.places[2 * row], __latlas.map.places[2 * row + 1]])"


def select(page, rows):
    page.evaluate("rows => (__latlas.state.selection.value = Uint32Array.from(rows))", rows)


def pin(page, x, y):
    hover(page, x, y)
    page.keyboard.press("f")
    expect(probe_card(page)).to_have_class(re.compile("probe-pinned"))
    page.mouse.move(5, 5)


def pinned(page):
    """Waits until what is pinned has its place and is decoded."""
    expect(probe_card(page)).to_have_class(re.compile("probe-pinned"))
    expect(probe_card(page)).to_have_attribute("data-x", re.compile(r"\d"))
    expect(probe_card(page)).to_have_attribute("data-known", "1")
    return place(page)


def test_tool_pinned_place_and_selection_are_there_in_a_new_window(page, open_page, served):
    rows = [3, 4, 40, 1300]
    page.keyboard.press("l")
    select(page, rows)
    pin(page, 600, 300)
    wait_for_address(page, "probe=.*rows=|rows=.*probe=")
    kept = address(page)
    assert (kept["tool"], kept["rows"]) == ("lasso", "3.1.10.z0")

    again = open_page(link(served, page), size=(1100, 800))
    assert pinned(again) == pytest.approx(pinned(page), rel=1e-5)
    assert (pixels(again) == pixels(page)).mean() > 0.99
    assert (state(again, "tool"), state(again, "selection")) == ("lasso", rows)
    expect(again.locator("#tool-lasso")).to_have_attribute("aria-pressed", "true")
    assert address(again) == kept


def test_what_is_let_go_leaves_the_address(page):
    page.keyboard.press("x")
    select(page, [5])
    pin(page, 600, 300)
    wait_for_address(page, "^(?=.*tool=box)(?=.*rows=5)(?=.*probe=)")
    page.keyboard.press("x")
    select(page, [])
    page.keyboard.press("f")
    wait_for_address(page, "^$|^#(?!.*(tool|rows|probe)=)")


def test_more_than_300_images_are_left_out_and_none_is_selected_then(page, open_page, served):
    select(page, list(range(0, 600, 2)))
    wait_for_address(page, "rows=0.2.2")
    again = open_page(link(served, page))
    assert state(again, "selection") == list(range(0, 600, 2))
    select(page, list(range(301)))
    wait_for_address(page, "^$")
    assert state(open_page(link(served, page)), "selection") == []


def test_a_place_in_a_panel_is_found_in_a_window_of_another_shape(page, open_page, served):
    page.keyboard.press("p")
    page.wait_for_function("() => document.querySelector('#switch-apart').ariaChecked === 'true'")
    [[x, y]] = page.evaluate(PLACES, [700])
    box = page.evaluate("__latlas.stage.getBoundingClientRect().toJSON()")
    px, py = page.evaluate("([x, y]) => __latlas.map.toScreen(x, y)", [x, y])
    pin(page, px + box["x"] + 1, py + box["y"] + 1)
    wait_for_address(page, "probe=[^&]*_[^&]*_")
    picture = pixels(page)
    narrow = open_page(link(served, page), size=(800, 1100))
    assert page.evaluate(PLACES, [700]) != narrow.evaluate(PLACES, [700])
    pinned(narrow)
    assert (pixels(narrow) == picture).mean() > 0.95
    # Together again, the classes leave the place of the vector behind: the link has the vector.
    page.keyboard.press("p")
    wait_for_address(page, r"probe=z\.")
    together = open_page(link(served, page))
    pinned(together)
    assert (pixels(together) == picture).all()


def vector(page):
    return page.evaluate("Array.from(__latlas.state.probe.value.z)")


def test_a_sample_and_a_step_off_the_map_are_the_same_vector_in_a_new_window(
    page, open_page, served
):
    page.locator("#open-generate").click()
    page.locator(".generate-cell").nth(3).click()
    pinned(page)
    wait_for_address(page, r"probe=z\.")
    again = open_page(link(served, page))
    assert (pinned(again), vector(again)) == (pytest.approx(pinned(page), rel=1e-4), vector(page))
    assert (pixels(again) == pixels(page)).all()
    again.keyboard.press("o")
    first = again.locator(".lift-way").first
    again.wait_for_function(IN_RING)  # until then it may still stand elsewhere
    before = address(again)["probe"]
    first.click(force=True)
    again.wait_for_function("before => !location.hash.includes(before)", arg=before)
    third = open_page(link(served, again))
    pinned(third)
    assert vector(third) == vector(again)


def test_a_place_that_another_way_was_asked_for_keeps_its_vector_in_the_link(
    page, open_page, served
):
    pin(page, 600, 300)
    wait_for_address(page, "probe=[^z]")
    show_map(page, "pca")
    wait_for_address(page, r"probe=z\.")
    again = open_page(link(served, page))
    pinned(again)
    assert vector(again) == vector(page)


def test_a_file_with_a_part_of_the_images_selects_those_that_it_has(
    open_page, explored, served, tmp_path, page_cache, monkeypatch
):
    monkeypatch.setenv("LATLAS_CACHE", str(page_cache))
    path = tmp_path / "few.html"
    path.write_bytes(export_page(latlas.open(explored), images=300))
    few = open_page(path.as_uri())
    rows = [10, 20, 299]
    ids = [id_of(few, row) for row in rows]
    missing = next(i for i in range(1700) if few.evaluate("i => __latlas.columns.row(i)", i) < 0)
    select(few, rows)
    wait_for_address(few, "rows=")
    whole = open_page(f"{served.url}#rows={address(few)['rows']}")
    assert [id_of(whole, row) for row in state(whole, "selection")] == sorted(ids)
    select(whole, sorted([*ids, missing]))
    wait_for_address(whole, f"rows=(?!{address(few)['rows']}$)")
    again = open_page(f"{path.as_uri()}#rows={address(whole)['rows']}")
    assert state(again, "selection") == rows
    pin(again, 600, 300)
    wait_for_address(again, "probe=")
    third = open_page(f"{path.as_uri()}#probe={address(again)['probe']}")
    assert pinned(third) == pytest.approx(pinned(again), rel=1e-5)


@pytest.mark.parametrize(
    "broken",
    [
        "tool=hammer&probe=here&rows=first",
        "tool=walk&probe=1e300_-1e300&rows=zzzzzz.zzzzzz.zzzzzz",
        "tool=&probe=NaN_Infinity&rows=-5.1.0",
        "tool=LASSO&probe=1_2_3&rows=" + "1." * 5000 + "1",
        "tool=%00&probe=1_2_99999999999999999999&rows=%ED%95%9C",
        "apart=1&probe=0_0_99999&rows=1e9",
        "apart=1&probe=1_1&rows=....",
        "probe=z.AAAA",
        "probe=z.%00%FF&rows=z.",
    ],
)
def test_a_broken_link_opens_clean(open_page, served, broken):
    page = open_page(f"{served.url}#{broken}")
    assert (state(page, "tool"), state(page, "selection")) == ("pan", [])
    wait_for_address(page, "^(?!.*(tool|rows|probe)=)")
    assert state(page, "probe") is None
    expect(page.locator(".messages p")).to_have_count(0)


def test_the_address_is_written_once_for_many_changes(page):
    page.evaluate("""() => {
      window.written = 0;
      const before = history.replaceState.bind(history);
      history.replaceState = (...given) => { window.written++; before(...given); };
    }""")
    page.evaluate("""async () => {
      const { state } = __latlas;
      for (let i = 0; i < 40; i++) {
        state.selection.value = Uint32Array.of(i);
        state.tool.value = i % 2 ? "lasso" : "box";
        await new Promise(go => setTimeout(go, 10));
      }
    }""")
    wait_for_address(page, "rows=13(&|$)")
    assert page.evaluate("window.written") < 8
