"""Forward mode, and the derivative of a derivative, by the tangent of the step. In: a call, how its
tensors move. Out: results that move, or gradients; next: the operators again.

`operator` has the same for ordinary calls. Here everything is done by operators, so that
compilers and torch.func see it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from unrolled.errors import UnrolledError
from unrolled.layers.opaque.call import OperatorBackward, OperatorRun
from unrolled.layers.opaque.kernels import opened

Dots = Sequence[Tensor | None]  # how the tensors of a row move; None for what does not
_unpack: Callable[[Tensor], Any] = forward_ad.unpack_dual
_move: Callable[[Tensor, Tensor], Tensor] = forward_ad.make_dual


def of(tensors: Sequence[Tensor | None]) -> list[Tensor | None] | None:
    """How tensors move; None if none of them does."""
    if forward_ad._current_level < 0:
        return None
    dots = [None if tensor is None else _unpack(tensor).tangent for tensor in tensors]
    return None if all(dot is None for dot in dots) else dots


def still(tensors: Sequence[Any]) -> list[Any]:
    """The same tensors, not moving."""
    return [None if tensor is None else _unpack(tensor).primal for tensor in tensors]


def run(call: OperatorRun, row: Sequence[Tensor], dots: Dots) -> list[Tensor]:
    """Results, which move; recorded values and what is kept do not."""
    results = call(row)
    moved, _ = _along(call, row, dots)
    return [*map(_move, results, moved), *results[len(moved) :]]


def backward(
    call: OperatorBackward, row: Sequence[Tensor], saved: Sequence[Tensor], arrived: Dots
) -> list[Tensor]:
    """J^T v, moving: the gradient of <v, J u>, and J^T v_dot."""
    dots, arriving = of(row) or [None] * len(row), of(arrived) or [None] * len(arrived)
    row, saved, arrived = still(row), still(saved), still(arrived)
    found = call(row, saved, arrived)
    moving: list[Tensor | None] = [None] * len(found)
    if any(dot is not None for dot in dots):
        _, gradients = pull_back(call.run, row, dots, arrived)
        wanted = [
            call.need_input,
            *[call.need_states] * call.run.states,
            *[True] * call.run.weights,
        ]
        moving = [g for g, want in zip(gradients, wanted, strict=False) if want]
    if any(dot is not None for dot in arriving):
        more = call(row, saved, arriving)
        moving = [b if a is None else a + b for a, b in zip(moving, more, strict=True)]
    return [tensor if dot is None else _move(tensor, dot)
            for tensor, dot in zip(found, moving, strict=True)]  # fmt: skip


def pull_back(
    call: OperatorRun, row: Sequence[Tensor], dots: Dots, arrived: Dots
) -> tuple[list[Tensor], list[Tensor | None]]:
    """J u, and the gradient of <v, J u> by each tensor of the row."""
    _refuse_clipped(call)
    tangent, both = call.tangent, _both(call, row, dots)
    results = replace(tangent, keeps=call.bptt == "whole")(both)
    moved = list(results[: len(arrived)])
    saved = [results[0], results[-1]] if call.bptt == "whole" else []
    back = OperatorBackward(tangent, need_input=True, need_states=call.states > 0)
    nothing = [None] * len(arrived[1:])
    d_x, *rest = back.by_argument(back(both, saved, [*arrived, *nothing]))
    assert d_x is not None
    d_states = rest[call.states : 2 * call.states]
    d_weights = rest[2 * call.states : 2 * call.states + call.weights]
    d_input = d_x[..., : row[0].shape[-1]]
    return moved, [d_input, *d_states, *d_weights, *([None] if call.has_lengths else [])]


def _refuse_clipped(call: OperatorRun) -> None:
    step = opened(call.text).lowered
    if step.bounds_gradients:
        raise UnrolledError(
            f"the step of {step.step.name} bounds its derivatives (clip_gradient, GradientBound), "
            f"and torch.func and torch's compilers differentiate it only once: "
            f'engine="torch" does so any number of times'
        )


def _along(
    call: OperatorRun, row: Sequence[Tensor], dots: Dots
) -> tuple[list[Tensor], list[Tensor]]:
    """How outputs and final states move, and the row that was run."""
    both = _both(call, row, dots)
    results = call.tangent(both)
    return list(results[: len(results) // 2 + 1]), both


def _both(call: OperatorRun, row: Sequence[Tensor], dots: Dots) -> list[Tensor]:
    """The row of the tangent's call: inputs and how they move; how states move, and states; weights
    and how they move."""
    moving = [torch.zeros_like(tensor) if dot is None else dot
              for tensor, dot in zip(row, dots, strict=True)]  # fmt: skip
    end = 1 + call.states + call.weights
    states, weights = slice(1, 1 + call.states), slice(1 + call.states, end)
    x = torch.cat([row[0], moving[0]], dim=-1)
    return [x, *moving[states], *row[states], *row[weights], *moving[weights], *row[end:]]
