"""The forms of a batch. In: x, optionally with lengths. Out: `Form`, with the batch's tokens, and
the conversion back; next: `recurrent`, `drop_in`.

(T, B, I), (B, T, I), a single (T, I), a PackedSequence: outputs and states have the same form as
the input.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from unrolled.errors import ShapeError
from unrolled.layers.batch import DenseBatch, PaddedBatch, RaggedBatch, padded, ragged
from unrolled.layers.checks import refuse_probes, same_kind


@dataclass
class Form:
    """A batch, time first, and how it was given."""

    x: Tensor  # (T, B, I), or a PackedSequence's (N, I)
    batch: DenseBatch | RaggedBatch | PaddedBatch
    rows: int
    batch_first: bool = False
    single: bool = False
    packed: PackedSequence | None = None
    places: Tensor | None = None  # a PackedSequence's tokens in the order of ours
    is_gathered: bool = False  # x, and what lies beside it, are tokens already: (N, I)

    def tokens(self) -> Tensor:
        return self.batch.gather(self.x) if self.places is None else self._placed(self.x)

    def _placed(self, given: Tensor) -> Tensor:
        """A PackedSequence's data as the batch has it."""
        assert self.places is not None
        if not isinstance(self.batch, PaddedBatch):
            return given.index_select(0, self.places)
        empty = given.new_zeros(self.batch.steps * self.rows, given.shape[1])
        padded = empty.index_copy(0, self.places, given)
        return padded.reshape(self.batch.steps, self.rows, given.shape[1])

    @property
    def given_axes(self) -> tuple[int, ...]:
        """The axes of the user's input, without its units."""
        axes = tuple(self.x.shape[:-1])
        if self.single:
            return axes[:1]
        return axes[::-1] if self.batch_first and self.packed is None else axes

    def gathered(self, given: Tensor) -> Tensor:
        """The tokens of what lies beside the input, in the same form as that was given."""
        if self.is_gathered:
            return given
        if self.places is not None:
            return self._placed(given)
        if self.single:
            given = given.unsqueeze(1)
        elif self.batch_first:
            given = given.transpose(0, 1)
        return self.batch.gather(given)

    def probe(self, width: int) -> tuple[Any, Tensor]:
        """Zeros in the form of the input, for the user, and the tokens that lead to them: what is
        the gradient of the tokens becomes `.grad` of the zeros."""
        zeros = self.x.new_zeros(*self.x.shape[:-1], width)
        if self.places is not None:
            assert self.packed is not None
            zeros.requires_grad_()
            return self.packed._replace(data=zeros), zeros.index_select(0, self.places)
        zeros = zeros.squeeze(1) if self.single else zeros
        zeros = (
            zeros.transpose(0, 1).contiguous() if self.batch_first and not self.single else zeros
        )
        zeros.requires_grad_()
        timed = zeros.unsqueeze(1) if self.single else zeros
        timed = timed.transpose(0, 1) if self.batch_first and not self.single else timed
        return zeros, self.batch.gather(timed)

    def probes(self, names: Sequence[str], width: int) -> dict[str, tuple[Any, Tensor]]:
        """A probe for each `d_...` among the names."""
        if isinstance(self.batch, PaddedBatch):
            refuse_probes(names)
            return {}
        return {name: self.probe(width) for name in names if name.startswith("d_")}

    def answer(
        self,
        outputs: Tensor,
        finals: Sequence[Tensor],
        records: Mapping[str, Tensor],
        names: Sequence[str],
        probes: Mapping[str, tuple[Any, Tensor]],
    ) -> Any:
        """What a layer returns: outputs, final states, and with `names` a third item, by name:
        values of the step, and for `d_h` zeros whose `.grad`, after backward, says how long the
        derivative of the loss with respect to h was at every step."""
        if not names:
            return self.restore(outputs), self.states(finals)
        found = {name: self.restore(values) for name, values in records.items()}
        found |= {name: zeros for name, (zeros, _) in probes.items()}
        return self.restore(outputs), self.states(finals), {name: found[name] for name in names}

    def restore(self, tokens: Tensor) -> Any:
        """Tokens in the form of x."""
        if self.packed is not None:
            assert self.places is not None
            if isinstance(self.batch, PaddedBatch):
                data = tokens.flatten(0, 1).index_select(0, self.places)
            else:
                data = tokens.index_select(0, torch.argsort(self.places))
            p = self.packed
            return PackedSequence(data, p.batch_sizes, p.sorted_indices, p.unsorted_indices)
        y = self.batch.scatter(tokens)
        if self.single:
            return y.squeeze(1)
        return y.transpose(0, 1) if self.batch_first else y

    def states(self, states: Sequence[Tensor]) -> Any:
        """(layers x directions, B, n) each, as the user knows them."""
        given = [self._user_order(state) for state in states]
        given = [state.squeeze(1) for state in given] if self.single else given
        return given[0] if len(given) == 1 else tuple(given)

    def _user_order(self, state: Tensor) -> Tensor:
        if self.packed is None or self.packed.unsorted_indices is None:
            return state
        return state.index_select(1, self.packed.unsorted_indices)

    def given_states(
        self, given: Sequence[Tensor], shapes: Mapping[str, tuple[int, int, int]], like: Tensor
    ) -> list[Tensor]:
        """Check the user's states, and bring them into the order of the batch."""
        if not all(isinstance(state, Tensor) for state in given) or len(given) != len(shapes):
            raise ShapeError(
                f"states are {len(shapes)} ({', '.join(shapes)}), one tensor each, and "
                f"{len(given)} were given"
            )
        result = []
        for (name, shape), state in zip(shapes.items(), given, strict=True):
            wanted = (shape[0], shape[2]) if self.single else shape
            if tuple(state.shape) != wanted:
                raise ShapeError(
                    f"the initial {name} has the shape {tuple(state.shape)}, but this layer needs "
                    f"{wanted}: layers x directions" + ("" if self.single else ", sequences")
                    + ", units"
                )  # fmt: skip
            same_kind(f"the initial {name}", state, like)
            state = state.unsqueeze(1) if self.single else state
            if self.packed is not None and self.packed.sorted_indices is not None:
                state = state.index_select(1, self.packed.sorted_indices)
            result.append(state)
        return result


