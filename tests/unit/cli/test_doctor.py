"""`unrolled doctor` tells what there is and what is missing, and never fails itself."""

import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import unrolled
from unrolled import cli
from unrolled.cli import doctor

WITHOUT = """
import sys
from importlib import metadata

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "llvmlite", "numpy"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
found = metadata.version

def version(name):
    if name in ("torch", "llvmlite"):
        raise metadata.PackageNotFoundError(name)
    return found(name)

metadata.version = version
from unrolled.cli import main
sys.exit(main(["doctor"]))
"""


def facts(text: str) -> dict[str, str]:
    """The lines as a table."""
    return dict(line.split("  ", 1) for line in text.splitlines())


def test_it_names_versions_and_machine(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor"]) == 0
    told = {name: value.strip() for name, value in facts(capsys.readouterr().out).items()}
    assert told["unrolled"].startswith(unrolled.__version__)
    assert told["numpy"] == metadata.version("numpy")
    assert told["torch"] == metadata.version("torch")
    assert {"python", "platform", "processor", "vectors", "cores", "cache", "torch threads"} <= set(
        told
    )


def test_it_works_without_torch_and_llvmlite() -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    told = {name: value.strip() for name, value in facts(done.stdout).items()}
    assert told["torch"] == "not installed (install with `pip install 'torch'`)"
    assert told["llvmlite"].startswith("not installed")
    assert told["vectors"].startswith("the CPU engine cannot be used: ModuleNotFoundError")
    assert told["torch threads"].startswith("torch cannot be imported: ModuleNotFoundError")


def test_a_missing_extra_names_its_command() -> None:
    assert doctor.version("no-such-package", "bench") == (
        "not installed (install with `pip install 'unrolled[bench]'`)"
    )


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("processor\t: 0\nmodel name\t: Xeon\nflags\t\t: fpu avx2\n", "Xeon"),
        ("processor\t: 0\nFeatures\t: fp asimd\n", platform.processor() or platform.machine()),
    ],
)
def test_processors(tmp_path: Path, text: str, name: str) -> None:
    (tmp_path / "cpuinfo").write_text(text)
    assert doctor.processor(tmp_path / "cpuinfo") == name


def test_the_cache_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("UNROLLED_CACHE", str(tmp_path))
    (tmp_path / "kernels").mkdir()
    (tmp_path / "kernels" / "a.o").write_bytes(bytes(2**20))
    assert cli.main(["doctor"]) == 0
    assert f"{tmp_path}/kernels (1 files, 1.0 MiB)" in capsys.readouterr().out
