"""One long sequence at B 1, I 64, H 64: keeping everything, and `bptt="recompute"`, which keeps
states between segments and computes each segment again on the way back. Time a step, in turns; and
peak memory beyond inputs and outputs, each in a process of its own, also of the hundredth of the
sequence kept whole.
"""

from __future__ import annotations

from collections.abc import Iterator

from unrolled.bench.contest import Settings, hold
from unrolled.bench.peers import ours
from unrolled.bench.problem import Problem, Shape
from unrolled.bench.record import Record
from unrolled.bench.suites.memory import peak_in_child

STEPS, QUICK_STEPS = 100_000, 10_000
CELL = "LSTM"
WHOLE, AGAIN, SHORT = "whole", "recompute", "whole, a hundredth"


def measure(settings: Settings) -> Iterator[Record]:
    if not settings.chosen((CELL,)):
        return
    steps = QUICK_STEPS if settings.quick else STEPS
    shape, short = Shape(1, steps, 64, 64), Shape(1, steps // 100, 64, 64)
    problem = Problem(CELL, shape)
    makers = {
        way: lambda way=way: ours.training(problem, drop_in=True, bptt=way)
        for way in (WHOLE, AGAIN)
    }
    yield hold(settings, "recompute", problem.cell, problem.shape, makers)
    settings.tell(f"recompute: memory of {problem}")
    memory = Record("recompute", CELL, shape, unit="MiB")
    for name, way, at in ((WHOLE, WHOLE, shape), (AGAIN, AGAIN, shape), (SHORT, WHOLE, short)):
        outputs = at.T * at.B * at.H * 4 / 2**20
        peak = peak_in_child(settings, f"unrolled {way}", CELL, at)
        memory.samples[name] = [peak - outputs]
    yield memory
