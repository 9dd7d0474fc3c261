"""Forward and backward of five cells that torch.nn does not have: `Recurrent(cell, ...)`, the loop
that a PyTorch user writes, and `lax.scan` under jit. Parameters want gradients, the input does not
(with `input_gradient` it does).
"""

from __future__ import annotations

from collections.abc import Iterator

from unrolled.bench.contest import Settings, against
from unrolled.bench.contestant import OURS
from unrolled.bench.peers import ours
from unrolled.bench.problem import OWN
from unrolled.bench.record import Record

PEERS = ("Python loop", "JAX lax.scan")


def measure(settings: Settings) -> Iterator[Record]:
    for problem in settings.problems(OWN, input_gradient=settings.input_gradient):
        own = {OURS: lambda problem=problem: ours.training(problem, drop_in=False)}
        yield against(settings, "own-cells", "training", problem, PEERS, own)