def form_of(x: Any, lengths: Any, batch_first: bool, is_observed: bool = False) -> Form:
    """The form of x. With `is_observed`, its values must not be read."""
    if isinstance(x, PackedSequence):
        if lengths is not None:
            raise ShapeError("a PackedSequence has its own lengths: do not give `lengths`")
        return _packed(x, is_observed)
    if not isinstance(x, Tensor) or x.dim() not in (2, 3):
        found = f"{x.dim()} axes: {tuple(x.shape)}" if isinstance(x, Tensor) else type(x).__name__
        raise ShapeError(
            f"the input must be (time, batch, input), or (batch, time, input) with batch_first, or "
            f"(time, input) for one sequence; this has {found}"
        )
    single = x.dim() == 2
    x = x.unsqueeze(1) if single else x.transpose(0, 1) if batch_first else x
    steps, rows = x.shape[:2]
    batch: DenseBatch | RaggedBatch | PaddedBatch = DenseBatch(steps, rows)
    if lengths is not None:
        lengths = [lengths] if single and not _has_axis(lengths) else lengths
        batch = padded(lengths, steps, rows) if is_observed else ragged(lengths, steps, rows)
    elif is_observed:
        batch = PaddedBatch(steps, rows, None)
    return Form(x, batch, rows, batch_first, single)


def _has_axis(lengths: Any) -> bool:
    return hasattr(lengths, "__len__") and getattr(lengths, "ndim", 1) > 0


def _packed(x: PackedSequence, is_observed: bool) -> Form:
    sizes = x.batch_sizes
    steps, rows = len(sizes), int(sizes[0]) if len(sizes) else 0
    going = sizes[:, None] > torch.arange(rows)[None, :]
    lengths = going.sum(0)
    if is_observed:
        places = going.flatten().nonzero().squeeze(1).to(x.data.device)
        return Form(x.data, PaddedBatch(steps, rows, lengths), rows, packed=x, places=places)
    batch = ragged(lengths, steps, rows)
    # place of (step, sequence) in the packed data: the step's first, plus the sequence's number
    first = torch.cumsum(sizes, 0) - sizes
    padded = batch.places  # step * rows + sequence, for every token
    places = first[padded // rows] + padded % rows if rows else padded
    return Form(x.data, batch, rows, packed=x, places=places.to(x.data.device))
