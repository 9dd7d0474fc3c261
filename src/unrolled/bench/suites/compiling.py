"""What the first training step of a layer takes more than a later one: tracing, deriving, planning,
compiling forward and backward. In a process with an empty cache, and in the next, which finds the
machine code on disk. Imports are done before, and the LSTM comes first: LLVM wakes up on its time.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from statistics import median

from unrolled import cells
from unrolled.bench.child import call
from unrolled.bench.contest import Settings
from unrolled.bench.machine import Load
from unrolled.bench.problem import BUILT_IN, OWN
from unrolled.bench.record import Record
from unrolled.cells.base import Cell, equation

FIRST, CACHED = "empty cache", "from the cache"
MOST_ROUNDS = 3
LIMIT = 300.0  # seconds
SIZE = 4  # of input and state: some cells add one to the other


def measure(settings: Settings) -> Iterator[Record]:
    every = ["LSTM", *(name for name in cells.__all__ if name != "LSTM")]
    asked = settings.chosen((*BUILT_IN, *OWN) if settings.quick else every)
    names = [name for name in every if name in asked]
    if not names:
        return
    with Load() as load:
        found = _rounds(settings, names)
    for name in names:
        yield Record("compiling", name, None, samples=found[name], others=load.others)


def _rounds(settings: Settings, names: list[str]) -> dict[str, dict[str, list[float]]]:
    """Two processes a round: one whose cache is empty, and one that finds what the first left."""
    found: dict[str, dict[str, list[float]]] = {name: {FIRST: [], CACHED: []} for name in names}
    for round_ in range(min(MOST_ROUNDS, settings.rounds)):
        settings.tell(f"compiling: {len(names)} cells, round {round_ + 1}")
        with tempfile.TemporaryDirectory() as folder:
            for which in (FIRST, CACHED):
                seconds = call(
                    "unrolled.bench.suites.compiling:first_steps",
                    {"names": names},
                    limit=LIMIT,
                    environment={"UNROLLED_CACHE": folder},
                )
                for name in names:
                    found[name][which].append(seconds[name])
    return found


def first_steps(names: list[str]) -> dict[str, float]:
    """In a process of its own: seconds by which each cell's first step exceeds a later one."""
    import numpy.random  # noqa: F401 - imports are no part of it
    import torch

    import unrolled

    recurrent = unrolled.Recurrent
    warm = torch.nn.Linear(SIZE, SIZE)
    warm(torch.randn(3, SIZE)).sum().backward()
    seconds = {}
    for name in names:
        cell = getattr(cells, name)
        x = torch.randn(3, 2, SIZE)

        def step(cell: type[Cell] = cell, x: torch.Tensor = x) -> None:
            made = cell(SIZE, SIZE, **dict.fromkeys(more_sizes(cell), SIZE))
            recurrent(made, SIZE, SIZE)(x)[0].sum().backward()

        first = _seconds(step)
        seconds[name] = max(0.0, first - median(_seconds(step) for _ in range(5)))
    return seconds


def more_sizes(cell: type[Cell]) -> list[str]:
    """Those that a cell has beside input and state and does not decide itself."""
    sizes = equation(cell).sizes
    usual = ("input_size", "hidden_size")
    return [size for size in sizes if size not in usual and not hasattr(cell, size)]


def _seconds(step: Callable[[], None]) -> float:
    start = time.perf_counter()
    step()
    return time.perf_counter() - start
