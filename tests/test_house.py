"""The measures of a healthy house: how large, how documented and how wired the code may be.

A number that stands in the way of a clearer design is changed here in the open, with the reason;
code is never cut in two to please it.
"""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "src").rglob("*.py"))
PUBLIC_SOURCES = [
    path for path in SOURCES if not path.name.startswith("_") or path.stem == "__init__"
]
EVERYTHING = [
    path
    for room in ("src", "tests", "scripts", "benchmarks")
    for path in (ROOT / room).rglob("*.py")
]

MOST_FILE_LINES = 400
MOST_TEST_LINES = 500  # a file of tests is a list, read one entry at a time
MOST_FUNCTION_LINES = 80
MOST_LINES_OF_NINE_IN_TEN = 35
MOST_PARAMETERS = 8

Function = ast.FunctionDef | ast.AsyncFunctionDef


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def where(path: Path, node: ast.AST | None = None) -> str:
    line = f":{node.lineno}" if isinstance(node, Function | ast.ClassDef | ast.stmt) else ""
    name = f" {node.name}" if isinstance(node, Function | ast.ClassDef) else ""
    return f"{path.relative_to(ROOT)}{line}{name}"


def length(function: Function) -> int:
    """Lines of the function without its docstring, which may be as long as it needs to be."""
    first = function.body[0]
    has_docstring = ast.get_docstring(function) is not None
    docstring = (first.end_lineno or 0) - first.lineno + 1 if has_docstring else 0
    return (function.end_lineno or 0) - function.lineno + 1 - docstring


def is_command(function: Function) -> bool:
    """A command of the command line: one parameter for each option is how typer reads them."""
    calls = (d.func if isinstance(d, ast.Call) else d for d in function.decorator_list)
    return any(isinstance(c, ast.Attribute) and c.attr in {"command", "callback"} for c in calls)


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT / "src").with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_files_are_short() -> None:
    sizes = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in EVERYTHING}
    most = {path: MOST_TEST_LINES if "tests" in path.parts else MOST_FILE_LINES for path in sizes}
    assert {where(path): size for path, size in sizes.items() if size > most[path]} == {}


def test_functions_are_short() -> None:
    sizes = {
        where(p, f): length(f) for p in SOURCES for f in functions(parse(p)) if not is_command(f)
    }
    long = {name: size for name, size in sizes.items() if size > MOST_LINES_OF_NINE_IN_TEN}
    assert {name: size for name, size in long.items() if size > MOST_FUNCTION_LINES} == {}
    assert len(long) <= 0.1 * len(sizes), f"{len(long)} of {len(sizes)} functions are long: {long}"


def test_functions_take_few_parameters() -> None:
    walls = {}
    for path in SOURCES:
        for function in functions(parse(path)):
            given = function.args
            count = len(given.posonlyargs) + len(given.args) + len(given.kwonlyargs)
            count -= bool(given.args) and given.args[0].arg in {"self", "cls"}
            if count > MOST_PARAMETERS and not is_command(function):
                walls[where(path, function)] = count
    assert walls == {}


def undocumented(tree: ast.Module | ast.ClassDef) -> Iterator[Function | ast.ClassDef]:
    """Public classes and functions without a docstring; not those inside functions."""
    for node in tree.body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            overloaded = any(getattr(d, "id", "") == "overload" for d in node.decorator_list)
            if ast.get_docstring(node) is None and not overloaded:
                yield node
            if isinstance(node, ast.ClassDef):
                yield from undocumented(node)


def test_every_public_name_is_documented() -> None:
    without = [where(path) for path in SOURCES if ast.get_docstring(parse(path)) is None]
    without += [where(path, node) for path in SOURCES for node in undocumented(parse(path))]
    assert without == []


def defined_here(tree: ast.Module) -> set[str]:
    """Public functions and classes that a module defines itself."""
    nodes = (node for node in tree.body if isinstance(node, Function | ast.ClassDef))
    return {node.name for node in nodes if not node.name.startswith("_")}


