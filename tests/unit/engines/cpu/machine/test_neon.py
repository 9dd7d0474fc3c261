"""The vector functions on arm64, in an emulator: the same bits as on this machine.

NEON code has been run under qemu only, never on hardware. Where qemu and a linker for arm64 are
missing, the code is still assembled (`test_jit.py`), and these tests say what they miss.
"""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from llvmlite import ir

from tests.tolerances import EXACT, assert_agrees
from tests.vector_kernels import add_map, compiled
from unrolled.engines.cpu.code import vector_math
from unrolled.engines.cpu.machine import jit
from unrolled.engines.cpu.machine.target import NEON

EMULATOR = shutil.which("qemu-aarch64") or shutil.which("qemu-aarch64-static")
COMPILER = shutil.which("aarch64-linux-gnu-gcc")
pytestmark = pytest.mark.skipif(
    EMULATOR is None or COMPILER is None,
    reason="NEON code was not run: that needs qemu-aarch64 (Debian's qemu-user) and "
    "aarch64-linux-gnu-gcc (gcc-aarch64-linux-gnu)",
)

WRITERS = {
    **{name: getattr(vector_math, name) for name in vector_math.LARGEST_ERROR},
    "relu": lambda b, x: vector_math.maximum(b, x, ir.Constant(x.type, [0.0] * x.type.count)),
    "cube": lambda b, x: vector_math.power(b, x, -3),
    "third": lambda b, x: vector_math.power(b, x, 1 / 3),
}
MAIN = """
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
{declarations}
int main(int count, char **names) {{
  long bytes = atol(names[2]), width = strstr(names[1], "_64") ? 8 : 4;
  void *in = malloc(bytes), *out = malloc(bytes);
  if (fread(in, 1, bytes, stdin) != bytes) return 1;
{choices}
  return fwrite(out, 1, bytes, stdout) != bytes;
}}
"""


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One program for arm64 that holds every function in both formats."""
    folder = tmp_path_factory.mktemp("neon")
    module = ir.Module("neon")
    names = [f"map_{name}_{bits}" for name in WRITERS for bits in (32, 64)]
    for name in WRITERS:
        for bits in (32, 64):
            add_map(module, f"map_{name}_{bits}", WRITERS[name], bits, NEON.lanes(bits))
    (folder / "kernels.o").write_bytes(jit.object_code(module, NEON, tuple(names)))
    declarations = "\n".join(f"void {name}(void *, void *, long);" for name in names)
    choices = "\n".join(
        f'  if (!strcmp(names[1], "{name}")) {name}(in, out, bytes / width);' for name in names
    )
    (folder / "main.c").write_text(MAIN.format(declarations=declarations, choices=choices))
    command = [COMPILER, "-static", "-O1", "main.c", "kernels.o", "-o", "program"]
    subprocess.run(command, cwd=folder, check=True)
    return folder / "program"


def arguments(bits: int) -> np.ndarray:
    dtype = np.dtype(f"float{bits}")
    random = np.random.default_rng(11)
    limits = np.finfo(dtype)
    sizes = np.exp(random.uniform(np.log(limits.tiny) - 9, np.log(limits.max), 1000))
    special = [0, np.inf, np.nan, limits.max, limits.tiny, limits.smallest_subnormal]
    parts = [random.uniform(0, 5, 1000), random.uniform(0, 800, 1000), sizes, special]
    positive = np.concatenate(parts).astype(dtype)
    values = np.concatenate([positive, -positive])
    return values[: values.size // 4 * 4]


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("name", sorted(WRITERS))
def test_the_same_bits_as_here(program: Path, name: str, bits: int) -> None:
    xs = arguments(bits)
    command = [str(EMULATOR), str(program), f"map_{name}_{bits}", str(xs.nbytes)]
    done = subprocess.run(command, input=xs.tobytes(), capture_output=True, check=True, timeout=60)
    actual = np.frombuffer(done.stdout, xs.dtype)
    expected = compiled(WRITERS[name], bits, 4)(xs)
    assert_agrees(actual, expected, tolerance=EXACT, same_nan=True)
