"""How a module's parameters hold the weights of a step. In: parameters. Out: where each weight
stands in them, and from the weights' gradients the parameters' own; next: `autograd`.

`Recurrent` has a parameter for each weight. torch.nn keeps the gates of a layer one above the other
in one matrix, and two biases that are added.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from unrolled.engines.cpu.backward import Gradients
from unrolled.engines.cpu.run import Source, Sources


class Packing(Protocol):
    """Parameters in a fixed order -> weights by name, and back."""

    def unpack(self, parameters: Sequence[Tensor]) -> dict[str, Tensor]: ...

    def sources(self, sizes: Mapping[str, int]) -> Sources: ...

    def gradients(self, parameters: Sequence[Tensor], found: Gradients) -> list[Tensor | None]: ...


@dataclass(frozen=True)
class Plain:
    """One parameter for each weight of the step."""

    names: tuple[str, ...]

    def unpack(self, parameters: Sequence[Tensor]) -> dict[str, Tensor]:
        return dict(zip(self.names, parameters, strict=True))

    def sources(self, sizes: Mapping[str, int]) -> Sources:
        return {name: (Source(number),) for number, name in enumerate(self.names)}

    def gradients(self, parameters: Sequence[Tensor], found: Gradients) -> list[Tensor | None]:
        # a weight that the outputs do not depend on has no derivative: zero
        return [
            found.weights[name].reshape(p.shape) if name in found.weights else torch.zeros_like(p)
            for name, p in zip(self.names, parameters, strict=True)
        ]


@dataclass(frozen=True)
class Gates:
    """torch.nn's: `inputs` and `states` name the matrices above one another in weight_ih and
    weight_hh; each bias is the sum of one part of bias_ih and one of bias_hh, or either alone."""

    inputs: tuple[str, ...]
    states: tuple[str, ...]
    bias_inputs: tuple[str, ...] = ()
    bias_states: tuple[str, ...] = ()
    projection: str | None = None

    def unpack(self, parameters: Sequence[Tensor]) -> dict[str, Tensor]:
        rows = len(parameters[0]) // len(self.inputs)
        found = dict(zip(self.inputs, parameters[0].split(rows), strict=True))
        found |= dict(zip(self.states, parameters[1].split(rows), strict=True))
        if self.bias_inputs == self.bias_states and self.bias_inputs:
            both = parameters[2] + parameters[3]
            found |= dict(zip(self.bias_inputs, both.split(rows), strict=True))
        elif self.bias_inputs:
            for names, bias in (
                (self.bias_inputs, parameters[2]),
                (self.bias_states, parameters[3]),
            ):
                for name, part in zip(names, bias.split(rows), strict=True):
                    found[name] = found[name] + part if name in found else part
        if self.projection is not None:
            found[self.projection] = parameters[-1]
        return found

    def sources(self, sizes: Mapping[str, int]) -> Sources:
        rows = sizes["hidden_size"]
        found: dict[str, tuple[Source, ...]] = {}
        stacked = (self.inputs, self.states, self.bias_inputs, self.bias_states)
        for number, names in enumerate(stacked):
            for position, name in enumerate(names):
                found[name] = *found.get(name, ()), Source(number, position * rows)
        if self.projection is not None:
            found[self.projection] = (Source(4 if self.bias_inputs else 2),)
        return found

    def gradients(self, parameters: Sequence[Tensor], found: Gradients) -> list[Tensor | None]:
        def stacked(names: tuple[str, ...]) -> Tensor:
            ready = found.stacks.get(names)
            return torch.cat([found.weights[name] for name in names]) if ready is None else ready

        result: list[Tensor | None] = [stacked(self.inputs), stacked(self.states)]
        if self.bias_inputs:
            first, second = stacked(self.bias_inputs), stacked(self.bias_states)
            # a tensor each, for who changes one gradient in place does not mean the other
            result += [first, second.clone() if second is first else second]
        if self.projection is not None:
            result.append(found.weights[self.projection])
        return result
