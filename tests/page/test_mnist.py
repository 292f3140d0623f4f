"""The main thing on real input: all 70,000 images of MNIST, served, and as a file."""

from __future__ import annotations

import csv
import io
import shutil

import numpy as np
import pytest
from playwright.sync_api import expect

import latlas
from latlas.contracts import TRAIN
from latlas.edits import Edits
from latlas.exporting import export_page
from page.looking import (
    changed,
    clear_rows,
    map_pixels,
    next_frame,
    place,
    point_at,
    settle,
    show_map,
    state,
    until_seen,
    wait_for_state,
)
from page.serving import serving
from page.test_generate import PIXELS, draw, saved
from page.test_ground import empty_corner, open_ring, settled, switch, under
from page.test_lists import ON_STAGE, column, listed
from page.test_many import PANELS, disjoint
from page.test_relabel import relabel, tag, wait_for_labels
from page.test_second import RINGED, opened, second_places
from page.test_select import drag, labels, pick_class, places, selected, triangle_around
from page.test_select import saved as saved_selection
from page.test_tour import STEPS, forward, title
from page.test_walk import PAINTED_ABOVE, strip
from page.watching import until

pytestmark = [pytest.mark.mnist, pytest.mark.timeout(900)]  # in seconds, with the fit

SLOW = 120_000  # milliseconds, for what looks at all 70,000 latents on a busy machine
SIDE = 28
BOX = 30 * 30  # CSS pixels that a picture on the map covers, with its frame
# The middle of all that is painted over the points, in CSS pixels of the window.
MIDDLE_ABOVE = """() => {
  const canvas = __latlas.stage.querySelector("canvas[data-level=above]");
  const { width, height } = canvas;
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  let [x, y, count] = [0, 0, 0];
  for (let i = 0; i < width * height; i++) {
    if (!data[4 * i + 3]) continue;
    [x, y, count] = [x + (i % width), y + Math.floor(i / width), count + 1];
  }
  const box = canvas.getBoundingClientRect();
  const ratio = width / box.width;
  return [box.left + (x / count + 0.5) / ratio, box.top + (y / count + 0.5) / ratio];
}"""


@pytest.fixture(scope="module")
def mnist(tmp_path_factory, page_cache):
    """A space of all of MNIST, trained for seconds only, with maps, a classifier and a prior."""
    folder = tmp_path_factory.mktemp("mnist") / "mnist.latlas"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATLAS_CACHE", str(page_cache))
        options = {"max_seconds": 5, "precision": "float32", "pictures": False}
        space = latlas.fit("mnist", folder, **options)
        space.classifier("linear")
        space.prior("gmm")
    return folder


@pytest.fixture(scope="module")
def copied(mnist, tmp_path_factory, page_cache):
    """A server of a copy: what the page writes there, Python does not see in ``mnist``."""
    folder = tmp_path_factory.mktemp("served") / "mnist.latlas"
    with serving(shutil.copytree(mnist, folder), cache=page_cache) as server:
        yield server


@pytest.fixture
def page(open_page, copied):
    return open_page(copied.url)


def pictures(canvases):
    """What is drawn on canvases, levels 0..255 [n, 28, 28]."""
    found = np.array(canvases.evaluate_all(PIXELS), np.uint8)
    return found.reshape(len(found), SIDE, SIDE, 4)[..., 0].astype(int)


def decoded(page):
    return pictures(page.locator("#probe-picture"))[0]


def most_alike(images):
    """How many levels tell apart the two images that are most alike, where they differ most."""
    between = np.abs(images[:, None] - images[None]).max((2, 3))
    return between[~np.eye(len(images), dtype=bool)].min()


def heart(space, label, name="tsne"):
    """The middle of the square of the map that holds most of a class and hardly another."""
    xy = np.asarray(space.map(name).xy, np.float64)
    edges = [np.linspace(low, high, 61) for low, high in zip(xy.min(0), xy.max(0), strict=True)]
    own = space.latents.labels == label
    count, other = (np.histogram2d(*xy[rows].T, edges)[0] for rows in (own, ~own))
    i, j = np.unravel_index((count - 20 * other).argmax(), count.shape)
    return np.array([edges[0][i : i + 2].mean(), edges[1][j : j + 2].mean()])


def surest(page, space, label):
    """The id of the image of a class that the classifier is surest of."""
    confidence, answers = column(page, "confidence"), column(page, "predicted")
    right = (space.latents.labels == label) & (answers == label)
    return int(space.latents.ids[np.where(right, confidence, -1).argmax()])


