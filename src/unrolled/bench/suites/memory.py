"""How much memory a training step takes beyond weights, input and cotangent, each contestant in a
process of its own: the most that was resident during two steps, less what was before the first.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from unrolled.bench import peers
from unrolled.bench.child import call
from unrolled.bench.contest import Settings
from unrolled.bench.contestant import Contestant
from unrolled.bench.problem import Problem, Shape
from unrolled.bench.record import Record

KEPT = "unrolled, kept in bfloat16"
WORK = {
    "LSTM": ("torch.nn", "unrolled whole", KEPT, "unrolled recompute"),
    "PeepholeLSTM": ("Python loop", "JAX lax.scan", "unrolled whole", "unrolled recompute"),
}
SHAPES = (Shape(32, 128, 64, 128), Shape(32, 784, 1, 128), Shape(64, 50, 256, 512))
TINY = Shape(2, 3, 4, 5)
LIMIT = 120.0  # seconds
# glibc keeps freed blocks of up to 32 MiB for itself, and so hides how much was in use at a time.
RETURN_AT_ONCE = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_TRIM_THRESHOLD_": "65536"}


def measure(settings: Settings) -> Iterator[Record]:
    for cell in settings.chosen(tuple(WORK)):
        for shape in SHAPES[:1] if settings.quick else SHAPES:
            settings.tell(f"memory: {cell} {shape}")
            foreign = [name for name in WORK[cell] if name in peers.PEERS]
            _, left_out = peers.present(foreign)
            record = Record("memory", cell, shape, unit="MiB", left_out=left_out)
            for name in WORK[cell]:
                if name not in left_out:
                    record.samples[name] = [peak_in_child(settings, name, cell, shape)]
            yield record


def peak_in_child(settings: Settings, name: str, cell: str, shape: Shape) -> float:
    """MiB."""
    arguments = {
        "name": name, "cell": cell, "threads": settings.threads,
        "sizes": [shape.B, shape.T, shape.I, shape.H],
    }  # fmt: skip
    found: float = call("unrolled.bench.suites.memory:peak", arguments, LIMIT, RETURN_AT_ONCE)
    return found


def peak(name: str, cell: str, sizes: list[int], threads: int) -> float:
    """In a process of its own: MiB that two training steps add."""
    import torch

    torch.set_num_threads(threads)
    contestant(name, Problem(cell, TINY), threads).run()  # compiled, and every library awake
    step = contestant(name, Problem(cell, Shape(*sizes)), threads)
    before = reset_peak()
    step.run()
    step.run()
    return max(0.0, (most_resident() - before) / 2**20)


def contestant(name: str, problem: Problem, threads: int) -> Contestant:
    if name in peers.PEERS:
        return peers.maker(name, "training")(problem, threads)
    from unrolled.bench.peers import ours

    bptt, kept = ("whole", "bfloat16") if name == KEPT else (name.split()[1], None)
    return ours.training(problem, drop_in=problem.cell == "LSTM", bptt=bptt, kept=kept)


def reset_peak() -> int:
    """Forget the peak so far, where the system can; bytes resident now."""
    reset = Path("/proc/self/clear_refs")
    if reset.exists():
        reset.write_text("5")
    return most_resident()


def most_resident() -> int:
    """Bytes, at most, since the start or the last reset."""
    status = Path("/proc/self/status")
    if status.exists():
        fields: dict[str, Any] = dict(line.split(":", 1) for line in status.open())
        if "VmHWM" in fields:
            return int(fields["VmHWM"].split()[0]) * 1024
    import resource
    import sys

    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
