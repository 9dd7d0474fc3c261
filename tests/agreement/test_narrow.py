"""Layers on narrower vectors than this machine's: what its smaller relatives would run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from unrolled.engines.cpu.machine.target import host

SCRIPT = Path(__file__).with_name("narrow.py")


@pytest.mark.exhaustive
@pytest.mark.parametrize("width", [32, 16])
def test_narrow_vectors(width: int) -> None:
    if width >= host().vector_bytes:
        pytest.skip(f"this machine's vectors have {host().vector_bytes} bytes")
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(width)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "agrees\n"), done.stderr