def in_window(page, at):
    """A place of the map in CSS pixels of the window."""
    return page.evaluate(
        """([x, y]) => {
          const box = __latlas.stage.getBoundingClientRect();
          const [left, top] = __latlas.map.toScreen(x, y);
          return [left + box.left, top + box.top];
        }""",
        list(map(float, at)),
    )


def bare(page):
    """Takes the names off the map, so that what else is painted over the points can be seen."""
    switch(page, "Names").click()
    settle(page, lambda: page.evaluate(PAINTED_ABOVE), 0)


def under_the_cursor(page, space, x, y):
    """What the page decodes on the plane of PCA, and what Python does there."""
    page.mouse.move(x - 1, y)
    page.mouse.move(x, y)
    until(
        page,
        """([x, y]) => {
          const { map, stage } = __latlas;
          const card = stage.querySelector(".probe");
          const box = stage.getBoundingClientRect();
          const [mx, my] = map.toMap(x - box.left, y - box.top);
          return Math.hypot(card.dataset.x - mx, card.dataset.y - my) * map.view.value.scale < 0.01;
        }""",
        [x, y],
    )
    card = page.locator(".probe")
    at = np.array([[float(card.get_attribute(f"data-{axis}")) for axis in "xy"]], np.float32)
    z = space.projection("pca").inverse(at)
    return decoded(page), space.decode(z)[0, ..., 0].astype(int)


def test_all_points_are_there_and_an_image_opens_with_its_neighbours(page, mnist):
    space = latlas.open(mnist)
    assert page.evaluate("__latlas.manifest.rows") == 70_000
    assert page.evaluate("__latlas.map.places.length") == 140_000
    [row] = clear_rows(page)
    page.mouse.click(*place(page, row))
    card = page.locator(f".card[data-row='{row}']")
    expect(card.locator(".pair canvas[data-drawn]")).to_have_count(2, timeout=60_000)
    expect(card.locator(".near small")).to_have_count(8, timeout=SLOW)
    shown = [int(text) for text in card.locator(".near small").all_inner_texts()]
    near = space.neighbours(int(space.latents.ids[row]), 8)
    # Float16 latents of the page may swap neighbours that are equally far.
    assert len(set(shown) & set(near.ids.tolist())) >= 7


def test_the_decoder_draws_under_the_cursor_as_python_does(page, mnist):
    space = latlas.open(mnist)
    show_map(page, "pca")
    pictures = []
    for x, y in [(560, 300), (640, 400), (700, 330)]:
        here, there = under_the_cursor(page, space, x, y)
        assert np.abs(here - there).max() <= 2
        pictures.append(here)
    assert np.abs(pictures[0] - pictures[1]).max() > 30


def test_points_become_images_and_decoded_images(page):
    def changed_from(before):
        until_seen(page, lambda: changed(before, map_pixels(page)), lambda share: share > 0.02)
        return map_pixels(page)

    dots = map_pixels(page)
    page.get_by_role("radio", name="Images").click()
    images = changed_from(dots)
    page.locator(".top").get_by_role("radio", name="Decoded").click()
    changed_from(images)
    page.get_by_role("radio", name="Dots").click()
    settle(page, lambda: changed(dots, map_pixels(page)) < 0.01, True)


def test_borders_paint_the_heart_of_each_class_in_its_colour(page, mnist):
    space = latlas.open(mnist)
    page.locator("#switch-borders").click()
    expect(page.get_by_text("linear classifier")).to_be_visible(timeout=SLOW)
    hearts = [heart(space, label) for label in range(10)]
    colours = page.evaluate("__latlas.manifest.classes.map((each) => each.colour)")
    wanted = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in colours])

    def painted():
        seen = under(page, hearts)
        closest = np.abs(seen[:, None, :3] - wanted[None]).sum(-1).argmin(1)
        right = (seen[:, 3] > 40) & (closest == np.arange(10))
        return bool(right.sum() >= 8)  # a net of some seconds leaves a heart in doubt now and then

    settle(page, painted, True)
    assert under(page, [empty_corner(space, "tsne")])[0, 3] < 10


def test_a_lasso_round_everything_selects_all_of_it(page):
    page.locator("#tool-lasso").click()
    page.mouse.move(140, 60)
    page.mouse.down()
    for corner in [(1190, 60), (1190, 710), (140, 710), (140, 60)]:
        page.mouse.move(*corner, steps=3)
    page.mouse.up()
    until(page, "() => __latlas.state.selection.value.length > 60000")


