"""Every example of the README and the manual runs.

The ```python and ```console blocks of one page run in their order in one temporary folder; Python
blocks share their names. Lines of a console block that begin with ``$ `` are run, the rest is
what they print. Examples that name MNIST run on scikit-learn's digits instead, so that nothing
is downloaded. HTML comments on the line before a block steer it:

    <!-- no-test: reason -->     the block is shown only; counted as skipped, with the reason
    <!-- needs-mnist -->         runs as it stands where LATLAS_DATA is set, else it is skipped
    <!-- test-setup:             Python lines that run here and that no reader sees
    -->
"""

from __future__ import annotations

import os
import re
import subprocess
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SECONDS_FOR_A_COMMAND = 240
MARK = re.compile(r"<!--\s*(no-test|needs-mnist)\s*:?\s*(.*?)\s*-->")


@dataclass(frozen=True)
class Block:
    """One example: its page, first line, language, text and the comment before it."""

    page: Path
    line: int
    language: str
    text: str
    mark: str = ""
    reason: str = ""

    @property
    def name(self) -> str:
        return f"{self.page.relative_to(ROOT).as_posix()}:{self.line}"

    @property
    def why_skipped(self) -> str:
        """Why the block does not run; empty when it does."""
        if self.mark == "needs-mnist" and not os.environ.get("LATLAS_DATA"):
            return "needs MNIST: LATLAS_DATA is not set"
        return self.reason if self.mark == "no-test" else ""

    @property
    def runnable(self) -> str:
        """The text with digits in the place of MNIST, unless it asks for the real thing."""
        return (
            self.text
            if self.mark == "needs-mnist"
            else re.sub(r"(?<![\w-])mnist\b", "digits", self.text)
        )


def blocks(page: Path) -> Iterator[Block]:
    """The examples of a page, hidden set-up included, in their order."""
    lines = page.read_text(encoding="utf-8").splitlines()
    number, mark = 0, ("", "")
    while number < len(lines):
        line = lines[number].strip()
        fence, hidden = re.match(r"(`{3,})(\w*)", line), line.startswith("<!-- test-setup")
        if fence or hidden:
            end = number + 1
            closing = fence.group(1) if fence else "-->"
            while end < len(lines) and lines[end].strip() != closing:
                end += 1
            language = fence.group(2) if fence else "python"
            indent = len(lines[number]) - len(lines[number].lstrip())
            text = "\n".join(text[indent:] for text in lines[number + 1 : end])
            if language in {"python", "console"}:
                yield Block(page, number + 2, language, text, *mark)
            number, mark = end, ("", "")
        elif line:
            found = MARK.fullmatch(line)
            mark = (found[1], found[2]) if found else ("", "")
        number += 1


EXAMPLES = [block for page in PAGES if page.exists() for block in blocks(page)]
SHOWN_ONLY = [block for block in EXAMPLES if block.why_skipped]
RUN = {page: [b for b in EXAMPLES if b.page == page and not b.why_skipped] for page in PAGES}


def run_python(block: Block, names: dict[str, Any]) -> None:
    # Empty lines before it, so that a traceback names the line of the page.
    source = "\n" * (block.line - 1) + block.runnable
    exec(compile(source, block.name, "exec"), names)


def run_console(block: Block, folder: Path) -> None:
    lines = block.runnable.replace("\\\n", " ").splitlines()
    commands = [line[2:] for line in lines if line.startswith("$ ")]
    assert commands, f"{block.name}: a console block needs lines that begin with '$ '"
    done = subprocess.run(
        ["bash", "-e", "-u", "-o", "pipefail", "-c", "\n".join(commands)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=SECONDS_FOR_A_COMMAND,
        check=False,
    )
    assert done.returncode == 0, f"{block.name}\n{done.stdout}{done.stderr}"


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if RUN[page]],
    ids=lambda page: page.relative_to(ROOT).as_posix(),
)
def test_examples_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", sysconfig.get_path("scripts"), prepend=os.pathsep)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.setenv("LATLAS_CACHE", str(tmp_path / "cache"))
    names: dict[str, Any] = {"__name__": "__main__"}
    for block in RUN[page]:
        if block.language == "python":
            run_python(block, names)
        else:
            run_console(block, tmp_path)


@pytest.mark.parametrize("block", SHOWN_ONLY, ids=lambda block: block.name)
def test_examples_that_are_only_shown(block: Block) -> None:
    pytest.skip(block.why_skipped)


def test_every_example_that_is_not_run_says_why() -> None:
    silent = [b.name for b in EXAMPLES if b.mark == "no-test" and not b.reason]
    assert silent == []


def test_blocks_are_found_with_their_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# Title\n\n<!-- test-setup:\nx = 1\n-->\n```python\nassert x == 1\n```\n"
        "<!-- no-test: takes an hour -->\n```console\n$ make tea\n```\n"
        "<!-- needs-mnist -->\n\n```python\n'mnist'\n```\n```text\nnot code\n```\n"
        "1. a list\n   ```python\n   if 'mnist':\n       pass\n   ```\n"
    )
    found = [(b.line, b.language, b.text, b.mark, b.reason) for b in blocks(page)]
    assert found == [
        (4, "python", "x = 1", "", ""),
        (7, "python", "assert x == 1", "", ""),
        (11, "console", "$ make tea", "no-test", "takes an hour"),
        (16, "python", "'mnist'", "needs-mnist", ""),
        (23, "python", "if 'mnist':\n    pass", "", ""),
    ]
    assert [b.runnable for b in blocks(page)][3:] == ["'mnist'", "if 'digits':\n    pass"]
