"""A training step of the peephole LSTM beside one of the LSTM, both unrolled's: what it costs that
nobody wrote a kernel for it. The LSTM is the drop-in, with torch.nn's four parameters; the peephole
LSTM is a `Recurrent`, with fifteen. An LSTM as `Recurrent` stands beside them: twelve.
"""

from __future__ import annotations

from collections.abc import Iterator

from unrolled.bench.contest import Settings, hold
from unrolled.bench.peers import ours, python_loop, torch_nn
from unrolled.bench.problem import Problem
from unrolled.bench.record import Record

PLAIN, RECURRENT, PEEPHOLE = "LSTM", "Recurrent(LSTM)", "PeepholeLSTM"


def measure(settings: Settings) -> Iterator[Record]:
    if PEEPHOLE not in settings.chosen((PEEPHOLE,)):
        return
    for shape in settings.shapes:
        problem, plain = Problem(PEEPHOLE, shape), Problem(PLAIN, shape)
        makers = {
            PEEPHOLE: lambda problem=problem: ours.training(problem, drop_in=False),
            PLAIN: lambda plain=plain: ours.training(plain, drop_in=True),
            RECURRENT: lambda plain=plain: ours.training(plain, drop_in=False),
        }
        references = {
            PEEPHOLE: lambda problem=problem: python_loop.training(problem, settings.threads),
            PLAIN: lambda plain=plain: torch_nn.training(plain, settings.threads),
            RECURRENT: lambda plain=plain: torch_nn.training(plain, settings.threads),
        }
        yield hold(settings, "peephole", PEEPHOLE, shape, makers, references=references)
