"""What a process loads: PyTorch for the work, and of the other slow packages only what it uses."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import latlas
from latlas.contracts import NoProgress
from latlas.lazily import lazy_import

SOURCE = Path(__file__).parent.parent / "src" / "latlas"
SLOW = {"lance", "matplotlib", "pyarrow", "rich", "scipy", "sklearn"}
DERIVED = {"estimator.py"}  # its class is one of scikit-learn's


def loaded(use: str) -> set[str]:
    """The top packages that a fresh process has imported after ``use``."""
    code = (
        f"import sys\ntry:\n    {use}\n"
        "except SystemExit as end:\n    assert not end.code, end.code\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


@pytest.fixture(scope="module")
def small_space(tmp_path_factory):
    folder = tmp_path_factory.mktemp("space") / "small.latlas"
    options = {"model": "pca", "latent_dim": 4, "maps": (), "pictures": False}
    latlas.fit("digits", folder, progress=NoProgress(), **options).prior("gaussian")
    return folder


def test_opening_and_sampling_load_no_package_of_pictures_and_statistics(small_space):
    found = loaded(f"import latlas; latlas.open({str(small_space)!r}).sample(4, prior='gaussian')")
    assert {"torch", "lance"} <= found
    assert found & {"fastapi", "matplotlib", "scipy", "sklearn", "umap", "uvicorn"} == set()


def test_info_loads_no_package_of_pictures_and_statistics(small_space):
    found = loaded(f"from latlas.cli import main; main(['info', {str(small_space)!r}])")
    assert "torch" in found
    assert found & {"fastapi", "matplotlib", "scipy", "sklearn", "umap", "uvicorn"} == set()


def imported_at_once(path: Path) -> set[str]:
    """The top packages that a module imports when it is imported itself."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    nodes = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    names = [a.name for node in nodes if isinstance(node, ast.Import) for a in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return {name.partition(".")[0] for name in names}


def test_slow_packages_stand_in_a_module_by_lazy_import():
    paths = {p.relative_to(SOURCE).as_posix(): p for p in SOURCE.rglob("*.py")}
    found = {name: imported_at_once(path) & SLOW for name, path in paths.items()}
    assert {name: slow for name, slow in found.items() if slow and name not in DERIVED} == {}
    assert "sklearn" in found["estimator.py"]


def test_a_lazy_module_loads_on_the_first_use_and_is_the_module_then(monkeypatch):
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    module = lazy_import("colorsys")
    assert not hasattr(module, "__wrapped__")  # as inspect asks of what it looks over
    assert repr(module) == "lazy_import('colorsys')"
    assert "colorsys" not in sys.modules
    assert module.rgb_to_hsv is sys.modules["colorsys"].rgb_to_hsv
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = module.no_such_name


def test_a_lazy_module_that_is_missing_says_so_on_use():
    module = lazy_import("no_such_package_of_latlas")
    with pytest.raises(ModuleNotFoundError, match="no_such_package_of_latlas"):
        _ = module.anything
