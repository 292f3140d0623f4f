from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

import latlas
from page.looking import columns_of, in_size, until_seen
from page.watching import until

DROP = """({ names, text }) => {
  const data = new DataTransfer();
  for (const name of names) data.items.add(new File(["no picture"], name));
  if (text) data.setData("text/plain", text);
  const kept = ["dragover", "drop"].map((kind) => {
    const event = new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true });
    return __latlas.stage.dispatchEvent(event);
  });
  return kept.includes(true);
}"""


# How many pixels of the frame of what has landed lie around a row, over the points.
FRAMED = """row => {
  const { map } = __latlas;
  const canvas = __latlas.stage.querySelector("canvas[data-level=above]");
  const ratio = canvas.width / map.size.value.width;
  const [x, y] = map.toScreen(map.places[2 * row], map.places[2 * row + 1]);
  const side = 44 * ratio;
  const from = [x * ratio - side / 2, y * ratio - side / 2];
  const { data } = canvas.getContext("2d").getImageData(...from, side, side);
  let count = 0;
  for (let i = 0; i < data.length; i += 4) {
    const near = [168, 84, 10].every((value, c) => Math.abs(data[i + c] - value) < 24);
    if (near && data[i + 3] > 200) count++;
  }
  return count;
}"""


def drop(page, names=(), text=""):
    """Drops files or text on the map; whether the browser would have made something of it."""
    return page.evaluate(DROP, {"names": list(names), "text": text})


@pytest.fixture
def panel(page):
    page.locator("#open-draw").click()
    in_size(page)
    return page.locator("[data-panel=draw]")


def picture_file(space, row, folder):
    """One image of the space as a PNG file."""
    file = folder / "picture.png"
    Image.fromarray(space.pixels(np.array([row]))[0, ..., 0]).save(file)
    return file


def verdict(panel):
    return panel.locator(".draw-verdict")


def test_a_file_lands_with_its_class_and_itself_as_the_nearest(panel, explored, tmp_path):
    space = latlas.open(explored)
    row = 7
    panel.locator("input[type=file]").set_input_files(picture_file(space, row, tmp_path))
    expect(verdict(panel)).to_be_visible()
    label = int(space.latents.labels[row])
    expect(verdict(panel)).to_have_attribute("data-label", str(label))
    first = verdict(panel).locator(".draw-near button").first
    expect(first).to_have_attribute("aria-label", f"id {space.latents.ids[row]}")
    expect(verdict(panel)).to_contain_text("real")


def test_what_has_landed_goes_with_its_likes_to_other_places(page, panel, explored, tmp_path):
    space, row = latlas.open(explored), 7
    page.keyboard.press("p")
    file = picture_file(space, row, tmp_path)
    panel.locator("input[type=file]").set_input_files(file)
    expect(verdict(panel)).to_be_visible()

    def framed():
        # The frame around the picture lies about the place of the row that it is a copy of.
        return page.evaluate(FRAMED, row)

    until_seen(page, framed, lambda pixels: pixels > 20, "a frame in the panel")
    page.set_viewport_size({"width": 1000, "height": 720})  # the panels stand in fewer columns
    until_seen(page, lambda: columns_of(page), lambda count: count == 2, "two columns")
    until_seen(page, framed, lambda pixels: pixels > 20, "a frame in the panel's new place")
    page.get_by_role("switch", name="Per class").click()
    until_seen(page, framed, lambda pixels: pixels > 20, "a frame on the map of all")


def test_a_stroke_is_encoded_and_another_stroke_changes_what_is_decoded(page, panel):
    box = panel.locator("#draw-sheet").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"]
    page.mouse.move(x, y + 40)
    page.mouse.down()
    page.mouse.move(x, y + 180, steps=6)
    page.mouse.up()
    decoded = verdict(panel).locator("canvas:not(.decoded-fog)").nth(1)
    expect(decoded).to_be_visible()
    before = decoded.evaluate("canvas => canvas.toDataURL()")
    page.mouse.move(x - 60, y + 110)
    page.mouse.down()
    page.mouse.move(x + 60, y + 110, steps=6)
    page.mouse.up()
    until(
        page,
        "([canvas, before]) => canvas.toDataURL() !== before",
        [decoded.element_handle(), before],
    )


def test_dragging_the_point_changes_the_image(page, panel, explored, tmp_path):
    space = latlas.open(explored)
    panel.locator("input[type=file]").set_input_files(picture_file(space, 3, tmp_path))
    expect(verdict(panel)).to_be_visible()
    seen = verdict(panel).locator("canvas:not(.decoded-fog)").first
    before = seen.evaluate("canvas => canvas.toDataURL()")
    place = page.evaluate(
        """async () => {
          const { latents, map, stage } = __latlas;
          const z = await __latlas.latentsOf([3]);
          const xy = await latents.place(z, __latlas.state.map.value);
          const [x, y] = map.toScreen(xy[0], xy[1]);
          const box = stage.getBoundingClientRect();
          return [x + box.left, y + box.top];
        }"""
    )
    page.mouse.move(*place)
    page.mouse.down()
    page.mouse.move(place[0] + 20, place[1] + 20)
    page.mouse.move(600, 330, steps=4)
    page.mouse.up()
    until(
        page,
        "([canvas, before]) => canvas.toDataURL() !== before",
        [seen.element_handle(), before],
    )


def test_what_is_no_image_is_said_in_words(page, panel, tmp_path):
    file = tmp_path / "notes.png"
    file.write_text("no picture at all")
    panel.locator("input[type=file]").set_input_files(file)
    expect(page.get_by_role("log")).to_contain_text("notes.png is no image")
    expect(verdict(panel)).to_have_count(0)


def test_a_small_file_with_a_huge_picture_is_not_unpacked(page, panel, tmp_path):
    file = tmp_path / "bomb.png"
    Image.new("1", (20_000, 20_000)).save(file)
    assert file.stat().st_size < 100_000
    page.evaluate("""() => {
      window.unpacked = 0;
      const before = window.createImageBitmap;
      window.createImageBitmap = (...given) => { window.unpacked++; return before(...given); };
    }""")
    panel.locator("input[type=file]").set_input_files(file)
    expect(page.get_by_role("log")).to_contain_text("more than 40 million pixels")
    assert page.evaluate("window.unpacked") == 0
    expect(verdict(panel)).to_have_count(0)


def test_text_that_is_dropped_is_no_image_and_that_is_said(page):
    assert not drop(page, text="https://example.org/")
    expect(page.get_by_role("log")).to_contain_text("That is no file")


def test_of_several_files_the_first_is_taken_and_that_is_said(page):
    assert not drop(page, ["one.png", "two.png", "three.png"])
    log = page.get_by_role("log")
    expect(log).to_contain_text("of 3 files only one.png is taken")
    expect(log).to_contain_text("one.png is no image")


def test_text_is_still_dropped_into_a_field(page):
    page.evaluate("__latlas.state.selection.value = Uint32Array.of(5)")
    page.locator("#open-select").click()
    assert page.get_by_label("New label").evaluate("""field => {
      const data = new DataTransfer();
      data.setData("text/plain", "smudge");
      return field.dispatchEvent(
        new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
    }""")
