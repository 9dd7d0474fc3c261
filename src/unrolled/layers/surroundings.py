"""Modifiers of a layer rather than its step. In: modifiers such as `Residual()`. Out: parameters,
the inputs of upper layers, initial states; next: `recurrent`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from unrolled.cells.modifiers.around import Around, Highway, LearnedState, Residual
from unrolled.equations.equation import Equation
from unrolled.errors import ArgumentError

Parameters = Mapping[str, tuple[tuple[int, ...], float | None]]
CARRIED = -1.0  # the first b_t of a highway: sigmoid(-1) = 0.27 of what is new


@dataclass(frozen=True)
class Surroundings:
    """The modifiers of one layer that do not change its step."""

    modifiers: Sequence[Around]

    def __post_init__(self) -> None:
        kinds = [type(modifier) for modifier in self.modifiers]
        if len(set(kinds)) < len(kinds) or {Residual, Highway} <= set(kinds):
            raise ArgumentError(
                f"{', '.join(map(str, self.modifiers))} cannot be combined: use one Residual() or "
                f"one Highway()"
            )

    def has(self, kind: type[Around]) -> bool:
        """Whether one of them is of this kind."""
        return any(isinstance(modifier, kind) for modifier in self.modifiers)

    @cached_property
    def learns_states(self) -> bool:
        """Whether the initial states are parameters."""
        return self.has(LearnedState)

    def parameters(
        self,
        equation: Equation,
        sizes: Mapping[str, int],
        num_layers: int,
        directions: int,
        output: int,
    ) -> dict[str, tuple[tuple[int, ...], float | None]]:
        """Name -> shape, and initial value (None: drawn like weights)."""
        found: dict[str, tuple[tuple[int, ...], float | None]] = {}
        width = directions * output
        for layer in range(1, num_layers) if self.has(Highway) else ():
            found[f"W_t_l{layer}"] = ((width, width), None)
            found[f"b_t_l{layer}"] = ((width,), CARRIED)
        for layer in range(num_layers) if self.learns_states else ():
            for suffix in ("", "_reverse")[:directions]:
                for name, shape in equation.states.items():
                    first = equation.initial_state.get(name, 0.0)
                    found[f"{name}_0_l{layer}{suffix}"] = ((sizes[shape[0]],), first)
        return found

    def reset(self, layer: nn.Module, parameters: Parameters) -> None:
        """Set the initial values."""
        for name, (shape, first) in parameters.items():
            parameter = layer.get_parameter(name)
            if first is None:
                parameter.uniform_(-(shape[-1] ** -0.5), shape[-1] ** -0.5)
            else:
                parameter.fill_(first)

    def join(self, layer: nn.Module) -> Callable[[int, Tensor, Tensor], Tensor] | None:
        """What makes the input of the next layer of a layer's number, its input and its output."""
        if not self.modifiers:
            return None
        if self.has(Residual):
            return lambda number, below, above: below + above
        if not self.has(Highway):
            return None

        def highway(number: int, below: Tensor, above: Tensor) -> Tensor:
            weight, bias = (layer.get_parameter(f"{n}_t_l{number}") for n in "Wb")
            share = torch.sigmoid(nn.functional.linear(below, weight, bias))
            return share * above + (1 - share) * below

        return highway

    @staticmethod
    def states(
        layer: nn.Module, names: Sequence[str], equation: Equation, rows: int
    ) -> list[Tensor | None]:
        """The learned initial states, (layers x directions, rows, n) each, by name."""
        found: list[Tensor | None] = []
        for state in equation.states:
            mine = [name for name in names if name.startswith(f"{state}_0_l")]
            parts = torch.stack([layer.get_parameter(name) for name in mine])
            found.append(parts.unsqueeze(1).expand(-1, rows, -1))
        return found

    def refuse(self, who: str, num_layers: int) -> None:
        """Refuse these modifiers where only the step is used."""
        between = num_layers > 1 and (self.has(Residual) or self.has(Highway))
        if self.learns_states or between:
            raise ArgumentError(
                f"{who} does not support {', '.join(map(str, self.modifiers))}, which changes the "
                f"layer and not its step: call layer(x, states) instead"
            )
