"""The torch engine: any device, any dtype, any order of derivative. In: a step, sizes. Out:
`Traced`; next: `layers`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from unrolled.engines.engine import ForwardResults, Source, Sources
from unrolled.engines.plan.lower import Lowered
from unrolled.engines.plan.schedule import DenseSchedule, RaggedSchedule, Schedule
from unrolled.engines.torch.graph import unroll
from unrolled.equations.nodes import ONE


class Torch:
    """Runs the step's operations under autograd."""

    name = "torch"

    def runs(self, device: str, dtype: str) -> bool:
        """Whatever torch runs."""
        return True

    def recurrence(
        self, lowered: Lowered, sizes: Mapping[str, int], sources: Sources, dtype: str,
        kept: str = "",
    ) -> Traced:  # fmt: skip
        """A step with all its sizes; what is kept is autograd's."""
        return Traced(lowered, sizes, sources)


class Traced:
    """A step with all its sizes."""

    def __init__(self, lowered: Lowered, sizes: Mapping[str, int], sources: Sources) -> None:
        self.lowered, self.sizes, self.sources = lowered, sizes, sources

    def forward(
        self,
        schedule: Schedule,
        weights: Sequence[Tensor],
        xs: Tensor,
        initial: Sequence[Tensor | None],
        record: tuple[str, ...] = (),
        probes: Mapping[str, Tensor] | None = None,
    ) -> ForwardResults:
        """As the protocol says."""
        form, tokens = xs.shape[:-1], xs.flatten(0, -2)
        units = [self.sizes[shape[0]] for shape in self.lowered.step.states.values()]
        starts = [tokens.new_zeros(schedule.rows, n) if start is None else start.squeeze(0)
                  for start, n in zip(initial, units, strict=True)]  # fmt: skip
        grid = _Grid(schedule, tokens.device)
        known = {name: weight_of(self.sources[name], weights, self._rows(shape))
                 for name, shape in self.lowered.weights.items()}  # fmt: skip
        measured = {name: grid.laid_out(probe.flatten(0, -2))
                    for name, probe in (probes or {}).items()}  # fmt: skip
        outputs, finals, records = unroll(
            self.lowered.step, grid.laid_out(tokens), starts, known, self.sizes, record, measured,
            grid.going,
        )  # fmt: skip
        by_token = [grid.as_tokens(values) for values in (outputs, *records)]
        by_token = [values.reshape(*form, values.shape[-1]) for values in by_token]
        return ForwardResults(by_token[0], [final.unsqueeze(0) for final in finals], by_token[1:])

    def _rows(self, shape: Sequence[str]) -> int:
        return 1 if not shape or shape[0] == ONE else self.sizes[shape[0]]


def weight_of(sources: Sequence[Source], arrays: Sequence[Tensor], rows: int) -> Tensor:
    """A weight of so many rows, as arrays hold it: the sum of its parts."""
    parts = []
    for source in sources:
        array = arrays[source.array]
        is_whole = array.dim() == 0 or len(array) == rows
        parts.append(array if is_whole else array.narrow(0, source.row, rows))
    return parts[0] if len(parts) == 1 else parts[0] + parts[1]


class _Grid:
    """Tokens as (T, B, .), and back; `going`: which sequences are active at each step."""

    def __init__(self, schedule: Schedule, device: torch.device) -> None:
        self.steps, self.rows = schedule.steps, schedule.rows
        self.is_turned = isinstance(schedule, DenseSchedule) and schedule.reverse
        self.places: Tensor | None = None
        self.going: Tensor | None = None
        if isinstance(schedule, RaggedSchedule):
            steps, rows = schedule.table
            self.places = torch.from_numpy(steps * self.rows + rows).to(device)
            going = torch.zeros(self.steps * self.rows, dtype=torch.bool, device=device)
            going[self.places] = True
            self.going = going.reshape(self.steps, self.rows)

    def laid_out(self, values: Tensor) -> Tensor:
        if self.places is not None:
            flat = values.new_zeros(self.steps * self.rows, values.shape[1])
            values = flat.index_copy(0, self.places, values)
        values = values.reshape(self.steps, self.rows, values.shape[1])
        return values.flip(0) if self.is_turned else values

    def as_tokens(self, values: Tensor) -> Tensor:
        values = (values.flip(0) if self.is_turned else values).flatten(0, 1)
        return values if self.places is None else values.index_select(0, self.places)