def test_what_a_lasso_selects_is_saved_with_a_line_for_each(page, mnist):
    page.keyboard.press("l")
    drag(page, triangle_around(places(page)))
    rows = selected(page)
    assert 5000 < len(rows) < 65_000
    expect(page.locator(".select-count b")).to_have_text(f"{len(rows):,}")
    table = csv.DictReader(io.StringIO(saved_selection(page, "CSV").path().read_text()))
    lines = [(int(line["id"]), line["label"]) for line in table]
    latents = latlas.open(mnist).latents
    names = latents.labels[rows].astype(str)
    assert lines == list(zip(latents.ids[rows].tolist(), names.tolist(), strict=True))


def test_samples_are_new_digits_on_the_map_each_with_its_nearest_real_image(page, mnist, tmp_path):
    bare(page)
    page.locator("#open-generate").click()
    panel = page.locator("[data-panel=generate]")
    panel.locator("[data-drawn='gmm~-1~1~0~24']").wait_for(timeout=SLOW)
    draw(panel, seed=3, n=12)
    new = pictures(panel.locator(".generate-cell canvas"))
    assert len(new) == 12
    assert (new.max((1, 2)) > 100).all(), "none is blank"
    assert ((new < 50).mean((1, 2)) > 0.5).all(), "each is a few strokes on black"
    assert most_alike(new) > 60
    until_seen(page, lambda: page.evaluate(PAINTED_ABOVE), lambda shown: 4 * BOX < shown < 13 * BOX)

    with np.load(saved(page, panel, "Save latents", tmp_path / "drawn.npz")) as file:
        z, ids, distances = file["z"], file["nearest_id"], file["nearest_distance"]
    latents = latlas.open(mnist).latents
    trained = latents.z[latents.splits == TRAIN]
    true = [np.linalg.norm(trained - each, axis=1).min() for each in z]
    assert np.allclose(distances, true, rtol=3e-3)  # the page's latents are in half precision
    panel.get_by_label("Show the nearest real image").check()
    real = panel.locator(".generate-real")
    expect(real).to_have_count(12)
    until(page, "[...document.querySelectorAll('.generate-real')].every(each => each.width > 1)")
    wide = latlas.open(mnist).thumbnails(ids).reshape(12, SIDE, SIDE)
    settle(page, lambda: bool(np.abs(pictures(real) - wide).max() <= 2), True)

    panel.get_by_role("button", name="Clear").click()
    settle(page, lambda: page.evaluate(PAINTED_ABOVE), 0)


def test_a_walk_turns_a_4_into_a_9_straight_and_along_the_data(page, mnist):
    bare(page)
    page.locator("#open-walk").click()
    panel = page.locator("[data-panel=walk]")
    space = latlas.open(mnist)
    ids = [surest(page, space, label) for label in (4, 9)]
    for field, id_ in zip(panel.get_by_label("Image id").all(), ids, strict=True):
        field.fill(str(id_))
        field.press("Tab")
        expect(field).to_have_value(str(id_), timeout=SLOW)
    expect(strip(panel, "graph").locator(".film-frame")).to_have_count(12, timeout=SLOW)
    films = {}
    for path in ("linear", "graph"):
        way = strip(panel, path)
        films[path] = pictures(way.locator(".film-frame canvas"))
        assert np.abs(films[path][-1] - films[path][0]).max() > 60
        odds = way.locator(".film-frame .film-odds").evaluate_all("all => all.map(o => o.title)")
        assert len(odds) == 12
        assert all("%" in words for words in odds)
        names = way.locator(".film-winner").all_inner_texts()
        assert [names[0], names[-1]] == ["4", "9"]
        flips = [i for i in range(1, 12) if names[i] != names[i - 1]]
        framed = way.locator(".film-frame").evaluate_all(
            "all => all.flatMap((each, i) => each.classList.contains('film-flip') ? [i] : [])"
        )
        assert framed == flips
    known = space.walk(*ids, steps=12, path="linear")
    assert np.abs(films["linear"] - known.images[..., 0]).max() <= 3
    assert np.abs(films["linear"][[0, -1]] - films["graph"][[0, -1]]).max() <= 3
    assert np.abs(films["linear"][1:-1] - films["graph"][1:-1]).max() > 60, "they are two ways"
    until_seen(page, lambda: page.evaluate(PAINTED_ABOVE), lambda pixels: pixels > 500)


