"""The training job of sequence-to-sequence networks. In: inputs and targets, in parts.

Out: losses, perplexity. The loss is the cross-entropy of each token of the target, including its
end, given the true previous tokens (teacher forcing), with label smoothing (Szegedy et al. 2016) in
training. With scheduled sampling (Bengio et al. 2015) some of the previous tokens are the network's
own: they are sampled all at once, after a first pass over the true ones (Mihaylova & Martins 2019).
Next: `training.loop`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from unrolled.networks.encoder_decoder import EDGE, EncoderDecoder
from unrolled.tasks.ragged import Ragged, batches_by_length, batches_in_order
from unrolled.training.job import Measures, Share, Shown, Stateless, Sums

MEASURING = 2  # times the batch size in evaluation: without gradients there is memory for more
NOTHING = -100  # the target after the end, which is ignored

LINE = (
    Shown("train", "loss", "Train Loss"),
    Shown("validation", "loss", "Val Loss"),
    Shown("validation", "accuracy", "Val Acc", "{:.1%}"),
    Shown("test", "loss", "Test Loss"),
    Shown("test", "accuracy", "Test Acc", "{:.1%}"),
)


class TargetPart(Protocol):
    """A part of the data: inputs and targets."""

    @property
    def targets(self) -> Ragged:
        """The tokens of each target."""

    @property
    def sizes(self) -> Any:
        """A number for each row; rows with similar numbers form a batch."""

    def inputs(self, rows: Any) -> Sequence[Tensor]:
        """The inputs of the network for these rows."""


class TargetJob(Stateless):
    """A sequence-to-sequence network, and its data by part."""

    best, best_is = "loss", "lowest"
    line: Sequence[Shown] = LINE

    def __init__(
        self,
        model: EncoderDecoder,
        parts: Mapping[str, Any],
        batch_size: int,
        smoothing: float,
        seed: int,
        own_tokens: float = 0.0,
    ) -> None:
        """Each part is a `TargetPart`; `own_tokens` is the share of previous tokens that are the
        network's own from the second epoch on."""
        self.model: nn.Module = model
        self.parts, self.batch_size, self.smoothing, self.seed = parts, batch_size, smoothing, seed
        self.own_tokens, self.share_now = own_tokens, 0.0
        self.blind_loss = math.log(len(model.decoder.bias))

    def batches(self, part: str, epoch: int) -> list[Any]:
        if part not in self.parts:
            return []
        data: TargetPart = self.parts[part]
        if part == "train":
            self.share_now = self.own_tokens if epoch else 0.0
            batches = batches_by_length(data.sizes, self.batch_size, self.seed, epoch)
        else:
            batches = batches_in_order(data.sizes, self.batch_size * MEASURING)
        return [(data, rows) for rows in batches]

    def compute(self, model: nn.Module, batch: Any, share: Share) -> tuple[Tensor, Sums]:
        data, rows = batch
        mine, taken = share.of(rows), 1.0
        if not len(mine):  # fewer rows than processes: this one adds zero, but takes part
            mine, taken = rows[:1], 0.0
        device = next(model.parameters()).device
        before, after = shifted(*data.targets.batch(mine))
        before, inputs = before.to(device), [one.to(device) for one in data.inputs(mine)]
        if model.training and self.share_now:
            before = own_instead(model, before, inputs, self.share_now)
        scores, _ = model(before, *inputs)
        flat, wanted = scores.flatten(0, 1), after.flatten().to(device)
        loss = nn.functional.cross_entropy(
            flat, wanted, ignore_index=NOTHING, reduction="sum",
            label_smoothing=self.smoothing if model.training else 0.0,
        )  # fmt: skip
        whole = float((data.targets.lengths[rows] + 1).sum())
        counted = wanted != NOTHING
        right = (flat.argmax(1) == wanted)[counted].sum().double()
        sums = {
            "loss": loss.detach().double() * taken,
            "count": counted.sum().double() * taken,
            "right": right * taken,
        }
        return loss * taken / whole, sums

    def measures(self, sums: Sums) -> Measures:
        loss = float(sums["loss"] / sums["count"])
        accuracy = float(sums["right"] / sums["count"])
        perplexity = math.exp(loss) if loss < 700 else math.inf
        return {"loss": loss, "accuracy": accuracy, "perplexity": perplexity}


@torch.no_grad()
def own_instead(model: nn.Module, before: Tensor, inputs: Sequence[Tensor], share: float) -> Tensor:
    """The previous tokens, with a share of them replaced by the network's samples."""
    scores, _ = model(before, *inputs)
    chances = scores[:-1].softmax(2)
    own = torch.multinomial(chances.flatten(0, 1), 1).view(chances.shape[:2])
    replaced = (torch.rand(own.shape, device=own.device) < share) & (before[1:] != EDGE)
    return torch.cat([before[:1], own.where(replaced, before[1:])])


def shifted(targets: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """The inputs and targets of the decoder, (T + 1, B) each: with the edge token first, and with
    the edge token last."""
    edge = torch.full((1, len(lengths)), EDGE)
    before = torch.cat([edge, targets])
    after = torch.cat([targets, edge])
    places = torch.arange(len(after))[:, None]
    after = torch.where(places == lengths, EDGE, after)
    return before, torch.where(places > lengths, NOTHING, after)
