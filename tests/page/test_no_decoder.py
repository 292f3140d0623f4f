"""A space of vectors alone: no decoder, no encoder, no reconstruction errors; the rest works."""

from __future__ import annotations

import shutil
from dataclasses import replace

import numpy as np
import pytest
from playwright.sync_api import expect

import latlas
from latlas.contracts import OptionError
from latlas.store import LatentStore
from page.looking import address, card, clear_rows, like, map_pixels, place, state, wait_for_address
from page.test_draw import drop
from page.test_lists import column, listed
from page.test_select import drag, places, selected
from page.test_strange_spaces import fit, open_card, spots
from page.watching import barriers
from served import TOKEN, running

SCOPES = ("global", "per-class")
NEEDS_A_DECODER = ("generate", "walk", "draw")
NONE = "This space has no decoder"


def without_model(folder):
    """Leaves what an encoder from elsewhere would: no model, and no errors of its drawings."""
    space = latlas.open(folder)
    rows = space.store.rows(space.latents.ids)
    maps = {name: space.store.map(name) for name in space.manifest.maps}
    for part in ("latents", "model"):
        shutil.rmtree(folder / part)
    store = LatentStore.create(folder / "latents", space.latent_dim, space.scope != "global")
    store.append(replace(rows, errors=np.full(len(rows.ids), np.nan, np.float32)))
    for name, xy in maps.items():
        store.set_map(name, xy)
    space.manifest.model, space.manifest.latents_version = None, store.version
    space.manifest.write(folder)
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory, page_cache):
    """A space of each scope; that for all classes has a classifier."""
    made = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATLAS_CACHE", str(page_cache))
        for scope in SCOPES:
            folder = tmp_path_factory.mktemp("bare") / f"{scope}.latlas"
            space = fit(folder, *spots(3, 240), scope=scope)
            if scope == "global":
                space.classifier("knn")
            made[scope] = without_model(folder)
        yield made


@pytest.fixture(scope="module")
def urls(folders):
    with running(folders["global"]) as one, running(folders["per-class"]) as many:
        servers = zip(SCOPES, (one, many), strict=True)
        yield {scope: f"http://{server.host}/?token={TOKEN}" for scope, server in servers}


@pytest.fixture(scope="module")
def files(folders, tmp_path_factory):
    """The same spaces as files."""
    made = {}
    for scope, folder in folders.items():
        made[scope] = tmp_path_factory.mktemp("bare-files") / f"{scope}.html"
        latlas.export(latlas.open(folder), made[scope])
    return made


@pytest.fixture(params=["served", "file"])
def anywhere(request, open_page):
    """Opens the space of a scope, from a server and from a file."""

    def open_(scope, **options):
        if request.param == "served":
            return open_page(request.getfixturevalue("urls")[scope], **options)
        file = request.getfixturevalue("files")[scope]
        return open_page(file.as_uri(), offline=True, **options)

    return open_


@pytest.mark.parametrize("scope", SCOPES)
def test_the_map_has_its_legend_and_its_cards(anywhere, folders, scope):
    page = anywhere(scope)
    classes = page.evaluate("__latlas.manifest.classes")
    expect(page.locator(".legend .class")).to_have_count(3)
    pixels = map_pixels(page)
    assert min(like(pixels, each["colour"], 40) for each in classes) > 20
    found = open_card(page)
    expect(found.locator(".pair canvas")).to_have_count(1)
    expect(found.locator(".pair canvas[data-drawn]")).to_have_count(1)
    if scope == "global":
        expect(found.locator(".odds .bar").first).to_contain_text("%")
    row = state(page, "pinned")
    space = latlas.open(folders[scope])
    known = space.neighbours(int(space.latents.ids[row]), 8)
    shown = page.evaluate(
        """async ([row, k]) => {
          const { latents, latentsOf, toldOf } = __latlas;
          const near = await latents.nearest(await latentsOf([row]), k, row, toldOf(row));
          return [...near.distances];
        }""",
        [row, 8],
    )
    assert shown == pytest.approx(known.distances, rel=1e-2, abs=5e-3)
    expect(found.locator(".thumb")).to_have_count(8)
    found.locator(".thumb").first.click()
    page.wait_for_function("row => __latlas.state.pinned.value !== row", arg=row)
    card(page, state(page, "pinned"))


@pytest.mark.parametrize("scope", SCOPES)
def test_what_needs_a_decoder_is_not_offered(anywhere, scope):
    page = anywhere(scope)
    expect(page.get_by_role("radiogroup", name="Show").get_by_role("radio")).to_have_text(
        ["Dots", "Images"]
    )
    expect(page.locator("#open-select")).to_be_visible()
    for name in NEEDS_A_DECODER:
        expect(page.locator(f"#open-{name}")).to_have_count(0)
    x, y = place(page, clear_rows(page)[0])
    page.mouse.move(x, y)
    page.wait_for_function("() => __latlas.state.hover.value >= 0")
    page.keyboard.press("o")
    page.keyboard.press("f")
    page.keyboard.press("?")
    expect(page.locator(".help")).to_be_visible()
    expect(page.locator(".help")).not_to_contain_text("decoded")
    assert not {"o", "f"} & set(page.locator(".help kbd").all_inner_texts())
    expect(page.locator(".probe, .lift")).to_have_count(0)
    assert state(page, "probe") is None
    page.keyboard.press("?")
    expect(page.locator(".help")).to_have_count(0)
    for wanted in ("images", "dots"):
        page.keyboard.press("v")
        assert state(page, "show") == wanted


