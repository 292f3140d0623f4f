"""The check of the browser's tests: what fails once runs once more, alone."""

from __future__ import annotations

import shutil

import checks
import pytest

TEST = """
from pathlib import Path

import pytest


@pytest.mark.browser
@pytest.mark.parametrize("name", {names})
def test_fails(name):
    before = Path(__file__).with_name(f"{{name}}.seen")
    failed = before.exists()
    before.touch()
    assert failed and not name.startswith("always")
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project whose tests in a browser are those with the given names."""

    def write(*names):
        folder = tmp_path / "tests" / "page"
        folder.mkdir(parents=True)
        (folder / "test_it.py").write_text(TEST.format(names=names))
        (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n    browser: of this test\n")

    shutil.copytree(checks.ROOT / "scripts", tmp_path / "scripts")
    monkeypatch.setattr(checks, "ROOT", tmp_path)
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    for variable in ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_XDIST_TESTRUNUID"):
        monkeypatch.delenv(variable, raising=False)
    return write


def test_what_passes_alone_passes_and_is_named(project, capfd):
    project("once", "too")
    passed, _ = checks.run("browser")
    said = capfd.readouterr().out
    assert passed and "2 failed" in said and "2 passed" in said
    assert "test_it.py::test_fails[once]" in said.split("to be mended:")[1]


def test_what_fails_twice_fails(project):
    project("once", "always")
    assert checks.run("browser")[0] is False


def test_many_failures_have_no_second_chance(project, capfd):
    project(*[f"{i} once" for i in range(checks.IN_DOUBT + 1)])
    assert checks.run("browser")[0] is False
    assert "once more" not in capfd.readouterr().out
