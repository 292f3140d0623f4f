"""Selecting with a real mouse, and what can be done with what is selected."""

from __future__ import annotations

import csv
import io
import re

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

import latlas
from latlas.outputs import read_vectors
from page.looking import in_size, next_frame, settle, state, until_seen, wait_for_state
from page.watching import barriers


def places(page):
    """Where every row stands in the window, CSS pixels [N, 2]."""
    in_size(page)
    flat = page.evaluate(
        """() => {
            const { map, stage, columns } = window.__latlas;
            const box = stage.getBoundingClientRect();
            return Array.from({ length: columns.rows }, (_, row) => {
                const [x, y] = map.toScreen(map.places[2 * row], map.places[2 * row + 1]);
                return [x + box.left, y + box.top];
            });
        }"""
    )
    return np.array(flat)


def selected(page):
    return page.evaluate("Array.from(window.__latlas.state.selection.value)")


def labels(page):
    return np.array(page.evaluate("Array.from(window.__latlas.columns.labels)"))


def id_of(page, row):
    return page.evaluate("(row) => window.__latlas.columns.id(row)", int(row))


def drag(page, corners, *keys):
    for key in keys:
        page.keyboard.down(key)
    page.mouse.move(*corners[0])
    page.mouse.down()
    for corner in corners[1:]:
        page.mouse.move(*corner, steps=12)
    page.mouse.up()
    for key in keys:
        page.keyboard.up(key)


def triangle_around(points):
    """A triangle of the window with many of the points in it and others outside."""
    x, y = np.median(points, axis=0)
    wide, high = 0.9 * points.std(axis=0)
    return [(x, y - 1.4 * high), (x + 1.5 * wide, y + high), (x - 1.5 * wide, y + high)]


def signed_distances(points, triangle):
    """How far each point [N, 2] lies inside the three sides, pixels [N, 3]; below 0: outside."""
    corners = np.array(triangle)
    found = []
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        along = (end - start) / np.linalg.norm(end - start)
        found.append((points - start) @ np.array([-along[1], along[0]]))
    return np.stack(found, axis=1)


def colourful(page, at):
    """Share of the pixels around a place of the window that have a colour of their own."""
    next_frame(page)
    png = page.screenshot(
        clip={"x": at[0] - 20, "y": at[1] - 20, "width": 40, "height": 40}, animations="disabled"
    )
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"), np.int16)
    return float((pixels.max(-1) - pixels.min(-1) > 60).mean())


@pytest.fixture
def picked(page):
    """The page with the panel open and every row of the class 3 selected."""
    return pick_class(page, "3")


def pick_class(page, name):
    if page.evaluate("window.__latlas.state.panel.value") != "select":
        page.locator("#open-select").click()
    page.get_by_label("Select a class").select_option(label=name)
    page.wait_for_function(
        """name => {
            const { columns, manifest, state } = window.__latlas;
            const rows = [...state.selection.value];
            const label = manifest.classes.findIndex((each) => each.name === name);
            return rows.length && rows.every((row) => columns.labels[row] === label);
        }""",
        arg=name,
    )
    return page


def saved(page, button):
    with page.expect_download() as download:
        page.get_by_role("button", name=button, exact=True).click()
    return download.value


