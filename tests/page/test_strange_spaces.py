"""Spaces and circumstances out of the ordinary: always words, never an empty page."""

from __future__ import annotations

import re
from contextlib import ExitStack

import numpy as np
import pytest
from playwright.sync_api import expect

import latlas
from conftest import blobs
from latlas.contracts import NoProgress
from page.looking import (
    card,
    changed,
    clear_rows,
    like,
    map_pixels,
    next_frame,
    place,
    settle,
    state,
    until_seen,
    wait_for_state,
)
from page.serving import serving
from served import TOKEN, running

COUNT = 96
NO_WEBGL = """for (const kind of [HTMLCanvasElement, OffscreenCanvas]) {
  const get = kind.prototype.getContext;
  kind.prototype.getContext = function (name, ...rest) {
    return /webgl/.test(name) ? null : get.call(this, name, ...rest);
  };
}"""


# The nearest other rows of a row by its latent vector, over all rows.
NEAREST = """async ([row, k]) => {
  const z = await __latlas.columns.z();
  const D = z.length / __latlas.columns.rows;
  const far = other => {
    let sum = 0;
    for (let d = 0; d < D; d++) sum += (z[other * D + d] - z[row * D + d]) ** 2;
    return sum;
  };
  return [...Array(__latlas.columns.rows).keys()].filter(other => other !== row)
    .sort((a, b) => far(a) - far(b)).slice(0, k);
}"""


ON_SCREEN = """() => {
  const { map } = __latlas;
  return Array.from({length: map.places.length / 2},
    (_, row) => map.toScreen(map.places[2 * row], map.places[2 * row + 1]));
}"""


def id_in(name):
    """The id in what a neighbour of a card is called: ``id 7 · kind 1 · 0.52``."""
    return int(re.match(r"id (\d+) ", name)[1])


def spots(classes=None, count=COUNT, **options):
    images = blobs(count, **options).pixels
    labels = None if classes is None else [f"kind {i % classes}" for i in range(count)]
    return images, labels


def fit(folder, images, labels=None, **options):
    given = {"epochs": 1, "latent_dim": 4, "maps": ("pca",), "precision": "float32"}
    if labels is not None:
        given["labels"] = labels
    given |= {"pictures": False, "seed": 0, "progress": NoProgress()} | options
    return latlas.fit(images, folder, **given)


MADE = {
    "unlabelled": lambda folder: fit(folder, spots()[0]),
    "one class": lambda folder: fit(folder, *spots(1)),
    "two classes": lambda folder: fit(folder, *spots(2)),
    "200 classes": lambda folder: fit(folder, *spots(200, 600)),
    "two dimensions": lambda folder: fit(folder, *spots(3), latent_dim=2),
    "one dimension": lambda folder: fit(folder, *spots(3), latent_dim=1),
    "large images": lambda folder: fit(folder, *spots(2, 24, shape=(96, 96, 3))),
    "per-class": lambda folder: fit(folder, *spots(3), scope="per-class"),
    "conditional": lambda folder: fit(folder, *spots(3), scope="conditional"),
}


@pytest.fixture(scope="session")
def strange(tmp_path_factory, page_cache):
    """The address of a server of a space of ``MADE``, which is made when it is first asked for."""
    place = tmp_path_factory.mktemp("strange")
    served = {}
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATLAS_CACHE", str(page_cache))

        def address(name):
            if name not in served:
                folder = place / f"{name.replace(' ', '-')}.latlas"
                MADE[name](folder)
                server = stack.enter_context(running(folder))
                served[name] = f"http://{server.host}/?token={TOKEN}"
            return served[name]

        yield address


def open_card(page):
    row = clear_rows(page)[0]
    page.mouse.click(*place(page, row))
    return card(page, row)


