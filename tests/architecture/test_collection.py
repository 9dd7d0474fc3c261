"""Every test that is written is run: none sits in a file or a function that is not collected.

pytest is not asked, since it would import every file once more; what it collects follows from names
(`python_files` and `python_functions` are its own), and one small folder shows that it does.
"""

import ast
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
HIDDEN = {"collect_ignore", "collect_ignore_glob", "__test__", "pytest_ignore_collect"}


def written(folder: Path) -> set[str]:
    """The files that define tests, by whatever name."""
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*.py")
        if any(
            isinstance(node, ast.FunctionDef) and node.name.startswith("test")
            for node in ast.walk(ast.parse(path.read_text()))
        )
    }


def collected(folder: Path) -> set[str]:
    """The files in which pytest looks for tests."""
    return {path.relative_to(folder).as_posix() for path in folder.rglob("test_*.py")}


def not_run(source: str) -> list[str]:
    """Tests in a file that another of the same name replaces, or that stand inside a function, and
    words that hide tests."""
    tree = ast.parse(source)
    found = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id in HIDDEN]
    bodies = [tree, *(node for node in tree.body if isinstance(node, ast.ClassDef))]
    outer: list[str] = []
    for body in bodies:
        names = [n.name for n in body.body
                 if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)
                 and n.name.startswith("test")]  # fmt: skip
        outer += names
        found += [name for name, count in Counter(names).items() if count > 1]
    inner = [n.name for n in ast.walk(tree)
             if isinstance(n, ast.FunctionDef) and n.name.startswith("test")]  # fmt: skip
    return [*found, *(Counter(inner) - Counter(outer))]


def test_every_test_file_is_collected() -> None:
    assert not {"python_files", "python_functions", "norecursedirs"} & set(SETTINGS)
    assert written(TESTS) == collected(TESTS)


def test_every_test_of_a_file_is_run() -> None:
    for path in TESTS.rglob("*.py"):
        assert not_run(path.read_text()) == [], path


def test_no_package_files() -> None:
    assert list(TESTS.rglob("__init__.py")) == []


def test_this_test_can_fail(tmp_path: Path) -> None:
    (tmp_path / "test_seen.py").write_text("def test_a(): pass")
    (tmp_path / "unseen.py").write_text("def test_b(): pass")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider",
         "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(tmp_path), str(tmp_path)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    names = {line.split("::")[0] for line in done.stdout.splitlines() if "::" in line}
    assert names == collected(tmp_path) == {"test_seen.py"}
    assert written(tmp_path) == {"test_seen.py", "unseen.py"}
    twice = "def test_a(): pass\ndef test_a(): pass\n__test__ = False\ndef f():\n def test_b(): 0"
    assert not_run(twice) == ["__test__", "test_a", "test_b"]
