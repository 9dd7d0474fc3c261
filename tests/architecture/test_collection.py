"""Every test that is written is run: none sits in a file or a function that is not collected."""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = ROOT / "tests"


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
    """The files in which pytest finds tests, with the project's own settings."""
    settings = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(folder)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", *settings, str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    names = {line.split("::")[0] for line in done.stdout.splitlines() if "::" in line}
    return {(folder / name).relative_to(folder).as_posix() for name in names}


def test_every_test_file_is_collected() -> None:
    assert written(TESTS) == collected(TESTS)


def test_no_package_files() -> None:
    assert list(TESTS.rglob("__init__.py")) == []


def test_this_test_can_fail(tmp_path: Path) -> None:
    (tmp_path / "test_seen.py").write_text("def test_a(): pass")
    (tmp_path / "unseen.py").write_text("def test_b(): pass")
    assert collected(tmp_path) == {"test_seen.py"}
    assert written(tmp_path) == {"test_seen.py", "unseen.py"}
