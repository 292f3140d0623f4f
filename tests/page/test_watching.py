"""The watchers themselves: a test of the page is worth what they notice."""

from __future__ import annotations

import pytest

from page import watching
from page.looking import until_seen
from page.watching import Complaints, barriers, compare

FINE = "data:text/html,<html lang=en><title>fine</title><main><h1>Fine</h1></main>"
SQUARE = "<style>body{{margin:0}}div{{width:{0}px;height:40px;background:teal}}</style><div></div>"


@pytest.fixture
def noted(open_page):
    """Opens a page and returns it with what its own watcher notes."""
    page, noted = open_page(FINE, ready=False), Complaints()
    noted.watch(page)
    return page, noted


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("console.error('spilt milk')", "console: spilt milk"),
        ("setTimeout(() => { throw Error('spilt milk') })", "exception: spilt milk"),
        ("void fetch('http://127.0.0.1:9/').catch(() => 0)", "request: GET http://127.0.0.1:9/"),
    ],
)
def test_what_goes_wrong_in_a_page_is_noted(noted, complaints, code, text):
    page, mine = noted
    complaints.expect("milk|127.0.0.1:9")
    page.evaluate(code)
    until_seen(
        page,
        lambda: mine.unexpected,
        lambda all_: any(entry.startswith(text) for entry in all_),
        text,
    )
    mine.expect("milk|127.0.0.1:9")
    assert mine.unexpected == []


def test_barriers_are_found(open_page):
    page = open_page(FINE, ready=False)
    assert barriers(page) == []
    page.evaluate("document.querySelector('main').innerHTML += '<input>'")
    assert [entry.split(" ")[0] for entry in barriers(page)] == ["label"]


def test_pictures_are_compared_with_tolerance(open_page, tmp_path, monkeypatch):
    monkeypatch.setattr(watching, "PICTURES", tmp_path / "pictures")
    monkeypatch.setattr(watching, "SEEN", tmp_path / "seen")
    monkeypatch.delenv(watching.WRITE, raising=False)
    page = open_page(FINE, size=(200, 100), ready=False)
    page.set_content(SQUARE.format(100))
    with pytest.raises(AssertionError, match="no picture"):
        compare(page, "square")
    monkeypatch.setenv(watching.WRITE, "1")
    compare(page, "square")
    monkeypatch.delenv(watching.WRITE)
    compare(page, "square", share=0)
    page.set_content(SQUARE.format(110))  # 2% of the window more
    compare(page, "square", share=0.03)
    with pytest.raises(AssertionError, match=r"2\.00% of the pixels"):
        compare(page, "square")
    assert (tmp_path / "seen" / "square-difference.png").exists()
