"""Forward and backward of Elman, GRU and LSTM, as torch users run them: parameters want gradients,
the input does not (with `input_gradient` it does); gradients are dropped before each step.
"""

from __future__ import annotations

from collections.abc import Iterator

from unrolled.bench.contest import Settings, against
from unrolled.bench.contestant import OURS
from unrolled.bench.peers import ours
from unrolled.bench.problem import BUILT_IN
from unrolled.bench.record import Record

PEERS = ("torch.nn",)


def measure(settings: Settings) -> Iterator[Record]:
    for problem in settings.problems(BUILT_IN, input_gradient=settings.input_gradient):
        own = {OURS: lambda problem=problem: ours.training(problem, drop_in=True)}
        yield against(settings, "training", "training", problem, PEERS, own)