def test_the_ground_says_why_there_is_none_and_borders_are_painted(anywhere):
    page = anywhere("global")
    page.get_by_role("switch", name="Ground").click()
    expect(page.locator("[data-note=ground]")).to_contain_text(NONE)
    page.get_by_role("switch", name="Borders").click()
    expect(page.locator("[data-note=borders]")).to_contain_text("Borders: kNN classifier")
    assert barriers(page) == []
    page.get_by_label("Language, 언어").select_option("ko")
    expect(page.locator("[data-note=ground]")).to_contain_text("디코더가 없어")


def test_the_models_of_the_classes_are_told_to_be_missing(anywhere):
    page = anywhere("per-class")
    page.locator("#open-many").click()
    places(page)  # the panel has taken its share of the window
    open_card(page)
    expect(page.locator("[data-panel=many]")).to_contain_text(NONE)
    expect(page.locator("section.many")).to_have_count(0)


@pytest.mark.parametrize("panel", NEEDS_A_DECODER)
def test_a_link_to_what_is_missing_shows_the_map(open_page, urls, panel):
    page = open_page(f"{urls['global']}#panel={panel}&show=decoded&from=c0&to=c1")
    assert (state(page, "panel"), state(page, "show")) == ("", "dots")
    expect(page.locator(".panel")).to_have_count(0)
    page.locator("#colour-choice").select_option("split")
    wait_for_address(page, "colour=split")
    assert not {"panel", "show"} & set(address(page))


def test_images_are_selected_and_their_nearest_found(anywhere):
    page = anywhere("global")
    # So small that the box begins and ends on the bare map.
    page.evaluate("__latlas.map.setView({scale: 0.6 * __latlas.map.view.value.scale})")
    where = places(page)
    (x0, y0), (_, y1) = where.min(0) - 9, where.max(0) + 9
    middle = np.median(where[:, 0])
    page.keyboard.press("x")
    drag(page, [(x0, y0), (middle, y1)])
    chosen = set(selected(page))
    assert set(np.flatnonzero(where[:, 0] < middle - 2)) <= chosen
    assert chosen <= set(np.flatnonzero(where[:, 0] < middle + 2))
    panel = page.locator("[data-panel=select]")
    near = panel.locator("summary", has_text="Nearest to these")
    expect(near).to_be_visible()
    expect(panel.locator("summary", has_text="New images like these")).to_have_count(0)
    near.click()
    panel.get_by_role("button", name="Find", exact=True).click()
    panel.get_by_role("button", name="Select these", exact=True).click()
    page.wait_for_function("n => __latlas.state.selection.value.length === n", arg=24)
    assert not set(selected(page)) & chosen


@pytest.mark.parametrize("scope", SCOPES)
def test_lists_are_made_without_errors(anywhere, scope):
    page = anywhere(scope)
    rows = listed(page, "Loneliest")
    rarest = int(np.nanargmax(column(page, "rarity")))
    rows.get_by_role("option").first.click()
    card(page, rarest)
    expect(page.get_by_role("button", name="Worst drawn", exact=True)).to_have_count(0)
    listed(page, "Outliers", look=True)
    expect(page.locator(".messages .error")).to_have_count(0)


@pytest.mark.parametrize("scope", SCOPES)
def test_the_tour_leaves_out_what_it_cannot_show(anywhere, scope):
    page = anywhere(scope)
    page.locator("#open-tour").click()
    tour = page.locator("[data-panel=tour]")
    dots = tour.locator(".tour-dots button")
    expect(dots).to_have_count(4)
    for step in range(4):
        expect(dots.nth(step)).to_have_attribute("aria-current", "step")
        expect(tour).not_to_contain_text("ecoder draws")
        tour.locator("footer .primary").click()
    expect(tour).to_have_count(0)


def test_it_is_exported_without_the_runtime_of_nets(folders, files, tmp_path):
    assert b'data-name="ort.wasm"' not in files["global"].read_bytes()
    space = latlas.open(folders["global"])
    with pytest.raises(OptionError, match="no model"):
        latlas.export(space, tmp_path / "nets")
    [vectors] = latlas.export(space, tmp_path / "vectors.npz")
    with np.load(vectors) as arrays:
        assert (arrays["z"] == space.latents.z).all()


def test_a_file_that_is_dropped_does_not_take_the_page_away(open_page, urls):
    page = open_page(urls["global"])
    assert not drop(page, ["one.png"])
    expect(page.get_by_role("log")).to_contain_text("no encoder that the page can use")
