"""Run stacked layers and their directions. In: a batch's tokens, initial states. Out: outputs,
final states, recorded values by token; next: `operator` and the engine, and on the way back
`forms`.

Between layers values stay tokens: a ragged batch is gathered once and scattered once.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from unrolled.equations.equation import Equation
from unrolled.equations.lengths import known_length
from unrolled.layers import opaque
from unrolled.layers.batch import DenseBatch, PaddedBatch, RaggedBatch
from unrolled.layers.bptt import pieces
from unrolled.layers.fixed import Fixed
from unrolled.layers.noise import dropped, masks, noisy
from unrolled.layers.operator import (
    Direction,
    KernelSequence,
    Run,
    Tensors,
    infer,
    is_followed,
    jobs_for,
    traced,
    wants_gradients,
)
from unrolled.layers.parameterized import AUTOGRAD, AnyEngine, Parameterized


@dataclass(eq=False)
class Stack:
    """A layer at one call. `parameters(layer, reverse)` returns those of one direction, in the
    order that the cell expects."""

    cell: Parameterized
    engine: AnyEngine
    bptt: str | int
    num_layers: int
    directions: int
    sizes: dict[str, int]
    parameters: Callable[[int, bool], list[Tensor]]
    dropout: float
    fixed: Fixed | None = None
    is_noisy: bool = False
    join: Callable[[int, Tensor, Tensor], Tensor] | None = None  # layer, its input, its output
    kept: str | None = None

    def layer_sizes(self, layer: int, width: int) -> dict[str, int]:
        """Sizes with the width of this layer's input."""
        if not layer:
            return self.sizes
        return with_width(self.cell.equation, self.sizes, int(width))


def with_width(equation: Equation, sizes: dict[str, int], width: int) -> dict[str, int]:
    """The sizes of a layer with another input, and what follows from it."""
    found = {**sizes, "input_size": width}
    more = {size: known_length(size, found, equation.name) for size in equation.derived_sizes}
    return found | more


def run(
    stack: Stack,
    batch: DenseBatch | RaggedBatch | PaddedBatch,
    tokens: Tensor,
    states: Sequence[Tensor | None],
    names: Sequence[str] = (),
    probes: Mapping[str, Tensor] | None = None,
    named: Mapping[str, Tensor] | None = None,
    reset: Sequence[Tensor] = (),
) -> tuple[Tensor, Tensors, dict[str, Tensor]]:
    """tokens: (..., I); states: (layers x directions, B, n) each, None for zeros; names: of values
    to be recorded; probes: (..., directions), whose gradients will be the norms of the derivatives
    with respect to states: `d_h`, or `d_h_l0`; named: (..., n), inputs that every layer sees beside
    the first; reset: booleans, where states are reset, for each direction."""
    finals: list[Tensors] = []
    records: dict[str, Tensor] = {}
    in_kernels = stack.engine is not AUTOGRAD and not isinstance(batch, PaddedBatch)
    for layer in range(stack.num_layers):
        below = tokens
        if layer and stack.dropout:
            tokens = torch.nn.functional.dropout(tokens, stack.dropout)
        wanted = _of_layer(names, layer, stack.num_layers) if names else {}
        norms = _of_layer([*probes], layer, stack.num_layers) if probes else {}
        found: list[Tensors] = []
        for number in range(stack.directions):
            xs = tokens
            if named or stack.is_noisy:
                xs = _beside(stack, batch, tokens, named or {})
            marks = reset[number] if reset else None
            if marks is not None and not in_kernels:  # then it is one more input
                marks = marks.reshape(*xs.shape[:-1], 1).to(xs.dtype)
                xs, marks = torch.cat([xs, marks], dim=-1), None
            mine = [probes[n][..., number : number + 1] for n in norms.values()] if probes else []
            place = layer, bool(number)
            start = layer * stack.directions + number
            initial = [None if state is None else state[start : start + 1] for state in states]
            resets, width = bool(reset) and not in_kernels, tokens.shape[-1]
            if isinstance(batch, PaddedBatch):
                results = _observed(stack, batch, xs, initial, width, place, [*wanted], resets)
            else:
                apply, direction, tensors = _prepared(
                    stack, batch, width, xs, initial, mine, place, wanted, norms, resets, marks
                )
                results = _in_order(batch, apply(direction, *tensors), len(states), place)
            finals.append(tuple(results[1 : 1 + len(states)]))
            found.append((results[0], *results[1 + len(states) :]))
        joined = found[0]
        if len(found) > 1:
            joined = tuple([torch.cat(parts, dim=-1) for parts in zip(*found, strict=True)])
        tokens = joined[0]
        if layer and stack.join is not None:
            tokens = stack.join(layer, below, tokens)
        if wanted:
            records |= zip(wanted.values(), joined[1:], strict=True)
    if len(finals) == 1:
        return tokens, finals[0], records
    return tokens, tuple([torch.cat(parts) for parts in zip(*finals, strict=True)]), records


