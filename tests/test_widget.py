"""The widget for notebooks, without a browser; tests/page/test_widget.py shows it in one."""

from __future__ import annotations

import sys

import numpy as np
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


def ids_of(widget, some):
    """The first ids that the page carries."""
    return np.frombuffer(parts(widget.page)["ids"], np.int32)[:some].tolist()


def test_what_the_page_sends_is_heard_by_observers(widget):
    heard, (first, second, third) = [], ids_of(widget, 3)
    widget.observe(lambda change: heard.append((change.name, change.new)), ["selection", "row"])
    widget.set_state({"selection": [second, first], "row": third})
    assert sorted(heard) == [("row", third), ("selection", [second, first])]
    with pytest.raises(traitlets.TraitError):
        widget.selection = ["four"]


def test_ids_that_the_page_lacks_are_left_out_with_a_warning(widget):
    first, second = ids_of(widget, 2)
    lacking = [10**6 + number for number in range(9)]
    with pytest.warns(
        UserWarning, match=r"not among the 40 images .* id 1000000, .*1000004, \.\.\."
    ):
        widget.selection = [second, *lacking, first]
    assert widget.selection == [second, first]
    widget.row = first
    with pytest.warns(UserWarning, match=r"left out: id 1000000\. A page with more"):
        widget.row = 10**6
    assert widget.row == first
    widget.row = -7
    assert widget.row == -1


def test_two_widgets_do_not_share_their_state(widget, digits_space, built):  # noqa: F811
    other = latlas.widget(latlas.open(digits_space), images=10, built=built)
    other.selection = ids_of(other, 1)
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
