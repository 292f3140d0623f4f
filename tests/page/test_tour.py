from __future__ import annotations

import pytest
from playwright.sync_api import expect

from page.looking import until_seen
from page.watching import barriers, until

STEPS = 6


@pytest.fixture
def tour(page):
    page.locator("#open-tour").click()
    return page.locator("[data-panel=tour]")


def forward(tour, times=1):
    """Goes on, and waits for the step that comes; after the last the panel is gone."""
    dots = tour.locator(".tour-dots button")
    for _ in range(times):
        at = dots.evaluate_all("all => all.findIndex((each) => each.ariaCurrent === 'step')")
        count = dots.count()
        tour.locator("footer .primary").click()
        if at + 1 < count:
            expect(dots.nth(at + 1)).to_have_attribute("aria-current", "step")


def title(tour):
    return tour.locator("h3")


def test_a_slider_changes_what_the_decoder_draws(tour, page):
    drawn = tour.locator(".tour-drawn canvas").nth(1)
    until(page, "canvas => canvas.width > 1", drawn.element_handle())
    before = drawn.evaluate("canvas => canvas.toDataURL()")
    slider = tour.locator(".tour-sliders input").first
    slider.focus()
    for _ in range(12):
        slider.press("ArrowRight")
    until(
        page,
        "([canvas, before]) => canvas.toDataURL() !== before",
        [drawn.element_handle(), before],
    )
    tour.get_by_role("button", name="Put it back").click()
    until(
        page,
        "([canvas, before]) => canvas.toDataURL() === before",
        [drawn.element_handle(), before],
    )


def test_it_walks_all_ideas_with_the_numbers_of_the_space(tour, page):
    titles = []
    for _ in range(STEPS):
        titles.append(title(tour).inner_text())
        if len(titles) < STEPS:
            forward(tour)
    assert len(set(titles)) == STEPS
    assert "16 numbers" in titles[0]
    until(page, "() => __latlas.state.apart.value")  # the last step flies the classes apart
    forward(tour)
    expect(tour).to_have_count(0)


def test_it_draws_new_images_and_shows_them_on_the_map(tour):
    forward(tour, 3)
    tour.get_by_role("button", name="Draw 12 new images").click()
    expect(tour.locator(".tour-grid canvas")).to_have_count(12)
    drawn = "all => new Set(all.map(each => each.toDataURL())).size"
    until_seen(
        tour.page,
        lambda: tour.locator(".tour-grid canvas").evaluate_all(drawn),
        lambda kinds: kinds > 6,
    )


def test_the_classifier_speaks_with_its_own_accuracy(tour, page):
    forward(tour, 4)
    accuracy = page.evaluate("__latlas.manifest.knn.accuracy")
    expect(tour).to_contain_text(f"{accuracy * 100:.1f}%")
    until(page, "() => __latlas.state.borders.value")


def test_it_speaks_korean_throughout(tour, page):
    page.get_by_label("Language, 언어").select_option("ko")
    expect(page.locator("html")).to_have_attribute("lang", "ko")
    for step in range(STEPS):
        text = tour.inner_text()
        assert "tour." not in text
        assert any("가" <= letter <= "힣" for letter in text)
        assert "{" not in text
        if step < STEPS - 1:
            forward(tour)
    assert barriers(page, "critical", "serious") == []


def test_a_space_for_each_class_is_told_apart(scoped_spaces, open_page, serve):
    server = serve(scoped_spaces / "per-class.latlas", "--read-only")
    page = open_page(server.url)
    page.locator("#open-tour").click()
    tour = page.locator("[data-panel=tour]")
    page.get_by_role("button", name="One space, or one for each class?").click()
    expect(tour).to_contain_text("each class has a model and a space of its own")
