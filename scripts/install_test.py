"""Installs latlas as a user does, from its wheel and without development packages, and uses it.

Builds the source archive and from that the wheel, installs the wheel in a new environment in a
temporary folder, and fits a space there. Run it with the Python of .venv.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path

from bootstrap import ROOT, Environment, SetupError, install, say, step

NEVER_IN_A_WHEEL = ("tests/", "benchmarks/", "scripts/", "docs/", ".github/")
PICTURES = {".png", ".svg", ".pdf"}


def build_wheel(folder: Path) -> Path:
    """Builds the wheel out of the source archive, so that the archive is known to be whole."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SetupError(f"the wheel could not be built:\n{done.stdout}{done.stderr}")
    return next(folder.glob("*.whl"))


def check_wheel(wheel: Path) -> None:
    """Sees that the wheel holds the package, its type marker and licence, and nothing else."""
    names = zipfile.ZipFile(wheel).namelist()
    expected = ("latlas/__init__.py", "latlas/py.typed")
    missing = [name for name in expected if name not in names]
    if not any(name.endswith("licenses/LICENSE") for name in names):
        missing.append("LICENSE")
    strangers = [name for name in names if not re.match(r"latlas(-[^/]*\.dist-info)?/", name)]
    strangers += [name for name in names if name.startswith(NEVER_IN_A_WHEEL)]
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


def main() -> int:
    """Runs the whole test; returns the exit code."""
    with tempfile.TemporaryDirectory(prefix="latlas-install-") as name:
        folder = Path(name)
        environment = Environment(folder / "venv")
        try:
            with step("the wheel, built from the source archive"):
                wheel = build_wheel(folder)
                check_wheel(wheel)
            with step("a clean environment"):
                environment.create()
            install(environment, [str(wheel)], "cpu")
            check_environment(environment)
            with step("import, --help and a space of digits"):
                check_use(environment, folder)
        except SetupError as error:
            sys.stderr.write(f"\nInstall test failed: {error}\n")
            return 1
    say("The wheel installs and works without the development packages.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
