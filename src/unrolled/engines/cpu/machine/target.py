"""The machine for which code is written.

In: the processor this process runs on, or the name of another. Out: a `Target`, which
says what LLVM must know and how many bytes a vector has. Next: `emit` asks for the width, `jit`
compiles for it.
"""

from __future__ import annotations

import functools
import os
from dataclasses import dataclass

import llvmlite.binding as llvm


@dataclass(frozen=True)
class Target:
    """What a compiler must know of a machine."""

    triple: str  # architecture, vendor, system
    cpu: str  # as LLVM names it
    features: str  # "+avx2,-sse4a": differences from what LLVM knows of that name
    vector_bytes: int  # of the widest vector on which it computes in one instruction

    def lanes(self, bits: int) -> int:
        """How many numbers of so many bits a vector holds."""
        return self.vector_bytes * 8 // bits

    @property
    def multiplies_bfloat16(self) -> bool:
        """Whether it has `vdpbf16ps`, for vectors of this width."""
        return self.vector_bytes == 64 and "+avx512bf16" in self.features.split(",")


AVX2 = Target("x86_64-unknown-linux-gnu", "x86-64-v3", "", 32)
AVX512 = Target("x86_64-unknown-linux-gnu", "x86-64-v4", "", 64)
NEON = Target("aarch64-unknown-linux-gnu", "generic", "+neon", 16)


@functools.cache
def host() -> Target:
    """The machine this process runs on."""
    features = llvm.get_host_cpu_features()
    triple = str(llvm.get_process_triple())
    if os.name == "nt":
        triple += "-elf"  # the format of object that LLVM's in-memory linker reads on Windows
    return Target(triple, str(llvm.get_host_cpu_name()), str(features.flatten()), _width(features))


def _width(features: dict[str, bool]) -> int:
    """The bytes of a vector: AVX-512 has 64, AVX2 32, SSE2, NEON and everything else 16."""
    if all(features.get(name) for name in ("avx512f", "avx512dq", "avx512vl", "avx512bw")):
        return 64
    if features.get("avx2") and features.get("fma"):
        return 32
    return 16
