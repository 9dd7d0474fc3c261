"""Where states start anew. In: a `Form`, booleans by step and sequence. Out: a boolean a token for
either direction; next: `stack`.
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
    """For a direction that reads forward, and for one that reads backward if there is one.

    Stretches between resets are sequences of their own in both: read backward, a state starts anew
    after the step that has been marked, before the one that ends the stretch before.
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
            "the input is packed and `reset` is not, or the other way round: give both as "
            "PackedSequences of the same lengths, or neither"
        )
    if isinstance(given, PackedSequence):
        given = given.data
    reset = given if isinstance(given, Tensor) else torch.as_tensor(given)
    if reset.device != like.device:
        reset = reset.to(like.device)
    if reset.dtype != torch.bool:
        raise ShapeError(
            f"reset is {reset.dtype}, and it is booleans, True where the state starts anew before "
            f"that step: reset.bool() makes it so"
        )
    wanted = form.given_axes
    if tuple(reset.shape) != wanted:
        raise ShapeError(
            f"reset has the shape {tuple(reset.shape)}, and beside this input it is {wanted}: one "
            f"boolean for each step of each sequence"
        )
    return reset
