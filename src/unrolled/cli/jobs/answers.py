"""Predictions as columns beside those of the input. In: batches, predictions.

Out: frames for `data.writing`, or lines on the screen. Every row of the input has a line, in
order; the predictions of a row without input are empty.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from unrolled.data.notes import Notes, listed
from unrolled.data.streaming import Batch
from unrolled.errors import UsageError

DIGITS = 4  # of a probability
MIDDLE = 0.5  # the threshold of a label's probability, where a row may have several labels


@dataclass(frozen=True)
class Wanted:
    """Which outputs of a classifier are requested."""

    classes: Sequence[str]
    probabilities: bool = False
    explain: bool = False
    separator: str | None = None  # of labels, where a row may have any number of them
    top: int = 1
    threshold: float | None = None
    ranked: bool = True  # whether columns are named by the rank of the class

    @classmethod
    def of(
        cls, arguments: argparse.Namespace, classes: Sequence[str], separator: str | None = None
    ) -> Wanted:
        """Check the options before anything is read."""
        top = 1 if arguments.top is None else arguments.top
        if not 1 <= top <= len(classes):
            raise UsageError(
                f"--top {top}: this run has {len(classes)} classes; give 1 to {len(classes)}"
            )
        threshold = arguments.threshold
        if threshold is not None and not 0 < threshold < 1:
            raise UsageError(f"--threshold must be a probability between 0 and 1, not {threshold}")
        if arguments.keep is not None and not arguments.out:
            raise UsageError("--keep chooses columns for --out FILE: name the file, too")
        ranked = separator is None or arguments.top is not None
        return cls(
            classes, arguments.probabilities, arguments.explain, separator, top, threshold, ranked
        )

    @property
    def is_plain(self) -> bool:
        """Whether only the label is requested."""
        more = self.probabilities or self.explain
        if self.separator is not None:
            return not (self.ranked or more)
        return self.top == 1 and self.threshold is None and not more

    def columns(self, chances: Any, notes: Notes, counted: Sequence[str] = ()) -> pl.DataFrame:
        """labels; label, probability, label_2, probability_2 ..., p(class) ..., counted."""
        columns: dict[str, Any] = {}
        if self.separator is not None:
            columns["labels"] = self.labels(chances)
        if self.ranked:
            columns |= self.by_rank(chances, notes)
        if self.probabilities:
            rounded = chances.round(DIGITS)
            columns |= {f"p({name})": rounded[:, i] for i, name in enumerate(self.classes)}
        if self.explain:
            columns["counted"] = pl.Series(counted, dtype=pl.String)
        return pl.DataFrame(columns)

    def labels(self, chances: Any) -> pl.Series:
        """All labels of each row with a probability of at least the threshold, or one half."""
        assert self.separator is not None, "a row has any number of labels"
        given = chances >= (MIDDLE if self.threshold is None else self.threshold)
        texts = [
            self.separator.join(self.classes[int(k)] for k in np.flatnonzero(row)) for row in given
        ]
        return pl.Series(texts, dtype=pl.String)

    def by_rank(self, chances: Any, notes: Notes) -> dict[str, Any]:
        """The most probable classes and their probabilities."""
        order = np.argsort(-chances, axis=1, kind="stable")[:, : self.top]
        sure = np.take_along_axis(chances, order, 1).round(DIGITS)
        names = np.asarray(self.classes, object)
        columns: dict[str, Any] = {}
        for place in range(self.top):
            end = f"_{place + 1}" if place else ""
            labels = pl.Series(names[order[:, place]].tolist(), dtype=pl.String)
            if self.threshold is not None and place == 0 and self.separator is None:
                labels = labels.set(pl.Series(sure[:, 0] < self.threshold), None)
                notes.say(f"labels with a probability below {self.threshold} are left empty")
            columns |= {f"label{end}": labels, f"probability{end}": sure[:, place]}
        return columns


Answered = Iterable[tuple[Batch, pl.DataFrame]]


def beside_rows(answered: Answered, keep: Sequence[str] | None, notes: Notes) -> Iterator[Any]:
    """For each batch its input columns, or those of `keep`, then the predictions."""
    renamed: dict[str, str] | None = None
    for batch, answers in answered:
        kept = batch.frame
        if keep is not None:
            strange = [name for name in keep if name not in kept.columns]
            if strange:
                raise UsageError(
                    f"--keep {strange[0]}: there is no such column; there are "
                    f"{listed(kept.columns)}"
                )
            kept = kept.select(keep)
        if renamed is None:
            renamed = free_names(answers.columns, kept.columns)
            if renamed:
                notes.say(
                    f"the input already has {listed(list(renamed))}: the predictions are in "
                    f"{listed(list(renamed.values()))}"
                )
        found = gathered(answers, batch.lines).rename(renamed)
        yield pl.concat([kept, found], how="horizontal")


def free_names(names: Sequence[str], taken: Sequence[str]) -> dict[str, str]:
    """New names for predictions whose name is already that of an input column."""
    found: dict[str, str] = {}
    for name in names:
        free = name
        while free in taken:
            free = f"predicted_{free}"
        if free != name:
            found[name] = free
    return found


def gathered(answers: pl.DataFrame, lines: Any) -> pl.DataFrame:
    """A line for each row of a batch; null for a row without input."""
    places = pl.Series(lines, dtype=pl.Int64)
    places = places.set(places < 0, None)
    return answers.select(pl.all().gather(places))


def say_answers(answered: Answered, is_plain: bool) -> None:
    """Print a line for each row; it is empty for a row without input.

    Plain: only the label; otherwise all predictions in columns, below their names.
    """
    first = True
    for batch, answers in answered:
        if not is_plain and first:
            print("\t".join(["row", *answers.columns]))
        first = False
        if is_plain:
            said = gathered(answers, batch.lines).to_series().cast(pl.String)
            shown = said.fill_null("").to_list()
        else:
            rows = [""] * len(batch.lines)
            for place, line in enumerate(batch.lines):
                rows[place] = str(batch.rows[line]) if line >= 0 else ""
            texts = gathered(answers, batch.lines).select(_as_shown(answers))
            shown = ["\t".join(line) for line in zip(rows, *texts.get_columns())]
        sys.stdout.write("".join(f"{one}\n" for one in shown))


def _as_shown(answers: pl.DataFrame) -> list[pl.Expr]:
    """Numbers with all of their digits, so that columns are aligned."""
    return [
        pl.col(name).map_elements(lambda v: f"{v:.{DIGITS}f}", pl.String).fill_null("")
        if kind.is_float()
        else pl.col(name).cast(pl.String).fill_null("")
        for name, kind in answers.schema.items()
    ]
