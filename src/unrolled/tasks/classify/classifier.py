"""Classifies texts or numeric series. In: sequences, labels. Out: predicted labels; next: `cli`.

    model = Classifier(cell="gru", tokens="word", epochs=5)
    model.fit(texts, labels)
    model.predict(["a film to forget"])

A row has one label, or any number of labels if `y` contains lists of labels (or is a matrix of 0
and 1 with a column for each label). `Reader` defines how the networks are trained.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.base import ClassifierMixin
from torch import Tensor

from unrolled.cells.choosing import ChosenCell
from unrolled.data.labels import rarest_of
from unrolled.errors import ArgumentError, InputError
from unrolled.exports.export import Exported, Options
from unrolled.networks.aims import ONE_CLASS, SEVERAL_LABELS
from unrolled.report.blocks import Live
from unrolled.tasks.classify.encoders import as_inputs
from unrolled.tasks.classify.exporting import export_reader
from unrolled.tasks.classify.figures import every_label_figure, figures, per_label
from unrolled.tasks.classify.findings import Told
from unrolled.tasks.classify.job import class_weights
from unrolled.tasks.classify.labels import (
    are_several,
    as_label_sets,
    indicators_of,
    with_new_labels,
)
from unrolled.tasks.classify.live_page import live_part
from unrolled.tasks.classify.plan import as_labels, class_numbers, classes_from
from unrolled.tasks.classify.reader import Reader
from unrolled.tasks.options import option
from unrolled.tasks.tokens import DamagedVocabulary
from unrolled.training import settings as checks
from unrolled.training.run_folder import RunFolder

THRESHOLD = 0.5  # of the probability of a label, if a row may have several


@dataclass(kw_only=True, eq=False, repr=False)
class Classifier(ClassifierMixin, Reader):
    """A recurrent network that predicts the class or the labels of a sequence."""

    TASK: ClassVar[str] = "classify"

    class_weights: str | None = option(
        None, "balanced: weight classes by inverse frequency", choices=("balanced",)
    )

    def check(self) -> ChosenCell:
        cell = super().check()
        checks.one_of("class_weights", self.class_weights, (None, "balanced"))
        return cell

    @property
    def several(self) -> bool:
        """Whether a row can have any number of labels."""
        return self.aim_.name == "labels"

    # -------------------------------------------------------------------------------- learning

    def _learn_targets(self, y: Any, count: int) -> Any:
        before = self.before
        if before is not None:
            self._aim_at(before.aim_)
            self.as_matrix_ = before.as_matrix_
            self.classes_ = before.classes_
            if self._new_labels:
                self.classes_ = with_new_labels(before.classes_, y, count)
            return self._known_targets(y, count, "the new rows")
        self._aim_at(SEVERAL_LABELS if are_several(y) else ONE_CLASS)
        self.as_matrix_ = False
        if self.several:
            self._refuse_class_weights()
            sets, self.classes_, self.as_matrix_ = as_label_sets(y, count)
            return indicators_of(sets, self.classes_, "the training rows")
        self.classes_, numbers = np.unique(as_labels(y, count), return_inverse=True)
        if len(self.classes_) < 2:
            raise InputError(
                f"every label is {str(self.classes_[0])!r:.60}: there is nothing to learn"
            )
        return numbers

    def _refuse_class_weights(self) -> None:
        if self.class_weights is not None:
            raise ArgumentError(
                "class_weights is for rows with one class, and these rows have "
                "several labels: leave it out"
            )

    def _known_targets(self, y: Any, count: int, whose: str) -> Any:
        if self.several:
            sets = as_label_sets(y, count, self.classes_)[0]
            return indicators_of(sets, self.classes_, whose)
        return class_numbers(as_labels(y, count), self.classes_, whose)

    def _strata(self, targets: Any) -> list[str]:
        if self.several:
            return rarest_of([self.classes_[row > 0.5].tolist() for row in targets])
        return [str(self.classes_[number]) for number in targets]

    def _outputs(self) -> list[Any]:
        names: list[Any] = self.classes_.tolist()
        return names

    def _weights(self, targets: Any) -> Tensor:
        if self.several:
            return torch.ones(len(self.classes_))
        return class_weights(self.class_weights, targets, len(self.classes_))

    def _live(self, raw: Any) -> tuple[Live, Any]:
        return live_part(self, raw)

    # ---------------------------------------------------------------------------------- asking

    def predict_proba(self, X: Sequence[Any]) -> Any:
        """Probabilities (rows, classes or labels), in the order of `classes_`."""
        return self.probabilities(X, self.watcher().note)

    def probabilities(self, X: Sequence[Any], note: Callable[[str], None]) -> Any:
        """Like `predict_proba`; changes to the data are reported to `note`."""
        return self.answers(X, note)

    def predict(self, X: Sequence[Any]) -> Any:
        """The most probable class of each sequence.

        With several labels: a list for each row of the labels whose probability is at least one
        half, or a matrix of 0 and 1 if the model was fitted to one.
        """
        chances = self.predict_proba(X)
        if not self.several:
            return self.classes_[chances.argmax(1)]
        if self.as_matrix_:
            return (chances >= THRESHOLD).astype(np.int64)
        names = self.classes_.tolist()
        return [[names[k] for k in np.flatnonzero(row >= THRESHOLD)] for row in chances]

    def evaluate(self, X: Sequence[Any], y: Sequence[Any]) -> dict[str, Any]:
        """Accuracy, macro F1 and the confusion matrix on labeled sequences.

        With several labels: micro and macro F1, exact match, average precision, and `per_label`.
        """
        self.require_fitted("model_")
        data = self._encode_labelled(X, y)
        told = Told(data, self._chances(data, as_inputs(X)))
        if self.several:
            names = [str(name) for name in self.classes_]
            found = every_label_figure(told.chances, data.targets, THRESHOLD)
            labels = per_label(names, told.chances, data.targets, THRESHOLD)
            return {**found, "rows": len(data), "per_label": labels}
        confusion = told.confusion()
        return {**figures(confusion), "rows": len(data), "confusion": confusion}

    def score(self, X: Sequence[Any], y: Sequence[Any], sample_weight: Any = None) -> float:
        """The accuracy; with several labels, the share of rows with exactly the right ones."""
        self.require_fitted("model_")
        if not self.several:
            return float(super().score(X, y, sample_weight))
        return float(self.evaluate(X, y)["exact_match"])

    # ------------------------------------------------------------------------------- exporting

    def export_as(self, kind: str, path: Path, options: Options) -> Exported:
        """Export the whole classifier to another runtime; called by `unrolled.export`."""
        self.require_fitted("model_")
        return export_reader(self, kind, path, options)

    # ----------------------------------------------------------------------------------- a run

    def _targets_plain(self) -> dict[str, Any]:
        kind = "number" if np.issubdtype(self.classes_.dtype, np.number) else "text"
        several = {"several": "matrix" if self.as_matrix_ else "lists"} if self.several else {}
        return {"classes": self.classes_.tolist(), "labels": kind, **several}

    def _read_targets(self, vocabulary: dict[str, Any], run: RunFolder) -> None:
        if "classes" not in vocabulary:
            raise DamagedVocabulary(f"{run.path}: its vocabulary is damaged: copy the run again")
        self._aim_at(SEVERAL_LABELS if vocabulary.get("several") else ONE_CLASS)
        self.as_matrix_ = vocabulary.get("several") == "matrix"
        self.classes_ = classes_from(vocabulary["classes"], run.path)