def test_without_labels_there_is_a_map_and_no_legend(open_page, strange):
    page = open_page(strange("unlabelled"))
    until_seen(page, lambda: like(map_pixels(page), "#2b4a94", 60), lambda count: count > 300)
    expect(page.locator(".legend")).to_have_count(0)
    expect(page.get_by_role("switch", name="Per class")).to_have_count(0)
    expect(open_card(page)).to_contain_text("no label")
    # The first labels are those that its reader gives.
    row = state(page, "pinned")
    page.locator("#open-select").click()
    page.evaluate("row => (__latlas.state.selection.value = Uint32Array.of(row))", row)
    page.get_by_label("New label").fill("round")
    page.get_by_role("button", name="Relabel", exact=True).click()
    expect(page.locator(".legend .class").first).to_contain_text("round")
    wait_for_state(page, "colour", "label")
    page.evaluate("row => { __latlas.state.pinned.value = -1; }", row)
    expect(page.locator(".card")).to_have_count(0)
    page.evaluate("row => __latlas.goTo(row)", row)
    expect(page.locator(".card header")).to_contain_text("round")
    page.get_by_role("button", name="Undo the latest").click()
    expect(page.locator(".legend .class", has_text="round")).to_have_count(0)


@pytest.mark.parametrize("name", ["one class", "two classes"])
def test_few_classes(open_page, strange, name):
    page = open_page(strange(name))
    expect(page.locator(".legend .class")).to_have_count(1 if name == "one class" else 2)
    open_card(page)
    page.keyboard.press("Escape")
    page.keyboard.press("p")
    wait_for_state(page, "apart", name == "two classes")
    if name == "two classes":
        # Side by side, as the window is wider than high.
        until_seen(
            page,
            lambda: np.array([place(page, row) for row in range(COUNT)]).T,
            lambda at: at[0][0::2].max() < at[0][1::2].min() and np.ptp(at[1]) > 200,
        )


def test_200_classes_have_a_search_colours_and_panels(open_page, strange):
    page = open_page(strange("200 classes"))
    expect(page.locator(".legend .class")).to_have_count(200)
    colours = page.evaluate("__latlas.manifest.classes.map(each => each.colour)")
    assert len(set(colours)) == 200
    field = page.get_by_role("searchbox", name="Search the classes")
    field.fill("kind 19")
    expect(page.locator(".legend .class")).to_have_count(11)
    field.fill("nothing like it")
    expect(page.locator(".legend")).to_contain_text("No class has this in its name.")
    field.fill("kind 42")
    page.get_by_role("button", name="Only kind 42").click(force=True)
    # All others, and those without a class.
    settle(page, lambda: len(state(page, "hidden")), 200)
    page.get_by_role("button", name="Show all").click()
    field.fill("")
    page.get_by_role("switch", name="Per class").click()
    labels = np.array(page.evaluate("[...__latlas.columns.labels]"))
    size = page.evaluate("__latlas.map.size.value")

    def apart(places):
        middles = np.array([places[labels == k].mean(0) for k in range(200)])
        gaps = np.abs(middles[:, None] - middles).max(-1) + 1e9 * np.eye(200)
        inside = places.min() > 0 and (places < [size["width"], size["height"]]).all()
        return inside and gaps.min() > 10

    until_seen(page, lambda: np.array(page.evaluate(ON_SCREEN)), apart, "panels in the window")


@pytest.mark.parametrize("name", ["two dimensions", "one dimension", "large images"])
def test_other_sizes_have_maps_cards_and_decoded_images(open_page, strange, name):
    page = open_page(strange(name))
    found = open_card(page)
    expect(found.locator(".pair canvas[data-drawn]")).to_have_count(2)
    box = found.bounding_box()
    assert box["width"] < 300 and box["y"] >= 0
    page.keyboard.press("Escape")
    before = map_pixels(page)
    page.get_by_role("radio", name="Decoded").click()
    until_seen(page, lambda: changed(map_pixels(page), before), lambda share: share > 0)


def test_without_a_map_it_says_how_to_make_one(open_page, served):
    def without(route):
        manifest = route.fetch().json()
        route.fulfill(json=manifest | {"maps": [], "name": "flat"})

    page = open_page("about:blank", ready=False)
    page.route("**/api/v1/manifest", without)
    page.goto(served.url)
    expect(page.get_by_text("latlas map flat.latlas")).to_be_visible()
    expect(page.locator("#map-choice")).to_have_count(0)
    page.locator("#open-lists").click()
    expect(page.locator(".panel")).to_be_visible()


