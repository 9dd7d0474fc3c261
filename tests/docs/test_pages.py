"""Every code block of README and docs does what the page says it does."""

import contextlib
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs import shell
from tests.docs.blocks import Block, blocks, matches

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
)
SHELLS = ("sh", "shell", "bash", "console")
LANGUAGES = (*SHELLS, "python", "text", "toml", "json", "llvm", "c", "js")


class Story:
    """A page that is being told: its names, its folder, and what its last block printed."""

    def __init__(self, page: str, folder: Path) -> None:
        self.page = page
        self.folder = folder
        self.names: dict[str, object] = {"__name__": "__main__"}
        self.printed: str | None = None

    def tell(self, block: Block) -> None:
        """Do what one block says."""
        assert block.language in LANGUAGES, f"{self.at(block)}: what is {block.language!r}?"
        if block.file:
            (self.folder / block.file).write_text(block.text)
        if block.output:
            assert self.printed is not None, f"{self.at(block)}: nothing above it was run"
            assert matches(self.printed, block.text), f"{self.at(block)} printed:\n{self.printed}"
        elif block.language == "python":
            self.printed = self.python(block)
        elif block.language in SHELLS:
            self.printed = self.shell(block)

    def at(self, block: Block) -> str:
        """Where a block is, for a message."""
        return f"{self.page}, line {block.line}"

    def python(self, block: Block) -> str:
        """Run it after the page's other blocks; a traceback names the line of the page."""
        code = compile("\n" * (block.line - 1) + block.text, str(ROOT / self.page), "exec")
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(code, self.names)  # noqa: S102 - our own pages
        return printed.getvalue()

    def shell(self, block: Block) -> str | None:
        """Check the arguments; run the block too when it is marked as fast."""
        for words in shell.commands(block.text):
            try:
                shell.check(words)
            except AssertionError as error:
                raise AssertionError(f"{self.at(block)}: {error}") from None
        if not block.fast:
            return None
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block.text.replace("\n$ ", "\n").removeprefix("$ ")],
            cwd=self.folder,
            env={**os.environ, "PATH": path, "COLUMNS": "100"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{self.at(block)}: {done.stdout}{done.stderr}"
        return done.stdout


def tell(text: str, folder: Path, page: str = "page.md") -> None:
    """Go through a page from its first block to its last."""
    story = Story(page, folder)
    for block in blocks(text):
        story.tell(block)


# These two prove and compile dozens of cells, and compile programs with a C++ compiler.
LONG = {"docs/your-own-cell.md", "docs/from-torch.md"}


@pytest.mark.parametrize(
    "page",
    [pytest.param(p, marks=pytest.mark.exhaustive) if p in LONG else p for p in PAGES],
)
def test_page(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    tell((ROOT / page).read_text(), tmp_path, page)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('```python\nassert 1 > 2, "never"\n```', "never"),
        ("```python\nprint(1)\n```\n<!-- output -->\n```text\n2\n```", "line 6 printed:\n *1"),
        ("```sh\nunrolled tran\n```", "no command `unrolled tran`"),
        ("```sh\nunrolled doctor --fast | less\n```", "no option '--fast'"),
        ("```sh\nmake tset\n```", "no target"),
        ("```sh\npip install '.[dta]'\n```", "no such extra"),
        ("<!-- fast -->\n```sh\nunrolled --version; ls /none\n```", "/none"),
        ("```text\n1\n```\n\n<!-- output -->\n```text\n1\n```", "nothing above it"),
        ("```pyhton\n1\n```", "what is"),
        ("<!-- fast -->\nwords", "nothing to apply"),
    ],
)
def test_a_wrong_page_fails(text: str, what: str, tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=what):
        tell(text, tmp_path)


def test_a_right_page_passes(tmp_path: Path) -> None:
    text = (
        "<!-- file: two.py -->\n```python\nprint(2)\n```\n<!-- output -->\n```text\n2\n```\n"
        "<!-- fast -->\n```sh\npython3 two.py\nunrolled --version\n```\n"
        "<!-- output -->\n```text\n2\nunrolled ...\n```\n"
    )
    tell(text, tmp_path)
