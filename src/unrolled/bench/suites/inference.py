"""Forward alone of Elman, GRU and LSTM, under `no_grad`, from zero states to all outputs: the layer
as it is, and with `fixed_weights`, packed once like those of ONNX Runtime.
"""

from __future__ import annotations

from collections.abc import Iterator

from unrolled.bench.contest import Settings, against
from unrolled.bench.contestant import FIXED, OURS
from unrolled.bench.peers import ours
from unrolled.bench.problem import BUILT_IN
from unrolled.bench.record import Record

PEERS = ("torch.nn", "ONNX Runtime")


def measure(settings: Settings) -> Iterator[Record]:
    for problem in settings.problems(BUILT_IN):
        own = {
            OURS: lambda problem=problem: ours.inference(problem, drop_in=True),
            FIXED: lambda problem=problem: ours.inference(problem, drop_in=True, fixed=True),
        }
        yield against(settings, "inference", "inference", problem, PEERS, own)
