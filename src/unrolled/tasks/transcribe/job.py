"""The training job of a transcriber. In: features and letters, in parts. Out: losses, error rates.

The loss is torch's CTC loss, summed over the batch and divided by its number of letters. Error
rates are those of the most probable path. Next: `training.loop`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from unrolled.data.edits import edits
from unrolled.networks import ctc
from unrolled.tasks.ragged import Ragged, batches_by_length, batches_in_order
from unrolled.tasks.transcribe.model import SpeechNetwork
from unrolled.training.job import Measures, Share, Shown, Stateless, Sums

MEASURING = 4  # times the batch size in evaluation: without gradients there is memory for more

LINE = (
    Shown("train", "loss", "Train Loss"),
    Shown("validation", "loss", "Val Loss"),
    Shown("validation", "word_error_rate", "Val WER", "{:.1%}"),
    Shown("test", "word_error_rate", "Test WER", "{:.1%}"),
    Shown("test", "character_error_rate", "Test CER", "{:.1%}"),
)


class Letters:
    """The characters of the texts; index 0 is the blank."""

    def __init__(self, table: Sequence[str]) -> None:
        self.table = list(table)
        self.numbers = {letter: number for number, letter in enumerate(self.table)}

    @classmethod
    def fit(cls, texts: Sequence[str]) -> Letters:
        return cls(["<blank>", *sorted(set("".join(texts)))])

    def encode(self, text: str) -> list[int]:
        """The indices of known letters; unknown ones are skipped."""
        return [self.numbers[letter] for letter in text if letter in self.numbers]

    def decode(self, numbers: Sequence[int]) -> str:
        return "".join(self.table[number] for number in numbers)


class Lexicon:
    """The words of the training texts, and their prefixes."""

    def __init__(self, words: set[str]) -> None:
        self.words = words
        self.beginnings = {word[:end] for word in words for end in range(len(word) + 1)}

    @classmethod
    def fit(cls, texts: Sequence[str]) -> Lexicon:
        return cls({word for text in texts for word in text.split()})

    def begins(self, text: str) -> bool:
        """Whether this is a prefix of a text of known words."""
        *whole, last = text.split(" ")
        return all(word in self.words for word in whole) and last in self.beginnings

    def knows(self, text: str) -> bool:
        """Whether every word is known."""
        return all(word in self.words for word in text.split(" "))


@dataclass(frozen=True)
class SpeechPart:
    """Features and texts of recordings."""

    features: Ragged  # (frames, bands)
    letters: Ragged
    texts: Sequence[str]

    def __len__(self) -> int:
        return len(self.features)


class SpeechJob(Stateless):
    """A network that recognizes letters, and recordings by part."""

    best, best_is = "character_error_rate", "lowest"
    line: Sequence[Shown] = LINE

    def __init__(
        self,
        model: SpeechNetwork,
        parts: Mapping[str, SpeechPart],
        letters: Letters,
        batch_size: int,
        seed: int,
    ) -> None:
        self.model: nn.Module = model
        self.parts, self.letters, self.batch_size, self.seed = parts, letters, batch_size, seed
        data = parts["train"]
        steps = model.steps(torch.from_numpy(data.features.lengths)).sum()
        of_a_letter = float(steps) / max(1, len(data.letters.values))
        self.blind_loss = of_a_letter * math.log(len(letters.table))  # all letters equally likely

    def batches(self, part: str, epoch: int) -> list[Any]:
        if part not in self.parts:
            return []
        data = self.parts[part]
        if part == "train":
            batches = batches_by_length(data.features.lengths, self.batch_size, self.seed, epoch)
        else:
            batches = batches_in_order(data.features.lengths, self.batch_size * MEASURING)
        return [(data, rows) for rows in batches]

    def compute(self, model: nn.Module, batch: Any, share: Share) -> tuple[Tensor, Sums]:
        data, rows = batch
        mine, taken = share.of(rows), 1.0
        if not len(mine):  # fewer rows than processes: this one adds zero, but takes part
            mine, taken = rows[:1], 0.0
        x, lengths = data.features.batch(mine)
        letters, counts = data.letters.batch(mine)
        device = next(model.parameters()).device
        log_probs, steps = model(x.to(device), lengths.to(device))
        loss = nn.functional.ctc_loss(
            log_probs, letters.T.to(device), steps, counts, blank=ctc.BLANK, reduction="sum"
        )
        whole = float(data.letters.lengths[rows].sum())
        count = counts.sum().double() * taken
        sums = {"loss": loss.detach().double() * taken, "count": count}
        if not model.training or "validation" not in self.parts:
            sums["errors"] = self._errors(
                log_probs, steps, [data.texts[row] for row in mine], taken
            )
        return loss * taken / whole, sums

    def _errors(
        self, log_probs: Tensor, steps: Tensor, texts: Sequence[str], taken: float
    ) -> Tensor:
        """Wrong words, words, wrong characters, characters."""
        found = torch.zeros(4, dtype=torch.float64)
        emitted = log_probs.detach().cpu().numpy()
        for column, text in enumerate(texts):
            said = self.letters.decode(ctc.greedy(emitted[: int(steps[column]), column]))
            words = text.split()
            one = [edits(words, said.split()), len(words), edits(text, said), len(text)]
            found += torch.tensor(one, dtype=torch.float64)
        return found * taken

    def measures(self, sums: Sums) -> Measures:
        found = {"loss": float(sums["loss"] / sums["count"])}
        if "errors" in sums:
            wrong_words, words, wrong, characters = sums["errors"].tolist()
            found["word_error_rate"] = wrong_words / max(1.0, words)
            found["character_error_rate"] = wrong / max(1.0, characters)
        return found


@torch.no_grad()
def heard(model: SpeechNetwork, features: Ragged, batch_size: int) -> list[Any]:
    """The log probabilities (steps, letters) of each recording."""
    found: list[Any] = [None] * len(features)
    for rows in batches_in_order(features.lengths, batch_size * MEASURING):
        log_probs, steps = model(*features.batch(rows))
        for column, row in enumerate(rows):
            found[row] = log_probs[: int(steps[column]), column].numpy()
    return found
