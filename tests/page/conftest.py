"""The page in a real Chromium, served by a real server on a copy of a space of digits."""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack
from pathlib import Path

import pytest
from bootstrap import SetupError
from browser import FLAGS, find_or_install
from playwright.sync_api import Error, expect, sync_playwright

import latlas
from page.serving import serving
from page.watching import Complaints, wait_until_ready

GIVEN_SPACE = "LATLAS_INSTALLED_SPACE"

# As long as Playwright waits for anything else. Nothing is timed here, and machines are busy.
expect.set_options(timeout=30_000)


def pytest_collection_modifyitems(items):
    """Everything in this folder is a test in a browser."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium():
    """The browser. Where there is none the tests fail: it is found or installed, never skipped."""
    try:
        program = find_or_install()
    except SetupError as error:
        pytest.fail(str(error), pytrace=False)
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=program, args=[*FLAGS])
        except Error as error:
            pytest.fail(f"{program} does not start: {error}", pytrace=False)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def page_cache(tmp_path_factory):
    """One LATLAS_CACHE for all servers, so that what they make lazily is made once."""
    return tmp_path_factory.mktemp("page-cache")


@pytest.fixture(scope="session")
def explored(request, tmp_path_factory, page_cache):
    """A space of digits with all that the page shows: maps, a classifier and a prior.

    Or the one that LATLAS_INSTALLED_SPACE names, as it is: the test of the wheel made it.
    """
    if given := os.environ.get(GIVEN_SPACE):
        return Path(given)
    folder = tmp_path_factory.mktemp("explored") / "digits.latlas"
    shutil.copytree(request.getfixturevalue("digits_space"), folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LATLAS_CACHE", str(page_cache))
        space = latlas.open(folder)
        space.classifier()
        space.sample(1, seed=0)
    return folder


@pytest.fixture(scope="session")
def served(explored, page_cache):
    """A server that the tests share. Those that change the space take ``own_served``."""
    with serving(explored, cache=page_cache) as server:
        yield server


@pytest.fixture
def serve(page_cache, complaints):
    """Serves a folder until the test is over; what its pages still ask for then is no complaint."""
    with ExitStack() as stack:
        yield lambda *what: stack.enter_context(serving(*what, cache=page_cache))
        complaints.end()


@pytest.fixture
def own_served(explored, tmp_path, serve):
    """A server of this test alone, on a copy of the space."""
    return serve(shutil.copytree(explored, tmp_path / "digits.latlas"))


@pytest.fixture
def complaints():
    """What the pages of a test complained of; a complaint that the test did not expect fails it."""
    complaints = Complaints()
    yield complaints
    assert complaints.unexpected == [], "the page complained"


@pytest.fixture
def open_page(chromium, complaints):
    """Opens an address in a window of its own, and waits until the points are drawn.

    ``size`` is that of the window in CSS pixels; further options are those of a Playwright
    context, for instance ``color_scheme="dark"`` or ``has_touch=True``.
    """
    contexts = []

    def open_(url, *, size=(1280, 720), ready=True, **options):
        width, height = size
        options = {"locale": "en-GB", "reduced_motion": "reduce"} | options
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        complaints.watch(page)
        page.goto(url)
        if ready:
            wait_until_ready(page, complaints)
        return page

    yield open_
    for context in contexts:
        context.close()


@pytest.fixture
def page(open_page, served):
    """The page of the shared server at 1280 x 720, ready."""
    return open_page(served.url)