def test_a_lasso_selects_the_points_inside_it_and_greys_the_others(page):
    where = places(page)
    triangle = triangle_around(where)
    depth = signed_distances(where, triangle).min(axis=1)
    outside = where[np.argmin(depth)]
    before = colourful(page, outside)
    page.keyboard.press("l")
    drag(page, triangle)
    chosen = selected(page)
    assert chosen == sorted(set(chosen))
    # The drag ends at the last corner, so the third side is the one that closes the polygon.
    assert set(np.flatnonzero(depth > 2)) <= set(chosen) <= set(np.flatnonzero(depth > -2))
    assert len(chosen) > 20
    panel = page.locator("[data-panel=select]")
    expect(panel.locator(".select-count b")).to_have_text(f"{len(chosen):,}")
    counts = np.bincount(labels(page)[chosen], minlength=10)

    def shown():
        bars = panel.locator(".bars button").all_inner_texts()
        return {bar.split()[0]: int(bar.split()[-1]) for bar in bars}

    settle(page, shown, {str(label): n for label, n in enumerate(counts) if n})
    cell = panel.get_by_label("Selected images").get_by_role("option").first
    expect(cell).to_have_attribute("aria-setsize", str(len(chosen)))
    page.mouse.move(5, 5)
    assert before > 0.02
    moved = places(page)[np.argmin(depth)]  # the panel has taken its share of the window
    until_seen(page, lambda: colourful(page, moved), lambda share: share < before / 4)


def test_shift_adds_alt_subtracts_and_shift_with_a_click_toggles(page):
    page.keyboard.press("x")
    page.evaluate("window.__latlas.state.panel.value = 'select'")
    page.locator("[data-panel=select]").wait_for()
    where = places(page)
    x0, y0 = where.min(axis=0) - 6
    x1, y1 = where.max(axis=0) + 6
    middle = (x0 + x1) / 2
    left = where[:, 0] < middle - 2
    drag(page, [(x0, y0), (middle, y1)])
    first = selected(page)
    assert set(np.flatnonzero(left)) <= set(first)
    drag(page, [(middle, y0), (x1, y1)], "Shift")
    assert len(selected(page)) == len(where)
    drag(page, [(x0, y0), (middle, y1)], "Alt")
    assert set(selected(page)) == set(range(len(where))) - set(first)
    page.keyboard.press("Escape")
    row = first[0]
    at = places(page)[row]
    page.keyboard.down("Shift")
    page.mouse.click(*at)
    now = set(selected(page))
    (toggled,) = now ^ (set(range(len(where))) - set(first))
    assert np.hypot(*(places(page)[toggled] - at)) < 1
    page.mouse.click(*at)
    page.keyboard.up("Shift")
    assert set(selected(page)) == set(range(len(where))) - set(first)


def test_all_none_invert_by_class_and_by_bar(picked):
    page = picked
    own = np.flatnonzero(labels(page) == 3).tolist()
    assert selected(page) == own
    page.get_by_role("button", name="Invert", exact=True).click()
    wait_for_state(page, "selection", np.flatnonzero(labels(page) != 3).tolist())
    page.locator(".bars button").filter(has_text=re.compile("^7")).click()
    wait_for_state(page, "selection", np.flatnonzero(labels(page) == 7).tolist())
    page.get_by_label("It then").select_option("add")
    page.get_by_label("Select a class").select_option(label="3")
    both = np.flatnonzero(np.isin(labels(page), [3, 7])).tolist()
    wait_for_state(page, "selection", both)
    page.get_by_role("button", name="All", exact=True).click()
    wait_for_state(page, "selection", list(range(len(labels(page)))))
    page.get_by_role("button", name="None", exact=True).click()
    wait_for_state(page, "selection", [])


def test_a_class_that_is_switched_off_is_not_selected(page):
    page.evaluate("window.__latlas.state.hidden.value = new Set([3])")
    page.keyboard.press("Shift+A")
    page.wait_for_function("() => window.__latlas.state.selection.value.length > 0")
    assert selected(page) == np.flatnonzero(labels(page) != 3).tolist()


def test_the_grid_is_sorted_by_a_number(picked):
    page = picked
    errors = np.array(
        page.evaluate("window.__latlas.columns.column('error').then((e) => Array.from(e))")
    )
    own = np.flatnonzero(labels(page) == 3)
    page.get_by_label("Sort by").select_option("error")
    worst = page.evaluate(
        "(row) => window.__latlas.columns.id(row)", int(own[errors[own].argmax()])
    )
    grid = page.get_by_label("Selected images")
    grid.get_by_role("option").first.and_(page.get_by_label(f"id {worst} ·")).wait_for()
    page.get_by_role("button", name="highest first").click()
    best = id_of(page, own[errors[own].argmin()])
    grid.get_by_role("option").first.and_(page.get_by_label(f"id {best} ·")).wait_for()
    grid.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_function("() => __latlas.state.pinned.value >= 0")
    assert state(page, "pinned") in own


