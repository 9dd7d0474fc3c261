"""ONNX Runtime one step at a time, inputs and outputs bound to memory once: its fastest way."""

from __future__ import annotations

from typing import Any

import numpy as np

from unrolled.bench.contestant import Contestant
from unrolled.bench.peers.onnx_runtime import STATES, session
from unrolled.bench.problem import Array, Problem


def stream(problem: Problem, threads: int) -> Contestant:
    """Two bindings, whose states change places at each step."""
    runner = session(problem, 1, streaming=True)
    x = np.zeros((1, 1, problem.shape.I), np.float32)
    here, there = (
        [np.zeros((1, 1, problem.shape.H), np.float32) for _ in STATES[problem.cell]]
        for _ in range(2)
    )
    bindings = (_bind(runner, problem, x, here, there), _bind(runner, problem, x, there, here))
    xs = list(problem.x)

    def run(keep: list[Array] | None = None) -> None:
        for state in here:
            state[:] = 0
        for number, given in enumerate(xs):
            x[0] = given
            runner.run_with_iobinding(bindings[number % 2])
            if keep is not None:
                keep.append((here, there)[1 - number % 2][0].copy())

    def results() -> dict[str, Array]:
        ys: list[Array] = []
        run(ys)
        return {"y": np.concatenate(ys)}

    return Contestant(run, results, repeats=len(xs))


def _bind(runner: Any, problem: Problem, x: Array, old: list[Array], new: list[Array]) -> Any:
    binding = runner.io_binding()
    binding.bind_input("x", "cpu", 0, np.float32, x.shape, x.ctypes.data)
    for name, before, after in zip(STATES[problem.cell], old, new, strict=True):
        binding.bind_input(name, "cpu", 0, np.float32, before.shape, before.ctypes.data)
        binding.bind_output(f"new_{name}", "cpu", 0, np.float32, after.shape, after.ctypes.data)
    return binding
