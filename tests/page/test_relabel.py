"""Labels and tags that are changed in the page: kept, seen by others, taken back, never lost."""

from __future__ import annotations

import csv
import io
import re

import numpy as np
import pytest
from playwright.sync_api import expect

import latlas
from latlas.edits import Edits
from page.looking import wait_for_address, wait_for_state
from page.test_select import labels, pick_class, saved, selected


def relabel(page, name):
    page.get_by_label("New label").fill(name)
    page.get_by_role("button", name="Relabel", exact=True).click()


def tag(page, name):
    page.get_by_label("Tag", exact=True).fill(name)
    page.get_by_role("button", name="Add", exact=True).click()


def wait_for_labels(page, name, count):
    """Until so many images have a label, by name."""
    page.wait_for_function(
        """([name, count]) => {
            if (!window.__latlas) return false;  // the page is still loading
            const { columns, manifest } = window.__latlas;
            const label = manifest.classes.findIndex((each) => each.name === name);
            return columns.labels.filter((each) => each === label).length === count;
        }""",
        arg=[name, count],
    )


def test_a_relabel_is_kept_in_the_space_and_seen_in_a_second_tab(open_page, own_served):
    page = pick_class(open_page(own_served.url), "3")
    other = page.context.new_page()
    other.goto(own_served.url)
    other.wait_for_selector("html[data-ready='1']", state="attached")
    rows, given = selected(page), labels(page)
    relabel(page, "8")
    both = int(np.isin(given, [3, 8]).sum())
    wait_for_labels(page, "8", both)
    wait_for_labels(other, "8", both)
    space = latlas.open(own_served.space)
    assert Edits(space).labels == dict.fromkeys(space.latents.ids[rows].tolist(), "8")
    assert (space.latents.labels[rows] == 3).all()
    page.reload()
    page.wait_for_selector("html[data-ready='1']", state="attached")
    wait_for_labels(page, "8", both)


def test_points_change_their_colour_with_their_label(open_page, own_served):
    page = pick_class(open_page(own_served.url), "3")
    bar = page.locator(".bars button")
    expect(bar.first).to_have_text(re.compile("^3"))
    relabel(page, "8")
    expect(bar).to_have_count(1)
    expect(bar.first).to_have_text(re.compile("^8"))
    page.get_by_role("button", name="None", exact=True).click()
    expect(page.locator(".legend .class", has_text="8").first).to_be_visible()


def test_a_name_that_is_no_class_gets_a_colour_a_legend_and_a_card(open_page, own_served):
    page = pick_class(open_page(own_served.url), "3")
    rows = selected(page)
    relabel(page, "smudge")
    wait_for_labels(page, "smudge", len(rows))
    entry = page.locator(".legend .class[data-class='10']")
    expect(entry).to_contain_text("smudge")
    expect(entry).to_contain_text(str(len(rows)))
    expect(page.locator(".bars button").first).to_contain_text("smudge")
    expect(page.locator("#select-labels option[value=smudge]")).to_have_count(1)
    page.evaluate("row => __latlas.goTo(row)", rows[0])
    expect(page.locator(".card header")).to_contain_text("smudge")
    wait_for_address(page, "panel=select")  # written when nothing has changed for a moment
    page.reload()
    page.wait_for_selector("html[data-ready='1']", state="attached")
    expect(page.locator(".legend .class[data-class='10']")).to_contain_text("smudge")
    page.wait_for_load_state("networkidle")
    page.get_by_role("button", name="Undo the latest").click()
    expect(page.locator(".legend .class[data-class='10']")).to_have_count(0)


def test_undo_takes_back_one_change_after_the_other(open_page, own_served):
    page = pick_class(open_page(own_served.url), "3")
    given = labels(page)
    relabel(page, "8")
    wait_for_labels(page, "3", 0)
    tag(page, "odd ones")
    page.locator(".select-tag", has_text="odd ones").wait_for()
    undo = page.get_by_role("button", name="Undo the latest")
    undo.click()
    page.locator(".select-tag").wait_for(state="detached")
    wait_for_labels(page, "3", 0)
    undo.click()
    wait_for_labels(page, "3", int((given == 3).sum()))
    assert (labels(page) == given).all()
    expect(undo).to_be_disabled()


def test_a_tag_selects_what_carries_it_until_it_is_taken_off(open_page, own_served):
    page = pick_class(open_page(own_served.url), "3")
    rows = selected(page)
    tag(page, "odd ones")
    chip = page.locator(".select-tag", has_text="odd ones")
    chip.wait_for()
    pick_class(page, "5")
    chip.click()
    wait_for_state(page, "selection", rows)
    page.get_by_label("Tag", exact=True).fill("odd ones")
    page.get_by_role("button", name="Take off", exact=True).click()
    chip.wait_for(state="detached")
    assert Edits(latlas.open(own_served.space)).tags == {}


def test_of_two_tabs_the_later_is_told_and_can_apply_its_change_again(
    open_page, own_served, complaints
):
    # Windows of their own, which do not hear of each other as two tabs of one do.
    first = pick_class(open_page(own_served.url), "3")
    second = pick_class(open_page(own_served.url), "5")
    given = labels(first)
    relabel(first, "8")
    wait_for_labels(first, "3", 0)
    complaints.expect("answer: 409")
    relabel(second, "9")
    told = second.get_by_role("alert")
    expect(told).to_contain_text("Another tab changed labels")
    wait_for_labels(second, "3", 0)
    wait_for_labels(second, "5", int((given == 5).sum()))
    assert set(Edits(latlas.open(own_served.space)).labels.values()) == {"8"}
    second.get_by_role("button", name="Apply mine again").click()
    wait_for_labels(second, "5", 0)
    assert set(Edits(latlas.open(own_served.space)).labels.values()) == {"8", "9"}
    expect(told).to_have_count(0)


@pytest.fixture
def read_only(explored, serve):
    return serve(explored, "--read-only")


def test_a_read_only_page_keeps_changes_until_it_is_closed_and_says_so(open_page, read_only):
    page = pick_class(open_page(read_only.url), "3")
    rows = selected(page)
    expect(page.locator("[data-panel=select]")).to_contain_text("read only")
    relabel(page, "8")
    wait_for_labels(page, "3", 0)
    tag(page, "odd, ones")
    page.locator(".select-tag").wait_for()
    text = saved(page, "Save the changes (.csv)").path().read_text()
    table = list(csv.DictReader(io.StringIO(text)))
    ids = latlas.open(read_only.space).latents.ids[rows].tolist()
    assert [int(row["id"]) for row in table] == sorted(ids)
    assert {(row["label"], row["new_label"], row["tags"]) for row in table} == {
        ("3", "8", "odd, ones")
    }
    page.get_by_role("button", name="Undo the latest").click()
    page.locator(".select-tag").wait_for(state="detached")
    assert Edits(latlas.open(read_only.space)).revision == 0
