"""Remakes the pictures of the explorer in the README from a space of MNIST.

    python runs/explorer.py mnist.latlas digits-per-class.latlas

The first space needs a classifier and a prior (`latlas classify`, `latlas sample`), the second is
of the scope per-class. Chromium is found or installed as for the tests.
"""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
sys.path.insert(0, str(ROOT / "scripts"))

DESK = {"viewport": {"width": 1280, "height": 720}}
PHONE = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "has_touch": True,
    "is_mobile": True,
}
AT = """row => {
  const { map, stage } = __latlas;
  const [x, y] = map.toScreen(map.places[2 * row], map.places[2 * row + 1]);
  const box = stage.getBoundingClientRect();
  return [x + box.left, y + box.top];
}"""


@contextmanager
def served(folder: str) -> Iterator[str]:
    """The address of a server of the space, which ends with the block."""
    command = [sys.executable, "-m", "latlas", "serve", folder, "--port", "0", "--no-browser"]
    with subprocess.Popen([*command, "--read-only", "-q"], stdout=subprocess.PIPE, text=True) as it:
        try:
            assert it.stdout is not None
            yield it.stdout.readline().strip().rsplit(" ", 1)[-1]
        finally:
            it.terminate()


def opened(chromium: Any, address: str, theme: str = "light", **options: Any) -> Any:
    """A page with its points drawn and its nets loaded."""
    context = chromium.new_context(color_scheme=theme, locale="en-GB", **options)
    page = context.new_page()
    page.add_init_script("localStorage.setItem('latlas.hint', 'seen')")
    page.goto(address)
    page.wait_for_selector("html[data-ready]", timeout=60_000)
    page.wait_for_timeout(3000)
    return page


def keep(page: Any, name: str) -> None:
    """Writes what the page shows as a WebP, a fifth of a PNG."""
    file = IMAGES / f"explorer-{name}.webp"
    with Image.open(io.BytesIO(page.screenshot())) as picture:
        picture.convert("RGB").save(file, quality=88, method=6)
    print(file.relative_to(ROOT), f"{file.stat().st_size / 1e3:.0f} kB")


def point_at(page: Any, row: int, *, click: bool = False) -> None:
    """Rests on a row until its card is full."""
    x, y = page.evaluate(AT, row)
    page.mouse.move(x - 2, y)
    page.mouse.move(x, y)
    if click:
        page.mouse.click(x, y)
    page.wait_for_timeout(2500)


def one_space(chromium: Any, address: str) -> None:
    """The map, the decoded ground, the borders, a walk, and the same on a phone."""
    page = opened(chromium, address, **DESK)
    point_at(page, 1000)
    keep(page, "map")
    page.goto("about:blank")

    page = opened(chromium, f"{address}#ground=1", "dark", **DESK)
    page.mouse.move(890, 620)  # no card opens where there is no image; the fog is thick
    page.mouse.move(888, 622)
    page.wait_for_timeout(20_000)
    keep(page, "ground")

    page = opened(chromium, f"{address}#borders=1", **DESK)
    page.mouse.move(604, 412)
    page.wait_for_timeout(12_000)
    page.mouse.move(300, 640)
    keep(page, "borders")

    page = opened(chromium, f"{address}#panel=walk", **DESK)
    page.get_by_label("or class").nth(0).select_option("4")
    page.get_by_label("or class").nth(1).select_option("9")
    page.wait_for_timeout(8000)
    keep(page, "walk")

    page = opened(chromium, address, **PHONE)
    page.locator("#open-generate").tap()
    page.wait_for_timeout(9000)
    keep(page, "phone")


def many_spaces(chromium: Any, address: str) -> None:
    """A space for each class, and one image redrawn by all of their models."""
    page = opened(chromium, f"{address}#panel=many", **DESK)
    page.evaluate("__latlas.state.pinned.value = 40")
    page.wait_for_timeout(5000)
    page.evaluate("__latlas.state.pinned.value = -1")  # its card would hide two panels
    page.wait_for_timeout(500)
    keep(page, "ten")


def main() -> None:
    """Takes all pictures."""
    from browser import FLAGS, find_or_install
    from playwright.sync_api import sync_playwright

    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    together, apart = sys.argv[1:]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find_or_install(), args=[*FLAGS])
        with served(together) as address:
            one_space(chromium, address)
        with served(apart) as address:
            many_spaces(chromium, address)
        chromium.close()


if __name__ == "__main__":
    main()
