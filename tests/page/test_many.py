from __future__ import annotations

import numpy as np
import pytest
from playwright.sync_api import expect

import latlas
from page.watching import until

PANELS = """() => {
  const { map, columns, manifest } = __latlas;
  const boxes = manifest.classes.map(() => [Infinity, Infinity, -Infinity, -Infinity]);
  for (let row = 0; row < columns.rows; row++) {
    const box = boxes[columns.labels[row]];
    const [x, y] = [map.places[2 * row], map.places[2 * row + 1]];
    if (!box || Number.isNaN(x)) continue;
    box[0] = Math.min(box[0], x); box[1] = Math.min(box[1], y);
    box[2] = Math.max(box[2], x); box[3] = Math.max(box[3], y);
  }
  return boxes;
}"""


def disjoint(boxes):
    """Whether no two boxes [x0, y0, x1, y1] touch."""
    return all(
        a[2] < b[0] or b[2] < a[0] or a[3] < b[1] or b[3] < a[1]
        for i, a in enumerate(boxes)
        for b in boxes[i + 1 :]
    )


def test_classes_fly_apart_into_panels_and_back(page):
    page.locator("#open-many").click()
    first = page.evaluate("__latlas.map.places[0]")
    together = page.evaluate(PANELS)
    assert not disjoint(together)
    page.get_by_role("button", name="A panel per class").click()
    until(page, "x => Math.abs(__latlas.map.places[0] - x) > 1e-3", first)
    apart = page.evaluate(PANELS)
    assert disjoint(apart)
    page.get_by_role("button", name="Together").click()
    expect(page.locator("#switch-apart")).to_have_attribute("aria-checked", "false")
    until(page, "x => Math.abs(__latlas.map.places[0] - x) < 1e-3", first)


@pytest.mark.parametrize("scope", ["per-class", "conditional"])
def test_every_class_redraws_an_image_as_the_space_does(scope, scoped_spaces, open_page, serve):
    folder = scoped_spaces / f"{scope}.latlas"
    space = latlas.open(folder)
    row = 5
    server = serve(folder, "--read-only")
    page = open_page(server.url)
    page.locator("#open-many").click()
    page.evaluate("row => { __latlas.state.pinned.value = row; }", row)
    shown = page.locator("section.many")
    expect(shown.locator("li")).to_have_count(10)
    best = int(shown.get_attribute("data-best"))
    errors = [float(text) for text in shown.locator("li small").all_inner_texts()]
    expected = np.sort(space.explained(np.array([row])).errors[0])
    assert np.allclose(errors, expected, atol=2e-4)
    assert best == space.explained(np.array([row])).errors[0].argmin()


def test_a_global_space_says_how_to_get_models_of_each_class(page):
    page.locator("#open-many").click()
    expect(page.locator("[data-panel=many]")).to_contain_text("--scope per-class")


@pytest.mark.parametrize("scope", ["per-class", "conditional"])
def test_a_name_that_a_reader_gave_is_no_model_of_the_space(scope, scoped_spaces, open_page, serve):
    server = serve(scoped_spaces / f"{scope}.latlas", "--read-only")
    page = open_page(server.url)
    page.evaluate("__latlas.state.selection.value = Uint32Array.of(5)")
    page.locator("#open-select").click()
    page.get_by_label("New label").fill("smudge")
    page.get_by_role("button", name="Relabel", exact=True).click()
    expect(page.locator(".legend .class[data-class='10']")).to_contain_text("smudge")
    page.locator("#open-many").click()
    page.evaluate("__latlas.state.pinned.value = 5")
    names = page.locator("section.many li b")
    expect(names).to_have_count(10)
    assert sorted(names.all_inner_texts()) == sorted("0123456789")
    panel = page.locator("[data-panel=many]")
    expect(panel).to_contain_text("10 classes")
    expect(page.locator(".messages .error")).to_have_count(0)
    page.locator("#open-walk").click()
    offered = page.locator(".walk-one select").first.locator("option", has_text="smudge")
    expect(offered).to_have_count(1 if scope == "conditional" else 0)
