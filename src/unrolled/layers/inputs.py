"""Named inputs of a layer. In: a `Form`, the values that the user gave. Out: tokens of each, in the
equation's order; next: `stack`, which passes them to every layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from unrolled.equations.equation import Equation
from unrolled.equations.inputs import complete
from unrolled.errors import ShapeError
from unrolled.layers.checks import same_kind
from unrolled.layers.forms import Form


def named_tokens(
    equation: Equation,
    sizes: Mapping[str, int],
    form: Form,
    given: Mapping[str, Any],
    like: Tensor,
) -> dict[str, Tensor]:
    """Each named input by token, (..., n), except for random masks that were not given."""
    if not given and not equation.named_inputs:
        return {}
    widths = {name: sizes[shape[0]] for name, shape in equation.named_inputs.items()}
    return {
        name: _tokens(name, value, widths[name], form, like, name in equation.noise)
        for name, value in complete(equation, given).items()
        if name in given or name not in equation.noise
    }


def _tokens(name: str, value: Any, units: int, form: Form, like: Tensor, is_mask: bool) -> Tensor:
    if isinstance(value, PackedSequence):
        if form.packed is None or not torch.equal(value.batch_sizes, form.packed.batch_sizes):
            raise ShapeError(
                f"the PackedSequence {name} has other lengths than the input: pack it with the "
                f"same lengths, in the same order"
            )
        value = value.data
    elif isinstance(value, Tensor) and value.dim() and form.packed is not None:
        raise ShapeError(
            f"the input is a PackedSequence and {name} a tensor: pack it with the same lengths, or "
            f"give one number for all steps"
        )
    if not isinstance(value, Tensor):
        value = _number(name, value, like)
    if is_mask and value.requires_grad:
        raise ShapeError(
            f"the input {name} is a random mask, which is constant and gets no gradient: pass "
            f"{name}.detach()"
        )
    same_kind(f"the input {name}", value, like)
    whole = (*form.given_axes, units)
    if value.dim() and value.shape == whole[:-1]:
        value = value.unsqueeze(-1)
    if value.shape not in ((), whole, (*whole[:-1], 1)):
        raise ShapeError(
            f"the input {name} has the shape {tuple(value.shape)}; for this input it must be "
            f"{whole}, or {whole[:-1]} for one number per step, or a single number"
        )
    return form.gathered(value.expand(whole))


def _number(name: str, value: Any, like: Tensor) -> Tensor:
    try:
        return like.new_tensor(float(value))
    except (TypeError, ValueError):
        raise ShapeError(
            f"the input {name} is a {type(value).__name__}, but must be a tensor or a number"
        ) from None
