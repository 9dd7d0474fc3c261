"""Each operation of the language on torch tensors. In: `equations.ops`' names. Out: `TORCH`.

Importing this module lets a cell's own step run on tensors (`cell.bind(tensors).step(x, h)`), one
column for each sequence: the oracle against which autograd checks every derivative.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from unrolled.equations.functions import register


def _tensors(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Let plain numbers stand among the arguments."""

    def call(*arguments: Any) -> Tensor:
        like = next(a for a in arguments if isinstance(a, Tensor))
        return function(*(a if isinstance(a, Tensor) else like.new_tensor(a) for a in arguments))

    return call


def _where(condition: Tensor, a: Any, b: Any) -> Tensor:
    return torch.where(torch.as_tensor(condition), a, b)  # a named input's default is a number


class _ClipGradient(torch.autograd.Function):
    """The value itself; on the way back, the derivative within a bound."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, bound: float) -> Tensor:
        ctx.bound = bound
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, d: Tensor) -> tuple[Tensor, None]:
        return d.clamp(-ctx.bound, ctx.bound), None

    @staticmethod
    def jvp(ctx: Any, dot: Tensor, bound: None) -> Tensor:
        return dot.view_as(dot)


def clip_gradient(x: Any, bound: float) -> Any:
    """As the word of a step."""
    return _ClipGradient.apply(x, bound) if isinstance(x, Tensor) else x  # type: ignore[no-untyped-call]


def _concat(a: Tensor, b: Tensor) -> Tensor:
    columns = a.shape[1:] if a.shape[1:].numel() >= b.shape[1:].numel() else b.shape[1:]
    return torch.cat([v.expand(len(v), *columns) for v in (a, b)])


def _pad(x: Tensor, start: float, units: int) -> Tensor:
    after = units - int(start) - len(x)
    return torch.cat([x.new_zeros(int(start), *x.shape[1:]), x, x.new_zeros(after, *x.shape[1:])])


def _block_diagonal(matrix: Tensor, blocks: float) -> Tensor:
    found: Tensor = torch.block_diag(*matrix.chunk(int(blocks)))  # type: ignore[no-untyped-call]
    return found


TORCH: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "neg": lambda a: -a,
    "pow": lambda a, b: a**b,
    "matmul": torch.matmul,
    "transpose": lambda a: a.T,
    "outer": lambda a, b: a @ b.T,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "relu": torch.relu,
    "leaky_relu": torch.nn.functional.leaky_relu,
    # logaddexp is right everywhere; torch's softplus is linear from 20 on
    "softplus": lambda x: torch.logaddexp(x, torch.zeros_like(x)),
    "exp": torch.exp,
    "log": torch.log,
    "sqrt": torch.sqrt,
    "abs": torch.abs,
    "sign": torch.sign,
    "floor": torch.floor,
    "sin": torch.sin,
    "cos": torch.cos,
    "maximum": _tensors(torch.maximum),
    "minimum": _tensors(torch.minimum),
    "where": _where,
    "sum": lambda v: v.sum(dim=0, keepdim=True),
    "mean": lambda v: v.mean(dim=0, keepdim=True),
    "max": lambda v: v.amax(dim=0, keepdim=True),
    "min": lambda v: v.amin(dim=0, keepdim=True),
    "softmax": lambda v: v.softmax(dim=0),
    "clip_gradient": clip_gradient,
    "concat": _concat,
    "part": lambda x, start, units: x.narrow(0, int(start), units),
    "pad": _pad,
    "block_diagonal": _block_diagonal,
    "diagonal_blocks": lambda m, n: torch.cat(
        [block.chunk(int(n), dim=1)[number] for number, block in enumerate(m.chunk(int(n)))]
    ),
    "spread": lambda v, units: v.expand(units, v.shape[-1]),
    "total": torch.sum,
    "lt": lambda a, b: a < b,
    "le": lambda a, b: a <= b,
    "gt": lambda a, b: a > b,
    "ge": lambda a, b: a >= b,
    "and": torch.logical_and,
    "or": torch.logical_or,
    "not": torch.logical_not,
    "eye": lambda matrix: torch.eye(len(matrix), dtype=matrix.dtype, device=matrix.device),
}

register(Tensor, TORCH)
