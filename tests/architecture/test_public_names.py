"""Public names are found, documented, listed once for tools, and never hidden by a module."""

import ast
import inspect
from pathlib import Path

import pytest

import unrolled

PUBLIC = unrolled.NAMES | unrolled.JOBS
PACKAGE = Path(unrolled.__file__).parent
MODULES = {path.stem for path in PACKAGE.glob("*.py")} | {
    path.name for path in PACKAGE.iterdir() if path.is_dir()
}


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_name_is_found_and_documented(name: str) -> None:
    value = getattr(unrolled, name)
    assert inspect.getdoc(value), f"unrolled.{name} has no docstring"
    if inspect.isclass(value):
        assert value.__doc__, f"unrolled.{name} only inherits its docstring"


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_name_is_no_module(name: str) -> None:
    assert name not in MODULES, f"importing unrolled.{name} would replace the public name"


def test_tools_see_the_same_names() -> None:
    tree = ast.parse(Path(unrolled.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    imported = {
        alias.asname: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert imported == PUBLIC


def test_dir_lists_them_and_an_unknown_name_is_an_attribute_error() -> None:
    assert set(dir(unrolled)) == {*PUBLIC, "__version__"}
    with pytest.raises(AttributeError, match="Lstm"):
        _ = unrolled.Lstm


def test_a_star_import_needs_no_package_of_the_jobs() -> None:
    assert not set(unrolled.__all__) & set(unrolled.JOBS)
