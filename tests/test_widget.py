"""The widget for notebooks, without a browser; tests/page/test_widget.py shows it in one."""

from __future__ import annotations

import sys

import pytest
import traitlets

import latlas
from latlas.contracts import MissingExtraError, OptionError
from test_exporting import built, parts  # noqa: F401


@pytest.fixture
def widget(digits_space, built):  # noqa: F811
    return latlas.widget(latlas.open(digits_space), images=40, height=300, built=built)


def test_it_carries_the_page_and_its_state(widget):
    assert widget.has_trait("page")
    assert "manifest" in parts(widget.page)
    state = widget.get_state()
    assert {name: state[name] for name in ("height", "selection", "row")} == {
        "height": 300,
        "selection": [],
        "row": -1,
    }
    assert "export default" in state["_esm"]


def test_what_the_page_sends_is_heard_by_observers(widget):
    heard = []
    widget.observe(lambda change: heard.append((change.name, change.new)), ["selection", "row"])
    widget.set_state({"selection": [4, 2], "row": 7})
    assert sorted(heard) == [("row", 7), ("selection", [4, 2])]
    with pytest.raises(traitlets.TraitError):
        widget.selection = ["four"]


def test_two_widgets_do_not_share_their_state(widget, digits_space, built):  # noqa: F811
    other = latlas.widget(latlas.open(digits_space), images=10, built=built)
    other.selection = [1]
    assert widget.selection == []
    assert widget.page != other.page


def test_a_space_has_it_too(digits_space, tmp_path, built):  # noqa: F811
    space = latlas.open(digits_space)
    with pytest.raises(OptionError, match="images is 0"):
        space.widget(images=0)


def test_without_anywidget_the_extra_is_named(digits_space, built, monkeypatch):  # noqa: F811
    latlas.notebooks._explorer.cache_clear()
    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.setattr(latlas.notebooks, "anywidget", latlas.lazily.lazy_import("anywidget"))
    with pytest.raises(MissingExtraError, match=r"latlas\[notebook\]"):
        latlas.widget(latlas.open(digits_space), images=5, built=built)
