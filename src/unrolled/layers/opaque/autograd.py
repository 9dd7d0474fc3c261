"""How autograd sees the operators, in both modes, any number of times. In: a call with tensors that
are to be differentiated by, or that move. Out: its results, and the way back, or how they move;
next: `tangents`, and `kernels`.

torch.func comes here once for each of its levels. What happens at one of them is done by calling
the operators again, so every level below sees calls of the same kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch._functorch.utils import enable_single_level_autograd_function
from torch.autograd import forward_ad
from torch.autograd.forward_ad import _set_fwd_grad_enabled
from torch.autograd.function import _SingleLevelFunction

from unrolled.layers.observed import is_observed
from unrolled.layers.opaque import kernels, tangents
from unrolled.layers.opaque.call import OperatorBackward, OperatorRun
from unrolled.layers.opaque.kernels import LIBRARY, names_of


@contextmanager
def _below() -> Iterator[None]:
    """What comes next, below a level of autograd, which has switched gradients off: the levels of
    torch.func that are left have gradients of their own."""
    with torch._C._AutoDispatchBelowAutograd(), torch.enable_grad(), _set_fwd_grad_enabled(True):
        yield


class _Run(_SingleLevelFunction):
    """`unrolled::run`, or `run_keeping`, with the way back. In: the call, its tensors."""

    @staticmethod
    def forward(ctx: Any, call: OperatorRun, *tensors: Tensor) -> tuple[Tensor, ...]:
        with _below():
            if call.bptt == "whole":
                *results, room = replace(call, keeps=True)(tensors)
                saved = [results[0], room]
            else:
                results, saved = list(call(tensors)), []
        ctx.call, ctx.saved = call, len(saved)
        ctx.count = len(results) - len(names_of(call.record))
        if call.keeps:
            results.append(saved[1])
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(*results[ctx.count :])
        ctx.save_for_backward(*saved, *tensors)
        return tuple(results)

    @staticmethod
    def backward(ctx: Any, *d_results: Tensor | None) -> tuple[Tensor | None, ...]:
        saved, tensors = ctx.saved_tensors[: ctx.saved], ctx.saved_tensors[ctx.saved :]
        needed = ctx.needs_input_grad[1:]
        call = OperatorBackward(ctx.call, needed[0], any(needed[1 : 1 + ctx.call.states]))
        found = call(tensors, saved, d_results[: ctx.count])
        return None, *call.by_argument(found)


class _Backward(_SingleLevelFunction):
    """`unrolled::backward`: J^T v, with a way back to all that it is made of. In: the call, what
    forward has saved, tensors, and the derivatives that arrived."""

    @staticmethod
    def forward(
        ctx: Any,
        call: OperatorBackward,
        saved: Sequence[Tensor],
        count: int,
        *tensors: Tensor | None,
    ) -> tuple[Tensor, ...]:
        ctx.call, ctx.count = call, count
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(*tensors)
        with _below():
            return tuple(call(tensors[:count], saved, tensors[count:]))

    @staticmethod
    def backward(ctx: Any, *directions: Tensor | None) -> tuple[Tensor | None, ...]:
        """The derivative of J^T v in the direction u is the gradient of <v, J u>; by v, J u."""
        tensors, arrived = ctx.saved_tensors[: ctx.count], ctx.saved_tensors[ctx.count :]
        dots = ctx.call.by_argument(directions)
        moved, gradients = tangents.pull_back(ctx.call.run, tensors, dots, arrived)
        by_arrived = [None if v is None else m for v, m in zip(arrived, moved, strict=True)]
        return None, None, None, *gradients, *by_arrived


_PLAIN = {Tensor, nn.Parameter, type(None)}


def is_plain(x: Tensor, *others: Tensor | None) -> bool:
    """Whether there is nothing but numbers to a call, as when compiled programs run: it then goes
    straight to the kernels. To ask torch which function is next would take as long as they do."""
    return not (
        torch.is_grad_enabled()
        or forward_ad._current_level >= 0
        or not x.is_cpu
        or is_observed()
        or not _PLAIN.issuperset(map(type, (x, *others)))
    )


def _run(
    text: str, x: Tensor, initial: list[Tensor], weights: list[Tensor], lengths: Tensor | None,
    reverse: bool, record: str, bptt: str,
) -> list[Tensor]:  # fmt: skip
    initial = initial or []  # AOTInductor gives None for a list that is empty
    if is_plain(x, *initial, *weights):
        return kernels.run(text, x, initial, weights, lengths, reverse, record, bptt)
    call = OperatorRun(text, len(initial), len(weights), lengths is not None, reverse, record, bptt)
    return _differentiated(call, x, initial, weights, lengths)


def _run_keeping(
    text: str, x: Tensor, initial: list[Tensor], weights: list[Tensor], lengths: Tensor | None,
    reverse: bool, record: str,
) -> list[Tensor]:  # fmt: skip
    if is_plain(x, *initial, *weights):
        return kernels.run_keeping(text, x, initial, weights, lengths, reverse, record)
    call = OperatorRun(text, len(initial), len(weights), lengths is not None, reverse, record,
                       "whole", keeps=True)  # fmt: skip
    return _differentiated(call, x, initial, weights, lengths)


def _differentiated(
    call: OperatorRun,
    x: Tensor,
    initial: list[Tensor],
    weights: list[Tensor],
    lengths: Tensor | None,
) -> list[Tensor]:
    tensors = [x, *initial, *weights, *([] if lengths is None else [lengths])]
    dots = tangents.of(tensors)
    if dots is not None:
        return tangents.run(call, tangents.still(tensors), dots)
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors):
        return list(_apply(_Run, call, *tensors))
    with torch._C._AutoDispatchBelowAutograd():
        return list(call(tensors))


def _backward(
    text: str, x: Tensor, initial: list[Tensor], weights: list[Tensor], lengths: Tensor | None,
    reverse: bool, record: str, bptt: str, saved: list[Tensor], d_outputs: Tensor | None,
    d_finals: list[Tensor | None], need_input: bool, need_states: bool,
) -> list[Tensor]:  # fmt: skip
    if is_plain(x, *initial, *weights, d_outputs, *d_finals):
        return kernels.backward(
            text, x, initial, weights, lengths, reverse, record, bptt, saved, d_outputs, d_finals,
            need_input, need_states,
        )  # fmt: skip
    run = OperatorRun(text, len(initial), len(weights), lengths is not None, reverse, record, bptt)
    call = OperatorBackward(run, need_input, need_states)
    tensors = [x, *initial, *weights, *([] if lengths is None else [lengths])]
    arrived = [d_outputs, *d_finals]
    every = [t for t in (*tensors, *arrived) if t is not None]
    if tangents.of(every) is not None:
        return tangents.backward(call, tensors, saved, arrived)
    if torch.is_grad_enabled() and any(tensor.requires_grad for tensor in every):
        return list(_apply(_Backward, call, saved, len(tensors), *tensors, *arrived))
    with torch._C._AutoDispatchBelowAutograd():
        return list(call(tensors, saved, arrived))


def _apply(function: Any, *arguments: Any) -> tuple[Tensor, ...]:
    # an ordinary `Function` would begin with all levels of torch.func anew
    with enable_single_level_autograd_function():
        found: tuple[Tensor, ...] = function.apply(*arguments)
        return found


LIBRARY.impl("run", _run, "Autograd")
LIBRARY.impl("run_keeping", _run_keeping, "Autograd")
LIBRARY.impl("backward", _backward, "Autograd")
