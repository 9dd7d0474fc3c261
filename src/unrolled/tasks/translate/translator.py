"""Translates sequences. In: pairs of texts. Out: the targets of other sources; next: cli.

    model = Translator(epochs=10)
    model.fit(["ein Haus"], ["a house"])
    model.predict(["zwei Häuser"])

A part of the training pairs is used for validation: it alone determines which weights are kept and
when training stops. A `test` set is evaluated in every epoch, but has no influence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from unrolled.cells.choosing import ChosenCell
from unrolled.data.splits import hold_out
from unrolled.errors import ArgumentError, require
from unrolled.tasks.budget import Rows, in_time
from unrolled.tasks.estimator import seeded
from unrolled.tasks.options import option
from unrolled.tasks.ragged import Ragged, batches_in_order
from unrolled.tasks.target_estimator import Draw, TargetEstimator
from unrolled.tasks.target_scores import text_scores
from unrolled.tasks.tokens import KINDS, UNKNOWN, WORDS, Tokens
from unrolled.tasks.translate.model import TranslationNetwork
from unrolled.tasks.translate.page import Findings, Reading, page_of
from unrolled.training import settings as checks
from unrolled.training.run_folder import RunFolder

TOGETHER = 64  # sources that are translated at once
REPORTED = 400  # pairs that the report evaluates beyond the loss
DRAWN = 3  # attention maps


@dataclass(frozen=True)
class PairPart:
    """Encoded sources and targets."""

    sources: Ragged
    targets: Ragged

    def __len__(self) -> int:
        return len(self.sources)

    @property
    def sizes(self) -> Any:
        """By the length of the target, then by that of the source."""
        return self.targets.lengths * 1000 + np.minimum(self.sources.lengths, 999)

    def inputs(self, rows: Any) -> tuple[Tensor, Tensor]:
        return self.sources.batch(rows)


@dataclass(frozen=True)
class Alignment(Reading):
    """A given target, the attention of its tokens, and its log p."""

    log_p: float


@dataclass(kw_only=True, eq=False, repr=False)
class Translator(TargetEstimator):
    """A bidirectional encoder, and a decoder with attention."""

    TASK: ClassVar[str] = "translate"

    validation: float = option(0.05, "fraction of the pairs for validation", float)
    source_tokens: str = option("auto", "tokens of the source", choices=("auto", *KINDS))
    copy: bool = option(True, "copy words that the target vocabulary lacks from the source", bool)

    def check(self) -> ChosenCell:
        cell = super().check()
        checks.one_of("source_tokens", self.source_tokens, ("auto", *KINDS))
        return cell

    # -------------------------------------------------------------------------------- learning

    def fit(
        self,
        X: Sequence[str],
        y: Sequence[str],
        test: tuple[Sequence[str], Sequence[str]] | None = None,
        *,
        data: dict[str, Any] | None = None,
        resume: bool = False,
    ) -> Translator:
        """Fit the network to sources and targets; `data` describes their origin for the run."""
        self.begin(data, resume)
        given = in_time(self, Rows((as_texts(X), as_targets(y, len(X))), test), resume)
        raw, test = self._split(*given.columns), given.test
        if test is not None:
            raw["test"] = as_texts(test[0]), as_targets(test[1], len(test[0]))
        if self.out is not None:  # fail before training, not in the report
            require("translate", "the report of a translation")
        learned = raw["train"]
        self.sources_ = self.tokens_of("source", self.source_tokens, learned[0])
        self.targets_ = self.tokens_of("target", self.target_tokens, learned[1])
        parts = {name: self._encode(*one) for name, one in raw.items()}
        model = self._build()
        job = self.job_of(model, parts)
        config = self.learn(job, data, resume)
        self.write_report(lambda: page_of(self._findings(config, raw, parts)))
        return self

    def _split(self, sources: list[str], targets: list[str]) -> dict[str, Any]:
        """Training pairs and validation pairs; equal sources stay together."""
        if self.validation == 0:
            return {"train": (sources, targets)}
        rows, held = hold_out([""] * len(sources), self.validation, self.seed, sources)
        picked = {
            name: ([sources[row] for row in some], [targets[row] for row in some])
            for name, some in (("train", rows), ("validation", held))
        }
        return {name: one for name, one in picked.items() if one[0]}

    def _encode(self, sources: Sequence[str], targets: Sequence[str]) -> PairPart:
        sides = ((self.sources_, sources), (self.targets_, targets))
        return PairPart(
            *(Ragged.of([cut.encode(t) for t in all_], np.int64) for cut, all_ in sides)
        )

    def _build(self) -> TranslationNetwork:
        with seeded(self.seed):
            return TranslationNetwork(
                self.cell_,
                len(self.sources_),
                len(self.targets_),
                attention=self.attention,
                input_feeding=self.input_feeding,
                embedding=self.embedding,
                hidden=self.hidden,
                layers=self.layers,
                dropout=self.dropout,
            )

    def _findings(self, config: Any, raw: Any, parts: dict[str, PairPart]) -> Findings:
        """The findings of the report, for the test set or the best substitute."""
        part = next(name for name in ("test", "validation", "train") if name in parts)
        sources, targets = (side[:REPORTED] for side in raw[part])
        said = self.predict(sources)
        wanted = [self.tidy(text) for text in targets]
        return Findings(
            config=config,
            cell=self.cell_,
            model=self.model_,
            state=self.state_,
            parts=parts,
            part=part,
            sources=sources,
            targets=wanted,
            said=said,
            scores=text_scores(wanted, said),
            readings=[self.attended(source) for source in sources[:DRAWN]],
            notes=self.notes_.sentences,
            command=str(config["data"].get("command", repr(self))),
        )

    # ---------------------------------------------------------------------------------- asking

    def n_best(
        self, X: Sequence[str], count: int = 1, draw: Draw | None = None
    ) -> list[list[tuple[str, float]]]:
        """The best targets of each source and their length-normalized log p, best first; with
        `draw` sampled targets and their log p."""
        self.require_fitted("model_")
        texts = as_texts(X)
        sources = self._numbers(self.sources_, texts)
        found: list[list[tuple[str, float]]] = [[] for _ in texts]
        for rows in batches_in_order(sources.lengths, TOGETHER):
            answers = self.answers(sources.batch(rows), count, draw, self._copies)
            for row, ones in zip(rows, answers):
                found[row] = [(self._text(one.tokens, texts[row]), one.score) for one in ones]
        return found

    def sample(
        self, X: Sequence[str], count: int = 1, temperature: float = 1.0, seed: int = 0
    ) -> list[list[tuple[str, float]]]:
        """Sampled targets for each source, and log p of each; a low temperature samples closer to
        the best."""
        return self.n_best(X, count, Draw.seeded(temperature, seed))

    def align(self, X: Sequence[str], y: Sequence[str]) -> list[Alignment]:
        """The attention of each token of a given target over its source, and log p of the
        target."""
        self.require_fitted("model_")
        texts = as_texts(X)
        targets = self._numbers(self.targets_, as_targets(y, len(texts)))
        sources = self._numbers(self.sources_, texts)
        found: dict[int, Alignment] = {}
        for rows in batches_in_order(sources.lengths, TOGETHER):
            given = [targets[row].tolist() for row in rows]
            for row, one, (log_p, weights) in zip(
                rows, given, self.aligned(sources.batch(rows), given)
            ):
                shown = [self.sources_.show(int(number)) for number in sources[row]]
                said = [*map(self.targets_.show, one), "(end)"]
                found[row] = Alignment(shown, said, weights, log_p)
        return [found[row] for row in range(len(texts))]

    @staticmethod
    def _numbers(cut: Tokens, texts: Sequence[str]) -> Ragged:
        return Ragged.of([cut.encode(text) for text in texts], np.int64)

    @property
    def _copies(self) -> bool:
        """Whether unknown words are copied, which is only possible for word tokens."""
        return self.copy and self.targets_.kind == "word"

    def _text(self, tokens: Sequence[int], source: str) -> str:
        """A target as text, with each unknown word replaced by the source word with the largest
        attention (Luong et al. 2015)."""
        if UNKNOWN not in tokens:
            return self.targets_.decode(tokens)
        words = [self.targets_.show(token) for token in tokens]
        inputs = self._numbers(self.sources_, [source]).batch(np.arange(1))
        _, weights = self.aligned(inputs, [tokens])[0]
        spans = self.sources_.spans(source)
        for place in np.flatnonzero(np.asarray(tokens) == UNKNOWN).tolist():
            words[place] = word_at(source, spans[int(weights[place].argmax())])
        return " ".join(words)

    def attended(self, source: str) -> Reading:
        """The attention of each token of the best target."""
        sources = self._numbers(self.sources_, [source])
        said, weights = self.looked_at(sources.batch(np.arange(1)), self._copies)
        return Reading([self.sources_.show(int(number)) for number in sources[0]], said, weights)

    def evaluate(self, X: Sequence[str], y: Sequence[str]) -> dict[str, Any]:
        """BLEU, chrF, error rates of words and characters, and the share of exact matches."""
        return {**self.compared(as_targets(y, len(X)), self.predict(X)), "pairs": len(X)}

    def score(self, X: Sequence[str], y: Sequence[str]) -> float:
        """BLEU."""
        return float(self.evaluate(X, y)["bleu"])

    # ----------------------------------------------------------------------------------- a run

    def _vocabulary(self) -> dict[str, Any]:
        return {"sources": self.sources_.as_dict(), "targets": self.targets_.as_dict()}

    def _recall(self, vocabulary: dict[str, Any], run: RunFolder) -> None:
        self.sources_ = Tokens.from_dict(vocabulary["sources"])
        self.targets_ = Tokens.from_dict(vocabulary["targets"])


def word_at(text: str, span: tuple[int, int]) -> str:
    """The whole word that contains a span of a text, in lower case."""
    begin, end = span
    words = (one for one in WORDS.finditer(text) if one.start() < end and one.end() > begin)
    return next((one[0].lower() for one in words), text[begin:end].strip())


def as_texts(X: Any) -> list[str]:
    """Check that X is a list of texts."""
    if isinstance(X, str):
        raise ArgumentError("X must be a list of texts: for one text write [text]")
    texts = list(X)
    wrong = next((n for n, one in enumerate(texts, 1) if not isinstance(one, str)), None)
    if not texts or wrong is not None:
        what = f"row {wrong} is not text" if texts else "there is none"
        raise ArgumentError(f"X must be a list of texts, and {what}")
    return texts


def as_targets(y: Any, count: int) -> list[str]:
    """Check that there is a target text for each source."""
    targets = as_texts(y)
    if len(targets) != count:
        raise ArgumentError(f"there are {count} sources and {len(targets)} targets: give one each")
    return targets
