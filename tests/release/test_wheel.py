"""The wheel and the sdist are built, and the wheel is tried in an environment of its own.

The environment holds what `pip install unrolled` brings and nothing more: its packages are those of
the environment that runs the tests, linked one by one, so nothing is downloaded.
"""

import os
import re
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

import pytest

import unrolled

ROOT = Path(__file__).parents[2]
BASE = ("numpy", "llvmlite", "torch")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def python(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment with the wheel and what it requires."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    (packages,) = folder.glob("lib/python3*/site-packages")
    for name in sorted(required(BASE)):
        for top in tops(name):
            if not (packages / top.name).exists():
                (packages / top.name).symlink_to(top)
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        file.extractall(packages)
    return folder / "bin" / "python"


def required(names: tuple[str, ...]) -> set[str]:
    """These packages and all that they require, without extras."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        for requirement in distribution(name).requires or ():
            if "extra ==" not in requirement and "platform_system" not in requirement:
                waiting.append(re.split(r"[^A-Za-z0-9._-]", requirement)[0])
    return found


def tops(name: str) -> Iterator[Path]:
    """The files and folders of a package right below site-packages."""
    found = distribution(name)
    parts = {file.parts[0] for file in found.files or () if file.parts[0] not in ("..", "bin")}
    yield from (Path(str(found.locate_file(part))) for part in sorted(parts))


def run(python: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    return subprocess.run(
        [python, *words], capture_output=True, text=True, check=False, env=environment, cwd="/"
    )


def test_both_archives_hold_what_they_should(built: Path) -> None:
    (wheel,), (source,) = built.glob("*.whl"), built.glob("*.tar.gz")
    assert wheel.name.startswith(f"unrolled-{unrolled.__version__}-")
    names = zipfile.ZipFile(wheel).namelist()
    assert "unrolled/py.typed" in names
    assert all(name.startswith(("unrolled/", "unrolled-")) for name in names)
    with tarfile.open(source) as file:
        kept = {Path(name).parts[1] for name in file.getnames() if "/" in name}
    assert {"src", "tests", "docs", "README.md", "LICENSE", "CHANGELOG.md"} <= kept


@pytest.mark.exhaustive
def test_the_wheel_alone_learns(python: Path) -> None:
    done = run(
        python,
        "-c",
        "import torch, unrolled as ur\n"
        "from unrolled.cells import GRU\n"
        "layer = ur.Recurrent(GRU, 3, 5)\n"
        "layer(torch.randn(7, 2, 3))[0].sum().backward()\n"
        "print(layer.engine, torch.isfinite(layer.U_r_l0.grad).all().item())",
    )
    assert (done.stdout, done.stderr) == ("cpu True\n", "")


def test_the_wheel_alone_checks_a_cell(python: Path) -> None:
    done = run(python, "-m", "unrolled", "check", "elman")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.exhaustive
def test_what_is_missing_is_named(python: Path, tmp_path: Path) -> None:
    data = tmp_path / "data.csv"
    data.write_text("text,label\ngood,1\nbad,0\n")
    for words in (["train", "classify", str(data)], ["lab", "cell"]):
        done = run(python, "-m", "unrolled", *words)
        assert done.returncode == 2, done.stderr
        assert "pip install 'unrolled[jobs]'" in done.stderr
        assert done.stderr.count("\n") == 1
    done = run(python, "-c", "from unrolled import Classifier")
    assert "MissingExtra" in done.stderr
    assert "unrolled[jobs]" in done.stderr


@pytest.mark.parametrize(("tag", "status"), [(f"v{unrolled.__version__}", 0), ("v9.9.9", 1)])
def test_a_tag_is_the_version(tag: str, status: int) -> None:
    command = [sys.executable, str(ROOT / "tools" / "check_tag.py"), tag]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stdout + done.stderr


def test_the_citation_names_the_version() -> None:
    assert f"\nversion: {unrolled.__version__}\n" in (ROOT / "CITATION.cff").read_text()
