"""How a module's parameters hold the weights of a step. In: parameters. Out: where each weight
stands in them; next: `autograd`.

`Recurrent` has a parameter for each weight. torch.nn keeps the gates of a layer one above the other
in one matrix, and two biases that are added.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from unrolled.engines.cpu.call.run import Source, Sources


class Packing(Protocol):
    """Parameters in a fixed order -> weights by name."""

    def unpack(self, parameters: Sequence[Tensor]) -> dict[str, Tensor]: ...

    def sources(self, sizes: Mapping[str, int]) -> Sources: ...


@dataclass(frozen=True)
class Plain:
    """One parameter for each weight of the step."""

    names: tuple[str, ...]

    def unpack(self, parameters: Sequence[Tensor]) -> dict[str, Tensor]:
        return dict(zip(self.names, parameters, strict=True))

    def sources(self, sizes: Mapping[str, int]) -> Sources:
        return {name: (Source(number),) for number, name in enumerate(self.names)}


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
