"""The page in headless Chromium: first points, bytes, heap, cursor to pixels, the exported file.

MNIST is the space that `latlas fit mnist` makes. The million points are draws from the prior of
the digits on their PCA map, as in `serving.py`. The server is a process of its own; what it makes
lazily (pictures, sheets, borders) is made before the page is timed, and the browser is always cold:
a new profile for each run. WebGL is computed on the processor (software GL), as the machines that
run this have no graphics card.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from harness import Bench, Contender, Figures, Goal, Medians, child, main
from serving import TOKEN, ask, connected, large_space, served

sys.path.insert(0, str(Path(__file__).parent.parent / "scripts"))

MNIST, MILLION = "MNIST, 70,000", "1,000,000 points"
MOVES, QUICK_MOVES = 300, 40
POINTS = "performance.getEntriesByName('points on screen')[0].startTime"
SENT = """at => ["navigation", "resource"]
  .flatMap(kind => performance.getEntriesByType(kind))
  .filter(entry => entry.startTime < at)
  .reduce((sum, entry) => sum + entry.encodedBodySize, 0)"""
FOLLOW = """moves => new Promise(done => {
  const { map, stage } = __latlas;
  const box = stage.getBoundingClientRect();
  const taken = [];
  let sent = 0, timer = 0;
  const put = CanvasRenderingContext2D.prototype.putImageData;
  CanvasRenderingContext2D.prototype.putImageData = function (...given) {
    put.apply(this, given);
    if (this.canvas.id !== "probe-picture" || !sent) return;
    taken.push(performance.now() - sent);
    next();
  };
  const random = () => { seed = (seed * 16807) % 2147483647; return seed / 2147483647; };
  let seed = 7, left = moves;
  function next() {
    sent = 0;
    clearTimeout(timer);
    if (!left--) {
      CanvasRenderingContext2D.prototype.putImageData = put;
      return done(taken);
    }
    setTimeout(() => {
      const row = Math.floor(random() * map.places.length / 2);
      const [x, y] = map.toScreen(map.places[2 * row], map.places[2 * row + 1]);
      const at = { clientX: box.left + x + 3, clientY: box.top + y + 3, bubbles: true,
                   pointerType: "mouse", pointerId: 1, isPrimary: true };
      sent = performance.now();
      timer = setTimeout(next, 1000);
      stage.dispatchEvent(new PointerEvent("pointermove", at));
    }, 30);
  }
  next();
})"""


@contextmanager
def browser(*flags: str) -> Iterator[Any]:
    """A Chromium of this run alone."""
    from browser import FLAGS, find_or_install
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=find_or_install(), args=[*FLAGS, *flags]
        )
        yield chromium
        chromium.close()


def opened(chromium: Any, address: str) -> tuple[Any, Figures]:
    """A page with its points drawn, and what that took."""
    context = chromium.new_context(viewport={"width": 1280, "height": 720})
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("html[data-ready]", timeout=120_000)
    page.wait_for_timeout(300)
    at = page.evaluate(POINTS)
    return page, {"first_points_s": at / 1000, "first_mb": page.evaluate(SENT, at) / 1e6}


def warm(port: int) -> None:
    """Has the server make what it makes on first use."""
    import json

    with connected(port) as connection:
        manifest = json.loads(ask(connection, port, "/manifest"))
        names = [f"map-{each['name']}" for each in manifest["maps"]]
        names += ["column-label", "column-split", "order", "overview", "overview-rows", "sheet-0"]
        names += [each["resource"] for each in manifest["decoders"]]
        for name in names:
            ask(connection, port, f"/resources/{name}")


def mnist(moves: int, source: str) -> Figures:
    import latlas

    with tempfile.TemporaryDirectory(prefix="latlas-bench-explorer-") as place:
        folder = Path(place) / "mnist.latlas"
        latlas.fit(source, folder, pictures=False).classifier()
        with served(folder) as port, browser() as chromium:
            warm(port)
            page, figures = opened(chromium, f"http://127.0.0.1:{port}/?token={TOKEN}")
            page.wait_for_timeout(4000)  # the nets load in the background
            page.evaluate(FOLLOW, 10)
            taken = page.evaluate(FOLLOW, moves)
        file = Path(place) / "page.html"
        began = time.perf_counter()
        latlas.export(latlas.open(folder), file, images=10_000)
        figures |= {"export_s": time.perf_counter() - began, "file_mb": file.stat().st_size / 1e6}
        with browser() as chromium:
            page, shown = opened(chromium, file.as_uri())
            page.wait_for_timeout(4000)
            page.evaluate(FOLLOW, 10)
            offline = page.evaluate(FOLLOW, moves)
    return figures | {
        "cursor_ms": statistics.median(taken),
        "cursor_p95_ms": float(np.quantile(taken, 0.95)),
        "moves": len(taken),
        "file_first_points_s": shown["first_points_s"],
        "file_cursor_ms": statistics.median(offline),
    }


def million(rows: int) -> Figures:
    import latlas

    with tempfile.TemporaryDirectory(prefix="latlas-bench-explorer-") as place:
        folder = Path(place) / "large.latlas"
        large_space(folder, rows)
        latlas.open(folder).map("pca")
        flags = ("--enable-precise-memory-info", "--js-flags=--expose-gc")
        with served(folder) as port, browser(*flags) as chromium:
            warm(port)
            page, figures = opened(chromium, f"http://127.0.0.1:{port}/?token={TOKEN}")
            page.wait_for_timeout(5000)
            page.mouse.move(640, 360)
            page.evaluate("gc()")
            heap = page.evaluate("performance.memory.usedJSHeapSize") / 1e6
    return figures | {"heap_mb": heap}


def plan(options: argparse.Namespace) -> list[Contender]:
    moves = QUICK_MOVES if options.quick else MOVES
    source = "digits" if options.quick else "mnist"
    rows = 50_000 if options.quick else 1_000_000
    return [
        Contender(MNIST, child(__file__, "mnist", moves=moves, source=source)),
        Contender(MILLION, child(__file__, "million", rows=rows), once=True),
    ]


def judge(medians: Medians, options: argparse.Namespace) -> list[Goal]:
    some, many = medians[MNIST], medians[MILLION]

    def most(name: str, value: float, must: float | None, aim: float | None) -> Goal:
        return Goal(name, value, must, aim, least=False)

    return [
        most("first points, 70,000, s", some["first_points_s"], 1.5, 0.7),
        most("bytes before them, 70,000, MB", some["first_mb"], 1.5, 0.6),
        most("bytes before them, 1,000,000, MB", many["first_mb"], 6, 4.5),
        most("first points, 1,000,000, s", many["first_points_s"], None, None),
        most("JavaScript heap, 1,000,000, MB", many["heap_mb"], 250, 130),
        most("cursor to decoded pixels, median, ms", some["cursor_ms"], 8, 3),
        most("cursor to decoded pixels, 95th, ms", some["cursor_p95_ms"], 30, 10),
        most("exported file of 10,000 images, MB", some["file_mb"], 12, 8),
        most("first points of the file, s", some["file_first_points_s"], None, None),
    ]


BENCH = Bench(
    "explorer",
    "The explorer page in headless Chromium on MNIST and on 1,000,000 points.",
    plan,
    judge,
    {"mnist": mnist, "million": million},
)

if __name__ == "__main__":
    main(BENCH)
