"""How a module's parameters hold the weights of a step. In: parameters. Out: weights by name, and
from their gradients the parameters' own; next: `autograd`.

`Recurrent` has a parameter for each weight. torch.nn keeps the gates of a layer one above the other
in one matrix, and two biases that are added; the kernels want them so too, and take them as is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from unrolled.engines.cpu.arrays import Library
from unrolled.engines.cpu.backward import Gradients
from unrolled.engines.cpu.call import Weights


class Packing(Protocol):
    """Parameters in a fixed order -> weights by name, and back."""

    def unpack(self, parameters: Sequence[Tensor]) -> dict[str, Tensor]: ...

    def weights(
        self, library: Library, parameters: Sequence[Tensor], sizes: Mapping[str, int]
    ) -> Weights: ...

    def gradients(self, parameters: Sequence[Tensor], found: Gradients) -> list[Tensor | None]: ...


@dataclass(frozen=True)
class Plain:
    """One parameter for each weight of the step."""

    names: tuple[str, ...]

    def unpack(self, parameters: Sequence[Tensor]) -> dict[str, Tensor]:
        return dict(zip(self.names, parameters, strict=True))

    def weights(
        self, library: Library, parameters: Sequence[Tensor], sizes: Mapping[str, int]
    ) -> Weights:
        arrays = {n: p.contiguous() for n, p in self.unpack(parameters).items()}
        return Weights(library, arrays, sizes)

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

    def weights(
        self, library: Library, parameters: Sequence[Tensor], sizes: Mapping[str, int]
    ) -> Weights:
        rows = len(parameters[0]) // len(self.inputs)
        made = Weights(library, self.unpack(parameters), sizes)
        made.stacks[self.inputs, rows] = parameters[0].contiguous()
        made.stacks[self.states, rows] = parameters[1].contiguous()
        return made

    def gradients(self, parameters: Sequence[Tensor], found: Gradients) -> list[Tensor | None]:
        def stacked(names: tuple[str, ...]) -> Tensor:
            ready = found.stacks.get(names)
            return torch.cat([found.weights[name] for name in names]) if ready is None else ready

        result: list[Tensor | None] = [stacked(self.inputs), stacked(self.states)]
        if self.bias_inputs:
            result += [stacked(self.bias_inputs), stacked(self.bias_states)]
        if self.projection is not None:
            result.append(found.weights[self.projection])
        return result
