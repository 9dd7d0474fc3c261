"""A cell as a PyTorch user writes it: a loop over the steps, the input's product done ahead."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional

from unrolled import cells
from unrolled.bench.contestant import Contestant
from unrolled.bench.layouts import JOINED, join
from unrolled.bench.loop_steps import STEPS
from unrolled.bench.peers import torch_work
from unrolled.bench.problem import Problem
from unrolled.cells.base import equation


def unroll(cell: str, x: Tensor, p: Mapping[str, Tensor], initial: tuple[float, ...]) -> Tensor:
    """(T, B, I) -> (T, B, H)."""
    step = STEPS[cell]
    ahead = functional.linear(x, p["W"], None if "gain" in p else p["b"])
    states = tuple(x.new_full((x.shape[1], p["U"].shape[1]), value) for value in initial)
    outputs = []
    for xs in ahead.unbind(0):
        states = step(xs, states, p)
        outputs.append(states[0])
    return torch.stack(outputs)


def initial_values(cell: str) -> tuple[float, ...]:
    """What each state starts with."""
    derived = equation(getattr(cells, cell))
    return tuple(derived.initial_state.get(state, 0.0) for state in derived.states)


def parameters(problem: Problem) -> dict[str, Tensor]:
    joined = torch_work.tensors(join(JOINED[problem.cell], problem.weights))
    return {name: tensor.requires_grad_() for name, tensor in joined.items()}


def training(problem: Problem, threads: int) -> Contestant:
    p, initial = parameters(problem), initial_values(problem.cell)
    return torch_work.training(
        problem, lambda x: unroll(problem.cell, x, p, initial), p, JOINED[problem.cell]
    )


def inference(problem: Problem, threads: int) -> Contestant:
    p, initial = parameters(problem), initial_values(problem.cell)
    return torch_work.inference(problem, lambda x: unroll(problem.cell, x, p, initial))
