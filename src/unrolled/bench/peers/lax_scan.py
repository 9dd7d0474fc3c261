"""A cell under JAX: `lax.scan` over the steps, jit, on the CPU, the input's product done ahead."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import jax
import jax.numpy as jnp
import numpy as np

from unrolled.bench.contestant import Contestant
from unrolled.bench.layouts import JOINED, join, split
from unrolled.bench.peers.python_loop import initial_values
from unrolled.bench.problem import Array, Problem
from unrolled.bench.scan_steps import STEPS


def forward_of(cell: str) -> Callable[[Mapping[str, Any], Any], Any]:
    """(parameters, x) -> y."""
    step, initial = STEPS[cell], initial_values(cell)

    def forward(p: Mapping[str, Any], x: Any) -> Any:
        ahead = x @ p["W"].T
        if "gain" not in p:
            ahead = ahead + p["b"]
        states = tuple(jnp.full((x.shape[1], p["U"].shape[1]), v, x.dtype) for v in initial)

        def body(states: Any, xs: Any) -> Any:
            states = step(xs, states, p)
            return states, states[0]

        return jax.lax.scan(body, states, ahead)[1]

    return forward


def training(problem: Problem, threads: int) -> Contestant:
    forward = forward_of(problem.cell)

    def step(p: Any, x: Any, d_y: Any) -> Any:
        if problem.input_gradient:
            y, pull = jax.vjp(forward, p, x)
        else:
            y, pull = jax.vjp(lambda p: forward(p, x), p)
        return y, pull(d_y)

    compiled = jax.jit(step)
    p, x, d_y = placed(problem)

    def run() -> Any:
        return jax.block_until_ready(compiled(p, x, d_y))

    def results() -> dict[str, Array]:
        y, (d_p, *d_x) = run()
        gradients = split(JOINED[problem.cell], d_p)
        found = {"y": np.asarray(y)} | {f"d_{name}": g for name, g in gradients.items()}
        if d_x:
            found["d_x"] = np.asarray(d_x[0])
        return found

    return Contestant(run, results)


def inference(problem: Problem, threads: int) -> Contestant:
    forward = jax.jit(forward_of(problem.cell))
    p, x, _ = placed(problem)

    def run() -> Any:
        return jax.block_until_ready(forward(p, x))

    return Contestant(run, lambda: {"y": np.asarray(run())})


def placed(problem: Problem) -> tuple[dict[str, Any], Any, Any]:
    """Parameters, input and cotangent as JAX's own arrays."""
    joined = join(JOINED[problem.cell], problem.weights)
    p = {name: jnp.asarray(array) for name, array in joined.items()}
    return p, jnp.asarray(problem.x), jnp.asarray(problem.d_y)