@pytest.mark.parametrize("scope", ["per-class", "conditional"])
def test_other_scopes(open_page, strange, scope):
    page = open_page(strange(scope))
    found = open_card(page)
    expect(found.locator(".pair canvas[data-drawn]")).to_have_count(2)
    labels = page.evaluate("[...__latlas.columns.labels]")
    row = state(page, "pinned")
    # The card names the neighbours by their ids.
    names = found.locator(".near .thumb").evaluate_all("all => all.map(each => each.title)")
    near = [labels[page.evaluate("id => __latlas.columns.row(id)", id_in(name))] for name in names]
    assert len(near) > 3
    told = page.evaluate("row => __latlas.toldOf(row)", row)
    assert told == labels[row]
    if scope == "per-class":
        # Latents of two classes are not comparable.
        assert set(near) == {labels[row]}
    else:
        # One space for all classes: of the whole space the nearest are shown.
        nearest = page.evaluate(NEAREST, [row, len(near)])
        assert near == [labels[other] for other in nearest]
    apart = state(page, "apart")
    page.keyboard.press("p")
    wait_for_state(page, "apart", not apart)


def test_without_webgl_all_points_are_drawn_and_it_is_said(open_page, served, complaints):
    page = open_page("about:blank", ready=False)
    page.add_init_script(NO_WEBGL)
    page.goto(served.url)
    page.wait_for_selector("html[data-ready='1']", state="attached")
    expect(page.get_by_text("This browser has no WebGL")).to_be_visible()
    until_seen(page, lambda: like(map_pixels(page), "#b11338", 40), lambda count: count > 100)
    open_card(page)


def test_a_lost_context_is_drawn_again_and_it_is_said(page):
    before = map_pixels(page)
    page.evaluate("""() => {
      // On a slow machine, too, the page waits for the card until this has looked.
      const wait = window.setTimeout;
      window.setTimeout = (run, time, ...rest) => wait(run, time >= 4000 ? 1e6 : time, ...rest);
      const canvas = __latlas.stage.querySelector("canvas[data-level=points]");
      window.lost = canvas.getContext("webgl").getExtension("WEBGL_lose_context");
      lost.loseContext();
    }""")
    until_seen(page, lambda: like(map_pixels(page), "#b11338", 40), lambda count: count < 20)
    page.evaluate("lost.restoreContext()")
    expect(page.get_by_text("The graphics card dropped the picture")).to_be_visible()
    page.mouse.move(5, 5)
    until_seen(
        page,
        lambda: (map_pixels(page) == before)[:420].all(-1).mean(),
        lambda share: share > 0.99,
    )


def test_a_server_that_goes_and_comes_back(open_page, served, explored, page_cache, complaints):
    complaints.expect("ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE|INCOMPLETE")
    with serving(explored, "--token", TOKEN, cache=page_cache) as first:
        port = first.origin.rsplit(":", 1)[1]
        page = open_page(first.url)
        open_card(page)
        page.keyboard.press("Escape")
    page.locator("#colour-choice").select_option("rarity")
    lost = page.get_by_text("The server does not answer. What is loaded still works")
    expect(lost).to_be_visible()
    # What is loaded still works.
    page.locator("#colour-choice").select_option("label")
    page.keyboard.press("p")
    page.keyboard.press("p")
    open_card(page)
    with serving(explored, "--token", TOKEN, "--port", port, cache=page_cache):
        expect(page.get_by_text("The server is back.")).to_be_visible(timeout=60_000)
        expect(lost).to_have_count(0)
        page.locator("#colour-choice").select_option("rarity")
        expect(page.locator(".legend .ramp")).to_be_visible()


def test_a_space_that_is_fitted_anew_is_announced(
    open_page, tmp_path, monkeypatch, page_cache, complaints
):
    # What the page still fetches in the background while the space is replaced.
    complaints.expect("answer: 503")
    monkeypatch.setenv("LATLAS_CACHE", str(page_cache))
    folder = tmp_path / "again.latlas"
    fit(folder, *spots(2))
    with running(folder) as server:
        page = open_page(f"http://{server.host}/?token={TOKEN}")
        page.wait_for_load_state("networkidle")
        fit(folder, *spots(3), overwrite=True)
        page.evaluate("dispatchEvent(new Event('focus'))")
        note = page.get_by_text("The space has changed on disk.")
        expect(note).to_be_visible()
        with page.expect_navigation():
            note.get_by_role("button", name="Load again").click()
        page.wait_for_selector("html[data-ready='1']", state="attached")
        expect(page.locator(".legend .class")).to_have_count(3)
        expect(note).to_have_count(0)
        complaints.end()


