"""What a page has to complain of, whether it is drawn, how it looks, and whether all can use it."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

ROOT = Path(__file__).parent.parent.parent
PICTURES = Path(__file__).parent / "pictures"
SEEN = ROOT / "build" / "page-pictures"
AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
WRITE = "LATLAS_WRITE_PICTURES"
PATIENCE = 60_000  # milliseconds; nothing is timed, a page that hangs is to end


class Complaints:
    """Errors of the console, exceptions, requests that failed and answers of 400 and above.

    A test that means to provoke one says so with ``expect``; any other fails it.
    """

    def __init__(self) -> None:
        self.all: list[str] = []
        self._expected: list[str] = []
        self._over = False

    def end(self) -> None:
        """The test is over: what is still on its way may fail as its server goes."""
        self._over = True

    def expect(self, pattern: str) -> None:
        """Complaints in which the regular expression is found are what the test wants to see."""
        self._expected.append(pattern)

    def watch(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.all.append(f"exception: {error}"))
        page.on("requestfailed", self._failed)
        page.on("response", self._response)

    def _console(self, message) -> None:
        # The browser's own line for an answer of 400 and above names no request; `_response` does.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.all.append(f"console: {message.text} ({message.location.get('url', '')})")

    def _failed(self, request) -> None:
        # A request that the page itself gave up is no failure.
        if request.failure != "net::ERR_ABORTED" and not self._over:
            self.all.append(f"request: {request.method} {request.url}: {request.failure}")

    def _response(self, response) -> None:
        if response.status >= 400:
            self.all.append(
                f"answer: {response.status} to {response.request.method} {response.url}"
            )

    @property
    def unexpected(self) -> list[str]:
        return [text for text in self.all if not any(re.search(p, text) for p in self._expected)]


def wait_until_ready(page: Page, complaints: Complaints) -> None:
    """Waits until the points are drawn: the page then sets ``data-ready`` on its root."""
    try:
        page.wait_for_selector("html[data-ready='1']", state="attached", timeout=PATIENCE)
    except PlaywrightTimeoutError:
        seen = save(page.screenshot(), "not-ready")
        raise AssertionError(
            f"the page was not ready after {PATIENCE / 1000:.0f} s; it shows {seen} and complains: "
            f"{complaints.all or 'of nothing'}"
        ) from None


def save(png: bytes, name: str) -> Path:
    SEEN.mkdir(parents=True, exist_ok=True)
    path = SEEN / f"{name}.png"
    path.write_bytes(png)
    return path


def compare(
    what: Page | Locator, name: str, *, levels: int = 32, share: float = 0.01, **options
) -> None:
    """Sees that a page or a part of it looks as in ``pictures/NAME.png``.

    Fonts and the rounding of graphics differ between machines, so compare what has no text in
    it, and give what has a larger share.

    Args:
        what: what to look at.
        name: of the picture.
        levels: a pixel differs when one of its channels does by more than this, of 255.
        share: of the pixels that may differ.
        options: of Playwright's ``screenshot``, for instance ``mask``.

    With LATLAS_WRITE_PICTURES=1 the picture is written instead.
    """
    png = what.screenshot(animations="disabled", **options)
    path = PICTURES / f"{name}.png"
    if os.environ.get(WRITE):
        PICTURES.mkdir(exist_ok=True)
        path.write_bytes(png)
        return
    seen = save(png, name)
    again = f"Look at {seen}; where it is right, write it with {WRITE}=1."
    assert path.exists(), f"there is no picture {path} to compare with. {again}"
    got, expected = (np.asarray(Image.open(p).convert("RGB"), np.int16) for p in (seen, path))
    assert got.shape == expected.shape, f"got {got.shape}, expected {expected.shape}. {again}"
    different = np.abs(got - expected).max(-1) > levels
    Image.fromarray(different).save(seen.with_name(f"{name}-difference.png"))
    assert different.mean() <= share, (
        f"{different.mean():.2%} of the pixels of {name} differ, expected at most {share:.2%}. "
        f"{again}"
    )


def barriers(page: Page, *impacts: str) -> list[str]:
    """What axe-core finds on the page that keeps people from using it.

    Args:
        page: an open page.
        impacts: how grave it must be to count; ``serious`` and ``critical`` by default.

    Returns:
        One line for each kind, with the elements that have it.
    """
    counted = impacts or ("serious", "critical")
    session = page.context.new_cdp_session(page)
    # Through the debugger: the page's own policy lets no foreign script in, and stays in force.
    session.send("Runtime.evaluate", {"expression": AXE.read_text(encoding="utf-8")})
    answer = session.send(
        "Runtime.evaluate",
        {
            "expression": "axe.run(document, {resultTypes: ['violations']}).then(JSON.stringify)",
            "awaitPromise": True,
        },
    )
    session.detach()
    assert "exceptionDetails" not in answer, answer["exceptionDetails"]
    found = json.loads(answer["result"]["value"])["violations"]
    return [
        f"{rule['id']} ({rule['impact']}): {rule['help']}: "
        + ", ".join(" ".join(map(str, node["target"])) for node in rule["nodes"][:5])
        for rule in found
        if rule["impact"] in counted
    ]


def until(page: Page, true: str, arg: Any = None) -> None:
    """Waits until an expression or function is true.

    Playwright's ``wait_for_function`` compiles text in the page, which the page forbids.
    """
    for _ in range(300):
        if page.evaluate(true, arg):
            return
        page.wait_for_timeout(50)
    pytest.fail(f"never true: {true}", pytrace=False)
