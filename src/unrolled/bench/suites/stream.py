"""One step a call, batch 1, states handed on: `layer.stream().step(x)`, a torch.nn layer called
with one step and its states, and ONNX Runtime with explicit states, called plainly and with its
inputs and outputs bound to memory; beside the latter a stream whose input is written in its place,
`stream.step()`. A time is that of one step in a sequence of 256.
"""

from __future__ import annotations

from collections.abc import Iterator

from unrolled.bench.contest import Settings, against
from unrolled.bench.contestant import IN_PLACE, OURS
from unrolled.bench.peers import ours
from unrolled.bench.problem import BUILT_IN, Problem, Shape
from unrolled.bench.record import Record

PEERS = ("torch.nn", "ONNX Runtime", "ONNX Runtime, bound")
SIZES = (64, 256)
STEPS = 256


def measure(settings: Settings) -> Iterator[Record]:
    for cell in settings.chosen(BUILT_IN):
        for size in SIZES:
            problem = Problem(cell, Shape(1, STEPS, size, size))
            own = {
                OURS: lambda problem=problem: ours.stream(problem, drop_in=True),
                IN_PLACE: lambda problem=problem: ours.stream_in_place(problem, drop_in=True),
            }
            yield against(settings, "stream", "stream", problem, PEERS, own)
