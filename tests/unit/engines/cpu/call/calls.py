"""Calls for tests: what a cell and its sizes are made into. No kernel is compiled."""

from __future__ import annotations

from typing import Any

import numpy as np

import unrolled
from unrolled.engines.cpu.call.backward import BackwardCall, backward_call
from unrolled.engines.cpu.call.call import Buffer, Owner
from unrolled.engines.cpu.call.forward import ForwardCall, forward_call
from unrolled.engines.cpu.call.interpret import interpret
from unrolled.engines.cpu.call.sizes import CallSizes
from unrolled.engines.engine import Source
from unrolled.engines.plan import anew, directions
from unrolled.engines.plan.directions import Inputs
from unrolled.engines.plan.lower import backward_graphs, lower, narrow
from unrolled.engines.plan.schedule import Schedule

TEAM, LANES = 256, 8


class Calls:
    """A cell's calls, forward and backward, for these sizes; `inside`: the kernel computes the
    products of the input, too; `half`: what is kept is bfloat16; `weights`: so are matrices;
    `resets`: states may start anew."""

    def __init__(
        self, cell: Any, inputs: int, hidden: int, *, inside: bool = True, keep: bool = True,
        half: bool = False, weights: bool = False, resets: bool = False,
    ) -> None:  # fmt: skip
        self.equation = unrolled.equation(cell)
        lengths = {"input_size": inputs, "hidden_size": hidden}
        self.lengths = {size: lengths.get(size, 3) for size in self.equation.sizes}
        known = {"1": 1, **lengths, **self.lengths}
        lowered = lower(self.equation)
        self.narrow = narrow(lowered)
        self.graphs = backward_graphs(self.narrow)
        sources = {name: (Source(number),) for number, name in enumerate(lowered.weights)}
        self.weights = list(lowered.weights)
        self.sizes = CallSizes(self.narrow, known, sources, LANES, half=weights)
        wide = self.sizes.whole(inputs) if self.narrow.reads_input_by_unit else inputs
        wide = self.sizes.row if len(self.sizes.inputs) > 1 else wide
        self.halved = directions.halves(self.narrow, self.graphs) if half else frozenset()
        made = directions.plan_forward(self.narrow, self.graphs if keep else None, inside=inside,
                                  halved=self.halved)  # fmt: skip
        self.resets = resets
        made = anew.forward(made, self.narrow.step) if resets else made
        self.forward: ForwardCall = forward_call(made, self.sizes, wide, TEAM, keep=keep)

    def backward(self, inputs: Inputs = Inputs.OUTSIDE) -> BackwardCall:
        """The backward call; `inputs`: who computes the derivative with respect to the input."""
        made = directions.plan_backward(self.narrow, self.graphs, (), inputs, self.halved)
        made = anew.backward(made, self.narrow.step) if self.resets else made
        return backward_call(made, self.sizes, self.forward, TEAM, need_states=True)

    def interpret_forward(
        self, schedule: Schedule, weights: dict[str, Any], xs: Any, reset: Any = None
    ) -> dict[Buffer, Any]:
        """Every buffer, after the call was interpreted from states of zeros; xs: (tokens, I);
        reset: (tokens,)."""
        wide = np.zeros((len(xs), self.forward.x.width))
        wide[:, : xs.shape[1]] = xs
        arrays = [weights[name] for name in self.weights]
        given = {self.forward.x: wide, **dict(zip(self.sizes.arrays, arrays, strict=True))}
        given |= {b: reset for b in self.forward.call.buffers if b.name == "reset"}
        return interpret(self.forward.call, schedule, given)

    def interpret_backward(
        self, schedule: Schedule, before: dict[Buffer, Any], d_outputs: Any,
        inputs: Inputs = Inputs.OUTSIDE,
    ) -> tuple[BackwardCall, dict[str, Any]]:  # fmt: skip
        """The call, and its results by name, as it finds what forward has left."""
        call = self.backward(inputs)
        by_name = {buffer.name: buffer for buffer in before}
        given: dict[Buffer, Any] = {b: before[b] for b in call.call.owned(Owner.KEPT)}
        for buffer in call.call.owned(Owner.GIVEN):
            if buffer.name in by_name:
                given[buffer] = before[by_name[buffer.name]]
            elif buffer.name == "d output":
                given[buffer] = d_outputs
        found = interpret(call.call, schedule, given)
        return call, {b.name: found[b] for b in call.call.owned(Owner.RESULT)}