def test_of_a_space_that_changed_nothing_more_is_shown(
    open_page, tmp_path, monkeypatch, page_cache, complaints
):
    complaints.expect("answer: (409|503)")
    monkeypatch.setenv("LATLAS_CACHE", str(page_cache))
    folder = tmp_path / "again.latlas"
    fit(folder, *spots(2))
    with running(folder) as server:
        page = open_page(f"http://{server.host}/?token={TOKEN}")
        page.wait_for_load_state("networkidle")
        row = clear_rows(page)[0]
        kept = page.evaluate("__latlas.resources.bytes('column-label').then(x => x.byteLength)")
        assert kept == COUNT
        # A page in the background does not ask by itself whether the space has changed.
        page.evaluate("() => void Object.defineProperty(document, 'hidden', { value: true })")
        fit(folder, *spots(3), overwrite=True)
        note = page.get_by_text("The space has changed on disk.")
        expect(note).to_have_count(0)
        answers = []
        page.on("response", lambda answer: answers.append((answer.status, answer.url)))
        wanted = "__latlas.resources.bytes('sheet-0').then(() => 200, error => error.status)"
        assert page.evaluate(wanted) == 409
        expect(note).to_be_visible()
        # Playwright may tell of an answer after the page has it.
        settle(page, lambda: {status for status, url in answers if "/resources/" in url}, {409})
        answers.clear()
        # Neither pictures nor columns of the other space come into this page.
        page.evaluate("row => __latlas.goTo(row)", row)
        page.get_by_role("radio", name="Images").click()
        page.locator("#colour-choice").select_option("error")
        # Whatever the page asks for now is answered no later than this.
        for wanted in ("column-error", "sheet-0"):
            asked = f"__latlas.resources.bytes('{wanted}').catch((error) => error.status)"
            assert page.evaluate(asked) == 409
        next_frame(page)
        assert [url for _, url in answers if "/resources/" in url] == []
        expect(note).to_have_count(1)
        expect(page.locator(".messages .error")).to_have_count(0)
        complaints.end()


@pytest.mark.parametrize("name", ["z", "order", "sheet-0", "column-error", "overview"])
def test_a_resource_that_cannot_be_had_is_told_in_words(open_page, served, complaints, name):
    complaints.expect(f"answer: 500 .*{name}")
    page = open_page("about:blank", ready=False)
    page.route(
        f"**/resources/{name}?*",
        lambda route: route.fulfill(
            status=500, content_type="application/json", body='{"error": "the disk is on fire"}'
        ),
    )
    page.goto(served.url)
    page.wait_for_selector("html[data-ready='1']", state="attached")
    # High up, where no message comes to lie before the click.
    row = min(clear_rows(page, 20), key=lambda row: place(page, row)[1])
    page.mouse.click(*place(page, row))
    page.get_by_role("radio", name="Images").click()
    if name == "column-error":
        page.locator("#colour-choice").select_option("error")
    expect(page.locator(".messages .error").first).to_contain_text("the disk is on fire")
    expect(page.locator(f".card[data-row='{row}']")).to_be_visible()


def test_without_the_net_the_server_decodes(open_page, served, complaints):
    complaints.expect("answer: 500 .*decoder-0.onnx")
    page = open_page("about:blank", ready=False)
    page.route("**/resources/decoder-0.onnx?*", lambda route: route.fulfill(status=500))
    page.goto(served.url)
    page.wait_for_selector("html[data-ready='1']", state="attached")
    expect(open_card(page).locator(".pair canvas[data-drawn]")).to_have_count(2)


@pytest.mark.parametrize("name", ["map-", "column-label", "manifest"])
def test_a_page_that_cannot_be_shown_says_why(open_page, served, complaints, name):
    complaints.expect("answer: 500|the disk is on fire")
    page = open_page("about:blank", ready=False)
    page.route(
        f"**/{name}*",
        lambda route: route.fulfill(
            status=500, content_type="application/json", body='{"error": "the disk is on fire"}'
        ),
    )
    page.goto(served.url)
    expect(page.get_by_role("alert")).to_contain_text("the disk is on fire")
