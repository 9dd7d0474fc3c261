"""Imports go one way. import-linter keeps the layers; here stand the rules it cannot express."""

import ast
import shutil
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "unrolled"

# An expensive package -> the parts that may import it.
ALLOWED = {
    "torch": {
        "engines/torch", "layers", "exports", "networks", "data", "training", "report", "tasks",
        "labs", "bench", "serve", "cli",
    },
    "llvmlite": {"engines/cpu"},
}  # fmt: skip
SERVANTS = {"base", "initial", "choosing", "gradients", "library", "modified", "trials", "__init__"}


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, at its top or inside a function."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def misplaced(source: Path) -> list[str]:
    """Each import of an expensive package from a part that must do without it."""
    found = []
    for path in sorted(source.rglob("*.py")):
        part = path.relative_to(source).as_posix()
        for package in {name.partition(".")[0] for name in imports(path)} & set(ALLOWED):
            if not any(part.startswith(f"{place}/") for place in ALLOWED[package]):
                found.append(f"{part} imports {package}")
    return found


def quarrels(source: Path) -> list[str]:
    """Each import of one cell by another, or of one task's folder by another's."""
    found = []
    cells = {path.stem for path in (source / "cells").glob("*.py")} - SERVANTS
    for path in sorted((source / "cells").glob("*.py")):
        if path.stem != "__init__":
            names = named(path, "unrolled.cells.") & cells
            found += [f"cells/{path.name} imports {name}" for name in sorted(names - {path.stem})]
    jobs = {path.name for path in (source / "tasks").iterdir() if path.is_dir()}
    for path in sorted((source / "tasks").rglob("*.py")):
        part = path.relative_to(source)
        names = named(path, "unrolled.tasks.") & jobs
        found += [f"{part.as_posix()} imports {n}" for n in sorted(names - {part.parts[1]})]
    return found


def named(path: Path, package: str) -> set[str]:
    """The members of a package that a file imports."""
    return {name.split(".")[2] for name in imports(path) if name.startswith(package)}


def needed(path: Path, known: set[str]) -> Iterator[str]:
    """The files that a file imports, also inside functions, but not for a type checker alone."""
    tree = ast.parse(path.read_text())
    unseen = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module and id(node) not in unseen:
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                yield from {name if name in known else node.module} & known


def circle(source: Path) -> list[str]:
    """Files that import one another, if there are any."""
    names = {
        path: ".".join(path.relative_to(source.parent).with_suffix("").parts)
        for path in sorted(source.rglob("*.py"))
    }
    names = {path: name.removesuffix(".__init__") for path, name in names.items()}
    known = set(names.values())
    try:
        TopologicalSorter(
            {name: {*needed(path, known)} - {name} for path, name in names.items()}
        ).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_files_import_one_another() -> None:
    assert circle(SOURCE) == []


def test_expensive_packages_stay_in_their_place() -> None:
    assert misplaced(SOURCE) == []


def test_siblings_do_not_import_each_other() -> None:
    assert quarrels(SOURCE) == []


def test_these_rules_can_fail(tmp_path: Path) -> None:
    for name, text in {
        "equations/a.py": "import torch.nn",
        "cells/lstm.py": "from unrolled.cells.gru import GRU",
        "tasks/tag/job.py": "from unrolled.tasks.classify import job",
        "tasks/classify/job.py": "from unrolled.tasks.classify import model",
        "tasks/estimator.py": "from unrolled.tasks.tag.job import a",
        "cells/gru.py": "def f():\n    from llvmlite import ir",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert misplaced(tmp_path) == ["cells/gru.py imports llvmlite", "equations/a.py imports torch"]
    assert quarrels(tmp_path) == [
        "cells/lstm.py imports gru",
        "tasks/estimator.py imports tag",
        "tasks/tag/job.py imports classify",
    ]


def test_a_circle_is_noticed(tmp_path: Path) -> None:
    room = tmp_path / "room"
    room.mkdir()
    (room / "a.py").write_text("from room.b import f")
    (room / "b.py").write_text("def f():\n    from room import a")
    assert {*circle(room)} == {"room.a", "room.b"}
    (room / "b.py").write_text("if TYPE_CHECKING:\n    from room import a")
    assert circle(room) == []


@pytest.mark.parametrize("wrong", ["", "from unrolled import cli"])
def test_the_contract_turns_red_for_an_import_upwards(tmp_path: Path, wrong: str) -> None:
    shutil.copytree(SOURCE, tmp_path / "unrolled", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / "unrolled" / "errors.py").open("a") as file:
        file.write(wrong)
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == (1 if wrong else 0), done.stdout + done.stderr
    assert ("errors -> unrolled.cli" in done.stdout) == bool(wrong)
