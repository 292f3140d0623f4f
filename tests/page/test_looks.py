"""How the page looks: light, dark, phone, Korean; and that it keeps nobody out."""

from __future__ import annotations

import os

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from page.looking import card, clear_rows, in_size, place
from page.watching import PICTURES, SEEN, WRITE, barriers, compare

DESK = {"size": (1280, 720)}
PHONE = {"size": (390, 844), "has_touch": True, "is_mobile": True}
LOOKS = [(scheme, name) for scheme in ("light", "dark") for name in ("desk", "phone")]
SIZES = {"desk": DESK, "phone": PHONE}
PARTS = (".top", ".legend", ".rail", ".zoom", ".tools")
LEVELS = 32
# Of the pixels of a part that are not its paper so many may differ: letters look otherwise on
# every machine, but buttons, icons and dots are most of it.
INK = 0.4
OVERFLOW = """() => {
  const bar = document.querySelector(".top").getBoundingClientRect();
  return [...document.querySelectorAll(".top :is(h1, p, select, button)")]
    .filter(each => each.offsetParent)
    .filter(each => {
      const box = each.getBoundingClientRect();
      return box.left < -0.5 || box.right > innerWidth + 0.5 || box.bottom > bar.bottom + 0.5;
    })
    .map(each => each.id || each.textContent);
}"""
OVERLAP = """() => {
  const parts = [...document.querySelectorAll(".top :is(h1, select, button)")]
    .filter(each => each.offsetParent).map(each => [each, each.getBoundingClientRect()]);
  const hit = ([a, p], [b, q]) => a !== b && p.left < q.right - 1 && q.left < p.right - 1 &&
    p.top < q.bottom - 1 && q.top < p.bottom - 1;
  return parts.flatMap(a => parts.filter(b => hit(a, b)).map(b => a[0].id + "/" + b[0].id));
}"""


def tap_or_click(page, row, name):
    x, y = place(page, row)
    page.touchscreen.tap(x, y) if name == "phone" else page.mouse.click(x, y)


@pytest.mark.parametrize(("scheme", "name"), LOOKS)
def test_the_frame_looks_as_it_did(open_page, served, scheme, name):
    page = open_page(served.url, color_scheme=scheme, **SIZES[name])
    expect(page.locator(".legend")).to_be_visible()
    # The points lie elsewhere on every machine; other tests look at them.
    compare(page, f"{name}-{scheme}", share=0.04, style=".map-canvases { opacity: 0 }")
    expected = read(PICTURES / f"{name}-{scheme}.png")
    if os.environ.get(WRITE):
        return
    boxes = {part: page.locator(part).bounding_box() for part in PARTS}
    assert unlike(read(SEEN / f"{name}-{scheme}.png"), expected, boxes) == []
    blank = np.broadcast_to(
        expected[expected.shape[0] // 2, expected.shape[1] // 2], expected.shape
    )
    assert unlike(blank, expected, boxes) == list(PARTS)


def read(path):
    return np.asarray(Image.open(path).convert("RGB"), np.int16)


def unlike(got, expected, boxes):
    """The parts in which a picture differs from another by more than letters do."""
    found = []
    for part, box in boxes.items():
        left, top = int(box["x"]), int(box["y"])
        cut = np.s_[top : int(top + box["height"]), left : int(left + box["width"])]
        a, b = got[cut], expected[cut]
        colours, counts = np.unique(b.reshape(-1, 3), axis=0, return_counts=True)
        ink = (np.abs(b - colours[counts.argmax()]).max(-1) > LEVELS).sum()
        if (np.abs(a - b).max(-1) > LEVELS).sum() > INK * ink:
            found.append(part)
    return found


@pytest.mark.parametrize(("scheme", "name"), LOOKS)
def test_nothing_keeps_people_from_a_card_a_panel_or_the_help(open_page, served, scheme, name):
    page = open_page(served.url, color_scheme=scheme, **SIZES[name])
    assert barriers(page) == []
    row = clear_rows(page)[0]
    tap_or_click(page, row, name)
    card(page, row)
    assert barriers(page) == []
    page.locator("#open-select").click()
    expect(page.locator(".panel")).to_be_visible()
    assert barriers(page) == []
    page.keyboard.press("?")
    expect(page.locator(".help")).to_be_visible()
    assert barriers(page) == []


def test_it_speaks_korean(open_page, served):
    page = open_page(served.url, locale="ko-KR")
    assert page.evaluate("document.documentElement.lang") == "ko"
    missed = "__latlas.columns.map('nowhere').catch((error) => error.message)"
    assert page.evaluate(missed) == "이 공간에는 nowhere 지도가 없습니다"
    expect(page.get_by_role("switch", name="이름")).to_be_visible()
    expect(page.get_by_role("note")).to_contain_text("점 하나하나가 이미지입니다")
    row = clear_rows(page)[0]
    page.mouse.click(*place(page, row))
    expect(card(page, row)).to_contain_text("분류기의 판단")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="단축키")).to_be_visible()
    assert barriers(page) == []
    page.keyboard.press("Escape")
    page.get_by_label("Language, 언어").select_option("en")
    expect(page.get_by_role("switch", name="Names")).to_be_visible()
    assert page.evaluate(missed) == "this space has no map nowhere"


@pytest.mark.parametrize("locale", ["en-GB", "ko-KR"])
def test_the_bar_holds_all_of_itself_at_every_width(open_page, served, locale):
    page = open_page(served.url, locale=locale)
    page.evaluate("document.querySelector('h1').textContent = 'a-rather-long-name-of-a-space'")
    for width in (1920, 1280, 1221, 1220, 1024, 800, 761):
        page.set_viewport_size({"width": width, "height": 700})
        page.wait_for_function("width => innerWidth === width", arg=width)
        assert (width, page.evaluate(OVERFLOW), page.evaluate(OVERLAP)) == (width, [], [])


@pytest.mark.parametrize("locale", ["en-GB", "ko-KR"])
def test_on_a_phone_the_corner_stands_beside_the_name(open_page, served, locale):
    page = open_page(served.url, locale=locale, **PHONE)
    page.evaluate("document.querySelector('h1').textContent = 'a-rather-long-name-of-a-space'")
    for width in (700, 480, 390, 320):
        page.set_viewport_size({"width": width, "height": 844})
        page.wait_for_function("width => innerWidth === width", arg=width)
        name, corner, controls = (
            page.locator(f".top {part}").bounding_box() for part in ("h1", ".corner", ".controls")
        )
        middle = corner["y"] + corner["height"] / 2
        assert name["y"] < middle < name["y"] + name["height"]
        assert name["x"] + name["width"] <= corner["x"]
        assert corner["x"] + corner["width"] <= width
        assert corner["y"] + corner["height"] <= controls["y"] + 3


def test_a_tap_opens_a_card_at_the_foot_of_a_phone(open_page, served):
    page = open_page(served.url, **PHONE)
    expect(page.get_by_role("note")).to_contain_text("Tap one.")
    row = clear_rows(page)[0]
    tap_or_click(page, row, "phone")
    box = card(page, row).bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 390
    assert box["y"] > 300
    page.get_by_role("button", name="Close the card").tap()
    expect(page.locator(".card")).to_have_count(0)
    page.locator("#open-generate").tap()
    panel = page.locator(".panel").bounding_box()
    in_size(page)
    assert panel["width"] <= 390
    assert page.evaluate("__latlas.map.size.value.height") > 150
