"""Three classifiers and their training, in torch. In: a `Task`. Out: `Trained`; next: `page`.

All three begin with the same embedding and end with the same linear layer. In between are the mean
of the words and a hidden layer (feed-forward), a simple recurrent network, or an LSTM.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

import unrolled
from unrolled.labs.classify.texts import Task, Words

BATCH, RATE, CLIP = 32, 0.004, 1.0
Batch = tuple[Tensor, Tensor, Tensor]


class Recurrent(nn.Module):
    """Embedding, a recurrent layer, and a linear layer on its last state."""

    def __init__(self, layer: type[nn.Module], words: int, width: int, classes: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, width)
        self.layer = layer(width, width)
        self.output = nn.Linear(width, classes)

    def forward(self, words: Tensor, lengths: Tensor) -> Tensor:
        scores: Tensor = self.output(self.last(words, lengths))
        return scores

    def last(self, words: Tensor, lengths: Tensor) -> Tensor:
        """The state after the last word of each sentence; padding is not read."""
        packed = nn.utils.rnn.pack_padded_sequence(
            self.embedding(words), lengths, enforce_sorted=False
        )
        _, states = self.layer(packed)
        last: Tensor = (states[0] if isinstance(states, tuple) else states)[-1]
        return last


class FeedForward(nn.Module):
    """Embedding, the mean over the words, a hidden layer, and a linear layer."""

    def __init__(self, words: int, width: int, classes: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, width)
        self.hidden = nn.Linear(width, width)
        self.output = nn.Linear(width, classes)

    def forward(self, words: Tensor, lengths: Tensor) -> Tensor:
        is_word = torch.arange(len(words))[:, None] < lengths
        mean = (self.embedding(words) * is_word[..., None]).sum(0) / lengths[:, None]
        scores: Tensor = self.output(torch.relu(self.hidden(mean)))
        return scores


def build(name: str, task: Task, width: int) -> nn.Module:
    words, classes = len(task.vocabulary) + 1, len(task.classes)
    if name == "feed-forward":
        return FeedForward(words, width, classes)
    return Recurrent({"RNN": unrolled.RNN, "LSTM": unrolled.LSTM}[name], words, width, classes)


NAMES = ("feed-forward", "RNN", "LSTM")


@dataclass
class Trained:
    """One model on one task, epoch by epoch."""

    name: str
    task: Task
    model: nn.Module = field(repr=False)
    weights: int
    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    test_loss: list[float] = field(default_factory=list)
    test_accuracy: list[float] = field(default_factory=list)
    predicted: list[int] = field(default_factory=list)


def batches(task: Task, pairs: list[tuple[Words, int]], order: np.ndarray) -> Iterator[Batch]:
    """Batches of sentences, the shorter ones padded at the end."""
    for start in range(0, len(order), BATCH):
        chosen = [pairs[place] for place in order[start : start + BATCH]]
        coded = [torch.tensor(task.encode(words)) for words, _ in chosen]
        yield (
            nn.utils.rnn.pad_sequence(coded),
            torch.tensor([len(code) for code in coded]),
            torch.tensor([label for _, label in chosen]),
        )


def train(
    name: str, task: Task, width: int, epochs: int, seed: int, done: Callable[[], None]
) -> Trained:
    """Train with cross-entropy, Adam and gradient clipping; test after every epoch."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = build(name, task, width)
    result = Trained(name, task, model, sum(w.numel() for w in model.parameters()))
    optimizer = torch.optim.Adam(model.parameters(), RATE)
    random = np.random.default_rng((seed, 3))
    for _ in range(epochs):
        loss_sum, right = 0.0, 0
        for words, lengths, labels in batches(
            task, task.train, random.permutation(len(task.train))
        ):
            scores = model(words, lengths)
            loss = nn.functional.cross_entropy(scores, labels)
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(model.parameters(), CLIP)
            optimizer.step()
            loss_sum += loss.item() * len(labels)
            right += int((scores.argmax(1) == labels).sum())
        result.loss.append(loss_sum / len(task.train))
        result.accuracy.append(right / len(task.train))
        _test(result)
        done()
    return result


def _test(result: Trained) -> None:
    """Loss and accuracy on the test sentences."""
    task, loss_sum, result.predicted = result.task, 0.0, []
    with torch.no_grad():
        for words, lengths, labels in batches(task, task.test, np.arange(len(task.test))):
            scores = result.model(words, lengths)
            loss_sum += nn.functional.cross_entropy(scores, labels, reduction="sum").item()
            result.predicted += scores.argmax(1).tolist()
    right = sum(p == label for p, (_, label) in zip(result.predicted, task.test, strict=True))
    result.test_loss.append(loss_sum / len(task.test))
    result.test_accuracy.append(right / len(task.test))


def word_by_word(result: Trained, words: Words) -> np.ndarray:
    """The probability of each class after each word, as if the sentence ended there."""
    task, rows = result.task, []
    with torch.no_grad():
        for count in range(1, len(words) + 1):
            codes = torch.tensor(task.encode(words[:count]))[:, None]
            scores = result.model(codes, torch.tensor([count]))
            rows.append(scores[0].softmax(0).double().numpy())
    return np.array(rows)


def confusion(result: Trained) -> np.ndarray:
    size = len(result.task.classes)
    counts = np.zeros((size, size), int)
    for predicted, (_, label) in zip(result.predicted, result.task.test, strict=True):
        counts[label, predicted] += 1
    return counts
