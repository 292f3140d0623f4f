from __future__ import annotations

import shutil

import numpy as np
import pytest
from playwright.sync_api import expect

import latlas
from page.looking import next_frame, settle, until_seen
from page.watching import barriers

# What is painted under the points around places of the map, as the mean of 5 x 5 CSS pixels.
UNDER = """places => {
  const { map, stage } = __latlas;
  const canvas = stage.querySelector("canvas[data-level=below]");
  const ratio = canvas.width / map.size.value.width;
  return places.map(([x, y]) => {
    const [px, py] = map.toScreen(x, y);
    const side = Math.round(5 * ratio);
    const at = canvas.getContext("2d").getImageData(
      Math.round(px * ratio - side / 2), Math.round(py * ratio - side / 2), side, side).data;
    const sums = [0, 0, 0, 0];
    for (let i = 0; i < at.length; i += 4) {
      for (let channel = 0; channel < 3; channel++) sums[channel] += at[i + channel] * at[i + 3];
      sums[3] += at[i + 3];
    }
    const colour = sums.slice(0, 3).map((sum) => sum / Math.max(sums[3], 1));
    return [...colour, sums[3] / (at.length / 4)];
  });
}"""
IN_RING = "() => document.activeElement.className === 'lift-way'"
PIXELS = """canvases => canvases.map(canvas =>
  Array.from(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data))"""


def switch(page, name):
    return page.get_by_role("switch", name=name, exact=True)


def under(page, places):
    """Red, green, blue and opacity, 0..255, that lie under the points at places of the map."""
    return np.array(page.evaluate(UNDER, np.asarray(places, float).tolist()))


def settled(page):
    """Waits until the ground of the window as it is now is painted."""
    next_frame(page)
    page.wait_for_function("() => __latlas.stage.dataset.ground === 'painted'", timeout=90_000)
    next_frame(page)


@pytest.fixture
def space(explored):
    return latlas.open(explored)


def dense(space, name, label):
    """The place of a class's row whose nearest rows on the map are all of its class, and near."""
    xy = np.asarray(space.map(name).xy, np.float64)
    labels = np.asarray(space.latents.labels)
    rows = np.flatnonzero(labels == label)
    squares = ((xy[rows, None] - xy[None]) ** 2).sum(-1)
    near = np.argsort(squares, axis=1)[:, :12]
    pure = (labels[near] == label).all(1)
    far = np.take_along_axis(squares, near[:, -1:], 1)[:, 0]
    return xy[rows[np.where(pure, far, np.inf).argmin()]]


def empty_corner(space, name):
    """A corner of the map's box that is furthest from every image."""
    xy = np.asarray(space.map(name).xy, np.float64)
    low, high = xy.min(0), xy.max(0)
    corners = np.array([[x, y] for x in (low[0], high[0]) for y in (low[1], high[1])])
    distance = np.sqrt(((corners[:, None] - xy[None]) ** 2).sum(-1)).min(1)
    return corners[distance.argmax()]


