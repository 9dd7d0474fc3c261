"""Files and functions stay short enough to be read; every module says what it is for."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# "About 400" and "about 40": where a tenth more is still no reason to tear something apart.
FILE_LINES = 440
FUNCTION_LINES = 45

FILES = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ("src", "tests", "docs", "examples", ".ci")
    for path in (ROOT / folder).rglob("*.py")
)


def functions(text: str) -> Iterator[tuple[str, int]]:
    """Each function and how many lines of code it has: no docstring, comment or blank line."""
    lines = text.splitlines()
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        start = node.body[0].end_lineno if documented(node) else node.lineno
        body = (line.strip() for line in lines[start : node.end_lineno])
        yield node.name, sum(1 for line in body if line and not line.startswith("#"))


def documented(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a function has a docstring."""
    return ast.get_docstring(node, clean=False) is not None


@pytest.mark.parametrize("name", FILES)
def test_file_is_short(name: str) -> None:
    text = (ROOT / name).read_text()
    lines = text.count("\n")
    assert lines <= FILE_LINES, f"{name} has {lines} lines: it has two jobs"
    tree = ast.parse(text)
    long = {function: lines for function, lines in functions(text) if lines > FUNCTION_LINES}
    assert long == {}, f"{name}: functions of more than {FUNCTION_LINES} lines"
    assert ast.get_docstring(tree) or not text.strip(), f"{name} has no docstring"


def test_this_test_can_fail() -> None:
    body = '    """Doc\n\n    doc."""\n' + "    pass\n" * 46
    assert list(functions("def f():\n" + body + "\n    # why\n    pass\n")) == [("f", 47)]
