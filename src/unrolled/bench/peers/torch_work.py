"""Training steps and inference under torch. In: a forward pass and its parameters. Out: a
`Contestant`; next: `contest`. Shared by everything that runs under torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from unrolled.bench.contestant import Contestant
from unrolled.bench.layouts import Layout, split
from unrolled.bench.problem import Array, Problem

Forward = Callable[[Tensor], Tensor]  # (T, B, I) -> (T, B, H)


def training(
    problem: Problem, forward: Forward, parameters: Mapping[str, Tensor], layout: Layout
) -> Contestant:
    """Forward and backward; gradients are dropped first, as `zero_grad` does."""
    x = torch.from_numpy(problem.x).requires_grad_(problem.input_gradient)
    d_y = torch.from_numpy(problem.d_y)

    def run() -> Tensor:
        for parameter in parameters.values():
            parameter.grad = None
        x.grad = None
        y = forward(x)
        torch.autograd.backward(y, d_y)
        return y

    def results() -> dict[str, Array]:
        y = run()
        joined = {name: _array(parameter.grad) for name, parameter in parameters.items()}
        found = {"y": _array(y)}
        found |= {f"d_{name}": gradient for name, gradient in split(layout, joined).items()}
        if problem.input_gradient:
            found["d_x"] = _array(x.grad)
        return found

    return Contestant(run, results)


def inference(problem: Problem, forward: Forward) -> Contestant:
    """Only the forward pass, without a graph."""
    x = torch.from_numpy(problem.x)

    def run() -> Tensor:
        with torch.no_grad():
            return forward(x)

    return Contestant(run, lambda: {"y": _array(run())})


def tensors(arrays: Mapping[str, Array]) -> dict[str, Tensor]:
    return {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}


def _array(tensor: Any) -> Array:
    copied: Array = tensor.detach().numpy().copy()
    return copied