def test_borders_paint_each_cluster_in_the_colour_of_its_class(page, space):
    labels = range(10)
    places = [dense(space, "tsne", label) for label in labels]
    switch(page, "Borders").click()
    page.wait_for_selector("text=Borders: kNN classifier")
    # The words are there for a moment before the borders are asked for.
    painted = until_seen(page, lambda: under(page, places), lambda now: (now[:, 3] > 60).all())
    colours = page.evaluate("__latlas.manifest.classes.map((each) => each.colour)")
    wanted = np.array([[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in colours])
    closest = np.abs(painted[:, None, :3] - wanted[None]).sum(-1).argmin(1)
    assert closest.tolist() == list(labels)
    assert under(page, [empty_corner(space, "tsne")])[0, 3] < 10


def test_the_legend_of_the_borders_says_how_often_their_classifier_is_right(page, space):
    page.keyboard.press("b")
    accuracy = page.evaluate("__latlas.manifest.knn.accuracy")
    expect(page.locator("[data-note=borders]")).to_contain_text(f"{accuracy:.1%}")
    page.keyboard.press("b")
    expect(page.locator("[data-note=borders]")).to_be_empty()


def test_without_a_classifier_borders_say_so_and_offer_to_fit_one(
    open_page, digits_space, serve, tmp_path
):
    plain = shutil.copytree(digits_space, tmp_path / "digits.latlas")
    server = serve(plain)
    page = open_page(server.url)
    page.keyboard.press("b")
    page.get_by_role("button", name="Fit a classifier").click()
    # The page is loaded again, with what was switched on before.
    expect(page.locator("[data-note=borders]")).to_contain_text("Borders: kNN", timeout=90_000)
    page.wait_for_selector("html[data-ready='1']", state="attached")


def test_where_a_reload_would_lose_something_the_page_only_says_so(
    open_page, digits_space, serve, tmp_path
):
    plain = shutil.copytree(digits_space, tmp_path / "digits.latlas")
    page = open_page(serve(plain).url)
    page.evaluate("__latlas.state.selection.value = Uint32Array.from({ length: 301 }, (_, i) => i)")
    page.keyboard.press("b")
    page.get_by_role("button", name="Fit a classifier").click()
    log = page.get_by_role("log")
    expect(log).to_contain_text("The space has changed", timeout=90_000)
    expect(page.get_by_role("button", name="Fit a classifier")).to_be_visible()
    assert page.evaluate("__latlas.state.selection.value.length") == 301
    log.get_by_role("button", name="Load again").click()
    expect(page.locator("[data-note=borders]")).to_contain_text("Borders: kNN")


def test_work_that_was_asked_for_can_be_stopped(open_page, digits_space, serve, tmp_path):
    plain = shutil.copytree(digits_space, tmp_path / "digits.latlas")
    page = open_page(serve(plain).url)
    deleted = []

    def job(route):
        # Work that takes as long as it takes the reader to change his mind.
        if route.request.method == "DELETE":
            deleted.append(route.request.url)
        answer = {"id": "slow", "state": "running", "done": 0.4, "text": ""}
        route.fulfill(status=202, json=answer)

    page.route("**/api/v1/classifier", job)
    page.route("**/api/v1/jobs/slow", job)
    page.keyboard.press("b")
    note = page.locator("[data-note=borders]")
    note.get_by_role("button", name="Fit a classifier").click()
    expect(note).to_contain_text("Fitting… 40%")
    stop = note.get_by_role("button", name="Stop")
    expect(stop).to_be_focused()
    page.keyboard.press("Enter")
    expect(note.get_by_role("button", name="Fit a classifier")).to_be_focused()
    settle(page, lambda: len(deleted), 1)
    assert barriers(page) == []
    expect(page.locator(".messages .error")).to_have_count(0)


def test_the_ground_shows_decoded_images_and_a_hatch_where_nothing_real_is(page, space):
    switch(page, "Ground").click()
    expect(page.locator("[data-note=ground]")).to_contain_text("what the decoder draws")
    settled(page)
    places = np.array([dense(space, "tsne", label) for label in range(10)])
    cell = 30 / page.evaluate("__latlas.map.view.value.scale")
    around = np.linspace(-cell / 2, cell / 2, 7)
    grid = np.stack(np.meshgrid(around, around), -1).reshape(-1, 2)
    strokes = under(page, (places[:, None] + grid).reshape(-1, 2))[:, 3].reshape(10, -1)
    # A digit has strokes and clear ground in one cell; a hatch is fine and even.
    assert (strokes.max(1) - strokes.min(1) > 100).all()
    hatch = under(page, empty_corner(space, "tsne") * 0.98 + grid * 0.3)[:, 3]
    assert hatch.min() > 5
    assert hatch.max() < 100


def test_the_ground_is_painted_anew_where_one_zooms_to(page, space):
    switch(page, "Ground").click()
    x, y = dense(space, "tsne", 3)
    scale = page.evaluate("__latlas.map.view.value.scale")
    view = {"x": float(x), "y": float(y), "scale": scale * 6}
    page.evaluate("view => __latlas.map.setView(view)", view)
    settled(page)
    # 640 pixels hold the strokes of about twenty cells, each of a digit.
    line = [[x + dx / view["scale"], y] for dx in range(-160, 160, 4)]
    alphas = under(page, line)[:, 3] > 90
    assert np.count_nonzero(np.diff(alphas.astype(int))) >= 8


def open_ring(page):
    page.mouse.move(600, 300)
    page.wait_for_selector("#probe-picture")
    page.keyboard.press("o")
    page.wait_for_selector(".lift-way >> nth=7")
    # It takes the focus, and its place, a frame after it has come.
    page.wait_for_function(IN_RING)


def ring(page):
    found = page.locator(".lift-way canvas:not(.decoded-fog)").evaluate_all(PIXELS)
    return np.array(found, np.uint8).reshape(len(found), 8, 8, 4)[..., 0].astype(int)


def test_a_ground_that_is_painted_draws_no_more_frames(page):
    switch(page, "Ground").click()
    settled(page)
    drawn = """async () => {
      let drawn = 0;
      const stop = __latlas.map.onDraw(() => drawn++);
      for (let i = 0; i < 20; i++) await new Promise(requestAnimationFrame);
      stop();
      return drawn;
    }"""
    settle(page, lambda: page.evaluate(drawn), 0)


def test_the_ring_has_eight_pictures_that_differ(page):
    open_ring(page)
    pictures = ring(page)
    assert len(pictures) == 8
    apart = np.abs(pictures[:, None] - pictures[None]).max((2, 3))
    assert (apart[~np.eye(8, dtype=bool)] > 8).all()


def test_the_distance_of_the_ring_changes_by_wheel_and_by_key(page):
    open_ring(page)
    before = ring(page)
    slider = page.get_by_label("Distance in spreads")
    start = float(slider.input_value())
    page.keyboard.press("ArrowUp")
    page.wait_for_function(
        "start => Number(document.querySelector('.lift-foot input').value) > start", arg=start
    )
    page.keyboard.down("Alt")
    page.mouse.wheel(0, 100)
    page.mouse.wheel(0, 100)
    page.keyboard.up("Alt")
    page.wait_for_function(
        "start => Number(document.querySelector('.lift-foot input').value) < start", arg=start
    )
    until_seen(page, lambda: ring(page), lambda now: (now != before).any())


def test_a_picture_of_the_ring_leads_there(page):
    open_ring(page)
    first = ring(page)[2]
    before = page.evaluate("Array.from(__latlas.state.probe.value.z)")
    page.locator(".lift-way").nth(2).click()
    page.wait_for_function(
        "before => __latlas.state.probe.value.z.some((value, i) => value !== before[i])",
        arg=before,
    )
    page.wait_for_function(
        """wanted => {
          const canvas = document.querySelector("#probe-picture");
          const data = canvas.getContext("2d").getImageData(0, 0, 8, 8).data;
          return wanted.every((value, i) => Math.abs(data[4 * i] - value) <= 2);
        }""",
        arg=first.ravel().tolist(),
    )
    expect(page.locator(".lift-way")).to_have_count(8)


def test_the_ring_opens_at_a_pinned_place_and_closes_by_key(page):
    page.mouse.move(600, 300)
    page.wait_for_selector("#probe-picture")
    page.keyboard.press("f")
    page.get_by_role("button", name="Off the sheet").click()
    page.wait_for_selector(".lift-way >> nth=7")
    assert [line for line in barriers(page) if "lift" in line or "probe" in line] == []
    page.keyboard.press("Escape")
    expect(page.locator(".lift")).to_have_count(0)
