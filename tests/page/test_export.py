"""The exported page: a file on the disk, opened with no server and no network."""

from __future__ import annotations

import csv
import http.server
import io
import shutil
import threading
from functools import partial

import numpy as np
import pytest
from playwright.sync_api import expect

import latlas
from latlas.exporting import export_page
from page.looking import show_map
from page.test_draw import picture_file, verdict
from page.test_generate import draw
from page.test_generate import opened as generate
from page.test_lists import listed
from page.test_probe import DENSE, card, fog, hover, pixels, place, plane
from page.test_relabel import relabel, wait_for_labels
from page.test_select import drag, labels, pick_class, places, saved, selected, triangle_around
from page.test_tour import STEPS, forward, title
from page.test_walk import frames, walk
from page.watching import until


@pytest.fixture(scope="module")
def space(explored):
    return latlas.open(explored)


@pytest.fixture(scope="module")
def file(space, tmp_path_factory, page_cache):
    """The whole space as one file."""
    path = tmp_path_factory.mktemp("exported") / "digits of one.html"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATLAS_CACHE", str(page_cache))
        path.write_bytes(export_page(space))
    return path


@pytest.fixture(scope="module")
def few(space, tmp_path_factory, page_cache):
    """A file that carries 300 of the images."""
    path = tmp_path_factory.mktemp("exported") / "few.html"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATLAS_CACHE", str(page_cache))
        path.write_bytes(export_page(space, images=300))
    return path


@pytest.fixture
def page(open_page, file):
    return open_page(file.as_uri(), offline=True)


def test_the_place_under_the_moving_mouse_is_drawn_as_python_draws_it(page, space):
    assert page.evaluate("[location.protocol, navigator.onLine]") == ["file:", False]
    show_map(page, "pca")
    mean, directions = plane(space)
    drawn = []
    for x, y in [(500, 300), (640, 400), (760, 250)]:
        hover(page, x, y)
        z = mean + np.array(place(page)) @ directions
        expected = space.decode(z[None].astype(np.float32))[0, ..., 0]
        assert np.abs(pixels(page)[..., 0].astype(int) - expected).max() <= 2
        drawn.append(pixels(page))
    assert np.abs(drawn[0].astype(int) - drawn[1]).max() > 30
    assert page.evaluate("__latlas.decoder.where") == "page"


def test_the_fog_and_the_odds_under_the_mouse_are_known(page):
    hover(page, *page.evaluate(DENSE))
    assert fog(page) < 0.2
    expect(card(page).locator(".bar")).to_have_count(3)
    hover(page, 250, 700)
    assert fog(page) > 0.9


def test_neighbours_and_odds_are_those_of_the_space(page, space):
    z = space.latents.z[[3]]
    near = page.evaluate(
        "z => __latlas.latents.nearest(Float32Array.from(z), 5).then((n) => [...n.distances])",
        z[0].tolist(),
    )
    true = np.sort(np.linalg.norm(space.latents.z - z, axis=1))[:5]
    assert near == pytest.approx(true, abs=5e-3)  # the page holds latents in half precision
    odds = page.evaluate(
        "z => __latlas.latents.odds(Float32Array.from(z)).then((o) => [...o])", z[0].tolist()
    )
    assert odds == pytest.approx(space.classifier().of_latents(z)[0], abs=5e-3)


def test_a_point_opens_its_card_with_its_neighbours(page):
    page.evaluate("__latlas.goTo(5)")
    opened = page.locator(".card.pinned[data-row='5']")
    opened.locator("text=Nearest in the latent space").wait_for()
    expect(opened.locator(".near .thumb").first).to_be_visible()


