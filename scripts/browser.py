"""Finds a Chromium for the tests of the page, or installs one.

    python scripts/browser.py              prints where it is
    python scripts/browser.py COMMAND ...  runs a command with LATLAS_CHROMIUM set to it

It takes the one that LATLAS_CHROMIUM names, else Chromium or Chrome of the system, else that of
Playwright. Where there is none it installs Debian's package, given root and apt, else the build of
Playwright. Run it with the Python of .venv.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from bootstrap import ROOT, SetupError, say, step
from playwright.sync_api import sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MAC = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")
VARIABLE = "LATLAS_CHROMIUM"
LOG = ROOT / "build" / "browser.log"
# Without a GPU WebGL is drawn by the processor, which Chromium does only when it is told to.
FLAGS = (
    "--no-sandbox",
    "--enable-unsafe-swiftshader",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--disable-dev-shm-usage",
    "--force-color-profile=srgb",
)


def starts(program: str | Path) -> bool:
    """Whether a program prints its version; the pointer to a snap is a file, but does not."""
    command = [str(program), "--version"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0


def find() -> Path | None:
    """A Chromium that is there and starts, or nothing.

    Raises:
        SetupError: LATLAS_CHROMIUM names one that does not start.
    """
    if named := os.environ.get(VARIABLE):
        if not starts(named):
            raise SetupError(
                f"got {VARIABLE}={named}, which does not start; expected the path of a Chromium or "
                "Chrome. Mend it, or unset it to have one found."
            )
        return Path(named)
    return next((program for program in places() if starts(program)), None)


def places() -> Iterator[Path]:
    """Where a Chromium may be; the last is Playwright's own, which takes a moment to ask for."""
    yield from (Path(found) for name in NAMES if (found := shutil.which(name)))
    yield MAC
    with sync_playwright() as playwright:
        yield Path(playwright.chromium.executable_path)


def log_of(command: Sequence[str], environment: dict[str, str] | None = None) -> None:
    """Runs one step of an installation with its output in the log.

    Raises:
        SetupError: it failed; carries the gist of what it printed.
    """
    LOG.parent.mkdir(exist_ok=True)
    try:
        done = subprocess.run(
            command, env=os.environ | (environment or {}), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, errors="replace", check=False,
        )  # fmt: skip
    except OSError as error:
        raise SetupError(f"{command[0]} does not start: {error}") from error
    said = done.stdout + done.stderr
    with LOG.open("a", encoding="utf-8") as log:
        log.write(f"\n$ {' '.join(command)}\n{said}\n")
    if done.returncode:
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith(("E:", "Error:", "Failed"))]
        raise SetupError(f"{'; '.join(errors[:3] or lines[-1:]) or 'it said nothing'}")


def install_of_system() -> None:
    """Installs Debian's package; Ubuntu's of that name is only a pointer to a snap.

    Raises:
        SetupError: apt cannot, or there is no such package.
    """
    quiet = {"DEBIAN_FRONTEND": "noninteractive"}
    log_of(["apt-get", "update", "-qq"], quiet)
    log_of(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"], quiet)


def install_of_playwright() -> None:
    """Downloads the Chromium of the installed Playwright; with its libraries where apt can.

    Raises:
        SetupError: it cannot be had.
    """
    command = [sys.executable, "-m", "playwright", "install", "chromium"]
    log_of([*command, "--with-deps"] if may_use_apt() else command)


def may_use_apt() -> bool:
    """Whether this process can install packages of Debian or Ubuntu."""
    return hasattr(os, "geteuid") and os.geteuid() == 0 and bool(shutil.which("apt-get"))


def find_or_install() -> Path:
    """A Chromium that starts.

    Raises:
        SetupError: there is none and none can be installed; says what was tried.
    """
    if found := find():
        return found
    tried = []
    ways = {"Chromium of Playwright": install_of_playwright}
    if may_use_apt():
        ways = {"Chromium, the package of the system": install_of_system} | ways
    for text, way in ways.items():
        try:
            with step(text):
                way()
            if found := find():
                return found
            tried.append(f"{text}: installed, but does not start")
        except SetupError as error:
            tried.append(f"{text}: {error}")
    raise SetupError(
        "got no Chromium for the tests of the page, and could not install one:\n  "
        + "\n  ".join(tried)
        + f"\nInstall Chromium or Chrome and name it with {VARIABLE}=PATH. All of it: {LOG}"
    )


def main() -> int:
    """Finds a browser, then prints where it is or runs a command; returns the exit code."""
    try:
        found = find_or_install()
    except SetupError as error:
        sys.stderr.write(f"\nNo browser: {error}\n")
        return 1
    if command := sys.argv[1:]:
        environment = os.environ | {VARIABLE: str(found)}
        return subprocess.run(command, env=environment, check=False).returncode
    say(str(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
