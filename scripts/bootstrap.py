"""Makes the project's virtual environments; nothing but the standard library is needed.

    python scripts/bootstrap.py                              .venv, ready for `make test`
    python scripts/bootstrap.py --device cuda                the same with the CUDA build of PyTorch
    python scripts/bootstrap.py --folder .venv-bench --extra maps \
        --requirements benchmarks/constraints.txt            a second one, for the benchmarks

Called again it does nothing when all is in place. An environment is installed anew when
`constraints.txt`, the `[project]` table or the Python version changed, and made from scratch when
an earlier call was interrupted.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "constraints.txt"
CPU_BUILDS = "https://download.pytorch.org/whl/cpu"
DEVICES = ("any", "cpu", "cuda", "mps")


class SetupError(Exception):
    """Something that stops the set-up; the message says got, expected and what to do."""


def say(text: str, end: str = "\n") -> None:
    """Prints at once, so that a log shows where a slow step stands."""
    sys.stdout.write(text + end)
    sys.stdout.flush()


@contextmanager
def step(text: str) -> Iterator[None]:
    """One line for one piece of work, with the time that it took."""
    began = time.monotonic()
    say(f"  {text} ... ", end="")
    try:
        yield
    except BaseException:
        say("failed")
        raise
    say(f"{time.monotonic() - began:.0f} s")


class Environment:
    """One virtual environment of the project."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        scripts = "Scripts" if os.name == "nt" else "bin"
        self.bin = folder / scripts
        self.python = self.bin / ("python.exe" if os.name == "nt" else "python")
        self.log = folder / "install.log"
        self.stamp = folder / "latlas-setup.json"

    def works(self) -> bool:
        """Whether its Python starts and finds pip."""
        if not self.python.exists():
            return False
        command = [str(self.python), "-c", "import pip"]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def create(self) -> None:
        """Makes it anew, empty."""
        shutil.rmtree(self.folder, ignore_errors=True)
        command = [sys.executable, "-m", "venv", "--clear", str(self.folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode or not self.works():
            raise SetupError(
                f"Python's venv module could not make {self.folder}: "
                f"{gist(done.stdout + done.stderr)}\n"
                "On Debian and Ubuntu it is a package of its own: "
                f"apt install python{sys.version_info[0]}.{sys.version_info[1]}-venv"
            )

    def pip(self, *arguments: str) -> None:
        """Runs pip with its output in the log.

        Raises:
            SetupError: pip failed; carries the gist of what it printed.
            KeyboardInterrupt: pip was stopped by a signal.
        """
        # The page of `latlas serve` is left to `make web`, which says what it does.
        settings = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "LATLAS_PAGE_LATER": "1"}
        if "--no-deps" not in arguments:
            # A file URL, because pip splits this variable at spaces. It reaches build steps too.
            settings["PIP_CONSTRAINT"] = CONSTRAINTS.as_uri()
        command = [str(self.python), "-m", "pip", *arguments]
        if arguments[0] == "install":  # Python compiles on first use, and only what is used
            command.append("--no-compile")
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"\n$ {' '.join(command)}\n")
            log.flush()
            begin = log.tell()
            done = subprocess.run(
                command, stdout=log, stderr=log, env=os.environ | settings, cwd=ROOT, check=False
            )
        if done.returncode < 0:
            raise KeyboardInterrupt  # killed by a signal: what it was installing is half there
        if done.returncode:
            with self.log.open(encoding="utf-8", errors="replace") as log:
                log.seek(begin)
                said = log.read()
            raise SetupError(f"pip could not install: {gist(said)}\nAll of it: {self.log}")

    def run(self, code: str) -> str:
        """What a piece of Python code prints in this environment, stripped; nothing without one."""
        if not self.python.exists():
            return ""
        command = [str(self.python), "-c", code]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    def read_stamp(self) -> dict[str, str]:
        """What the last set-up left: its facts and ``state`` (building, failed or ready)."""
        try:
            stamp = json.loads(self.stamp.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return stamp if isinstance(stamp, dict) else {}

    def write_stamp(self, facts: dict[str, str]) -> None:
        """Leaves ``facts`` for the next set-up, written whole or not at all."""
        beside = self.stamp.with_suffix(".new")
        beside.write_text(json.dumps(facts, indent=1), encoding="utf-8")
        beside.replace(self.stamp)

    def torch_build(self) -> str:
        """``""`` without PyTorch, else ``"cpu"`` or ``"cuda"``."""
        return self.run(
            "import importlib.util as u, runpy\n"
            "spec = u.find_spec('torch')\n"
            "if spec and spec.submodule_search_locations:\n"
            "    version = runpy.run_path(spec.submodule_search_locations[0] + '/version.py')\n"
            "    print('cuda' if version.get('cuda') else 'cpu')"
        )


def gist(text: str) -> str:
    """The first line that says ERROR, else the last one that says anything."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR")]
    return (errors or lines[-1:] or ["no output"])[0]


def pinned_torch() -> str:
    """The requirement ``torch==...`` of constraints.txt."""
    lines = CONSTRAINTS.read_text(encoding="utf-8").splitlines()
    return next(line.strip() for line in lines if line.startswith("torch=="))


def install_torch(environment: Environment, device: str) -> None:
    """Installs the pinned PyTorch: the CPU build, unless CUDA was asked for by name.

    On Linux the wheel of the Python Package Index brings several GB of CUDA libraries, so the
    CPU build is asked for by its exact name and nothing else will do. On macOS and Windows
    that wheel is the CPU build.

    Raises:
        SetupError: the build that was asked for cannot be had.
    """
    torch, build = pinned_torch(), environment.torch_build()
    on_linux = platform.system() == "Linux"
    if device == "cuda":
        if not on_linux:
            raise SetupError(
                f"got DEVICE=cuda on {platform.system()}, where this script only knows the CPU "
                "build. Expected Linux. Install PyTorch with CUDA as pytorch.org/get-started "
                "shows, then: pip install -e ."
            )
        if build != "cuda":
            with step(f"{torch} with CUDA (downloads about 3 GB)"):
                if build:
                    environment.pip("uninstall", "--yes", "torch")
                environment.pip("install", torch)
            if environment.torch_build() != "cuda":
                raise SetupError(
                    "got the CPU build of PyTorch, expected one with CUDA. See which indexes "
                    "pip reads (pip config list) and that this machine is x86-64 or ARM Linux."
                )
        return
    if build == "cpu" or (build and device == "any"):
        return
    if not on_linux:
        with step(torch):
            environment.pip("install", torch)
        return
    index = os.environ.get("TORCH_INDEX") or CPU_BUILDS
    with step(f"{torch}, CPU build"):
        try:
            environment.pip(
                "install", "--no-deps", "--retries", "1", "--timeout", "15",
                "--index-url", index, f"{torch}+cpu",
            )  # fmt: skip
        except SetupError as error:
            raise SetupError(
                f"got no CPU build of PyTorch for Python {platform.python_version()} on "
                f"{platform.machine()}; expected {torch}+cpu at {index}. Check the network, name "
                "another index with TORCH_INDEX=URL, or take the build with CUDA, several GB, "
                f"with DEVICE=cuda.\n{error}"
            ) from error


def fingerprint(arguments: Sequence[str]) -> str:
    """Digest of what is to be installed, but for the build of PyTorch."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    tables = {name: project[name] for name in ("project", "build-system")}
    files = [ROOT / name for name in arguments if name.endswith(".txt")]
    pins = [path.read_text(encoding="utf-8") for path in (CONSTRAINTS, *files)]
    everything = [tables, pins, list(arguments)]
    return hashlib.sha256(json.dumps(everything, sort_keys=True).encode()).hexdigest()


@contextmanager
def lock(folder: Path) -> Iterator[None]:
    """Lets one set-up at a time work in a folder; released even when that one is killed."""
    try:
        import fcntl  # noqa: PLC0415 - absent on Windows
    except ImportError:  # Windows: make is rarely there, two at once rarer still
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Waiting for another set-up to end ...")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def prepare(folder: Path, arguments: Sequence[str], device: str = "any") -> None:
    """Makes or mends the environment in ``folder``: PyTorch first, then pip's ``arguments``.

    Args:
        folder: where the environment is to be.
        arguments: what pip is to install beside PyTorch.
        device: ``any`` (what is there, else the CPU build), ``cpu``, ``cuda`` or ``mps``.

    Raises:
        SetupError: it cannot be done; says why.
    """
    environment = Environment(folder)
    facts = {
        "python": platform.python_version(),
        "folder": str(folder),
        "fingerprint": fingerprint(arguments),
    }
    with lock(folder.parent):
        stamp, build = environment.read_stamp(), environment.torch_build()
        other_build = device in {"cpu", "cuda"} and build != device
        if stamp == facts | {"state": "ready"} and build and not other_build:
            return
        began = time.monotonic()
        say(f"Setting up {folder.name} with Python {facts['python']}, a few minutes the first time")
        moved = any(stamp.get(name, facts[name]) != facts[name] for name in ("python", "folder"))
        if moved or stamp.get("state") == "building" or not environment.works():
            with step(f"a fresh {folder.name}"):
                environment.create()
        environment.write_stamp(facts | {"state": "building"})
        try:
            install(environment, arguments, device)
        except SetupError:
            environment.write_stamp(facts | {"state": "failed"})  # pip rolled back: usable
            raise
        environment.write_stamp(facts | {"state": "ready"})
        say(f"  {folder.name} is ready after {time.monotonic() - began:.0f} s")


def install(environment: Environment, arguments: Sequence[str], device: str) -> None:
    """Installs PyTorch and then the rest, and sees that the rest did not replace PyTorch.

    Raises:
        SetupError: pip failed, or a package brought another build of PyTorch.
    """
    install_torch(environment, device)
    before = environment.torch_build()
    with step("the other pinned packages"):
        environment.pip("install", *arguments)
    after = environment.torch_build()
    if after != before:
        raise SetupError(
            f"got the {after} build of PyTorch, expected {before}: one of the packages replaced "
            f"it. See {environment.log}"
        )


def main() -> int:
    """Reads the command line; returns the exit code."""
    parser = argparse.ArgumentParser(description="Makes a virtual environment of the project.")
    parser.add_argument("--folder", type=Path, default=Path(".venv"))
    parser.add_argument("--device", choices=DEVICES, default="any")
    parser.add_argument("--extra", default="dev", help="group of optional packages")
    parser.add_argument("--requirements", help="a file of further pinned packages")
    options = parser.parse_args()
    further = ["-r", options.requirements] if options.requirements else []
    try:
        prepare(ROOT / options.folder, ["-e", f".[{options.extra}]", *further], options.device)
    except SetupError as error:
        sys.stderr.write(f"\nSet-up stopped: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nSet-up was interrupted; the next call starts it afresh.\n")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