def test_the_ground_is_painted_with_digits_and_hatched_where_nothing_real_is(page, mnist):
    space = latlas.open(mnist)
    switch(page, "Ground").click()
    expect(page.locator("[data-note=ground]")).to_contain_text("what the decoder draws")
    settled(page)
    hearts = np.array([heart(space, label) for label in range(10)])
    cell = 30 / page.evaluate("__latlas.map.view.value.scale")
    around = np.linspace(-cell / 2, cell / 2, 7)
    grid = np.stack(np.meshgrid(around, around), -1).reshape(-1, 2)
    strokes = under(page, (hearts[:, None] + grid).reshape(-1, 2))[:, 3].reshape(10, -1)
    assert (np.ptp(strokes, axis=1) > 100).all(), "strokes and clear ground in each"
    fog = under(page, empty_corner(space, "tsne") * 0.98 + grid * 0.3)[:, 3]
    assert 5 < fog.min() <= fog.max() < 100


def test_eight_directions_lift_off_the_sheet_and_one_leads_there(page):
    open_ring(page)
    ways = page.locator(".lift-way canvas:not(.decoded-fog)")
    ring = pictures(ways)
    assert len(ring) == 8
    assert most_alike(ring) > 8
    before = state(page, "probe")["z"]
    page.locator(".lift-way").nth(2).click()
    settle(page, lambda: bool(np.abs(decoded(page) - ring[2]).max() <= 2), True)
    assert state(page, "probe")["z"] != before
    settle(page, ways.count, 8)


def test_one_space_becomes_ten_panels_and_one_again(page):
    page.locator("#open-many").click()
    before = page.evaluate("[...__latlas.map.places.slice(0, 200)]")
    assert not disjoint(page.evaluate(PANELS))
    page.get_by_role("button", name="A panel per class").click()
    until_seen(page, lambda: page.evaluate(PANELS), disjoint)
    assert np.isfinite(page.evaluate(PANELS)).all(), "each class has a panel"
    page.get_by_role("button", name="Together").click()
    settle(page, lambda: page.evaluate("[...__latlas.map.places.slice(0, 200)]"), before)


def test_a_drawn_1_lands_among_its_likes_and_becomes_a_0_where_it_is_dragged_to(page, mnist):
    latents = latlas.open(mnist).latents
    bare(page)
    page.locator("#open-draw").click()
    sheet = page.locator("#draw-sheet").bounding_box()
    x, y, high = sheet["x"] + sheet["width"] / 2, sheet["y"], sheet["height"]
    page.mouse.move(x, y + 0.2 * high)
    page.mouse.down()
    page.mouse.move(x, y + 0.8 * high)
    page.mouse.up()
    verdict = page.locator(".draw-verdict")
    seen = verdict.locator("canvas:not(.decoded-fog)").first
    expect(seen).to_be_visible(timeout=SLOW)
    # On a busy machine the dot that it began with was taken for a drawing before.
    until_seen(page, lambda: (pictures(seen)[0] > 50).any(0).sum(), lambda wide: wide < 10)
    expect(verdict).to_have_attribute("data-label", "1", timeout=SLOW)
    expect(verdict.locator(".bar")).to_have_count(3)

    def near():
        names = verdict.locator(".draw-near button").evaluate_all(
            "all => all.map(b => b.ariaLabel)"
        )
        return np.flatnonzero(np.isin(latents.ids, [int(name.split()[-1]) for name in names]))

    rows = near()
    assert len(rows) == 8
    assert (latents.labels[rows] == 1).sum() >= 6
    # Small in the middle, so that no card lies over where it is taken up.
    page.evaluate("__latlas.map.setView({ scale: __latlas.map.view.value.scale / 2 })")
    next_frame(page)
    until_seen(page, lambda: page.evaluate(PAINTED_ABOVE), lambda pixels: pixels >= 0.9 * BOX)
    at = np.array(page.evaluate(MIDDLE_ABOVE))
    assert np.hypot(*(places(page)[rows] - at).T).min() < 25
    picture = verdict.locator("canvas:not(.decoded-fog)").nth(1)
    before = picture.evaluate("canvas => canvas.toDataURL()")
    drag(page, [at, in_window(page, heart(latlas.open(mnist), 0))])
    expect(verdict).to_have_attribute("data-label", "0")
    assert picture.evaluate("canvas => canvas.toDataURL()") != before
    # The way there leads over other places that look like a 0.
    until_seen(page, near, lambda rows: (latents.labels[rows] == 0).sum() >= 6)


def test_the_worst_drawn_come_first_and_a_click_flies_there(page):
    errors = column(page, "error")
    rows = listed(page, "Worst drawn")
    worst = int(errors.argmax())
    page.evaluate("__latlas.map.setView({ x: 1e4 / __latlas.map.view.value.scale })")
    assert not page.evaluate(ON_STAGE, worst)
    rows.get_by_role("option").first.click()
    wait_for_state(page, "pinned", worst)
    until(page, f"({ON_STAGE})({worst})")
    expect(page.locator(f".card.pinned[data-row='{worst}']")).to_be_visible()


