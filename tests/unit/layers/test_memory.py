"""Nothing is read or written beyond a buffer; recomputing keeps little."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

GUARDED = Path(__file__).with_name("guarded.py")
LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="protects pages of memory")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


@pytest.mark.exhaustive
@LINUX
@pytest.mark.parametrize("side", ["start", "end"])
def test_nothing_beyond_a_buffer_is_touched(side: str) -> None:
    done = run(str(GUARDED), side)
    assert (done.returncode, done.stdout) == (0, "untouched\n"), done.stderr


@LINUX
def test_the_guard_guards() -> None:
    assert run(str(GUARDED), "beyond").returncode < 0  # ended by a signal


PEAK = """
import torch, unrolled
from pathlib import Path
def peak():  # of this process alone: getrusage begins with what the one that started it had
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1])
torch.set_num_threads(1)
T, I, H = {steps}, 64, 64
layer = unrolled.LSTM(I, H, bptt="{bptt}")
def train(steps):
    x = torch.randn(steps, 1, I)
    y, _ = layer(x)
    torch.autograd.backward(y, y.detach())
    return steps * (I + H) * 4  # the input, and the outputs, which are their own derivatives here
train(10)  # kernels are compiled and torch is warm
before = peak()
given = train(T)
print(peak() - before - given // 1024)
"""


@pytest.mark.exhaustive
@LINUX
def test_recomputing_keeps_little() -> None:
    """Beyond inputs and outputs: less for 40,000 steps recomputed than for 40,000 kept whole, by
    far; the bound is generous, for the allocator keeps what it was given back."""

    def peak(steps: int, bptt: str) -> int:
        done = run("-c", PEAK.format(steps=steps, bptt=bptt))
        assert done.returncode == 0, done.stderr
        return int(done.stdout)

    whole, recomputed = peak(40_000, "whole"), peak(40_000, "recompute")
    kept = 40_000 * 64 * 4 * 5 // 1024  # four gates and a state for every step, in kilobytes
    assert whole > 0.8 * kept  # what is measured is what is meant
    assert recomputed < kept / 3