def test_it_generates_walks_and_takes_a_drawing(page, space, tmp_path):
    panel = generate(page)
    assert draw(panel, label=6, n=8).std() > 10
    page.locator("#open-walk").click()
    walking = page.locator("[data-panel=walk]")
    walk(walking, "2", "7", steps=6)
    known = space.walk("label:2", "label:7", steps=6)
    assert np.abs(frames(walking, "linear") - known.images[..., 0].astype(int)).max() <= 3
    page.locator("#open-draw").click()
    panel = page.locator("[data-panel=draw]")
    panel.locator("input[type=file]").set_input_files(picture_file(space, 7, tmp_path))
    label = str(space.latents.labels[7])
    expect(verdict(panel)).to_have_attribute("data-label", label)


def test_lists_lasso_and_tour(page):
    expect(listed(page, "Worst drawn").get_by_role("option").nth(3)).to_be_visible()
    where = places(page)
    page.keyboard.press("l")
    drag(page, triangle_around(where))
    assert len(selected(page)) > 20
    page.locator("#open-tour").click()
    tour = page.locator("[data-panel=tour]")
    titles = set()
    for _ in range(STEPS):
        titles.add(title(tour).inner_text())
        forward(tour)
    assert len(titles) == STEPS


def test_new_labels_are_kept_for_the_session_and_saved_as_csv(page, space):
    pick_class(page, "3")
    given = labels(page)
    relabel(page, "8")
    wait_for_labels(page, "3", 0)
    expect(page.locator("[data-panel=select]")).to_contain_text("kept until you close it")
    text = saved(page, "Save the changes (.csv)").path().read_text()
    table = list(csv.DictReader(io.StringIO(text)))
    ids = space.latents.ids[given == 3].tolist()
    assert [int(row["id"]) for row in table] == ids
    assert {(row["label"], row["new_label"]) for row in table} == {("3", "8")}
    page.on("dialog", lambda dialog: dialog.accept())  # it asks whether to leave without saving
    page.reload()
    wait_for_labels(page, "3", len(ids))


def test_of_a_thinned_space_every_row_is_told_by_its_id(open_page, few, space):
    page = open_page(few.as_uri(), offline=True)
    ids = page.evaluate(
        "Array.from({ length: __latlas.columns.rows }, (_, row) => __latlas.columns.id(row))"
    )
    assert len(ids) == 300
    rows = np.searchsorted(space.latents.ids, ids)
    assert (labels(page) == space.latents.labels[rows]).all()
    z = page.evaluate("__latlas.columns.z().then((z) => [...z])")
    assert np.reshape(z, (300, -1)) == pytest.approx(space.latents.z[rows], rel=2e-3, abs=2e-3)
    for row in (0, 150, 299):
        seen = page.evaluate("row => __latlas.pictures.rgba(row).then((p) => [...p.data])", row)
        picture = np.reshape(seen, (8, 8, 4))[..., 0]
        assert (picture == space.thumbnails([ids[row]])[0, ..., 0]).all()


class Host(http.server.SimpleHTTPRequestHandler):
    """A host that calls every page UTF-8, as many do."""

    extensions_map = http.server.SimpleHTTPRequestHandler.extensions_map | {
        ".html": "text/html; charset=utf-8"
    }

    def log_message(self, *_):
        """Says nothing."""


def test_it_works_on_a_host_that_names_another_encoding(open_page, few):
    handler = partial(Host, directory=str(few.parent))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = open_page(f"http://127.0.0.1:{server.server_port}/{few.name}")
        assert page.evaluate("document.characterSet") == "UTF-8"
        hover(page, 600, 300)
        assert pixels(page).std() > 5
        server.shutdown()


def test_new_labels_of_the_space_are_in_the_file(explored, tmp_path, page_cache, open_page):
    own = latlas.open(shutil.copytree(explored, tmp_path / "digits.latlas"))
    row = int(np.flatnonzero(own.latents.labels == 0)[0])
    latlas.Edits(own).relabel([int(own.latents.ids[row])], "7")
    path = tmp_path / "relabelled.html"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATLAS_CACHE", str(page_cache))
        path.write_bytes(export_page(own))
    page = open_page(path.as_uri(), offline=True)
    until(page, "row => __latlas.columns.labels[row] === 7", row)
