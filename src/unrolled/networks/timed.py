"""A recurrent layer whose cell takes more than its input. In: (T, B, size), whose last columns are
what the cell takes by name. Out: as of the layer; next: `tasks.classify`.

`dt` is the time since the row before, one column. `mask` and `delta` are, for each number of the
input, whether it was observed, and how long ago the one before was.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from unrolled.equations.equation import Equation
from unrolled.errors import ArgumentError
from unrolled.layers.batch import RaggedBatch
from unrolled.layers.recurrent import Recurrent

FORMS = (("mask", "delta"), ("dt",))
EACH = "input_size"  # of a named input with a number for each of the input's


def takes_times(equation: Equation) -> tuple[str, ...]:
    """What a cell is given by name of a series with times; a cell that takes none is refused."""
    named = equation.named_inputs
    for form in FORMS:
        if set(form) <= set(named):
            others = [n for n in named if n not in form and n not in equation.defaults]
            if others:
                raise ArgumentError(
                    f"{equation.name} also needs {others[0]} at each step, which no column is: "
                    f"give it a default, `*, {others[0]}=1.0`"
                )
            return form
    raise ArgumentError(
        f"--times gives a cell the time between rows as its input dt, and {equation.name} takes "
        "none: choose --cell cfc, ltc, phasedlstm or grud, or a cell of your own with dt, "
        "`def step(self, x, h, *, dt=1.0)`; without --times, --time orders the rows alone"
    )


def is_of_each(equation: Equation, names: tuple[str, ...]) -> bool:
    """Whether the cell takes a number for each of its input's, so that it must see the channels."""
    return any(equation.named_inputs[name] == (EACH,) for name in names)


class TimedRecurrent(nn.Module):
    """`recurrent`, with what it takes by name beside its input."""

    def __init__(self, recurrent: Recurrent, names: tuple[str, ...]) -> None:
        super().__init__()
        self.recurrent, self.names = recurrent, names
        self.output_size, self.directions = recurrent.output_size, recurrent.directions
        each = is_of_each(recurrent.equation, names)
        self.widths = [recurrent.input_size if each else 1 for _ in names]

    def _apart(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        first, *others = torch.split(x, [self.recurrent.input_size, *self.widths], -1)
        return first, dict(zip(self.names, others, strict=True))

    def forward(self, x: Tensor) -> tuple[Tensor, Any]:
        first, named = self._apart(x)
        found: tuple[Tensor, Any] = self.recurrent(first, **named)
        return found

    def over(self, tokens: Tensor, batch: RaggedBatch) -> tuple[Tensor, Any]:
        """As `Recurrent.over`."""
        first, named = self._apart(tokens)
        return self.recurrent.over(first, batch, **named)
