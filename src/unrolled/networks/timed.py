"""A recurrent layer whose cell has named inputs. In: (T, B, size), whose last columns are the named
inputs. Out: as for the layer; next: `tasks.classify`.

`dt`, one column, is the time since the previous row. `mask` and `delta` are, for each input value,
whether it was observed, and the time since its last observation.
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
EACH = "input_size"  # size of a named input with a value for each input value


def takes_times(equation: Equation) -> tuple[str, ...]:
    """The named inputs of a cell for a series with times; raises an error if it has none."""
    named = equation.named_inputs
    for form in FORMS:
        if set(form) <= set(named):
            others = [n for n in named if n not in form and n not in equation.defaults]
            if others:
                raise ArgumentError(
                    f"{equation.name} also needs {others[0]} at each step, which data lack: "
                    f"give it a default, `*, {others[0]}=1.0`"
                )
            return form
    raise ArgumentError(
        f"--times gives a cell the time between rows as its input dt, and {equation.name} has "
        "none: choose --cell cfc, ltc, phasedlstm or grud, or a cell of your own with dt, "
        "`def step(self, x, h, *, dt=1.0)`; without --times, --time orders the rows alone"
    )


def is_of_each(equation: Equation, names: tuple[str, ...]) -> bool:
    """Whether the cell has named inputs for each input value, and so needs the channels."""
    return any(equation.named_inputs[name] == (EACH,) for name in names)


class TimedRecurrent(nn.Module):
    """`recurrent`, with its named inputs in the last columns."""

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
        """Like `Recurrent.over`."""
        first, named = self._apart(tokens)
        return self.recurrent.over(first, batch, **named)
