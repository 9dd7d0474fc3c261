"""Classify texts or numeric series. In: sequences and labels. Out: labels of others; next: `cli`.

    model = Classifier(cell="gru", tokens="word", epochs=5)
    model.fit(texts, labels)
    model.predict(["a film to forget"])

A tenth of the training rows is set aside: which weights are kept, and when to stop, looks at it
alone. What is given as `test` is measured in every epoch and decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.base import ClassifierMixin, clone
from torch import nn

from unrolled.cells.choosing import ChosenCell
from unrolled.data.notes import Notes
from unrolled.data.splits import folds, hold_out
from unrolled.errors import ArgumentError
from unrolled.networks.pooling import POOLINGS
from unrolled.report.numbers import counted
from unrolled.report.page import render
from unrolled.tasks import estimator as shared
from unrolled.tasks.classify.encoders import (
    LONGEST,
    Encoder,
    SeriesEncoder,
    TextEncoder,
    as_inputs,
    encoder_from,
)
from unrolled.tasks.classify.job import Labelled, LabellingJob, class_weights, figures
from unrolled.tasks.classify.model import FeedForward, Labeller
from unrolled.tasks.classify.page import Findings, Told, page_of
from unrolled.tasks.estimator import Estimator, seeded
from unrolled.tasks.options import option
from unrolled.tasks.ragged import Ragged
from unrolled.tasks.tokens import KINDS, DamagedVocabulary, kind_for
from unrolled.training import settings as checks
from unrolled.training.diagnosis import Diverged
from unrolled.training.fabric import is_first_process
from unrolled.training.interrupts import Interrupted
from unrolled.training.loop import train
from unrolled.training.progress import Beside
from unrolled.training.run_folder import RunFolder
from unrolled.training.schedules import SCHEDULES

TASK = "classify"
PREDICTING = 256  # sequences in a batch when nothing is learnt


@dataclass(kw_only=True, eq=False, repr=False)
class Classifier(ClassifierMixin, Estimator):
    """A recurrent network that reads a sequence and names its class."""

    bidirectional: bool = option(True, "read each sequence from both ends", bool)
    dropout: float = option(0.3, "share of units left out in training", float)
    schedule: str = option("warmup", "of the learning rate", choices=tuple(SCHEDULES))
    tokens: str = option(
        "auto",
        "how texts are cut; auto: into characters where words repeat too little",
        choices=("auto", *KINDS),
    )
    longest: int = option(LONGEST, "tokens of a text that are read; what comes after is cut", int)
    vocabulary: int = option(20_000, "most tokens that are told apart", int)
    embedding: int = option(64, "numbers that stand for a token", int)
    pooling: str = option("max", "how the steps become one vector", choices=POOLINGS)
    class_weights: str | None = option(
        None, "balanced: rare classes count as much as frequent ones", choices=("balanced",)
    )
    baseline: bool = option(False, "train a network without recurrence beside it", bool)

    def check(self) -> ChosenCell:
        cell = super().check()
        for name in ("longest", "vocabulary", "embedding"):
            checks.count(name, getattr(self, name))
        checks.one_of("tokens", self.tokens, ("auto", *KINDS))
        checks.one_of("pooling", self.pooling, POOLINGS)
        checks.one_of("class_weights", self.class_weights, (None, "balanced"))
        return cell

    # -------------------------------------------------------------------------------- learning

    def fit(
        self,
        X: Sequence[Any],
        y: Sequence[Any],
        test: tuple[Sequence[Any], Sequence[Any]] | None = None,
        *,
        data: dict[str, Any] | None = None,
        names: tuple[Sequence[Any], Sequence[Any]] | None = None,
        resume: bool = False,
    ) -> Classifier:
        """Learn from sequences and labels; `data` says for the run where they came from.

        `names` is what the sequences, and those of the test, are called in the report.
        """
        self.cell_ = self.check()
        if not resume:
            self.refuse_taken_place()
        self.notes_ = Notes((data or {}).get("notes", ()))
        inputs, parts = self._parts(X, y, test)
        model = self._build()
        config = shared.config_of(TASK, self, self.cell_, data=data or {})
        run = self.open_run(config, self._vocabulary(), resume)
        weights = class_weights(self.class_weights, parts["train"].classes, len(self.classes_))
        job = LabellingJob(model, parts, weights, self.batch_size, self.seed)
        state = train(job, self.settings(), run, self.watcher(), resume)
        self.model_, self.state_, self.run_ = model.eval(), state, run
        self.history_ = state.history
        beside = self._train_baseline(parts, weights) if self.baseline else None
        if run is not None and is_first_process():
            found = self._findings(config, inputs, parts, beside, names)
            run.write_text("report.html", render(page_of(found)))
        return self

    def _parts(self, X: Any, y: Any, test: Any) -> tuple[dict[str, list[Any]], dict[str, Labelled]]:
        """Cut off the validation rows, fit the encoder on the rest, encode everything."""
        inputs, labels = as_inputs(X), as_labels(y, len(X))
        self.classes_, numbers = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ArgumentError(
                f"every label is {str(self.classes_[0])!r}: there is nothing to tell apart"
            )
        rows, held = self._split(inputs, labels)
        self.rows_ = {"train": rows, "validation": held}
        raw = {"train": [inputs[row] for row in rows]}
        if isinstance(inputs[0], str):
            kind = kind_for(raw["train"], self._note) if self.tokens == "auto" else self.tokens
            self.encoder_: Encoder = TextEncoder.fit(
                raw["train"], kind, self.vocabulary, self.longest
            )
        else:
            self.encoder_ = SeriesEncoder.fit(raw["train"])
        whole = Labelled(self.encoder_.encode(inputs, self._note), numbers)
        parts = {"train": whole.rows(rows)}
        if len(held):
            raw["validation"] = [inputs[row] for row in held]
            parts["validation"] = whole.rows(held)
        if test is not None:
            raw["test"] = as_inputs(test[0])
            self.rows_["test"] = np.arange(len(raw["test"]))
            parts["test"] = self._encode_labelled(*test)
        return raw, parts

    def _note(self, text: str) -> None:
        """Say what was done to the data, and keep it for the report."""
        self.notes_.say(text)
        self.watcher().note(text)

    def _split(self, inputs: list[Any], labels: Any) -> tuple[Any, Any]:
        """Rows to learn from and rows that decide what is kept; equal texts stay together."""
        if self.validation == 0:
            return np.arange(len(inputs)), np.arange(0)
        together = inputs if isinstance(inputs[0], str) else None
        return hold_out([str(one) for one in labels], self.validation, self.seed, together)

    def _encode_labelled(self, X: Any, y: Any) -> Labelled:
        """Sequences whose labels are known; a label that was never learnt is refused."""
        labels = as_labels(y, len(X))
        known = {label: number for number, label in enumerate(self.classes_.tolist())}
        strange = [label for label in labels.tolist() if label not in known]
        if strange:
            raise ArgumentError(
                f"the label {strange[0]!r} of the test data is not among those that were learnt: "
                f"{', '.join(map(str, self.classes_[:8]))}"
            )
        numbers = np.asarray([known[label] for label in labels.tolist()], np.int64)
        return Labelled(self.encoder_.encode(as_inputs(X), self._note), numbers)

    def _build(self) -> nn.Module:
        with seeded(self.seed):
            return Labeller(
                self.cell_,
                self.encoder_.inputs,
                len(self.classes_),
                is_text=self.encoder_.is_text,
                embedding=self.embedding,
                hidden=self.hidden,
                layers=self.layers,
                bidirectional=self.bidirectional,
                dropout=self.dropout,
                pooling=self.pooling,
            )

    def _train_baseline(self, parts: Any, weights: Any) -> nn.Module | None:
        """The network without recurrence, on the same rows with the same settings."""
        with seeded(self.seed):
            model = FeedForward(
                self.encoder_.inputs,
                len(self.classes_),
                is_text=self.encoder_.is_text,
                embedding=self.embedding,
                hidden=self.hidden,
                dropout=self.dropout,
            )
        job = LabellingJob(model, parts, weights, self.batch_size, self.seed)
        watcher = Beside(self.watcher(), "the network without order")
        watcher.note("a network that is told no order learns beside it, for the report")
        try:
            train(job, self.settings(), None, watcher)
        except (Interrupted, Diverged) as stopped:  # the run itself is whole
            watcher.note(f"the report goes without it: {stopped}")
            return None
        return model.eval()

    def _findings(self, config: Any, inputs: Any, parts: Any, beside: Any, names: Any) -> Findings:
        """What the report is about: the test part, or what comes nearest to it."""
        part = next(name for name in ("test", "validation", "train") if name in parts)
        data, raw = parts[part], inputs[part]

        rows = self.rows_[part]
        called = None if names is None else names[part == "test"]

        def show(row: int) -> str:
            one = raw[row]
            if isinstance(one, str):
                return one
            name = f"number {rows[row] + 1}" if called is None else called[rows[row]]
            return f"{name}: {counted(len(one), 'step')}, {counted(one.shape[1], 'channel')}"

        return Findings(
            config=config,
            cell=self.cell_,
            model=self.model_,
            state=self.state_,
            classes=[str(name) for name in self.classes_],
            parts=parts,
            told=Told(data, chances(self.model_, data.sequences, len(self.classes_))),
            told_part=part,
            baseline=beside and Told(data, chances(beside, data.sequences, len(self.classes_))),
            show=show,
            steps=lambda row: self.encoder_.steps(raw[row]),
            values=lambda row: None if isinstance(raw[row], str) else raw[row],
            notes=self.notes_.sentences,
            command=str(config["data"].get("command", repr(self))),
        )

    # ---------------------------------------------------------------------------------- asking

    def predict_proba(self, X: Sequence[Any]) -> Any:
        """The probability of each class, a row each, in the order of `classes_`."""
        self.require_fitted("model_")
        sequences = self.encoder_.encode(as_inputs(X), self.watcher().note)
        return chances(self.model_, sequences, len(self.classes_))

    def predict(self, X: Sequence[Any]) -> Any:
        """The most probable class of each."""
        best = self.predict_proba(X).argmax(1)
        return self.classes_[best]

    def evaluate(self, X: Sequence[Any], y: Sequence[Any]) -> dict[str, Any]:
        """Accuracy, macro F1 and the confusion matrix on labelled sequences."""
        self.require_fitted("model_")
        data = self._encode_labelled(X, y)
        told = Told(data, chances(self.model_, data.sequences, len(self.classes_)))
        confusion = told.confusion()
        return {**figures(confusion), "rows": len(data), "confusion": confusion}

    # ----------------------------------------------------------------------------------- a run

    def _vocabulary(self) -> dict[str, Any]:
        kind = "number" if np.issubdtype(self.classes_.dtype, np.number) else "text"
        return {
            "classes": self.classes_.tolist(),
            "labels": kind,
            "encoder": self.encoder_.as_dict(),
        }

    @classmethod
    def load(cls, path: str | Path) -> Classifier:
        """The classifier of a run."""
        run = RunFolder.open(path)
        config = run.config()
        model = shared.from_config(cls, TASK, config, run)
        vocabulary = run.read_json("vocabulary.json")
        if not isinstance(vocabulary, dict) or "classes" not in vocabulary:
            raise DamagedVocabulary(f"{run.path}: its vocabulary is damaged: copy the run again")
        model.encoder_ = encoder_from(vocabulary.get("encoder"))
        model.classes_ = _classes_from(vocabulary["classes"], run.path)
        network = model._build()
        shared.load_weights(network, run)
        model.model_, model.run_, model.history_ = network.eval(), run, run.metrics()
        model.notes_ = Notes()
        return model


def _classes_from(names: Any, run: Path) -> Any:
    """The classes that a run keeps: texts, or numbers, each once."""
    kinds = {type(name) for name in names} if isinstance(names, list) else set()
    if kinds not in ({str}, {int}, {float}, {int, float}, {bool}) or len(set(names)) < len(names):
        raise DamagedVocabulary(f"{run}: its classes are damaged: copy the run again")
    return np.asarray(names)


def cross_validate(
    model: Classifier, X: Sequence[Any], y: Sequence[Any], count: int
) -> list[dict[str, Any]]:
    """The figures of `count` fits, each tested on the fold that it did not see."""
    inputs, labels = as_inputs(X), as_labels(y, len(X))
    together = inputs if isinstance(inputs[0], str) else None
    results = []
    for rows, held in folds([str(one) for one in labels], count, model.seed, together):
        one = clone(model).set_params(out=None, progress="quiet", baseline=False)
        one.fit([inputs[row] for row in rows], labels[rows])
        results.append(one.evaluate([inputs[row] for row in held], labels[held]))
    return results


@torch.no_grad()
def chances(model: nn.Module, sequences: Ragged, classes: int) -> Any:
    """The probability of each class, a row each; sequences of a length are read together."""
    result = np.empty((len(sequences), classes))
    order = np.argsort(sequences.lengths, kind="stable")
    for start in range(0, len(order), PREDICTING):
        rows = order[start : start + PREDICTING]
        result[rows] = model(*sequences.batch(rows)).double().softmax(1).numpy()
    return result


def as_labels(y: Any, count: int) -> Any:
    """Labels as an array of text or whole numbers, as many as there are sequences."""
    labels = np.asarray(y)
    if labels.ndim != 1 or len(labels) != count:
        raise ArgumentError(
            f"there are {count} sequences but labels of shape {labels.shape}: one label each"
        )
    if labels.dtype.kind not in "OUSiubf":
        raise ArgumentError(f"labels are text or numbers, not {labels.dtype}")
    if labels.dtype.kind == "O":
        labels = labels.astype(str)
    return labels