def _prepared(
    stack: Stack, batch: DenseBatch | RaggedBatch, width: int, xs: Tensor,
    initial: list[Tensor | None], probes: Sequence[Tensor], place: tuple[int, bool],
    wanted: Mapping[str, str], norms: Mapping[str, str], resets: bool, marks: Tensor | None,
) -> tuple[Run, Direction, list[Any]]:  # fmt: skip
    """One direction of one layer: what runs it, and on what. `run` calls it, so that no function
    stands between the two. `xs` are the tokens, whose
    first `width` numbers are the layer's input, with all that stands beside them: with `resets`,
    where states are reset, which kernels get as `marks`."""
    layer, reverse = place
    cell = stack.cell.with_reset if resets else stack.cell
    direction, weights = _direction(stack, cell, batch, xs, width, layer, reverse, wanted, norms)
    if marks is not None:
        direction.reset = batch.turned(marks, reverse).reshape(-1)
    if isinstance(batch, DenseBatch):  # whose tokens and rows lie as they were given
        every: list[Any] = [xs, *initial, *weights, *probes]
    else:
        every = [
            batch.turned(xs, reverse), *map(batch.ordered, initial), *weights,
            *(batch.turned(probe, reverse) for probe in probes),
        ]  # fmt: skip
    is_training = wants_gradients(every) or is_followed(every)
    if stack.bptt != "whole" and is_training and direction.schedule.steps:
        return functools.partial(pieces, bptt=stack.bptt), direction, every
    if direction.is_traced:
        return traced, direction, every
    if is_training:
        return KernelSequence.apply, direction, [every[0].contiguous(), *every[1:]]
    return infer, direction, every


def _in_order(
    batch: DenseBatch | RaggedBatch, results: Tensors, states: int, place: tuple[int, bool]
) -> Tensors:
    """Outputs, final states and records in the order in which tokens and rows were given."""
    if isinstance(batch, DenseBatch):
        return results
    outputs, *rest = results
    return (
        batch.turned(outputs, place[1]), *map(batch.restored, rest[:states]),
        *(batch.turned(values, place[1]) for values in rest[states:]),
    )  # fmt: skip


def _beside(
    stack: Stack,
    batch: DenseBatch | RaggedBatch | PaddedBatch,
    tokens: Tensor,
    named: Mapping[str, Tensor],
) -> Tensor:
    """The input and what is given, or drawn, beside it."""
    found = stack.cell.equation
    if stack.is_noisy:
        named = masks(found, stack.sizes, batch, tokens, named)
        tokens = noisy(found, batch, tokens)
    return torch.cat([tokens, *named.values()], dim=-1) if named else tokens


def _observed(
    stack: Stack, batch: PaddedBatch, xs: Tensor, initial: Sequence[Tensor | None],
    width: int, place: tuple[int, bool], record: list[str], resets: bool,
) -> Tensors:  # fmt: skip
    """A direction as an operator, for compilers, tracers and transformations."""
    layer, reverse = place
    sizes, parameters = stack.layer_sizes(layer, width), stack.parameters(layer, reverse)
    if stack.is_noisy:
        parameters = dropped(stack.cell.equation, [*stack.cell.equation.weights], parameters)
    weights = stack.cell.given(parameters, sizes, resets)
    starts = [state for state in initial if state is not None]
    if starts:  # all or none are given
        starts = [
            xs.new_zeros(1, batch.rows, n) if state is None else state
            for state, (_, n) in zip(initial, stack.cell.state_sizes(sizes), strict=True)
        ]
    text, names = stack.cell.text(sizes, resets, stack.kept), ",".join(record)
    return tuple(opaque.run(
        text, xs, starts, weights, batch.lengths, reverse, names, str(stack.bptt)
    ))  # fmt: skip


def _direction(
    stack: Stack, cell: Parameterized, batch: DenseBatch | RaggedBatch, xs: Tensor, width: int,
    layer: int, reverse: bool, wanted: Mapping[str, str], norms: Mapping[str, str],
) -> tuple[Direction, list[Tensor]]:  # fmt: skip
    """What runs, but for its tensors, and its weights."""
    sizes = stack.layer_sizes(layer, width)
    parameters = stack.parameters(layer, reverse)
    if stack.is_noisy:
        parameters = dropped(stack.cell.equation, [*stack.cell.equation.weights], parameters)
    place = layer * stack.directions + reverse
    packs = None if stack.fixed is None else stack.fixed.packs(place, parameters)
    recurrence = cell.recurrence(stack.engine, parameters[0].dtype, sizes, stack.kept)
    direction = Direction(
        recurrence, stack.engine is AUTOGRAD, batch.schedule(jobs_for(xs, sizes), reverse),
        len(stack.cell.equation.states), (*wanted,), tuple([n.removeprefix("d_") for n in norms]),
        packs,
    )  # fmt: skip
    return direction, cell.weights(parameters, sizes)


def _of_layer(names: Sequence[str], layer: int, num_layers: int) -> dict[str, str]:
    """A value's name in the step -> what the user called it: `f` is the top layer's, `f_l0` the
    lowest one's."""
    suffix = f"_l{layer}"
    wanted = {name.removesuffix(suffix): name for name in names if name.endswith(suffix)}
    if layer == num_layers - 1:
        wanted |= {name: name for name in names if not _layer_of(name)}
    return wanted


def _layer_of(name: str) -> str:
    """The "0" of "f_l0", or nothing."""
    base, found, number = name.rpartition("_l")
    return number if found and base and number.isdigit() else ""
