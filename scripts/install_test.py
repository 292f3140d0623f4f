"""Installs latlas as a user does, from its wheel and without development packages, and uses it.

Builds the source archive and from that the wheel, installs the wheel in a new environment in a
temporary folder, fits a space there, serves it and looks at the page in Chromium. From the archive
on there is no Node.js. Run it with the Python of .venv.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from pathlib import Path

from bootstrap import CONSTRAINTS, ROOT, Environment, SetupError, install, say, step
from browser import VARIABLE, find_or_install
from web import PARTS

NEVER_IN_A_WHEEL = ("tests/", "benchmarks/", "scripts/", "docs/", "web/", ".github/")
PICTURES = {".png", ".svg", ".pdf"}


def path_without_node() -> str:
    """The PATH less the folders that hold a Node.js."""
    folders = os.environ.get("PATH", "").split(os.pathsep)
    return os.pathsep.join(folder for folder in folders if not shutil.which("node", path=folder))


def build_archive(folder: Path) -> Path:
    """Builds the source archive out of the checkout, page and all, and sees what came along."""
    command = [sys.executable, "-m", "build", "--sdist", "--no-isolation"]
    command += ["--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SetupError(f"the source archive could not be built:\n{done.stdout}{done.stderr}")
    archive = next(folder.glob("*.tar.gz"))
    with tarfile.open(archive) as opened:
        strangers = [name for name in opened.getnames() if "node_modules" in name.split("/")]
    if strangers:
        raise SetupError(f"{archive.name} holds {len(strangers)} files of node_modules")
    return archive


def build_wheel(environment: Environment, archive: Path) -> Path:
    """Builds the wheel out of the archive, as pip does it for a user who has no Node.js."""
    there = dict(os.environ)
    os.environ.update(PATH=path_without_node(), PIP_CONSTRAINT=CONSTRAINTS.as_uri())
    try:
        environment.pip("wheel", "--no-deps", "--wheel-dir", str(archive.parent), str(archive))
    finally:
        os.environ.clear()
        os.environ.update(there)
    return next(archive.parent.glob("*.whl"))


def check_wheel(wheel: Path) -> None:
    """Sees that the wheel holds the package, its page, type marker and licence, and no more."""
    names = zipfile.ZipFile(wheel).namelist()
    expected = ("latlas/__init__.py", "latlas/py.typed", *(f"latlas/page/{n}" for n in PARTS))
    missing = [name for name in expected if name not in names]
    if not any(name.endswith("licenses/LICENSE") for name in names):
        missing.append("LICENSE")
    strangers = [name for name in names if not re.match(r"latlas(-[^/]*\.dist-info)?/", name)]
    strangers += [name for name in names if name.startswith(NEVER_IN_A_WHEEL)]
    strangers += [name for name in names if "/." in name]
    if missing or strangers:
        raise SetupError(
            f"{wheel.name} lacks {missing or 'nothing'} and should not hold "
            f"{strangers or 'anything else'}. See [tool.hatch.build] in pyproject.toml."
        )


def development_packages() -> set[str]:
    """Names of the packages that only developers need, as pyproject.toml lists them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    dev = project["optional-dependencies"]["dev"]
    return {re.split(r"[<>=!~\[ ]", requirement)[0].lower() for requirement in dev}


def check_environment(environment: Environment) -> None:
    """Sees that what is installed fits together and that no development package came along."""
    environment.pip("check")
    listed = environment.run(
        "import importlib.metadata as m, json\n"
        "print(json.dumps([d.metadata['Name'].lower() for d in m.distributions()]))"
    )
    if strangers := development_packages() & set(json.loads(listed)):
        raise SetupError(f"got development packages {sorted(strangers)}, expected none")


def use(environment: Environment, folder: Path, *command: str) -> str:
    """Runs an installed command as a user does, away from the sources; returns its output."""
    outside = {"LATLAS_CACHE": str(folder / "cache"), "MPLCONFIGDIR": str(folder / "matplotlib")}
    outside["PATH"] = path_without_node()
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [str(environment.bin / command[0]), *command[1:]],
        cwd=folder, env=kept | outside, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise SetupError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def check_use(environment: Environment, folder: Path) -> None:
    """Imports the package, asks for help and fits a small space, pictures included."""
    use(environment, folder, "python", "-c", "import latlas; latlas.open")
    if "fit" not in use(environment, folder, "latlas", "--help"):
        raise SetupError("latlas --help does not name the command fit")
    use(environment, folder, "latlas", "fit", "digits", "-o", "digits.latlas", "--max-time", "1s")
    if not any(path.suffix in PICTURES for path in (folder / "digits.latlas").rglob("*")):
        raise SetupError("latlas fit drew no picture in digits.latlas")


def check_page(environment: Environment, folder: Path) -> None:
    """Serves that space as a user does and runs the first tests of the page on it."""
    told = {
        VARIABLE: str(find_or_install()),
        "LATLAS_INSTALLED": str(environment.bin / "latlas"),
        "LATLAS_INSTALLED_SPACE": str(folder / "digits.latlas"),
        "LATLAS_INSTALLED_PATH": path_without_node(),
    }
    command = [sys.executable, "-m", "pytest", "--tb=short", "tests/page/test_opens.py"]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | told, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SetupError(f"the page of the installed wheel:\n{done.stdout}{done.stderr}")


def main() -> int:
    """Runs the whole test; returns the exit code."""
    with tempfile.TemporaryDirectory(prefix="latlas-install-") as name:
        folder = Path(name)
        environment = Environment(folder / "venv")
        try:
            with step("the source archive"):
                archive = build_archive(folder)
            with step("a clean environment"):
                environment.create()
            with step("the wheel, built from the archive without Node.js"):
                wheel = build_wheel(environment, archive)
                check_wheel(wheel)
            install(environment, [str(wheel)], "cpu")
            check_environment(environment)
            with step("import, --help and a space of digits"):
                check_use(environment, folder)
            with step("its page, served and looked at in Chromium"):
                check_page(environment, folder)
        except SetupError as error:
            sys.stderr.write(f"\nInstall test failed: {error}\n")
            return 1
    say("The wheel installs and works without the development packages and without Node.js.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
