"""Contours: lines of equal density under the points, of what is shown."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

import latlas
from latlas.exporting import export_page
from page.looking import changed, like, link, map_pixels, state, until_seen, wait_for_address

UNDER = "__latlas.stage.querySelector('canvas[data-level=below]').toDataURL('image/png')"
# Whether anything is drawn under the points.
LINED = """() => {
  const canvas = __latlas.stage.querySelector("canvas[data-level=below]");
  if (!canvas.width) return false;
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let count = 0;
  for (let i = 3; i < data.length; i += 4) if (data[i] > 60) count++;
  return count > 500;
}"""
# How many pixels under the points are of a colour, or nearly.
COUNT = """colour => {
  const canvas = __latlas.stage.querySelector("canvas[data-level=below]");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const wanted = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
  let count = 0;
  for (let i = 0; i < data.length; i += 4) {
    if (data[i + 3] > 140 && wanted.every((v, c) => Math.abs(v - data[i + c]) <= 12)) count++;
  }
  return count;
}"""
# Where the points of a label are, [left, top, right, bottom] in pixels of the layer under them.
PANEL = """label => {
  const { map, columns } = __latlas;
  const ratio = document.querySelector("canvas[data-level=below]").width / map.size.value.width;
  const rows = [];
  columns.labels.forEach((each, row) => each === label && rows.push(row));
  const xs = rows.map((row) => map.places[2 * row]).sort((a, b) => a - b);
  const ys = rows.map((row) => map.places[2 * row + 1]).sort((a, b) => a - b);
  const [x0, y1] = map.toScreen(xs[0], ys[0]);
  const [x1, y0] = map.toScreen(xs.at(-1), ys.at(-1));
  return [x0, y0, x1, y1].map((each) => Math.round(each * ratio));
}"""


def switch(page):
    return page.get_by_role("switch", name="Contours", exact=True)


def note(page):
    return page.locator("[data-note=contours]")


def drawn_under(page):
    """What is drawn under the points, as RGBA uint8."""
    url = page.evaluate(UNDER)
    png = base64.b64decode(url.split(",")[1])
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))


def lines(page, before=None):
    """The lines once they are there, and others than `before`."""
    page.wait_for_function(LINED)
    if before is not None:
        page.wait_for_function(f"before => {UNDER} !== before", arg=before)
    return drawn_under(page)


def strokes(pixels, colour):
    return like(pixels[pixels[..., 3] > 140][:, None, :3], colour, 12)


def colours(page):
    return page.evaluate("__latlas.manifest.classes.map(each => each.colour)")


def test_the_switch_draws_lines_under_the_points_and_takes_them_away(page):
    before = map_pixels(page)
    expect(switch(page)).to_have_attribute("title", page.evaluate("__latlas.t('contours.about')"))
    switch(page).click()
    found = lines(page)
    assert all(strokes(found, colour) > 30 for colour in colours(page))
    expect(note(page)).to_contain_text("50 and 90%")
    note(page).get_by_role("button").click()  # the map has its whole height again
    expect(note(page)).to_be_empty()
    assert changed(before, map_pixels(page)) > 0.02
    page.keyboard.press("c")
    page.wait_for_function(f"() => !({LINED})()")
    assert changed(before, map_pixels(page)) < 0.001


def test_a_class_that_is_switched_off_has_no_lines(page):
    switch(page).click()
    all_of_them = strokes(lines(page), colours(page)[3])
    assert all_of_them > 30
    page.locator(".legend .class").nth(3).click()
    # A new computation is told by the picture that it leaves.
    page.wait_for_function(f"colour => ({COUNT})(colour) < 5", arg=colours(page)[3])
    assert strokes(lines(page), colours(page)[4]) > 30


def test_without_classes_in_colour_one_set_of_lines_is_around_all_points(page):
    page.locator("#colour-choice").select_option("none")
    switch(page).click()
    expect(note(page)).to_contain_text("25, 50, 75 and 90%")
    found = lines(page)
    seen = found[found[..., 3] > 200][:, :3].astype(int)
    assert len(seen) > 100
    assert (np.ptp(seen, axis=1) < 40).all()  # ink, no class's colour
    assert page.evaluate("__latlas.map.flying.value") is False


def test_lines_are_of_the_map_that_is_shown_and_wait_while_points_fly(open_page, served):
    page = open_page(f"{served.url}#contours=1", reduced_motion="no-preference")
    lines(page)
    before = page.evaluate(UNDER)
    seen = page.evaluate(
        """async () => {
          const { map, state, manifest } = __latlas;
          const seen = { frames: 0, lined: 0 };
          const { prototype } = CanvasRenderingContext2D;
          const { stroke } = prototype;
          prototype.stroke = function (...given) {
            if (map.flying.value && this.canvas.dataset.level === "below") seen.lined++;
            return stroke.apply(this, given);
          };
          map.onDraw(() => map.flying.value && seen.frames++);
          state.map.value = manifest.maps[1].name;
          await new Promise((go) => {
            let flew = false;
            map.flying.subscribe((now) => {
              flew ||= now;
              if (flew && !now) go();
            });
          });
          return seen;
        }"""
    )
    assert seen["frames"] > 0 and seen["lined"] == 0
    lines(page, before)


def test_each_panel_has_lines_of_its_own(page):
    switch(page).click()
    lines(page)
    page.keyboard.press("p")
    page.wait_for_function("() => document.querySelector('#switch-apart').ariaChecked === 'true'")
    for label, colour in enumerate(colours(page)):

        def own(label=label, colour=colour):
            x0, y0, x1, y1 = page.evaluate(PANEL, label)
            return strokes(drawn_under(page)[max(y0, 0) : y1, max(x0, 0) : x1], colour)

        # Until the new lines are there, those of the map before may still be seen.
        until_seen(page, own, lambda seen: seen > 50, "more than 50 pixels")
    expect(note(page)).to_contain_text("in each panel")


def test_a_link_keeps_the_lines_and_a_file_draws_them_too(
    page, open_page, served, explored, tmp_path, page_cache, monkeypatch
):
    switch(page).click()
    wait_for_address(page, "contours=1")
    again = open_page(link(served, page))
    assert state(again, "contours") is True
    # A canvas that is read is drawn by other means from then on, with other soft edges.
    strong, soft = lines(page)[..., 3] > 140, lines(again)[..., 3] > 20
    assert soft[strong].mean() > 0.97
    monkeypatch.setenv("LATLAS_CACHE", str(page_cache))
    path = tmp_path / "digits.html"
    path.write_bytes(export_page(latlas.open(explored), images=300))
    few = open_page(f"{path.as_uri()}#contours=1")
    lines(few)
    expect(note(few)).to_contain_text("50 and 90%")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_lines_are_seen_on_paper_of_either_kind(open_page, served, theme):
    page = open_page(f"{served.url}#contours=1&colour=none&theme={theme}")
    found = lines(page)
    ink = found[found[..., 3] > 220][:, :3].mean()
    assert (ink < 90) if theme == "light" else (ink > 165)
