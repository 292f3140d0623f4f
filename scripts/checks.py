"""Runs the project's checks, all of them even when one fails, and ends with a summary.

    python scripts/checks.py                 every check
    python scripts/checks.py style types     some of them

Run it with the Python of .venv; `make test` does.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

from bootstrap import ROOT, say

WORKERS = str(min(os.cpu_count() or 1, 8))
BROWSERS = str(min(int(WORKERS), 2))
PYTHON = [sys.executable, "-m"]
TOOLS = Path(sysconfig.get_path("scripts"))
# What pytest keeps of the tests in a browser, for itself: which of them failed.
SEEN = "build/browser-tests"
TESTS_FAILED = 1  # pytest's status when it ran the tests and some failed
BROWSER_TESTS = [
    sys.executable, "scripts/browser.py",
    *PYTHON, "pytest", "tests/page", "-m", "browser", "-o", f"cache_dir={SEEN}",
]  # fmt: skip
CHECKS = {
    "style": [*PYTHON, "ruff", "check", "."],
    "format": [*PYTHON, "ruff", "format", "--check", "."],
    "types": [*PYTHON, "mypy", "src", "scripts", "hatch_build.py"],
    "layers": [str(TOOLS / "lint-imports")],
    "dependencies": [
        *PYTHON, "deptry", "src",
        "--optional-dependencies-dev-groups", "dev",
        "--package-module-name-map", "umap-learn=umap,openTSNE=openTSNE,pylance=lance",
    ],
    "page": [sys.executable, "scripts/web.py"],
    "page-types": [sys.executable, "scripts/web.py", "types"],
    "page-units": [sys.executable, "scripts/web.py", "units"],
    "tests": [*PYTHON, "pytest", "-n", WORKERS, "-rs", "-m", "not browser"],
    # After the others, in two workers at most: a browser without a GPU wants a core for itself and
    # leaves it while a page waits for its server. By file, as what a file needs is made in each
    # worker: a space, a server, a browser.
    "browser": [*BROWSER_TESTS, "-rs", "-n", BROWSERS, "--dist", "loadfile", "--cache-clear"],
    "install": [sys.executable, "scripts/install_test.py"],
}  # fmt: skip
# One thread for each worker: threads of several processes on the same cores wait for each other.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
# So many tests in a browser may fail once and pass alone (docs/decisions/0016).
IN_DOUBT = 3


def call(command: list[str]) -> int:
    """Runs a command with its output on the terminal; returns its status."""
    return subprocess.run(command, cwd=ROOT, env=os.environ | ONE_THREAD, check=False).returncode


def run(name: str) -> tuple[bool, float]:
    """Runs one check; returns whether it passed and its time."""
    say(f"\n=== {name}")
    began = time.monotonic()
    code = call(CHECKS[name])
    passed = passed_alone() if name == "browser" and code == TESTS_FAILED else code == 0
    return passed, time.monotonic() - began


def passed_alone() -> bool:
    """Runs the few tests that failed in a browser once more; names those that then pass."""
    kept = ROOT / SEEN / "v" / "cache" / "lastfailed"
    failed = list(json.loads(kept.read_text())) if kept.is_file() else []
    if not 0 < len(failed) <= IN_DOUBT:
        return False
    say(f"\n=== browser, once more: {len(failed)} failed")
    passed = call([*BROWSER_TESTS, "--last-failed"]) == 0
    if passed:
        say("These failed once and passed alone; each waits for too little, and is to be mended:")
        say("\n".join(f"  {test}" for test in failed))
    return passed


def main() -> int:
    """Reads the command line; returns 0 when every check passed, else 1."""
    parser = argparse.ArgumentParser(description="Runs the project's checks.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(CHECKS)}")
    names = parser.parse_args().names or list(CHECKS)
    if unknown := [name for name in names if name not in CHECKS]:
        parser.error(f"got {', '.join(unknown)}; expected some of {', '.join(CHECKS)}")
    results = {name: run(name) for name in names}
    say("\n=== summary")
    for name, (passed, seconds) in results.items():
        say(f"{'passed' if passed else 'FAILED'}  {name:<13} {seconds:6.1f} s")
    failed = sum(not passed for passed, _ in results.values())
    say(f"checks: {len(results) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
