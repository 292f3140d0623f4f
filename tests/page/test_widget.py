"""The page in a notebook: the widget's own script in a browser, with a model beside it."""

from __future__ import annotations

import base64
import json

import numpy as np
import pytest

import latlas
from page.looking import settle
from page.watching import until

# What a notebook gives to a widget: an element, and a model that tells of its changes.
NOTEBOOK = """<!doctype html><title>notebook</title><body><script type="module">
const state = %s;
const page = Uint8Array.from(atob(state.page), (character) => character.charCodeAt(0));
state.page = new DataView(page.buffer);
const heard = [];
window.saved = [];
const model = {
  get: (name) => state[name],
  set(name, value) {
    state[name] = value;
    for (const [what, hear] of heard) if (what === `change:${name}`) hear();
  },
  save_changes: () => saved.push({ selection: state.selection, row: state.row }),
  on: (what, hear) => heard.push([what, hear]),
  off: (what, hear) => heard.splice(heard.findIndex((each) => each[1] === hear), 1),
};
const source = new Blob([%s], { type: "text/javascript" });
const widget = (await import(URL.createObjectURL(source))).default;
window.away = widget.render({ model, el: document.body });
window.model = model;
window.heard = heard;
</script>"""


@pytest.fixture(scope="module")
def widget(explored, page_cache):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATLAS_CACHE", str(page_cache))
        return latlas.open(explored).widget(images=200, height=500)


@pytest.fixture
def notebook(widget, chromium, complaints, tmp_path):
    """The page of a notebook, and the frame in it."""
    state = {
        "page": base64.b64encode(widget.page).decode(),
        "height": widget.height,
        "selection": [],
        "row": -1,
    }
    script = widget.trait_values()["_esm"] if widget.has_trait("_esm") else widget._esm
    file = tmp_path / "notebook.html"
    file.write_text(NOTEBOOK % (json.dumps(state), json.dumps(str(script))), encoding="utf-8")
    context = chromium.new_context(viewport={"width": 1100, "height": 600}, locale="en-GB")
    context.set_offline(True)
    page = context.new_page()
    complaints.watch(page)
    page.goto(file.as_uri())
    frame = page.wait_for_selector("iframe").content_frame()
    frame.wait_for_selector("html[data-ready='1']", state="attached", timeout=60_000)
    until(page, "heard.length === 3")
    yield page, frame
    context.close()


def test_the_frame_shows_the_page_and_decodes_by_itself(notebook, explored):
    page, frame = notebook
    assert page.locator("iframe").bounding_box()["height"] == 500
    assert frame.evaluate("self.origin") == "null"  # it can reach nothing of the notebook
    z = latlas.open(explored).latents.z[:1]
    drawn = frame.evaluate(
        "z => __latlas.decoder.decode(Float32Array.from(z)).then((p) => [...p])", z[0].tolist()
    )
    expected = latlas.open(explored).decode(z)[0, ..., 0]
    assert np.abs(np.reshape(drawn, (8, 8, 4))[..., 0] - expected.astype(int)).max() <= 2
    page.evaluate("model.set('height', 320)")
    settle(page, lambda: page.locator("iframe").bounding_box()["height"], 320)


def test_what_is_selected_there_reaches_the_model_and_back(notebook):
    page, frame = notebook
    ids = frame.evaluate("[0, 5, 9].map((row) => __latlas.columns.id(row))")
    frame.evaluate("__latlas.state.selection.value = Uint32Array.of(0, 5, 9)")
    until(page, "ids => JSON.stringify(saved.at(-1)?.selection) === JSON.stringify(ids)", ids)
    frame.evaluate("__latlas.state.pinned.value = 5")
    until(page, "id => saved.at(-1).row === id", ids[1])
    page.evaluate("ids => model.set('selection', ids)", ids[1:])
    read = "rows => [...__latlas.state.selection.value].join() === rows"
    until(frame, read, "5,9")
    page.evaluate("id => model.set('row', id)", ids[2])
    until(frame, "() => __latlas.state.pinned.value === 9")
    page.evaluate("model.set('row', -1)")
    until(frame, "() => __latlas.state.pinned.value === -1")


def test_a_selection_that_was_there_before_is_shown_and_nothing_is_left_behind(notebook):
    page, frame = notebook
    ids = frame.evaluate("[3, 4].map((row) => __latlas.columns.id(row))")
    page.evaluate("ids => { model.set('selection', ids); }", ids)
    until(frame, "() => [...__latlas.state.selection.value].join() === '3,4'")
    page.evaluate("away()")
    assert page.evaluate("heard.length") == 0


def test_the_model_is_told_what_the_page_could_not_show(notebook):
    page, frame = notebook
    first, second = frame.evaluate("[3, 4].map((row) => __latlas.columns.id(row))")
    page.evaluate("ids => model.set('selection', ids)", [second, 10**6, first])
    until(page, "ids => saved.at(-1)?.selection.join() === ids", f"{first},{second}")
    page.evaluate("id => model.set('row', id)", second)
    until(frame, "() => __latlas.state.pinned.value === 4")
    page.evaluate("model.set('row', 1000000)")
    until(page, "id => saved.at(-1).row === id", second)
