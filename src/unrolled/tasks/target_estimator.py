"""Base class of estimators whose output is a sequence. In: targets, a network. Out: texts.

    the tokenization of targets, which is detected; beam search; n best; metrics

Next: `translate`, `caption`; each reads its own inputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from unrolled.cells.choosing import ChosenCell
from unrolled.errors import ArgumentError
from unrolled.networks.attention import SCORES
from unrolled.networks.beam import Found
from unrolled.networks.encoder_decoder import EncoderDecoder
from unrolled.tasks.estimator import Estimator
from unrolled.tasks.options import option
from unrolled.tasks.ragged import Ragged
from unrolled.tasks.target_job import NOTHING, TargetJob, shifted
from unrolled.tasks.target_scores import text_scores
from unrolled.tasks.tokens import KINDS, Tokens
from unrolled.training import settings as checks
from unrolled.training.schedules import SCHEDULES

FEW_WORDS = 2.0  # average words per text: below that they are names or spellings
UNKNOWN_WORDS = 0.02  # of the words: with a larger share of unknown words, they are split


@dataclass(frozen=True)
class Draw:
    """How outputs are sampled: with probabilities p^(1/temperature)."""

    temperature: float
    generator: torch.Generator

    @classmethod
    def seeded(cls, temperature: float, seed: int = 0) -> Draw:
        if not 0 < temperature < float("inf"):
            raise ArgumentError(f"temperature must be a number above 0, not {temperature!r}")
        return cls(temperature, torch.Generator().manual_seed(seed))


@dataclass(kw_only=True, eq=False, repr=False)
class TargetEstimator(Estimator):
    """An encoder and a decoder with attention."""

    USUAL: ClassVar[int] = 10
    LEAST_STEPS: ClassVar[int] = 4_000

    epochs: int | None = option(
        None, f"maximum number of epochs (default: {USUAL}, more for few pairs)", int
    )
    cell: Any = option("gru", "a cell of the library, or FILE.py:CLASS")
    hidden: int = option(256, "units in each layer and direction", int)
    dropout: float = option(0.3, "dropout probability", float)
    lr: float = option(0.002, "learning rate", float)
    schedule: str = option("cosine", "learning rate schedule", choices=tuple(SCHEDULES))
    batch_size: int = option(32, "pairs per batch", int)
    embedding: int = option(128, "size of the embedding", int)
    attention: str = option("dot", "attention score", choices=SCORES)
    target_tokens: str = option("auto", "tokens of the target", choices=("auto", *KINDS))
    vocabulary: int = option(10_000, "maximum size of each vocabulary", int)
    smoothing: float = option(0.1, "label smoothing", float)
    input_feeding: bool = option(
        False, "feed the output of each step back into the next one (slower to train)", bool
    )
    scheduled_sampling: float = option(
        0.0, "fraction of target tokens replaced by the network's own in training", float
    )
    longest: int = option(100, "maximum tokens of an answer", int)
    beam: int = option(5, "beam width", int)
    alpha: float = option(1.0, "exponent of the length normalization", float)

    def check(self) -> ChosenCell:
        cell = super().check()
        for name in ("embedding", "vocabulary", "longest", "beam"):
            checks.count(name, getattr(self, name))
        for name in ("smoothing", "scheduled_sampling"):
            checks.share(name, getattr(self, name))
        checks.not_negative("alpha", self.alpha)
        checks.one_of("attention", self.attention, SCORES)
        checks.one_of("target_tokens", self.target_tokens, ("auto", *KINDS))
        return cell

    def job_of(self, model: EncoderDecoder, parts: Mapping[str, Any]) -> TargetJob:
        """The training job."""
        self.plan_epochs(len(parts["train"]))
        return TargetJob(
            model, parts, self.batch_size, self.smoothing, self.seed, self.scheduled_sampling
        )

    @property
    def _fitted(self) -> Any:
        """This estimator with the attributes of `fit`: `model_`, `targets_`, `notes_`."""
        return self

    def note(self, text: str) -> None:
        """Print a note on the data, and keep it for the report."""
        self._fitted.notes_.say(text)
        self.watcher().note(text)

    def tokens_of(self, side: str, kind: str, texts: Sequence[str]) -> Tokens:
        """The vocabulary of one side, with detected tokenization by default."""
        if kind == "auto":
            kind = self._kind_for(side, texts)
        if kind == "word":
            return Tokens.fit("word", texts, self.vocabulary, least=2)
        return Tokens.fit(kind, texts, self.vocabulary)

    def _kind_for(self, side: str, texts: Sequence[str]) -> str:
        """Characters for names and spellings; words for sentences, unless too many are rare."""
        words = sum(len(text.split()) for text in texts) / len(texts)
        kind, why = "char", f"{words:.1f} words each on average"
        if words >= FEW_WORDS:
            unknown = Tokens.fit("word", texts, self.vocabulary).unknown_share(texts)
            kind = "bpe" if unknown > UNKNOWN_WORDS else "word"
            why += f", {unknown:.1%} of them not in a vocabulary of words"
        names = {"bpe": "pieces of words (BPE)", "word": "words", "char": "characters"}
        self.note(f"{side}s are split into {names[kind]} ({why})")
        return kind

    def tidy(self, text: str) -> str:
        """A target in the form of a prediction: tokenized and joined again."""
        cut: Tokens = self._fitted.targets_
        return " ".join(cut.cut(text)) if cut.kind == "word" else text

    def answers(
        self, inputs: Sequence[Tensor], count: int, draw: Draw | None = None, unknown: bool = False
    ) -> list[list[Found]]:
        """`count` outputs for each row: the best, or sampled ones."""
        model: EncoderDecoder = self._fitted.model_
        if draw is not None:
            found = model.draw(
                *inputs, count=count, longest=self.longest, temperature=draw.temperature,
                generator=draw.generator, unknown=unknown,
            )  # fmt: skip
            return [sorted(ones, key=lambda one: -one.score) for ones in found]
        best = model.best(
            *inputs, width=max(self.beam, count), longest=self.longest, alpha=self.alpha,
            unknown=unknown,
        )  # fmt: skip
        return [ones[:count] for ones in best]

    def best_of(
        self, inputs: Sequence[Tensor], count: int, draw: Draw | None = None
    ) -> list[list[tuple[str, float]]]:
        """The same as texts with length-normalized log p."""
        cut = self._fitted.targets_
        found = self.answers(inputs, count, draw)
        return [[(cut.decode(o.tokens), o.score) for o in ones] for ones in found]

    @torch.no_grad()
    def aligned(
        self, inputs: Sequence[Tensor], targets: Sequence[Sequence[int]]
    ) -> list[tuple[float, Any]]:
        """For given targets, one for each row: log p, and the attention of its tokens and its end,
        (tokens + 1, positions)."""
        model: EncoderDecoder = self._fitted.model_
        tokens, lengths = Ragged.of(targets, np.int64).batch(np.arange(len(targets)))
        before, after = shifted(tokens, lengths)
        scores, weights = model(before, *inputs)
        log_probs = scores.log_softmax(2).gather(2, after.clamp(min=0)[:, :, None])[:, :, 0]
        sums = log_probs.double().where(after != NOTHING, 0.0).sum(0).tolist()
        looked = (one[: len(target) + 1].numpy() for one, target in zip(weights, targets))
        return list(zip(sums, looked))

    def looked_at(self, inputs: Sequence[Tensor], unknown: bool = False) -> tuple[list[str], Any]:
        """The tokens of the best target of one row, including its end, and their attention,
        (tokens, positions)."""
        best = self.answers(inputs, 1, unknown=unknown)[0][0]
        _, weights = self.aligned(inputs, [best.tokens])[0]
        return [*map(self._fitted.targets_.show, best.tokens), "(end)"], weights

    def n_best(self, X: Sequence[Any], count: int = 1) -> list[list[tuple[str, float]]]:
        """The best targets of each input and their length-normalized log p, best first."""
        raise NotImplementedError

    def predict(self, X: Sequence[Any]) -> list[str]:
        """The best target of each input."""
        return [best[0][0] for best in self.n_best(X)]

    def compared(
        self, targets: Sequence[str], said: Sequence[str], overlap: bool = True
    ) -> dict[str, Any]:
        """Metrics of predictions, compared with the targets in the same form."""
        return text_scores([self.tidy(text) for text in targets], said, overlap)
