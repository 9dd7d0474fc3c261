"""Whether somebody looks at a call and does not only run it. In: what torch is doing. Out: answers;
next: the layers, which then give the batch to the operators of `opaque`.

Other calls go to the kernels directly, and asking costs them some tenths of a microsecond.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import torch
import torch._C._dynamo.eval_frame as eval_frame
from torch import nn
from torch.nn.utils.rnn import PackedSequence

_C = torch._C


def is_observed() -> bool:
    """Whether there is more to a tensor than its numbers: a compiler, a tracer, a transformation of
    `torch.func`, a mode that sees every operation."""
    return bool(
        torch.compiler.is_compiling()
        or _C._len_torch_dispatch_stack()
        or _C._are_functorch_transforms_active()
        or _C._get_tracing_state() is not None
    )


def is_left_out(layer: nn.Module, x: Any) -> bool:
    """Whether `torch.compile` is to take the call as it is: it looks into no instance of torch.nn's
    layers and would compile, one by one, the functions that such a layer calls; and it cannot know
    how many sequences a PackedSequence holds."""
    if torch.compiler.is_compiling():
        # a compiler that looks into no such layer stops here, and asks again while it does not look
        return layer.training is None or isinstance(x, PackedSequence)
    return eval_frame.get_eval_frame_callback() is not None


F = TypeVar("F", bound=Callable[..., Any])


def constant(function: F) -> F:
    """A compiler is to call this once, and to believe that it stays so."""
    torch.compiler.assume_constant_result(function)  # type: ignore[no-untyped-call]
    return function


@constant
def left_out(forward: Callable[..., Any]) -> Callable[..., Any]:
    """The same, run as it is."""
    return _left_out(forward)


@functools.cache
def _left_out(forward: Callable[..., Any]) -> Callable[..., Any]:
    found: Callable[..., Any] = torch.compiler.disable(forward)  # type: ignore[no-untyped-call]
    return found
