"""Where states are reset. In: a `Form`, booleans by step and sequence. Out: a boolean per token for
each direction; next: `stack`.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from unrolled.errors import ShapeError
from unrolled.layers.batch import DenseBatch, PaddedBatch
from unrolled.layers.forms import Form


def reset_tokens(form: Form, given: Any, like: Tensor, directions: int) -> tuple[Tensor, ...]:
    """For the forward direction, and for the backward one if there is one.

    Segments between resets are separate sequences in both. Read backward, a state is reset after
    the marked step, before the step that ends the previous segment.
    """
    reset, batch = _checked(form, given, like), form.batch
    if isinstance(batch, DenseBatch):
        tokens = form.gathered(reset)
    else:
        tokens = form.gathered(reset.unsqueeze(-1))
    if directions == 1:
        return (tokens,)
    # false beyond the end of a sequence
    padded = batch.bounded(tokens) if isinstance(batch, PaddedBatch) else batch.scatter(tokens)
    earlier = torch.cat([padded[1:], torch.zeros_like(padded[:1])])
    return tokens, batch.gather(earlier)


def _checked(form: Form, given: Any, like: Tensor) -> Tensor:
    if isinstance(given, PackedSequence) != (form.packed is not None):
        raise ShapeError(
            "only one of the input and `reset` is packed: give both as PackedSequences of the same "
            "lengths, or neither"
        )
    if isinstance(given, PackedSequence):
        given = given.data
    reset = given if isinstance(given, Tensor) else torch.as_tensor(given)
    if reset.device != like.device:
        reset = reset.to(like.device)
    if reset.dtype != torch.bool:
        raise ShapeError(
            f"reset is {reset.dtype}, but must be booleans, True where the state is reset before "
            f"that step: use reset.bool()"
        )
    wanted = form.given_axes
    if tuple(reset.shape) != wanted:
        raise ShapeError(
            f"reset has the shape {tuple(reset.shape)}; for this input it must be {wanted}: one "
            f"boolean for each step of each sequence"
        )
    return reset