def reading_order(name: str) -> tuple[int, str]:
    """CONSTANTS, then Classes, then functions, each by alphabet, as ruff sorts `__all__`."""
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2
    return kind, name


@pytest.mark.parametrize("path", PUBLIC_SOURCES, ids=module_name)
def test_all_is_sorted_and_true(path: Path) -> None:
    name, tree = module_name(path), parse(path)
    module = importlib.import_module(name)
    if not hasattr(module, "__all__"):
        # Inside a room everything is the room's own business; its door says what is public.
        inside = name.count(".") >= 2 or len(tree.body) <= 1
        assert inside, "a module or package on a floor of its own needs __all__"
        return
    listed = list(module.__all__)
    assert listed == sorted(set(listed), key=reading_order)
    assert [entry for entry in listed if not hasattr(module, entry)] == []
    assert defined_here(tree) - set(listed) == set(), "public but not in __all__"


def first_party(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom):
        return node.level > 0 or (node.module or "").split(".")[0] == "latlas"
    if isinstance(node, ast.Import):
        return any(alias.name.split(".")[0] == "latlas" for alias in node.names)
    return False


def test_no_first_party_import_hides_inside_a_function() -> None:
    hidden = {
        f"{where(path)}:{node.lineno}"
        for path in SOURCES
        for function in functions(parse(path))
        for node in ast.walk(function)
        if isinstance(node, ast.Import | ast.ImportFrom) and first_party(node)
    }
    assert hidden == set()


def dangerous(node: ast.AST) -> str:
    """Names what a node does that could run a stranger's code; empty for a harmless node."""
    names: list[str] = []
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        names = [node.module or ""]
    elif isinstance(node, ast.Call):
        called = ast.unparse(node.func)
        unsafe = any(
            k.arg == "allow_pickle" and ast.unparse(k.value) != "False" for k in node.keywords
        )
        names = ["allow_pickle"] if unsafe else [called]
    forbidden = {
        "pickle",
        "cloudpickle",
        "joblib",
        "dill",
        "torch.load",
        "torch.save",
        "eval",
        "exec",
    }
    return next((name for name in names if name in forbidden | {"allow_pickle"}), "")


def test_nothing_read_from_disk_can_run_as_code() -> None:
    found = {
        f"{where(path)}:{getattr(node, 'lineno', 0)} {dangerous(node)}"
        for path in SOURCES
        for node in ast.walk(parse(path))
        if dangerous(node)
    }
    assert found == set()


def test_no_assert_checks_input() -> None:
    found = [
        f"{where(path)}:{node.lineno}"
        for path in SOURCES
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Assert)
    ]
    assert found == []


def test_no_two_functions_have_the_same_body() -> None:
    homes: dict[str, list[str]] = defaultdict(list)
    for path in SOURCES:
        for function in functions(parse(path)):
            body = function.body[1:] if ast.get_docstring(function) else function.body
            text = "\n".join(ast.unparse(statement) for statement in body)
            if len(text.splitlines()) >= 4:
                homes[text].append(where(path, function))
    assert [places for places in homes.values() if len(places) > 1] == []


@pytest.mark.parametrize("arguments", [[], ["--help"], ["fit", "--help"]], ids=" ".join)
def test_help_and_import_do_not_wait_for_torch(arguments: list[str]) -> None:
    use = f"sys.argv = ['latlas', *{arguments!r}]; from latlas.cli import main; main()"
    code = (
        "import sys, latlas\n"
        f"try:\n    {use if arguments else 'pass'}\n"
        "except SystemExit as end:\n    assert not end.code, end.code\n"
        "loaded = {'torch', 'sklearn', 'lance', 'matplotlib'} & set(sys.modules)\n"
        "print('loaded:', sorted(loaded))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "loaded: []"
