"""Transcribes speech. In: samples and texts. Out: the texts of other recordings; next: cli.

    model = Transcriber(epochs=20)
    model.fit(sounds, texts, rate=8000)            # arrays of samples from -1 to 1
    model.predict(other_sounds)

A tenth of the training recordings is used for validation: it alone determines which weights are
kept and when training stops. A `test` set is evaluated in every epoch, but has no influence.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from unrolled.cells.choosing import ChosenCell
from unrolled.data.edits import text_errors
from unrolled.data.splits import hold_out
from unrolled.errors import ArgumentError
from unrolled.networks import ctc
from unrolled.report.numbers import counted
from unrolled.tasks.budget import Rows, in_time
from unrolled.tasks.estimator import Estimator, seeded
from unrolled.tasks.options import option
from unrolled.tasks.ragged import Ragged
from unrolled.tasks.transcribe.features import LogMel
from unrolled.tasks.transcribe.job import Letters, Lexicon, SpeechJob, SpeechPart, heard
from unrolled.tasks.transcribe.model import SpeechNetwork
from unrolled.tasks.transcribe.page import Findings, page_of
from unrolled.training import settings as checks
from unrolled.training.run_folder import RunFolder
from unrolled.training.schedules import SCHEDULES

View = Callable[[str, str], float]

LEXICON = ("auto", "yes", "no")
FEW = 1_000  # different words: with more, the lexicon is not assumed to be complete
OFTEN = 5  # average occurrences of each word for a complete lexicon


@dataclass(kw_only=True, eq=False, repr=False)
class Transcriber(Estimator):
    """A recurrent network trained by CTC, which needs no alignment of letters in time."""

    TASK: ClassVar[str] = "transcribe"
    USUAL: ClassVar[int] = 40
    LEAST_STEPS: ClassVar[int] = 2_000

    cell: Any = option("gru", "a cell of the library, or FILE.py:CLASS")
    hidden: int = option(96, "units in each layer and direction", int)
    bidirectional: bool = option(True, "read each recording in both directions", bool)
    dropout: float = option(0.2, "dropout probability", float)
    lr: float = option(0.006, "learning rate", float)
    schedule: str = option("cosine", "learning rate schedule", choices=tuple(SCHEDULES))
    epochs: int | None = option(
        None, f"maximum number of epochs (default: {USUAL}, more for few recordings)", int
    )
    batch_size: int = option(16, "recordings per batch", int)
    bands: int = option(40, "number of mel bands", int)
    channels: int = option(64, "output channels of the convolution", int)
    stride: int = option(2, "frames of 10 ms per time step", int)
    masks: int = option(1, "number of bands and stretches masked in training (SpecAugment)", int)
    beam: int = option(16, "beam width; 1: the most probable path", int)
    lexicon: str = option(
        "auto", "recognize only words of the training set; auto: if they are few", choices=LEXICON
    )

    def check(self) -> ChosenCell:
        cell = super().check()
        for name in ("bands", "channels", "stride", "beam"):
            checks.count(name, getattr(self, name))
        checks.not_negative("masks", self.masks)
        checks.one_of("lexicon", self.lexicon, LEXICON)
        if self.lexicon == "yes" and self.beam == 1:
            raise ArgumentError("lexicon needs several texts to choose from: set beam to 2 or more")
        return cell

    # -------------------------------------------------------------------------------- learning

    def fit(
        self,
        X: Sequence[Any],
        y: Sequence[str],
        test: tuple[Sequence[Any], Sequence[str]] | None = None,
        *,
        rate: int,
        data: dict[str, Any] | None = None,
        names: tuple[Sequence[str], Sequence[str]] | None = None,
        resume: bool = False,
    ) -> Transcriber:
        """Fit the network to samples at `rate` Hz, and texts; `names` is for the report."""
        self.begin(data, resume)
        columns = as_sounds(X), as_texts(y, len(X))
        given = in_time(self, Rows(columns, test, names), resume, rate=rate)
        (sounds, texts), test = given.columns, given.test
        rows, held = np.arange(len(sounds)), np.arange(0)
        if self.validation:
            rows, held = hold_out([""] * len(sounds), self.validation, self.seed)
        learned = [sounds[row] for row in rows]
        self.features_ = LogMel.fit(learned, rate, self.bands)
        self.letters_ = Letters.fit([texts[row] for row in rows])
        self.known_ = self._lexicon([texts[row] for row in rows])
        model = self._build()
        parts = {"train": self._part(model, learned, [texts[row] for row in rows])}
        if len(held):
            parts["validation"] = self._part(
                model, [sounds[row] for row in held], [texts[row] for row in held]
            )
        if test is not None:
            parts["test"] = self._part(model, as_sounds(test[0]), as_texts(test[1], len(test[0])))
        self.plan_epochs(len(parts["train"]))
        job = SpeechJob(model, parts, self.letters_, self.batch_size, self.seed)
        config = self.learn(job, data, resume)
        self.write_report(lambda: page_of(self._findings(config, parts)))
        return self

    def _lexicon(self, texts: Sequence[str]) -> Lexicon | None:
        """The words that can be recognized; None: any."""
        found = Lexicon.fit(texts)
        count = sum(len(text.split()) for text in texts)
        is_small = len(found.words) <= FEW and count >= OFTEN * len(found.words)
        if self.beam == 1 or self.lexicon == "no" or (self.lexicon == "auto" and not is_small):
            return None
        note = f"only the {counted(len(found.words), 'word')} of the training set are recognized"
        if self.lexicon == "auto":
            note += " (there are few, and each is frequent; --lexicon no: any word)"
        self.notes_.say(note)
        self.watcher().note(note)
        return found

    def _part(self, model: SpeechNetwork, sounds: Sequence[Any], texts: Sequence[str]) -> Any:
        """Features and letters; recordings too short for their text are left out."""
        features = [self.features_(one) for one in sounds]
        letters = [self.letters_.encode(text) for text in texts]
        kept = [
            row
            for row, (one, text) in enumerate(zip(features, letters))
            if text and least_steps(text) <= (len(one) - 1) // model.stride + 1
        ]
        self.notes_.count(
            len(texts) - len(kept), len(texts), "recordings",
            "are too short for their text and were left out (see --stride)",
        )  # fmt: skip
        if not kept:
            raise ArgumentError(
                "every recording is too short for its text: use longer ones, or a lower stride"
            )
        return SpeechPart(
            Ragged.of([features[row] for row in kept], np.float32),
            Ragged.of([letters[row] for row in kept], np.int64),
            [texts[row] for row in kept],
        )

    def _build(self) -> SpeechNetwork:
        with seeded(self.seed):
            return SpeechNetwork(
                self.cell_,
                self.bands,
                len(self.letters_.table),
                stride=self.stride,
                channels=self.channels,
                hidden=self.hidden,
                layers=self.layers,
                bidirectional=self.bidirectional,
                dropout=self.dropout,
                masks=self.masks,
            )

    def _findings(self, config: Any, parts: dict[str, SpeechPart]) -> Findings:
        """The findings of the report, for the test set or the best substitute."""
        part = next(name for name in ("test", "validation", "train") if name in parts)
        emitted = heard(self.model_, parts[part].features, self.batch_size)
        return Findings(
            config=config,
            cell=self.cell_,
            model=self.model_,
            state=self.state_,
            letters=self.letters_,
            features=self.features_,
            parts=parts,
            part=part,
            emitted=emitted,
            said=[self._text(one, self.beam, None) for one in emitted],
            notes=self.notes_.sentences,
            command=str(config["data"].get("command", repr(self))),
        )

    # ---------------------------------------------------------------------------------- asking

    def _text(self, log_probs: Any, beam: int, view: View | None) -> str:
        if beam == 1:
            return self.letters_.decode(ctc.greedy(log_probs))
        known = self.known_

        def extend(before: tuple[int, ...], letter: int) -> float:
            """The log weight of another letter: -inf if no known word begins like this."""
            text = self.letters_.decode([*before, letter])
            if known is not None and not known.begins(text):
                return ctc.IMPOSSIBLE
            return view(text[:-1], text[-1]) if view is not None else 0.0

        found = ctc.beam_search(log_probs, beam, extend if known or view else None)
        texts = (self.letters_.decode(letters) for letters, _ in found)
        return next((text for text in texts if known is None or known.knows(text)), "")

    def predict(
        self, X: Sequence[Any], beam: int | None = None, view: View | None = None
    ) -> list[str]:
        """The text of each recording, at the sampling rate of training. `view(text, letter)`, such
        as the weighted log p of a language model, is added to log p for each letter after a
        text."""
        self.require_fitted("model_")
        width = self.beam if beam is None else beam
        if width == 1 and view is not None:
            raise ArgumentError("a language model chooses among several texts: set beam to 2 or "
                                "more")  # fmt: skip
        features = Ragged.of([self.features_(one) for one in as_sounds(X)], np.float32)
        found = heard(self.model_, features, self.batch_size)
        return [self._text(one, width, view) for one in found]

    def evaluate(
        self, X: Sequence[Any], y: Sequence[str], beam: int | None = None, view: View | None = None
    ) -> dict[str, float]:
        """Error rates of words and characters."""
        texts = as_texts(y, len(X))
        return {**text_errors(texts, self.predict(X, beam, view)), "recordings": len(texts)}

    def score(self, X: Sequence[Any], y: Sequence[str]) -> float:
        """Minus the word error rate: higher is better, as in scikit-learn."""
        return -self.evaluate(X, y)["word_error_rate"]

    # ----------------------------------------------------------------------------------- a run

    def _vocabulary(self) -> dict[str, Any]:
        return {
            "letters": self.letters_.table,
            "words": None if self.known_ is None else sorted(self.known_.words),
            "features": self.features_.as_dict(),
        }

    def _recall(self, vocabulary: dict[str, Any], run: RunFolder) -> None:
        self.letters_ = Letters([str(one) for one in vocabulary["letters"]])
        words = vocabulary["words"]
        self.known_ = None if words is None else Lexicon({str(one) for one in words})
        self.features_ = LogMel.from_dict(vocabulary["features"])


def least_steps(letters: Sequence[int]) -> int:
    """The minimum number of steps of a text: equal letters are separated by a blank."""
    return len(letters) + sum(one == other for one, other in pairwise(letters))


def as_sounds(X: Any) -> list[Any]:
    """Samples of each recording, one channel."""
    sounds = [np.asarray(one, np.float32) for one in X]
    if not sounds:
        raise ArgumentError("X is empty: it must contain recordings")
    for number, one in enumerate(sounds, 1):
        if one.ndim != 1 or not len(one) or not np.isfinite(one).all():
            raise ArgumentError(
                f"recording {number} has shape {one.shape}: it must be one axis of finite samples"
            )
    return sounds


def as_texts(y: Any, count: int) -> list[str]:
    """Texts in lower case, with one space between words."""
    texts = [" ".join(str(text).lower().split()) for text in y]
    if len(texts) != count:
        raise ArgumentError(f"there are {count} recordings and {len(texts)} texts: give one each")
    return texts
