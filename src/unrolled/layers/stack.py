"""Directions side by side, layers one above the other. In: a batch, parameters, states. Out: what a
layer returns; next: `Recurrent` and the drop-ins, which only differ in where parameters come from.

Between layers the values stay tokens: a ragged batch is gathered once and scattered once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from unrolled.layers import direction
from unrolled.layers.batch import Dense, Ragged
from unrolled.layers.direction import How, Wiring
from unrolled.layers.fixed import Fixed
from unrolled.layers.forms import Form


@dataclass(eq=False)
class Stack:
    """`parameters(layer, reverse)` gives one direction's, in the order that its wiring expects."""

    wiring: Wiring
    num_layers: int
    directions: int
    sizes: dict[str, int]
    parameters: Callable[[int, bool], Sequence[Tensor]]
    dropout: float
    fixed: Fixed | None = None


def answer(
    stack: Stack, how: How, form: Form, initial: Sequence[Tensor | None], names: Sequence[str]
) -> Any:
    """What a layer returns: outputs, final states, and with `names` a third item, by name: values
    of the step, and for `d_h` zeros whose `.grad`, after backward, says how long the derivative of
    the loss by h was at every step."""
    if not names:
        outputs, finals, _ = run(stack, how, form.batch, form.tokens(), initial)
        return form.restore(outputs), form.states(finals)
    measured = [name for name in names if name.startswith("d_")]
    probes = {name: form.probe(stack.directions) for name in measured}
    how = replace(how, record=tuple(name for name in names if name not in probes))
    outputs, finals, records = run(
        stack, how, form.batch, form.tokens(), initial, {n: t for n, (_, t) in probes.items()}
    )
    results = form.restore(outputs), form.states(finals)
    found = {name: form.restore(r) for name, r in records.items()}
    found |= {name: zeros for name, (zeros, _) in probes.items()}
    return *results, {name: found[name] for name in names}


def run(
    stack: Stack,
    how: How,
    batch: Dense | Ragged,
    tokens: Tensor,
    states: Sequence[Tensor | None],
    probes: Mapping[str, Tensor] | None = None,
) -> tuple[Tensor, tuple[Tensor, ...], dict[str, Tensor]]:
    """tokens: (..., I); states: (layers x directions, B, n) each, None for zeros; probes:
    (..., directions), whose gradients will be the norms of the derivatives by states: `d_h`, or
    `d_h_l0`."""
    finals: list[tuple[Tensor, ...]] = []
    records: dict[str, Tensor] = {}
    for layer in range(stack.num_layers):
        if layer and stack.dropout:
            tokens = torch.nn.functional.dropout(tokens, stack.dropout)
        here, wanted, norms = how, {}, {}
        if how.record or probes:
            wanted = _recorded(how.record, layer, stack.num_layers)
            norms = _recorded(tuple(probes or ()), layer, stack.num_layers)
            measured = tuple(name.removeprefix("d_") for name in norms)
            here = replace(how, record=tuple(wanted), norms=measured)
        sizes = stack.sizes if not layer else {**stack.sizes, "input_size": tokens.shape[-1]}
        outputs, found = [], []
        for number in range(stack.directions):
            place = layer * stack.directions + number
            initial = [None if state is None else state[place : place + 1] for state in states]
            parameters = stack.parameters(layer, bool(number))
            packs = None if stack.fixed is None else stack.fixed.packs(place, parameters)
            mine = [(probes or {})[name][..., number : number + 1] for name in norms.values()]
            y, final, recorded = direction.run(
                stack.wiring, here, batch, bool(number), tokens, initial, parameters, sizes, mine,
                packs,
            )  # fmt: skip
            outputs.append(y)
            finals.append(final)
            found.append(recorded)
        tokens = outputs[0] if len(outputs) == 1 else torch.cat(outputs, dim=-1)
        for name, parts in zip(wanted.values(), zip(*found, strict=True), strict=True):
            records[name] = torch.cat(parts, dim=-1)
    if len(finals) == 1:
        return tokens, finals[0], records
    return tokens, tuple([torch.cat(parts) for parts in zip(*finals, strict=True)]), records


def _recorded(record: Sequence[str], layer: int, num_layers: int) -> dict[str, str]:
    """A value's name in the step -> what the user called it: `f` is the top layer's, `f_l0` the
    lowest one's."""
    suffix = f"_l{layer}"
    if not record:
        return {}
    wanted = {name.removesuffix(suffix): name for name in record if name.endswith(suffix)}
    if layer == num_layers - 1:
        wanted |= {name: name for name in record if not _layer_of(name)}
    return wanted


def _layer_of(name: str) -> str:
    """The "0" of "f_l0", or nothing."""
    base, found, number = name.rpartition("_l")
    return number if found and base and number.isdigit() else ""
