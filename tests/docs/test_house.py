"""What README, the Makefile, the site and the CI say about each other is true."""

import re
import subprocess
from pathlib import Path

import pytest

import unrolled

ROOT = Path(__file__).parents[2]


def test_ci_runs_the_commands_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text()
    ci = (ROOT / ".ci" / "run").read_text()
    for command in ("make test", "make check"):
        assert command in readme
        assert re.search(rf"^{command}\b", ci, re.MULTILINE)


def test_make_alone_lists_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    done = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert targets is not None
    listed = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("make ")]
    assert listed == targets[1].split()


def test_every_page_is_listed_and_has_content() -> None:
    nav = (ROOT / "mkdocs.yml").read_text().partition("\nnav:\n")[2]
    listed = set(re.findall(r"^ +- .+: (\S+\.md)$", nav, re.MULTILINE))
    written = {path.relative_to(ROOT / "docs").as_posix() for path in ROOT.glob("docs/**/*.md")}
    assert listed == written
    assert min((ROOT / "docs" / page).stat().st_size for page in written) > 1000


def test_every_public_name_is_on_a_page_of_the_reference() -> None:
    pages = "\n".join(path.read_text() for path in (ROOT / "docs" / "reference").glob("*.md"))
    shown = set(re.findall(r"^::: (\S+)$", pages, re.MULTILINE))
    public = (unrolled.NAMES | unrolled.JOBS).items()
    missing = [name for name, module in public if not shown & {module, f"{module}.{name}"}]
    assert missing == []


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_lead_somewhere(page: str) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", (ROOT / page).read_text())
    assert [link for link in links if not (ROOT / link).exists()] == []