def test_the_outliers_are_those_that_python_finds(page, mnist):
    found = latlas.open(mnist).find("outliers")
    page.locator("#open-lists").click()
    page.locator(".lists-kinds").get_by_role("button", name="Outliers").click()
    page.get_by_role("button", name="Look for them").click()
    first = page.get_by_role("listbox", name="Outliers").get_by_role("option").first
    first.wait_for(timeout=SLOW)
    expect(first).to_contain_text(str(found.ids[0]))
    first.click()
    settle(
        page,
        lambda: page.evaluate("__latlas.columns.id(__latlas.state.pinned.value)"),
        found.ids[0],
    )


def test_thousands_are_relabelled_and_tagged_in_the_space_and_taken_back(page, copied):
    def kept():
        edits = Edits(latlas.open(copied.space))
        return len(edits.labels), {name: len(ids) for name, ids in edits.tags.items()}

    pick_class(page, "3")
    given, rows = labels(page), selected(page)
    assert len(rows) == 7141
    relabel(page, "8")
    wait_for_labels(page, "8", int(np.isin(given, [3, 8]).sum()))
    tag(page, "odd ones")
    page.locator(".select-tag", has_text="odd ones").wait_for()
    assert kept() == (7141, {"odd ones": 7141})
    undo = page.get_by_role("button", name="Undo the latest")
    undo.click()
    page.locator(".select-tag").wait_for(state="detached")
    undo.click()
    wait_for_labels(page, "3", 7141)
    assert (labels(page) == given).all()
    expect(undo).to_be_disabled()
    assert kept() == (0, {})


def test_the_second_map_rings_the_same_image_and_pins_the_one_that_is_clicked(page):
    opened(page)
    where = second_places(page)
    for row in clear_rows(page, 3):
        point_at(page, row)
        # Until the next frame the row before is ringed.
        until_seen(
            page,
            lambda: page.evaluate(RINGED),
            lambda at, there=where[row]: at is not None and np.abs(at - there).max() < 1,
        )
    edges = {*where.argmin(0).tolist(), *where.argmax(0).tolist()}
    gaps = {row: np.sort(np.hypot(*(where - where[row]).T))[1] for row in edges}
    row = max(gaps, key=gaps.get)
    page.mouse.click(*where[row])
    wait_for_state(page, "pinned", row)
    expect(page.locator(f".card.pinned[data-row='{row}']")).to_be_visible()


def test_the_tour_leads_through_all_steps_with_the_numbers_of_this_space(page):
    page.locator("#open-tour").click()
    tour = page.locator("[data-panel=tour]")
    scores = page.evaluate("__latlas.manifest.scores.map(({ name, shown }) => [name, shown])")
    accuracy = page.evaluate("(__latlas.manifest.knn ?? __latlas.manifest.linear).accuracy")
    told = [
        "16 numbers", "70,000 images", dict(scores)["knn_accuracy"], "Draw 12 new images",
        f"{100 * accuracy:.1f}%", "10 classes",
    ]  # fmt: skip
    assert len(told) == STEPS
    titles = []
    for step, words in enumerate(told):
        titles.append(title(tour).inner_text())
        expect(tour).to_contain_text(words)
        if words.startswith("Draw"):
            tour.get_by_role("button", name=words).click()
            drawn = tour.locator(".tour-grid canvas")
            expect(drawn).to_have_count(12)
            until(
                page, "[...document.querySelectorAll('.tour-grid canvas')].every(c => c.width > 1)"
            )
            assert most_alike(pictures(drawn)) > 60
        expect(page.locator(".error, [role=alert]")).to_have_count(0)
        if step + 1 < STEPS:
            forward(tour)
    assert len(set(titles)) == STEPS
    forward(tour)
    expect(tour).to_have_count(0)


def test_the_exported_file_decodes_live_without_server_or_network(
    mnist, tmp_path, open_page, page_cache, monkeypatch
):
    monkeypatch.setenv("LATLAS_CACHE", str(page_cache))
    space = latlas.open(mnist)
    file = tmp_path / "mnist.html"
    file.write_bytes(export_page(space, images=2000))
    assert file.stat().st_size < 9e6
    page = open_page(file.as_uri(), offline=True)
    assert page.evaluate("__latlas.manifest.total") == 70_000
    show_map(page, "pca")
    here, there = under_the_cursor(page, space, 640, 380)
    assert np.abs(here - there).max() <= 2
