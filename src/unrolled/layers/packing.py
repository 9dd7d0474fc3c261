"""How torch.nn's layers hold a step's weights. In: names. Out: `Gates`; next: `parameterized`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from unrolled.engines.engine import Source, Sources


@dataclass(frozen=True)
class Gates:
    """All gates of a layer stacked in one matrix, and two biases that are added. `inputs` and
    `states` name the matrices in weight_ih and weight_hh. Each bias is the sum of one part of
    bias_ih and one of bias_hh, or only one of them."""

    inputs: tuple[str, ...]
    states: tuple[str, ...]
    bias_inputs: tuple[str, ...] = ()
    bias_states: tuple[str, ...] = ()
    projection: str | None = None

    def sources(self, sizes: Mapping[str, int]) -> Sources:
        """Each weight's place in (weight_ih, weight_hh, bias_ih, bias_hh, weight_hr)."""
        rows = sizes["hidden_size"]
        found: dict[str, tuple[Source, ...]] = {}
        stacked = (self.inputs, self.states, self.bias_inputs, self.bias_states)
        for number, names in enumerate(stacked):
            for position, name in enumerate(names):
                found[name] = *found.get(name, ()), Source(number, position * rows)
        if self.projection is not None:
            found[self.projection] = (Source(4 if self.bias_inputs else 2),)
        return found
