"""`import unrolled` costs nothing: it loads the standard library and itself, and no submodule."""

import subprocess
import sys

import pytest

PROBE = """
import sys
before = set(sys.modules)
{statement}
for name in sorted(set(sys.modules) - before):
    print(name)
"""


def loaded_by(statement: str) -> set[str]:
    """The modules that a fresh interpreter loads to run the statement."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE.format(statement=statement)],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.split())


def foreign(modules: set[str]) -> set[str]:
    """Those that belong neither to the standard library nor to unrolled."""
    return {m for m in modules if m.partition(".")[0] not in {*sys.stdlib_module_names, "unrolled"}}


def test_import_loads_only_itself() -> None:
    modules = loaded_by("import unrolled")
    assert "unrolled" in modules
    assert foreign(modules) == set()
    assert {m for m in modules if m.startswith("unrolled.")} == {"unrolled._version"}


@pytest.mark.parametrize("words", [["--version"], [], ["tran"]])
def test_the_command_line_starts_at_once(words: list[str]) -> None:
    statement = (
        "import contextlib, io\n"
        "from unrolled.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):"
        f" main({words})"
    )
    assert foreign(loaded_by(statement)) == set()


def test_this_test_can_fail() -> None:
    assert "numpy" in foreign(loaded_by("import unrolled, numpy"))
    assert "unrolled.errors" in loaded_by("import unrolled; unrolled.UnrolledError")
