"""An epoch of a text classifier: `unrolled train classify`'s own loop, and the loop that PyTorch
users write: shuffled batches, `pad_sequence`, an embedding, torch.nn.LSTM over the padding too, the
output at each text's last word, cross-entropy, the gradient's norm clipped, Adam. Same texts, same
network, same first weights (logits and gradients of a batch are compared), same number of texts in
a batch.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from unrolled.bench.contest import Settings, hold
from unrolled.bench.contestant import OURS, Contestant
from unrolled.bench.layouts import TORCH_NN, join
from unrolled.bench.problem import Array
from unrolled.bench.record import Record
from unrolled.cells.choosing import choose_cell
from unrolled.data.builtin import load
from unrolled.errors import MissingExtra
from unrolled.tasks.classify.encoders import TextEncoder
from unrolled.tasks.classify.job import LabellingJob, TargetedSequences
from unrolled.tasks.classify.model import Labeller
from unrolled.training import settings as training
from unrolled.training.loop import train
from unrolled.training.progress import Quiet

# What is read: its name, how many texts, how many for a quick look.
TEXTS = {"sentences": ("movie-sentences", 4096, 512), "reviews": ("movie-reviews", 512, 64)}
WIDTH, BATCH, VOCABULARY = 64, 32, 20_000
CELL = "LSTM"
HOW = training.Settings(epochs=1)


def measure(settings: Settings) -> Iterator[Record]:
    if not settings.chosen((CELL,)):
        return
    for what, (name, count, quick) in TEXTS.items():
        try:
            data = labelled(name, quick if settings.quick else count)
        except MissingExtra as missing:
            yield Record("text", CELL, None, left_out={"the whole suite": str(missing)})
            return
        makers = {"torch.nn": lambda data=data: plain(data), OURS: lambda data=data: ours(data)}
        record = hold(settings, "text", f"{CELL}, {what}", None, makers)
        record.facts = {
            "texts": len(data), "words": int(data.sequences.lengths.sum()), "spent": spent(data)
        }  # fmt: skip
        yield record


def spent(data: TargetedSequences) -> dict[str, float]:
    """What one of our epochs goes to: shares, in the order in which a step does them."""
    job = LabellingJob(network(data), {"train": data}, torch.ones(classes_of(data)), BATCH, seed=0)
    epoch = train(job, HOW, None, Quiet()).history[-1]
    parts = {what: epoch[f"seconds_{what}"] for what in ("forward", "backward", "update")}
    parts["the rest"] = max(0.0, epoch["seconds"] - sum(parts.values()))
    return {what: seconds / epoch["seconds"] for what, seconds in parts.items()}


def labelled(name: str, count: int) -> TargetedSequences:
    """So many texts, from all over the data, as numbers of words."""
    part = load(name).train
    rows = np.linspace(0, len(part.texts) - 1, min(count, len(part.texts))).astype(int).tolist()
    texts, labels = [part.texts[row] for row in rows], [part.labels[row] for row in rows]
    encoder = TextEncoder.fit(texts, "word", VOCABULARY)
    return TargetedSequences(
        encoder.encode(texts, lambda note: None), np.unique(labels, return_inverse=True)[1]
    )


def network(data: TargetedSequences) -> Labeller:
    """Ours, with the same first weights each time."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Labeller(
            choose_cell("lstm"), int(data.sequences.values.max()) + 1, classes_of(data),
            is_text=True, embedding=WIDTH, hidden=WIDTH, layers=1, bidirectional=False, dropout=0.0,
            pooling="last",
        )  # fmt: skip


def classes_of(data: TargetedSequences) -> int:
    return int(data.targets.max()) + 1


def ours(data: TargetedSequences) -> Contestant:
    model = network(data)
    job = LabellingJob(model, {"train": data}, torch.ones(classes_of(data)), BATCH, seed=0)
    weights = {name: f"recurrent.{name}_l0" for name in recurrent_weights(model)}

    def results() -> dict[str, Array]:
        x, lengths = data.sequences.batch(np.arange(BATCH))
        named = dict(model.named_parameters())
        assert model.embed is not None
        wanted = {name: named[parameter] for name, parameter in weights.items()}
        return compared(model, (x, lengths), data, wanted, model.embed.weight, model.readout)

    return Contestant(lambda: train(job, HOW, None, Quiet()), results)


def recurrent_weights(model: Labeller) -> dict[str, Array]:
    """Those of the cell, by the equation's names."""
    named = model.recurrent.named_parameters()
    return {name.removesuffix("_l0"): tensor.detach().numpy() for name, tensor in named}


class Plain(nn.Module):
    """The classifier as a PyTorch user writes it."""

    def __init__(self, like: Labeller) -> None:
        super().__init__()
        assert isinstance(like.embed, nn.Embedding)
        self.embed = nn.Embedding(like.embed.num_embeddings, WIDTH, padding_idx=0)
        self.embed.load_state_dict(like.embed.state_dict())
        self.lstm = nn.LSTM(WIDTH, WIDTH)
        joined = join(TORCH_NN[CELL], recurrent_weights(like))
        self.lstm.load_state_dict({name: torch.from_numpy(a) for name, a in joined.items()})
        self.readout = nn.Linear(WIDTH, like.readout.out_features)
        self.readout.load_state_dict(like.readout.state_dict())

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        y, _ = self.lstm(self.embed(x))
        scores: Tensor = self.readout(y[lengths - 1, torch.arange(len(lengths))])
        return scores


def plain(data: TargetedSequences) -> Contestant:
    model = Plain(network(data))
    texts = [torch.from_numpy(data.sequences[row].copy()) for row in range(len(data))]
    classes = torch.from_numpy(data.targets)
    optimizer = torch.optim.Adam(model.parameters(), lr=HOW.lr)

    def batch(rows: Tensor) -> tuple[Tensor, Tensor]:
        chosen = [texts[row] for row in rows.tolist()]
        return pad_sequence(chosen), torch.tensor([len(text) for text in chosen])

    def epoch() -> None:
        model.train()
        for rows in torch.split(torch.randperm(len(texts)), BATCH):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(*batch(rows)), classes[rows])
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(model.parameters(), HOW.clip_norm or 1.0)
            optimizer.step()

    def results() -> dict[str, Array]:
        wanted = dict(model.lstm.named_parameters())
        return compared(model, batch(torch.arange(BATCH)), data, wanted, model.embed.weight,
                        model.readout)  # fmt: skip

    return Contestant(epoch, results)


def compared(
    model: nn.Module,
    batch: tuple[Tensor, Tensor],
    data: TargetedSequences,
    weights: dict[str, Any],
    embedding: Any,
    readout: nn.Linear,
) -> dict[str, Array]:
    """Logits of the first texts, and gradients of every parameter."""
    model.zero_grad()
    logits = model(*batch)
    loss = nn.functional.cross_entropy(logits, torch.from_numpy(data.targets[:BATCH]))
    torch.autograd.backward(loss)
    gradients = {name: weight.grad.numpy() for name, weight in weights.items()}
    if "weight_ih_l0" not in gradients:
        gradients = join(TORCH_NN[CELL], gradients)
    gradients.pop("bias_hh_l0")  # torch.nn's second bias; ours has one
    of_readout = readout.weight.grad
    assert of_readout is not None
    gradients |= {"embedding": embedding.grad.numpy(), "readout": of_readout.numpy()}
    found = {f"d_{name}": gradient.copy() for name, gradient in gradients.items()}
    model.zero_grad()
    return {"y": logits.detach().numpy(), **found}
