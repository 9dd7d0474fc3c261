"""Regression on the command line. In: files of texts or series. Out: runs, numbers, metrics."""

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import numpy as np
import polars as pl

from unrolled.cli.jobs.classify import ClassifyCommand, Found, explained
from unrolled.cli.jobs.figures import lines_of
from unrolled.cli.jobs.job import Evaluation
from unrolled.data.labels import Answers
from unrolled.data.notes import Notes
from unrolled.data.streaming import Batch
from unrolled.errors import UsageError
from unrolled.tasks.classify.regressor import NotCalibrated, Regressor
from unrolled.training.run_folder import RunFolder

OF_CLASSES = ("top", "threshold", "probabilities")
DIGITS = 6  # of a prediction


class RegressCommand(ClassifyCommand):
    """`unrolled train regress`, and the commands that use its runs."""

    name = "regress"
    summary = "predict a number from a text or a numeric series"
    estimator = Regressor
    columns = (
        "text",
        "target",
        "series",
        "time",
        "times",
        "test",
        "test_share",
        "folds",
        "from_run",
    )
    asked_with = ("text", "target", "series", "time", "times")
    roles: ClassVar[tuple[str, ...]] = ("text", "target", "series", "time", "times")

    def add_answers(self, parser: argparse._ActionsContainer) -> None:
        parser.add_argument("--target", metavar="COLUMN", help="column of the numbers to predict")

    def answers_of(self, how: dict[str, Any]) -> Answers:
        return Answers(numbers=True)

    @staticmethod
    def figures_of(model: Any, figures: dict[str, Any]) -> Evaluation:
        return figures, lines_of(figures)

    @staticmethod
    def separator_of(model: Any, before: dict[str, Any], given: dict[str, Any]) -> None:
        """A row has one number."""

    @staticmethod
    def labels_like(model: Any, labels: Any, folds: bool = False) -> Any:
        return labels

    def answering(
        self, model: Regressor, run: RunFolder, arguments: argparse.Namespace
    ) -> tuple[Callable[[Batch, Found, Notes], pl.DataFrame], bool]:
        idle = [name for name in OF_CLASSES if getattr(arguments, name)]
        if idle:
            raise UsageError(f"--{idle[0]} is for classes, and {run.path} predicts numbers")
        if arguments.keep is not None and not arguments.out:
            raise UsageError("--keep chooses columns for --out FILE: name the file, too")

        return partial(numbers_of, model, arguments.explain), False


def numbers_of(
    model: Regressor, explain: bool, batch: Batch, found: Found, notes: Notes
) -> pl.DataFrame:
    """The prediction of each row, and the low and high end of its interval."""
    said = found[0][:, 0]
    for note in found[1]:
        notes.say(note)
    columns: dict[str, Any] = {"prediction": said}
    try:
        columns["low"], columns["high"] = model.interval_of(batch.texts, said)
        notes.say(f"low and high are the ends of the {model.interval:.0%} interval")
    except NotCalibrated as reason:
        notes.say(str(reason))
    shown = {name: significant(values) for name, values in columns.items()}
    if explain:
        nothing = np.zeros(len(said), np.int64)
        counted = explained(model, batch, nothing, notes) if batch.rows else []
        shown["counted"] = pl.Series(counted, dtype=pl.String)
    return pl.DataFrame(shown)


def significant(values: Any) -> pl.Series:
    """Round to a few significant digits, since more are not meaningful."""
    return pl.Series([float(f"{value:.{DIGITS}g}") for value in values], dtype=pl.Float64)
