"""Forward and backward on batches of 8 or more whose lengths are uniform in T/4 ... T, from a
padded batch to a padded batch: torch.nn packs, runs and unpacks; unrolled takes `lengths=`.
"""

from __future__ import annotations

from collections.abc import Iterator

from unrolled.bench.contest import Settings, against
from unrolled.bench.contestant import OURS
from unrolled.bench.peers import ours
from unrolled.bench.problem import BUILT_IN
from unrolled.bench.record import Record

PEERS = ("torch.nn",)
SMALLEST_BATCH = 8


def measure(settings: Settings) -> Iterator[Record]:
    options = {"ragged": True, "input_gradient": settings.input_gradient}
    for problem in settings.problems(BUILT_IN, **options):
        if problem.shape.B >= SMALLEST_BATCH:
            own = {OURS: lambda problem=problem: ours.ragged(problem, drop_in=True)}
            yield against(settings, "ragged", "ragged", problem, PEERS, own)
