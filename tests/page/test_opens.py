from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from page.watching import barriers


def test_the_page_opens_and_draws_its_points(page):
    expect(page).to_have_title(re.compile("digits"))
    expect(page.locator("canvas").first).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_keeps_people_from_using_it(open_page, served, scheme):
    assert barriers(open_page(served.url, color_scheme=scheme)) == []


def test_it_fits_a_phone(open_page, served):
    page = open_page(served.url, size=(390, 844), has_touch=True, is_mobile=True)
    wider = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wider <= 0
    assert barriers(page) == []


def test_nothing_is_asked_of_another_machine(open_page, served):
    page = open_page(served.url, ready=False)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    page.wait_for_selector("html[data-ready='1']", state="attached")
    strangers = [
        url
        for url in asked
        if not url.startswith((served.origin, "data:", f"blob:{served.origin}"))
    ]
    assert asked
    assert strangers == []
