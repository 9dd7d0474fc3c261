"""The language model of Merity et al. (2018), an LSTM with weight drop, on any text file.

    python examples/awd_lstm.py
    python examples/awd_lstm.py book.txt

Without a text it learns the sentences of a small grammar. It prints the perplexity of unseen
sentences.
"""

import math
import random
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import nn

import unrolled as ur
from unrolled.cells import LSTM
from unrolled.cells.modifiers import VariationalDropout, WeightDrop


class AWDLSTM(nn.Module):
    """Weight drop on the recurrent matrices, one dropout mask per sequence on the input of every
    layer, dropout of whole words in the embedding, and one matrix for embedding and output."""

    def __init__(self, words, size, layers):
        super().__init__()
        self.embed = nn.Embedding(words, size)
        nn.init.uniform_(self.embed.weight, -0.1, 0.1)
        modifiers = [WeightDrop(0.3), VariationalDropout(0.0, 0.1)]
        self.lstm = ur.Recurrent(LSTM, size, size, layers, modifiers=modifiers)
        self.output = nn.Linear(size, words)
        self.output.weight = self.embed.weight

    def forward(self, tokens, states=None):
        table = self.embed.weight
        if self.training:  # drop a word at all of its positions
            table = table * nn.functional.dropout(table.new_ones(len(table), 1), 0.05)
        y, states = self.lstm(nn.functional.embedding(tokens, table), states)
        return self.output(nn.functional.dropout(y, 0.1, self.training)), y, states


def grammar(sentences, seed=0):
    """A dog sees the old cat that sleeps: words whose order can be learned."""
    choose = random.Random(seed).choice
    nouns, verbs = ["dog", "cat", "bird", "child"], ["sees", "hears", "follows", "likes"]
    words = []
    for _ in range(sentences):
        for is_last in (False, True):
            words += [choose(["a", "the"]), *choose([["old"], ["small"], []]), choose(nouns)]
            words += [] if is_last else [choose(verbs)]
        words += [*choose([["that", "sleeps"], ["today"], []]), "."]
    return words


def batches(words, numbers, batch, steps):
    """Consecutive windows of a text that is split into `batch` columns: (steps + 1, B)."""
    tokens = torch.tensor([numbers[word] for word in words])
    columns = tokens[: len(tokens) // batch * batch].reshape(batch, -1).T
    for start in range(0, len(columns) - 1, steps):
        yield columns[start : start + steps + 1]


def train(model, windows, optimizer):
    model.train()
    states = None
    for window in windows:
        scores, y, states = model(window[:-1], states)
        states = tuple(state.detach() for state in states)  # carry values on, not derivatives
        loss = nn.functional.cross_entropy(scores.flatten(0, 1), window[1:].flatten())
        loss = loss + 2 * y.square().mean() + (y[1:] - y[:-1]).square().mean()  # AR and TAR
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.25)
        optimizer.step()


@torch.no_grad()
def perplexity(model, windows):
    model.eval()
    states, total, count = None, 0.0, 0
    for window in windows:
        scores, _, states = model(window[:-1], states)
        right = window[1:].flatten()
        total += nn.functional.cross_entropy(scores.flatten(0, 1), right, reduction="sum").item()
        count += len(right)
    return math.exp(total / count)


def learned(model, numbers, words, epochs):
    """The test perplexity after each epoch."""
    cut = len(words) * 9 // 10
    optimizer = torch.optim.SGD(model.parameters(), lr=10.0)
    found = []
    for epoch in range(epochs):
        if epoch == epochs // 2:  # averaged SGD, after plain SGD has come close
            optimizer = torch.optim.ASGD(model.parameters(), lr=10.0, t0=0, lambd=0.0)
        train(model, list(batches(words[:cut], numbers, 8, 20)), optimizer)
        found.append(perplexity(model, list(batches(words[cut:], numbers, 8, 20))))
        print(f"epoch {epoch + 1}: test perplexity {found[-1]:.2f} of {len(numbers)} words")
    return found


def main(epochs=4, text=None, size=32, layers=2):
    words = Path(text).read_text(encoding="utf-8").split() if text else grammar(800)
    numbers = {word: number for number, word in enumerate(dict.fromkeys(words))}
    torch.manual_seed(0)
    model = AWDLSTM(len(numbers), size, layers)
    measured = learned(model, numbers, words, epochs)
    figure, axes = plt.subplots(figsize=(5, 3))
    axes.plot(range(1, epochs + 1), measured, "o-")
    axes.set(xlabel="epoch", ylabel="test perplexity", ylim=(1, None))
    figure.tight_layout()
    figure.savefig("awd_lstm.svg")


if __name__ == "__main__":
    main(text=sys.argv[1] if len(sys.argv) > 1 else None)
