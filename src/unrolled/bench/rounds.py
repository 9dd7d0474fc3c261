"""Interleaved timings: A B A B ... In: contestants. Out: seconds for each, one number per round;
next: `contest`. A temporary slowdown of the machine affects all contestants, and each round can be
compared separately.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from statistics import median

from unrolled.bench.contestant import Contestant

PAUSE = 0.1  # seconds: threads of the one before spin for tens of milliseconds after their work
SHORT = 0.25  # seconds: what takes less runs once untimed first, so that caches are its own


def take_turns(
    contestants: Mapping[str, Contestant],
    rounds: int,
    least: float,
    clock: Callable[[], float] = time.perf_counter,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, list[float]]:
    """Seconds per unit of work. A sample repeats the work for about `least` seconds and is the
    median of these runs, so that a few runs that were interrupted do not matter.
    """
    counts = {}
    for name, contestant in contestants.items():
        one = _time(contestant, clock)
        if one < SHORT:  # the first run of all is longer: memory is new, threads are asleep
            one = _time(contestant, clock)
        counts[name] = max(1, math.ceil(least / max(one, 1e-9)))
    samples: dict[str, list[float]] = {name: [] for name in contestants}
    names = list(contestants)
    for round_ in range(rounds):
        turn = round_ % len(names)
        for name in names[turn:] + names[:turn]:
            sleep(PAUSE)
            one = samples[name][-1] * contestants[name].repeats if samples[name] else 0.0
            if one < SHORT:
                contestants[name].run()
            runs = [_time(contestants[name], clock) for _ in range(counts[name])]
            samples[name].append(median(runs) / contestants[name].repeats)
    return samples


def _time(contestant: Contestant, clock: Callable[[], float]) -> float:
    run = contestant.run
    start = clock()
    run()
    return clock() - start
