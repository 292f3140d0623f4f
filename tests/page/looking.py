"""Looks at the map of a page: where rows are drawn, in which colours, and what the page knows."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np
from PIL import Image
from playwright.sync_api import Locator, Page, expect

PATIENCE = 400  # looks, 50 milliseconds apart

# Whether nothing but the map is at a pixel of the window.
BARE = """(x, y) => {
  const at = document.elementFromPoint(x, y);
  return at === __latlas.stage || __latlas.stage.querySelector(".map-canvases").contains(at);
}"""
ON_MAP = """async name => {
  const wanted = await __latlas.columns.map(name);
  return wanted.every((value, i) => Object.is(value, __latlas.map.places[i]));
}"""
PLACE = """row => {
  const { map, stage } = __latlas;
  const box = stage.getBoundingClientRect();
  const [x, y] = map.toScreen(map.places[2 * row], map.places[2 * row + 1]);
  return [x + box.left, y + box.top];
}"""
# Rows on the bare map that nothing else is nearer to than to be taken for them.
CLEAR_ROWS = f"""most => {{
  const bare = {BARE};
  const {{ map, stage }} = __latlas;
  const box = stage.getBoundingClientRect();
  const found = [];
  for (let row = 0; row < map.places.length / 2 && found.length < most; row++) {{
    const [x, y] = map.toScreen(map.places[2 * row], map.places[2 * row + 1]);
    if (map.pick(x, y, 2) === row && bare(x + box.left, y + box.top)) found.push(row);
  }}
  return found;
}}"""


def state(page: Page, name: str):
    """A part of the state; sets and arrays as lists."""
    return page.evaluate(
        """name => {
          const { value } = __latlas.state[name];
          return value?.[Symbol.iterator] && typeof value !== "string" ? [...value] : value;
        }""",
        name,
    )


def settle(page: Page, look: Callable[[], Any], wanted: Any) -> None:
    """Waits until what one sees is what is wanted; fails with what is seen instead."""
    until_seen(page, look, lambda seen: bool(seen == wanted), wanted)


def until_seen(page: Page, look: Callable[[], Any], good: Callable[[Any], bool], wanted: Any = ""):
    """Looks until what is seen is good, and returns it; fails with what was seen last."""
    for _ in range(PATIENCE):
        seen = look()
        if good(seen):
            return seen
        page.wait_for_timeout(50)
    raise AssertionError(f"saw {seen!r} to the end, wanted {wanted!r}")


def wait_for_state(page: Page, name: str, wanted: Any) -> None:
    """Waits for a part of the state; sets and arrays as lists."""
    settle(page, lambda: state(page, name), wanted)


def show_map(page: Page, name: str) -> None:
    """Chooses a map, and waits until all points are in their places on it."""
    page.locator("#map-choice").select_option(name)
    # `wait_for_function` would take the promise itself for true.
    settle(page, lambda: page.evaluate(ON_MAP, name), True)


def in_size(page: Page) -> None:
    """Waits until the map has the size of its stage: a frame after a panel or a note has come."""
    page.wait_for_function(
        """() => {
          const { map, stage } = __latlas;
          const { width, height } = map.size.value;
          return width === stage.clientWidth && height === stage.clientHeight;
        }"""
    )


def view(page: Page) -> dict[str, float]:
    in_size(page)
    return page.evaluate("__latlas.map.view.value")


def clear_rows(page: Page, most: int = 1) -> list[int]:
    """Rows that can be pointed at, in the order of the space."""
    in_size(page)
    found = page.evaluate(CLEAR_ROWS, most)
    assert len(found) == most
    return found


def place(page: Page, row: int) -> tuple[float, float]:
    """Where a row is drawn, in CSS pixels of the window."""
    in_size(page)
    x, y = page.evaluate(PLACE, row)
    return x, y


def point_at(page: Page, row: int) -> None:
    page.mouse.move(*place(page, row))
    page.wait_for_function("row => __latlas.state.hover.value === row", arg=row)


def card(page: Page, row: int) -> Locator:
    """The card of a row, once it stands where it stays with its pictures and neighbours."""
    found = page.locator(f".card[data-row='{row}']")
    expect(found).to_be_visible()
    expect(found.locator(".thumb")).not_to_have_count(0)
    expect(found.locator("canvas:not([data-drawn])")).to_have_count(0)
    expect(found).to_have_attribute("data-stands", str(found.locator(".thumb").count()))
    return found


def whole_card(page: Page, row: int) -> Locator:
    """The card of a row of digits with all that it says, which comes bit by bit and moves it."""
    found = card(page, row)
    expect(found.locator(".odds .bar").first).to_be_visible()
    expect(found.locator("figcaption span")).to_be_visible()  # the error

    def boxes():
        before = found.bounding_box()
        next_frame(page)
        return before, found.bounding_box()

    until_seen(page, boxes, lambda seen: seen[0] == seen[1], "a card that stands still")
    return found


def next_frame(page: Page) -> None:
    """Waits until everything that waits to be drawn has been drawn."""
    page.evaluate("new Promise(go => requestAnimationFrame(() => requestAnimationFrame(go)))")


def drawn(page: Page) -> np.ndarray:
    """The window as RGB uint8 [H, W, 3], after everything that waits has been drawn."""
    next_frame(page)
    png = page.screenshot(animations="disabled")
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


def map_pixels(page: Page) -> np.ndarray:
    """The middle of the map, where nothing lies over it, as RGB uint8."""
    box = page.evaluate("__latlas.stage.getBoundingClientRect().toJSON()")
    left, right = int(box["left"]) + 240, int(box["right"]) - 240
    return drawn(page)[int(box["top"]) + 8 : int(box["bottom"]) - 64, left:right]


def changed(a: np.ndarray, b: np.ndarray) -> float:
    """The share of pixels that differ by more than a rounding."""
    return float((np.abs(a.astype(int) - b).max(-1) > 8).mean())


def like(pixels: np.ndarray, colour: str, levels: int = 40) -> int:
    """How many pixels are near to a colour ``#rrggbb``."""
    wanted = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)])
    return int((np.abs(pixels.astype(int) - wanted).max(-1) <= levels).sum())


def columns_of(page):
    """In how many columns the panels of classes stand."""
    return page.evaluate("""() => {
      const { map, columns } = __latlas;
      const places = Array.from(columns.labels, (_, row) => Math.floor(map.places[2 * row] / 1.14));
      return new Set(places).size;
    }""")


def address(page: Page) -> dict[str, str]:
    """What the address keeps of the state."""
    return dict(parse_qsl(urlsplit(page.url).fragment, keep_blank_values=True))


def wait_for_address(page: Page, pattern: str) -> None:
    page.wait_for_function("pattern => new RegExp(pattern).test(location.hash)", arg=pattern)


def link(served, page: Page) -> str:
    """The link to what a page shows, with the token that a new window needs."""
    return served.url + "#" + urlsplit(page.url).fragment


def shown(text: str) -> re.Pattern:
    return re.compile(re.escape(text))
