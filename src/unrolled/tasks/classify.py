"""Classify texts or numeric series. In: sequences and labels. Out: labels of others; next: `cli`.

    model = Classifier(cell="gru", bidirectional=True, tokens="word", epochs=5)
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
from sklearn.base import ClassifierMixin
from torch import nn

from unrolled.errors import ArgumentError
from unrolled.tasks.parts import estimator as shared
from unrolled.tasks.parts.cells import ChosenCell
from unrolled.tasks.parts.encoders import (
    Encoder,
    SeriesEncoder,
    TextEncoder,
    as_inputs,
    encoder_from,
)
from unrolled.tasks.parts.estimator import Estimator, seeded
from unrolled.tasks.parts.labelling import FeedForward, Labeller
from unrolled.tasks.parts.labelling_job import Labelled, LabellingJob, class_weights, figures
from unrolled.tasks.parts.options import option
from unrolled.tasks.parts.pooling import POOLINGS
from unrolled.tasks.parts.splitting import split_by_class
from unrolled.tasks.parts.tokens import KINDS
from unrolled.training import settings as checks
from unrolled.training.job import State
from unrolled.training.loop import train
from unrolled.training.progress import Quiet
from unrolled.training.run_folder import RunFolder

TASK = "classify"
PREDICTING = 256  # sequences in a batch when nothing is learnt


@dataclass(kw_only=True, eq=False, repr=False)
class Classifier(ClassifierMixin, Estimator):
    """A recurrent network that reads a sequence and names its class."""

    bidirectional: bool = option(False, "read each sequence from both ends", bool)
    tokens: str = option("word", "how texts are cut", choices=KINDS)
    vocabulary: int = option(20_000, "most tokens that are told apart", int)
    embedding: int = option(64, "numbers that stand for a token", int)
    pooling: str = option("last", "how the steps become one vector", choices=POOLINGS)
    class_weights: str | None = option(
        None, "balanced: rare classes count as much as frequent ones", choices=("balanced",)
    )
    baseline: bool = option(False, "train a network without recurrence beside it", bool)

    def check(self) -> ChosenCell:
        cell = super().check()
        for name in ("vocabulary", "embedding"):
            checks.count(name, getattr(self, name))
        checks.one_of("tokens", self.tokens, KINDS)
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
        resume: bool = False,
    ) -> Classifier:
        """Learn from sequences and labels; `data` says for the run where they came from."""
        self.cell_ = self.check()
        if not resume:
            self.refuse_taken_place()
        parts = self._parts(X, y, test)
        model = self._build()
        self.watcher_ = self.watcher()
        config = shared.config_of(TASK, self, self.cell_, data=data or {})
        run = self.open_run(config, self._vocabulary(), resume)
        weights = class_weights(self.class_weights, parts["train"].classes, len(self.classes_))
        job = LabellingJob(model, parts, weights, self.batch_size, self.seed)
        state = train(job, self.settings(), run, self.watcher_, resume)
        self._learnt(model, state, run)
        self.baseline_ = self._train_baseline(parts, weights) if self.baseline else None
        return self

    def _parts(self, X: Any, y: Any, test: Any) -> dict[str, Labelled]:
        """Cut off the validation rows, fit the encoder on the rest, encode everything."""
        note = self.watcher().note
        inputs, labels = as_inputs(X), as_labels(y, len(X))
        self.classes_, numbers = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ArgumentError(
                f"every label is {self.classes_[0]!r}: there is nothing to tell apart"
            )
        rows, held = split_by_class(numbers, self.validation, self.seed)
        chosen = [inputs[row] for row in rows]
        if isinstance(inputs[0], str):
            self.encoder_: Encoder = TextEncoder.fit(chosen, self.tokens, self.vocabulary)
        else:
            self.encoder_ = SeriesEncoder.fit(chosen)
        whole = Labelled(self.encoder_.encode(inputs, note), numbers)
        parts = {"train": whole.rows(rows)}
        if len(held):
            parts["validation"] = whole.rows(held)
        if test is not None:
            parts["test"] = self._encode_labelled(*test)
        return parts

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
        return Labelled(self.encoder_.encode(as_inputs(X), self.watcher().note), numbers)

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

    def _train_baseline(self, parts: Any, weights: Any) -> State:
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
        return train(job, self.settings(), None, Quiet())

    def _learnt(self, model: nn.Module, state: State, run: RunFolder | None) -> None:
        self.model_, self.state_, self.run_ = model.eval(), state, run
        self.history_ = state.history

    # ---------------------------------------------------------------------------------- asking

    @torch.no_grad()
    def predict_proba(self, X: Sequence[Any]) -> Any:
        """The probability of each class, a row each, in the order of `classes_`."""
        self.require_fitted("model_")
        sequences = self.encoder_.encode(as_inputs(X), self.watcher().note)
        result = np.empty((len(sequences), len(self.classes_)))
        order = np.argsort(sequences.lengths, kind="stable")
        for start in range(0, len(order), PREDICTING):
            rows = order[start : start + PREDICTING]
            result[rows] = self.model_(*sequences.batch(rows)).double().softmax(1).numpy()
        return result

    def predict(self, X: Sequence[Any]) -> Any:
        """The most probable class of each."""
        return self.classes_[self.predict_proba(X).argmax(1)]

    def evaluate(self, X: Sequence[Any], y: Sequence[Any]) -> dict[str, Any]:
        """Accuracy, macro F1 and the confusion matrix on labelled sequences."""
        self.require_fitted("model_")
        data = self._encode_labelled(X, y)
        said = self.predict_proba(X).argmax(1)
        confusion = np.zeros((len(self.classes_),) * 2, np.int64)
        np.add.at(confusion, (data.classes, said), 1)
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
        model.encoder_ = encoder_from(vocabulary.get("encoder"))
        model.classes_ = np.asarray(vocabulary["classes"])
        network = model._build()
        shared.load_weights(network, run)
        model.model_, model.run_, model.history_ = network.eval(), run, run.metrics()
        return model


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
