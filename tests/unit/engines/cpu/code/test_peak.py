"""The loop that measures the processor: the instructions it is made of, and that it runs here."""

import ctypes
from dataclasses import replace

import pytest

from unrolled.engines.cpu.code import peak
from unrolled.engines.cpu.code.tiles import accumulators
from unrolled.engines.cpu.machine import jit
from unrolled.engines.cpu.machine.target import AVX2, AVX512, NEON, Target

AVX512_BF16 = replace(AVX512, features="+avx512bf16")


@pytest.mark.parametrize(
    ("kind", "target", "instruction"),
    [
        (peak.FLOAT32, AVX2, "vfmadd"),
        (peak.FLOAT32, AVX512, "vfmadd"),
        (peak.FLOAT32, NEON, "fmla"),
        (peak.BFLOAT16, AVX512_BF16, "vdpbf16ps"),
    ],
)
def test_the_loop_is_multiply_adds_on_registers(
    kind: str, target: Target, instruction: str
) -> None:
    code = jit.assembly(peak.module(kind, target), target).splitlines()
    found = [line for line in code if instruction in line]
    assert len(found) == accumulators(target)
    assert not any("(" in line or "[" in line for line in found)  # none reads memory
    vectors = {16: "v", 32: "ymm", 64: "zmm"}
    assert all(vectors[target.vector_bytes] in line for line in found)


def test_it_computes_here_and_gives_a_rate() -> None:
    assert peak.runs(peak.FLOAT32)
    assert 1e8 < peak.peak(peak.FLOAT32, 1, seconds=1e-4) < 1e13
    kernels = jit.load(
        f"peak {peak.FLOAT32}", lambda: pytest.fail("it was compiled a moment ago"), ("peak",),
        optimise=False,
    )  # fmt: skip
    call = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64)(kernels.address("peak"))
    numbers = (ctypes.c_float * 64)(*[0.5] * 64)
    call(ctypes.addressof(numbers), 3)
    assert numbers[0] == accumulators(peak.host()) * (0.5 + 3 * 0.25)
