"""The rules of the repository that no linter knows."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import supervisor

pytestmark = pytest.mark.pure

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = sorted(path for package in ("actors", "supervisor") for path in (ROOT / package).rglob("*.py"))
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 50
THE_BROAD_EXCEPT = "supervisor/supervisor.py"
LAZY_IMPORTS = {"sounddevice"}
BANNED_WORDS = {"manager", "helper", "helpers", "util", "utils"}
Function = ast.FunctionDef | ast.AsyncFunctionDef


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def functions(tree: ast.Module) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [f"{'.' * node.level}{node.module or ''}"]
    return []


def words(identifier: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", identifier)}


def identifiers(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, Function | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def is_broad(handler: ast.ExceptHandler) -> bool:
    caught = handler.type
    names = caught.elts if isinstance(caught, ast.Tuple) else [caught]
    broad = {"Exception", "BaseException", "ExceptionGroup", "BaseExceptionGroup", "Cancelled"}
    return any(name is None or ast.unparse(name).rpartition(".")[2] in broad for name in names)


def test_there_is_a_product_to_look_at() -> None:
    assert len(PRODUCT) > 10


@pytest.mark.parametrize("path", PRODUCT, ids=name_of)
def test_a_file_stays_under_its_limit(path: Path) -> None:
    assert len(path.read_text().splitlines()) < MAX_FILE_LINES


@pytest.mark.parametrize("path", PRODUCT, ids=name_of)
def test_a_function_stays_under_its_limit(path: Path) -> None:
    long = [f.name for f in functions(parse(path)) if (f.end_lineno or 0) - f.lineno + 1 > MAX_FUNCTION_LINES]
    assert long == []


def test_only_the_supervisor_catches_everything() -> None:
    """A second broad `except` would hide crashes from the one place that restarts what crashed."""
    broad = [
        name_of(path)
        for path in PRODUCT
        for node in ast.walk(parse(path))
        if isinstance(node, ast.ExceptHandler) and is_broad(node)
    ]
    assert broad == [THE_BROAD_EXCEPT]


def test_the_product_never_imports_asyncio() -> None:
    found = [
        name_of(path)
        for path in PRODUCT
        for node in ast.walk(parse(path))
        if any(module.split(".")[0] == "asyncio" for module in imported(node))
    ]
    assert found == []


def test_no_import_hides_in_a_function() -> None:
    """It would hide a cycle; libraries that need a system package are the exception."""
    hidden = [
        f"{name_of(path)}: {module}"
        for path in PRODUCT
        for function in functions(parse(path))
        for node in ast.walk(function)
        for module in imported(node)
        if module not in LAZY_IMPORTS
    ]
    assert hidden == []


def test_nothing_is_imported_for_types_only() -> None:
    found = [name_of(path) for path in PRODUCT if "TYPE_CHECKING" in path.read_text()]
    assert found == []


@pytest.mark.parametrize("path", PRODUCT, ids=name_of)
def test_names_say_what_a_thing_is(path: Path) -> None:
    vague = [name for name in (path.stem, *identifiers(parse(path))) if words(name) & BANNED_WORDS]
    assert vague == []


def test_the_supervisor_package_is_ours() -> None:
    """Another distribution installs a package of this name."""
    assert Path(supervisor.__file__).is_relative_to(ROOT)
