"""Derivatives that arrive in stacks, under `is_grads_batched` or a `torch.vmap` around a backward
pass. In: what finds derivatives, tensors of which some are stacked. Out: the same, stacked; next:
`operator`, `bptt`.

A stack looks like one of its members, and has no memory that a kernel could read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

_C: Any = torch._C
_Found = tuple[Tensor | None, ...]


def is_mapped(tensors: Sequence[Tensor | None]) -> bool:
    """Whether any of these is a stack."""
    if _C._are_functorch_transforms_active():
        return any(t is not None and _is_new(t) for t in tensors)
    return _level() > 0 and any(t is not None and _is_old(t) for t in tensors)


def one_by_one(find: Callable[..., _Found], tensors: Sequence[Tensor | None]) -> _Found:
    """What `find` gives for each member of the stacks."""
    if _C._are_functorch_transforms_active():
        level = max(_C._functorch.maybe_get_level(t) for t in tensors if t is not None)
        apart, together = _C._functorch._remove_batch_dim, _C._functorch._add_batch_dim
        is_stack = [t is not None and _C._functorch.maybe_get_level(t) == level for t in tensors]
    else:
        level, apart, together = _level(), torch._remove_batch_dim, torch._add_batch_dim
        is_stack = [t is not None and _is_old(t) for t in tensors]
    stacks: list[Any] = [apart(t, level, 1, 0) if stack else t
                         for t, stack in zip(tensors, is_stack, strict=True)]  # fmt: skip
    count = max(len(t) for t, stack in zip(stacks, is_stack, strict=True) if stack)
    every = [
        find(*[t[n] if stack else t for t, stack in zip(stacks, is_stack, strict=True)])
        for n in range(count)
    ]
    return tuple([
        None if some[0] is None else together(torch.stack(some), 0, level)
        for some in zip(*every, strict=True)
    ])  # fmt: skip


def _level() -> int:
    """How many of the vmaps of `is_grads_batched` are around this call."""
    level: int = _C._vmapmode_increment_nesting()
    _C._vmapmode_decrement_nesting()
    return level - 1


def _is_old(tensor: Tensor) -> bool:
    return "Batched" in repr(_C._dispatch_keys(tensor))


def _is_new(tensor: Tensor) -> bool:
    return bool(_C._functorch.is_batchedtensor(tensor))
