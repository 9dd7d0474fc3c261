"""Tags each word of a sentence. In: lists of words and of tags. Out: tags; next: cli.

    model = Tagger(epochs=5)
    model.fit([["EU", "rejects", "it"]], [["B-org", "O", "O"]])
    model.predict([["IBM", "agrees"]])

A tenth of the training sentences is used for validation: it alone determines which weights are kept
and when training stops. A `test` set is evaluated in every epoch, but has no influence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from unrolled.cells.choosing import ChosenCell
from unrolled.data.labels import rarest_of
from unrolled.data.schemes import kinds_of, may_follow, tags_for
from unrolled.data.splits import hold_out
from unrolled.data.tagged import Tagged, settle_scheme
from unrolled.errors import ArgumentError
from unrolled.exports.export import Exported, Options
from unrolled.networks.characters import READERS
from unrolled.networks.crf import Grammar
from unrolled.tasks.budget import Rows, in_time
from unrolled.tasks.estimator import Estimator, seeded
from unrolled.tasks.live import alive
from unrolled.tasks.options import option
from unrolled.tasks.ragged import Ragged
from unrolled.tasks.tag.figures import Said, Tally, scores
from unrolled.tasks.tag.job import TaggedPart, TagJob, answers
from unrolled.tasks.tag.live_page import export_tagger, live_part
from unrolled.tasks.tag.model import TagNetwork
from unrolled.tasks.tag.page import Findings, Told, page_of
from unrolled.tasks.tag.words import Vocabulary
from unrolled.training import settings as checks
from unrolled.training.run_folder import RunFolder
from unrolled.training.schedules import SCHEDULES

CHARACTERS = (*READERS, "none")


@dataclass(kw_only=True, eq=False, repr=False)
class Tagger(Estimator):
    """A recurrent network with a CRF on top (Huang et al. 2015, Lample et al. 2016)."""

    TASK: ClassVar[str] = "tag"
    LEAST_STEPS: ClassVar[int] = 2_000

    hidden: int = option(100, "units in each layer and direction", int)
    bidirectional: bool = option(True, "read each sentence in both directions", bool)
    dropout: float = option(0.5, "dropout probability", float)
    lr: float = option(0.005, "learning rate", float)
    schedule: str = option("cosine", "learning rate schedule", choices=tuple(SCHEDULES))
    epochs: int | None = option(
        None, "maximum number of epochs (default: 20, more for few sentences)", int
    )
    batch_size: int = option(16, "sentences per batch", int)
    characters: str = option(
        "recurrent", "how the characters of a word are read", choices=CHARACTERS
    )
    character_embedding: int = option(24, "size of the character embedding", int)
    character_size: int = option(64, "size of a word's character features", int)
    embedding: int = option(64, "size of the word embedding", int)
    vocabulary: int = option(20_000, "maximum size of the word vocabulary", int)
    least: int = option(2, "minimum count of a word in the vocabulary", int)
    word_dropout: float = option(
        0.1, "probability of replacing a word by the unknown word in training", float
    )

    def check(self) -> ChosenCell:
        cell = super().check()
        for name in ("character_embedding", "character_size", "embedding", "vocabulary", "least"):
            checks.count(name, getattr(self, name))
        if self.character_size < 2:
            raise ArgumentError(
                "character_size must be an integer of at least 2: half for each end"
            )
        checks.share("word_dropout", self.word_dropout)
        checks.one_of("characters", self.characters, CHARACTERS)
        return cell

    # -------------------------------------------------------------------------------- learning

    def start_from(self, before: Tagger) -> None:
        """Let the next `fit` continue from the weights, words and tags of a fitted tagger."""
        self._before = before

    @property
    def before(self) -> Any:
        """The tagger whose weights training starts from; None: new weights."""
        return getattr(self, "_before", None)

    def fit(
        self,
        X: Sequence[Sequence[str]],
        y: Sequence[Sequence[str]],
        test: tuple[Sequence[Sequence[str]], Sequence[Sequence[str]]] | None = None,
        *,
        scheme: str | None = None,
        data: dict[str, Any] | None = None,
        resume: bool = False,
    ) -> Tagger:
        """Fit the network to sentences and tags; `scheme` is detected if not given."""
        self.begin(data, resume)
        sentences, tags = as_sentences(X, y)
        given = in_time(self, Rows((sentences, tags), test), resume, rarest_of(tags), scheme=scheme)
        (sentences, tags), test = given.columns, given.test
        whole = Tagged(sentences, tags, notes=self.notes_)
        self.scheme_ = settle_scheme(whole, self.before.scheme_ if self.before else scheme)
        raw, parts = self._parts(whole, test)
        model = self._build()
        if self.before is not None:
            model.load_state_dict(self.before.model_.state_dict())
        self.plan_epochs(len(parts["train"]), self.before is not None)
        job = TagJob(model, parts, self.tags_, self._has_spans, self.batch_size, self.seed)
        config = self.learn(job, data, resume)
        self.write_report(lambda: page_of(self._findings(config, raw, parts)))
        return self

    @property
    def _has_spans(self) -> bool:
        return self.scheme_ != "plain"

    def _parts(
        self, whole: Tagged, test: Any
    ) -> tuple[dict[str, list[list[str]]], dict[str, TaggedPart]]:
        """Split off the validation sentences, build the vocabulary from the rest, encode all."""
        before = self.before
        self.tags_ = before.tags_ if before else tags_to_learn(whole.tags, self.scheme_)
        rows, held = np.arange(len(whole)), np.arange(0)
        if self.validation:
            together = [tuple(one) for one in whole.sentences]
            rows, held = hold_out([""] * len(whole), self.validation, self.seed, together)
        pieces = {"train": whole.select(rows)}
        if len(held):
            pieces["validation"] = whole.select(held)
        if test is not None:
            other = Tagged(*as_sentences(*test), notes=self.notes_)
            settle_scheme(other, self.scheme_)
            pieces["test"] = other
        learned = pieces["train"].sentences
        self.words_ = (
            before.words_ if before else Vocabulary.fit(learned, self.vocabulary, self.least)
        )
        raw = {part: one.sentences for part, one in pieces.items()}
        return raw, {part: self._encode(one) for part, one in pieces.items()}

    def _encode(self, data: Tagged) -> TaggedPart:
        """Encode tagged sentences; raises an error for an unknown tag."""
        numbers = {tag: number for number, tag in enumerate(self.tags_)}
        strange = {tag for tags in data.tags for tag in tags} - set(numbers)
        if strange:
            raise ArgumentError(
                f"the tag {min(strange)!r:.60} of these sentences was not in the training "
                f"data; its tags are: {', '.join(self.tags_[:12])}"
            )
        tags = Ragged.of([[numbers[tag] for tag in one] for one in data.tags], np.int64)
        return TaggedPart(self.words_.encode(data.sentences), tags)

    def _build(self) -> TagNetwork:
        with seeded(self.seed):
            return TagNetwork(
                self.cell_,
                len(self.words_.words),
                len(self.words_.letters),
                grammar_of(self.tags_, self.scheme_),
                characters=self.characters,
                embedding=self.embedding,
                character_embedding=self.character_embedding,
                character_size=self.character_size,
                hidden=self.hidden,
                layers=self.layers,
                bidirectional=self.bidirectional,
                dropout=self.dropout,
                word_dropout=self.word_dropout,
            )

    def _findings(self, config: Any, raw: Any, parts: dict[str, TaggedPart]) -> Findings:
        """The findings of the report, for the test set or the best substitute."""
        part = next(name for name in ("test", "validation", "train") if name in parts)
        return Findings(
            config=config,
            cell=self.cell_,
            model=self.model_,
            state=self.state_,
            tags=self.tags_,
            scheme=self.scheme_,
            parts=parts,
            told=Told(raw[part], self._tally(parts[part]), self._actual(parts[part]),
                      self._answers(parts[part].words)),
            told_part=part,
            notes=self.notes_.sentences,
            live=alive(lambda: live_part(self, raw[part])),
            command=str(config["data"].get("command", repr(self))),
        )  # fmt: skip

    # ---------------------------------------------------------------------------------- asking

    def say(self, X: Sequence[Sequence[str]]) -> list[Said]:
        """The best tags of each sentence, and the probability of each."""
        self.require_fitted("model_")
        sentences, _ = as_sentences(X)
        return self._answers(self.words_.encode(sentences))

    def _answers(self, words: Any) -> list[Said]:
        return [
            Said([self.tags_[tag] for tag in tags], [float(one) for one in sure], whole)
            for tags, sure, whole in answers(self.model_, words, self.batch_size)
        ]

    def predict(self, X: Sequence[Sequence[str]]) -> list[list[str]]:
        """The best tags of each sentence."""
        return [one.tags for one in self.say(X)]

    def evaluate(self, X: Sequence[Sequence[str]], y: Sequence[Sequence[str]]) -> dict[str, Any]:
        """Accuracy, F1 of the spans if there are any, and the confusion of tags."""
        self.require_fitted("model_")
        data = Tagged(*as_sentences(X, y))
        settle_scheme(data, self.scheme_)
        return self._figures(self._tally(self._encode(data)), len(data))

    def score(self, X: Sequence[Sequence[str]], y: Sequence[Sequence[str]]) -> float:
        """F1 of the spans, or the share of words that are tagged correctly."""
        figures = self.evaluate(X, y)
        return float(figures["f1" if self._has_spans else "accuracy"])

    def _actual(self, part: TaggedPart) -> list[list[str]]:
        return [[self.tags_[tag] for tag in part.tags[row]] for row in range(len(part))]

    def _tally(self, part: TaggedPart) -> Tally:
        tally = Tally(self.tags_, self._has_spans)
        for row, (tags, _, _) in enumerate(answers(self.model_, part.words, self.batch_size)):
            tally.add(part.tags[row], tags)
        return tally

    def _figures(self, tally: Tally, sentences: int) -> dict[str, Any]:
        right, words = int(np.trace(tally.confusion)), int(tally.confusion.sum())
        found: dict[str, Any] = {"accuracy": right / words}
        if self._has_spans:
            found |= scores(*tally.counts())
        return {**found, "words": words, "sentences": sentences, "confusion": tally.confusion}

    # ------------------------------------------------------------------------------- exporting

    def export_as(self, kind: str, path: Path, options: Options) -> Exported:
        """Export the whole tagger to another runtime; called by `unrolled.export`."""
        self.require_fitted("model_")
        return export_tagger(self, kind, path, options)

    # ----------------------------------------------------------------------------------- a run

    def _vocabulary(self) -> dict[str, Any]:
        return {"tags": self.tags_, "scheme": self.scheme_, "words": self.words_.as_dict()}

    def _recall(self, vocabulary: dict[str, Any], run: RunFolder) -> None:
        self.tags_ = [str(tag) for tag in vocabulary["tags"]]
        self.scheme_ = str(vocabulary["scheme"])
        self.words_ = Vocabulary.from_dict(vocabulary["words"])


def tags_to_learn(tags: Sequence[Sequence[str]], scheme: str) -> list[str]:
    """The tags in the data, and the others of their scheme."""
    found = sorted({tag for one in tags for tag in one})
    learned = found if scheme == "plain" else tags_for(kinds_of(found), scheme)
    if len(learned) < 2:
        raise ArgumentError(f"every tag is {learned[0]!r:.60}: there is nothing to learn")
    return learned


def grammar_of(tags: Sequence[str], scheme: str) -> Grammar:
    """The allowed transitions, for the CRF."""
    return Grammar(
        torch.tensor([may_follow(None, tag, scheme) for tag in tags]),
        torch.tensor([[may_follow(left, right, scheme) for right in tags] for left in tags]),
        torch.tensor([may_follow(tag, None, scheme) for tag in tags]),
    )


def as_sentences(X: Any, y: Any = None) -> tuple[list[list[str]], list[list[str]]]:
    """Check lists of words and of tags with equal lengths."""
    if isinstance(X, str) or any(isinstance(one, str) for one in X):
        raise ArgumentError("X must be a list of sentences, as lists of words: [['EU', 'rejects']]")
    sentences = [[str(word) for word in one] for one in X]
    empty = next((number for number, one in enumerate(sentences, 1) if not one), None)
    if not sentences or empty is not None:
        where = f"sentence {empty}" if sentences else "X"
        raise ArgumentError(f"{where} contains no word: give each sentence words")
    if y is None:
        return sentences, []
    tags = [[str(tag) for tag in one] for one in y]
    if len(tags) != len(sentences):
        raise ArgumentError(f"there are {len(sentences)} sentences, and tags of {len(tags)}")
    for number, (words, one) in enumerate(zip(sentences, tags), 1):
        if len(words) != len(one):
            raise ArgumentError(
                f"sentence {number} has {len(words)} words and {len(one)} tags: give one tag each"
            )
    return sentences, tags
