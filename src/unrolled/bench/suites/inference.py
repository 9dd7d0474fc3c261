"""Forward alone of Elman, GRU and LSTM, under `no_grad`, from zero states to all outputs."""

from __future__ import annotations

from collections.abc import Iterator

from unrolled.bench.contest import Settings, against
from unrolled.bench.contestant import OURS
from unrolled.bench.peers import ours
from unrolled.bench.problem import BUILT_IN
from unrolled.bench.record import Record

PEERS = ("torch.nn", "ONNX Runtime")


def measure(settings: Settings) -> Iterator[Record]:
    for problem in settings.problems(BUILT_IN):
        own = {OURS: lambda problem=problem: ours.inference(problem, drop_in=True)}
        yield against(settings, "inference", "inference", problem, PEERS, own)
