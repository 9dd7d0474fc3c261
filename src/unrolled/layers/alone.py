"""One sequence through a layer whose weights are fixed, without a way back. In: a layer inside
`fixed_weights`, a call of it. Out: what the call gives, or None where it is not of this kind.

A server is asked for one text at a time, and of such a call the kernels are the smaller part: here
everything that is the same each time has been looked up before. Next: the engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from unrolled.engines.engine import Packs
from unrolled.engines.plan.schedule import dense_schedule
from unrolled.layers.fixed import Fixed
from unrolled.layers.observed import is_autocast, is_observed
from unrolled.layers.operator import jobs_for
from unrolled.layers.parameterized import AUTOGRAD


@dataclass(frozen=True)
class PreparedDirection:
    """One direction of one layer of the stack."""

    place: int
    names: tuple[str, ...]  # of its parameters
    sizes: dict[str, int]
    recurrence: Any
    weights: Sequence[Tensor]
    packs: Packs


def alone(layer: Any, x: Any) -> Any:
    """y and the final states of one sequence, as the layer returns them."""
    fixed: Fixed = layer.fixed
    if torch.is_grad_enabled() or layer.training or type(x) is not Tensor or x.dim() != 3:
        return None
    if fixed.alone is None:
        fixed.alone = _parts(layer, fixed) or ()
    if not fixed.alone:
        return None
    like = fixed.alone[0][0].weights[0]
    shape = (x.shape[1], x.shape[0]) if layer.batch_first else x.shape[:2]
    if (
        shape[1] != 1
        or not shape[0]
        or x.shape[2] != layer.input_size
        or x.dtype != like.dtype
        or x.device != like.device
        or is_autocast()
        or torch.onnx.is_in_onnx_export()
        or is_observed(x, like)
    ):
        return None
    return _read(layer, fixed, x.reshape(shape[0], 1, -1).contiguous())


def _read(layer: Any, fixed: Fixed, tokens: Tensor) -> Any:
    steps, count = len(tokens), len(layer.equation.states)
    nobody, known = [None] * count, layer._parameters
    finals: list[list[Tensor]] = [[] for _ in range(count)]
    assert fixed.alone is not None
    for parts in fixed.alone:
        outputs = []
        for reverse, part in enumerate(parts):
            fixed.packs(part.place, [known[name] for name in part.names])  # refused if changed
            schedule = dense_schedule(steps, 1, jobs_for(tokens, part.sizes), bool(reverse))
            found = part.recurrence.forward(
                schedule, part.weights, tokens, nobody, packs=part.packs
            )
            outputs.append(found.outputs)
            for ends, end in zip(finals, found.finals, strict=True):
                ends.append(end)
        tokens = outputs[0] if len(outputs) == 1 else torch.cat(outputs, -1)
    states = [ends[0] if len(ends) == 1 else torch.cat(ends) for ends in finals]
    y = tokens.transpose(0, 1) if layer.batch_first else tokens
    return y, states[0] if count == 1 else tuple(states)


def _parts(layer: Any, fixed: Fixed) -> list[list[PreparedDirection]] | None:
    """What runs; None where a call needs more than its input."""
    equation, made = layer.equation, layer._stack()
    starts = any(equation.initial_state.values())
    if made.engine is AUTOGRAD or equation.named_inputs or starts or equation.output is not None:
        return None
    if layer._around.modifiers or not all(
        name in layer._parameters for names in layer._names.values() for name in names.values()
    ):
        return None
    found = []
    for number in range(made.num_layers):
        parts = []
        for reverse in range(made.directions):
            place = number * made.directions + reverse
            sizes = layer._layer_sizes(number)
            parameters = made.parameters(number, bool(reverse))
            packs = fixed.packs(place, parameters)
            if packs is None:
                return None
            weights = [w.contiguous() for w in made.cell.weights(parameters, sizes)]
            recurrence = made.cell.recurrence(made.engine, parameters[0].dtype, sizes, made.kept)
            names = tuple(layer._names[number, bool(reverse)].values())
            parts.append(PreparedDirection(place, names, sizes, recurrence, weights, packs))
        found.append(parts)
    return found
