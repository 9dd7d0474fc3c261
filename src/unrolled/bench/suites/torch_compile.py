"""The Python loop of a cell under torch.compile, which unrolls the whole sequence and needs a C++
compiler: its training step, and how long it takes to compile. In a process of its own, which is
stopped at the limit.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from unrolled.bench.child import ChildFailed, call
from unrolled.bench.contest import Settings, hold
from unrolled.bench.contestant import OURS, Contestant
from unrolled.bench.layouts import JOINED
from unrolled.bench.peers import ours, python_loop, torch_work
from unrolled.bench.problem import OWN, SHAPES, Problem, Shape
from unrolled.bench.record import Record, from_plain

COMPILED, LOOP = "torch.compile", "Python loop"
DEFAULT_LIMIT = 600.0


def measure(settings: Settings) -> Iterator[Record]:
    """One cell and one shape, where no others are asked for: each takes minutes."""
    chosen = ("PeepholeLSTM",) if settings.cells is None else tuple(settings.chosen(OWN))
    shapes = SHAPES[1:2] if settings.shapes == SHAPES else settings.shapes
    reason = missing_compiler()
    limit = settings.compile_limit or DEFAULT_LIMIT
    for cell in chosen:
        for shape in shapes:
            settings.tell(f"torch-compile: {cell} {shape}, at most {limit:g} s")
            record = Record("torch-compile", cell, shape)
            try:
                if reason is None:
                    record = from_plain(_elsewhere(settings, cell, shape, limit))
            except ChildFailed as failed:
                reason = str(failed)
            if reason is not None:
                record.left_out[COMPILED] = reason
            yield record


def missing_compiler() -> str | None:
    """Why torch.compile cannot work here, as far as one can see from outside."""
    wanted = os.environ.get("CXX", "")
    names = [wanted] if wanted else ["g++", "clang++"]
    if any(shutil.which(name) for name in names):
        return None
    return f"no C++ compiler ({' or '.join(names)}): on Debian and Ubuntu, apt brings g++"


def _elsewhere(settings: Settings, cell: str, shape: Shape, limit: float) -> dict[str, Any]:
    arguments = {
        "cell": cell, "sizes": [shape.B, shape.T, shape.I, shape.H], "threads": settings.threads,
        "rounds": settings.rounds, "least": settings.least,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:  # so that nothing is found compiled
        found: dict[str, Any] = call(
            "unrolled.bench.suites.torch_compile:race",
            arguments,
            limit=limit,
            environment={"TORCHINDUCTOR_CACHE_DIR": folder},
        )
    return found


def race(cell: str, sizes: list[int], threads: int, rounds: int, least: float) -> dict[str, Any]:
    """In a process of its own: the loop, the compiled loop, and ours."""
    import torch

    torch.set_num_threads(threads)
    problem = Problem(cell, Shape(*sizes))
    settings = Settings(rounds=rounds, least=least, threads=threads)
    start = time.perf_counter()
    compiled = compiled_loop(problem)
    compiled.run()
    seconds = time.perf_counter() - start
    makers = {
        LOOP: lambda: python_loop.training(problem, threads),
        COMPILED: lambda: compiled,
        OURS: lambda: ours.training(problem, drop_in=False),
    }
    record = hold(settings, "torch-compile", problem.cell, problem.shape, makers)
    record.facts["seconds to compile"] = round(seconds, 1)
    return record.plain()


def compiled_loop(problem: Problem) -> Contestant:
    import torch

    p = python_loop.parameters(problem)
    initial = python_loop.initial_values(problem.cell)
    unroll = torch.compile(python_loop.unroll, dynamic=False)
    return torch_work.training(
        problem, lambda x: unroll(problem.cell, x, p, initial), p, JOINED[problem.cell]
    )
