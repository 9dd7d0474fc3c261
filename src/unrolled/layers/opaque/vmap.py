"""The operators over one more axis. In: arguments of which some are stacked. Out: stacked results;
next: `opaque`.

Where all share the weights, the axis becomes a part of the batch. Otherwise, and on the way back,
where each of the stacked wants derivatives of its own, they run one after another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from unrolled.layers.opaque.kernels import LIBRARY

_OPS: Any = torch.ops.unrolled


def _run(
    info: Any, dims: Sequence[Any], text: str, x: Tensor, initial: list[Tensor],
    weights: list[Tensor], lengths: Tensor | None, reverse: bool, record: str, bptt: str,
) -> tuple[list[Tensor], list[int]]:  # fmt: skip
    arguments = (text, x, initial, weights, lengths, reverse, record, bptt)
    _, of_x, of_initial, of_weights, of_lengths, *_ = dims
    if any(dim is not None for dim in of_weights):
        stacked: tuple[list[Tensor], list[int]] = _one_by_one(_OPS.run)(info, dims, *arguments)
        return stacked
    count = info.batch_size
    x = _folded(x, of_x, count)
    states = [_folded(s, dim, count) for s, dim in zip(initial, of_initial, strict=True)]
    if lengths is not None:
        front = _in_front(lengths, of_lengths, count)
        lengths = front.flatten(0, 1)
    found = _OPS.run(text, x, states, weights, lengths, reverse, record, bptt)
    return [t.unflatten(1, (count, t.shape[1] // count)) for t in found], [1] * len(found)


def _folded(tensor: Tensor, dim: int | None, count: int) -> Tensor:
    """(., N, B, .) as (., N B, .), from wherever the axis N stands."""
    return _in_front(tensor, dim, count).movedim(0, 1).flatten(1, 2)


def _in_front(tensor: Tensor, dim: int | None, count: int) -> Tensor:
    if dim is None:
        return tensor.expand(count, *tensor.shape)
    return tensor.movedim(dim, 0)


def _one_by_one(operator: Callable[..., list[Tensor]]) -> Callable[..., Any]:
    """The rule that runs the operator for each of the stacked."""

    def rule(info: Any, dims: Sequence[Any], *arguments: Any) -> tuple[list[Tensor], list[int]]:
        flat, form = pytree.tree_flatten(list(arguments))
        of = _spread(arguments, dims)
        every = []
        for number in range(info.batch_size):
            mine = [
                value if dim is None else value.select(dim, number)
                for value, dim in zip(flat, of, strict=True)
            ]
            every.append(operator(*pytree.tree_unflatten(mine, form)))
        return [torch.stack(some) for some in zip(*every, strict=True)], [0] * len(every[0])

    return rule


def _spread(arguments: Sequence[Any], dims: Sequence[Any]) -> list[int | None]:
    """A dimension for each leaf of the arguments, of which many have none."""
    found: list[int | None] = []
    for argument, dim in zip(arguments, dims, strict=True):
        if isinstance(argument, list | tuple):
            each = [None] * len(argument) if dim is None else dim
            found += _spread(argument, each)
        else:
            found.append(dim)
    return found


for _name, _rule in {
    "run": _run,
    "run_keeping": _one_by_one(_OPS.run_keeping),
    "backward": _one_by_one(_OPS.backward),
}.items():
    torch.library.register_vmap(f"unrolled::{_name}", _rule, lib=LIBRARY)