def test_the_selection_is_saved_as_ids_csv_and_vectors(picked, explored, tmp_path):
    page = picked
    latents = latlas.open(explored).latents
    own = selected(page)
    ids = latents.ids[own].tolist()
    text = saved(page, "Ids").path().read_text()
    assert [int(line) for line in text.splitlines()] == ids
    table = list(csv.DictReader(io.StringIO(saved(page, "CSV").path().read_text())))
    assert [int(row["id"]) for row in table] == ids
    assert {row["label"] for row in table} == {"3"}
    assert [float(row["error"]) for row in table] == pytest.approx(
        latents.errors[own], rel=1e-2, abs=1e-5
    )
    download = saved(page, "Vectors (.npz)")
    path = tmp_path / download.suggested_filename
    download.save_as(path)
    with np.load(path, allow_pickle=False) as arrays:
        assert arrays["z"].dtype == np.float32
        assert arrays["z"] == pytest.approx(latents.z[own], rel=2e-3, abs=2e-3)
        assert arrays["id"].dtype == np.int64
        assert arrays["id"].tolist() == ids
        assert set(arrays["label"]) == {"3"}
        assert set(arrays["split"]) <= {"train", "test"}
    assert read_vectors(path).shape == (len(ids), latents.z.shape[1])


def test_the_nearest_to_a_selection_are_those_of_the_latent_space(picked):
    page = picked
    z = page.evaluate("window.__latlas.columns.z().then((z) => Array.from(z))")
    z = np.reshape(z, (len(labels(page)), -1))
    own = selected(page)
    others = np.setdiff1d(np.arange(len(z)), own)
    page.locator("summary", has_text="Nearest to these").click()
    page.get_by_label("How many").first.fill("7")
    page.get_by_role("combobox", name="Nearest to", exact=True).select_option("any")
    page.get_by_role("button", name="Find", exact=True).click()
    page.get_by_role("button", name="Select these", exact=True).click()
    distances = np.linalg.norm(z[others, None] - z[None, own], axis=-1).min(axis=1)
    wait_for_state(page, "selection", sorted(others[np.argsort(distances)[:7]].tolist()))


def test_new_images_like_these_are_drawn_as_a_grid_and_on_the_map(picked):
    page = picked
    page.locator("summary", has_text="New images like these").click()
    page.get_by_role("button", name="Draw", exact=True).click()
    cells = page.locator(".select-samples button")
    expect(cells).to_have_count(16)
    look = """(button) => {
        const canvas = button.querySelector('canvas');
        const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
        return Array.from(data);
    }"""
    first, second = (np.array(cells.nth(i).evaluate(look)).reshape(-1, 4) for i in (0, 1))
    assert first[:, 0].std() > 10
    assert (first != second).any()
    cells.first.click()
    page.wait_for_function("() => __latlas.state.probe.value !== null")
    probe = page.evaluate(
        "(() => { const p = window.__latlas.state.probe.value; return p && [...p.z]; })()"
    )
    assert np.isfinite(probe).all()


def test_people_can_use_the_panel_with_aids(picked):
    for part in ("Nearest to these", "New images like these"):
        picked.locator("summary", has_text=part).click()
    assert barriers(picked) == []


def test_the_panel_speaks_korean(picked):
    picked.evaluate("window.__latlas.state.language.value = 'ko'")
    panel = picked.locator("[data-panel=select]")
    expect(panel).to_contain_text("올가미")
    expect(panel).not_to_contain_text("select.")
