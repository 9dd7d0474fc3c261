"""The report of a single-label classifier. In: `Findings`. Out: sections; next: `page`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from unrolled.report.blocks import Block, Figure, Prose, Section, Table
from unrolled.report.figures import confusion_matrix
from unrolled.tasks.classify.figures import figures
from unrolled.tasks.classify.findings import LISTED, Findings, Told, of_series, who
from unrolled.tasks.reporting import quoted

FIGURES = ["model", "accuracy", "macro F1"]
CLASSES_DRAWN = 40  # in a confusion matrix: more are not readable


class ClassView:
    """One class for each row."""

    shown: ClassVar[Mapping[str, str]] = {
        "loss": "loss (cross-entropy)",
        "accuracy": "accuracy (share)",
    }

    def title(self, found: Findings) -> str:
        return f"A classifier of {len(found.classes)} classes"

    def lead(self, found: Findings) -> str:
        accuracy = figures(found.told.confusion())["accuracy"]
        return (
            f"{who(found)} classifies {accuracy:.1%} of the {len(found.told.data):,} sequences of "
            f"the {found.told_part} set correctly; always guessing the most frequent class "
            f"scores {_commonest(found.told):.1%}.{_better_alone(found, accuracy)}"
        )

    def how_good(self, found: Findings) -> Section:
        return _how_good(found)

    def examples(self, found: Findings) -> Section:
        return _examples(found)

    def chosen(self, found: Findings, count: int) -> list[int]:
        """The most confident correct rows of different classes, then the most confident error."""
        told = found.told
        sure = told.chances.max(1)
        right = np.flatnonzero(told.said == told.data.targets)
        wrong = np.flatnonzero(told.said != told.data.targets)
        surest = right[np.argsort(-sure[right], kind="stable")]
        _, first = np.unique(told.said[surest], return_index=True)
        rows = [*surest[np.sort(first)][: count - 1]]
        return [int(row) for row in [*rows, *wrong[np.argsort(-sure[wrong], kind="stable")][:1]]]

    def read_as(self, found: Findings, row: int) -> tuple[int, str]:
        said, is_so = int(found.told.said[row]), int(found.told.data.targets[row])
        verdict = "correct" if said == is_so else f"wrong, it is {found.classes[is_so]}"
        return said, f"predicted {found.classes[said]} ({verdict})"


def _better_alone(found: Findings, accuracy: float) -> str:
    """A sentence about a part that is better alone, if there is one."""
    rivals = dict(found.alone)
    if found.baseline is not None:
        rivals["the feed-forward network"] = found.baseline
    figure = {name: figures(told.confusion())["accuracy"] for name, told in rivals.items()}
    best = max(figure, key=lambda name: figure[name], default=None)
    if best is None or figure[best] <= accuracy:
        return ""
    return f" On these data, {best} is better: {figure[best]:.1%}."


def _how_good(found: Findings) -> Section:
    rows = [[who(found), *_percent(found.told)]]
    rows += [[name, *_percent(told)] for name, told in found.alone.items()]
    if found.baseline is not None:
        rows.append(["feed-forward network (no order)", *_percent(found.baseline)])
    rows.append(["always the most frequent class", f"{_commonest(found.told):.1%}", "–"])
    table = found.told.confusion()
    blocks: list[Block] = [
        Table(
            "figures",
            f"On the {found.told_part} set. Accuracy is the fraction classified correctly. Macro "
            "F1 is the mean of F1 (the harmonic mean of precision and recall) over the classes, "
            "so rare classes count as much as frequent ones.",
            FIGURES,
            rows,
        ),
        Table(
            "classes",
            "Recall is the fraction of the examples of a class that were predicted correctly, "
            "precision the fraction of its predictions that were correct.",
            ["class", "examples", "recall", "precision"],
            _class_rows(table, found.classes),
        ),
    ]  # fmt: skip
    if len(found.classes) <= CLASSES_DRAWN:
        panel = confusion_matrix(table, [str(name) for name in found.classes])
        blocks.append(
            Figure("confusion", "Confusion matrix", panel, "confusion matrix",
                   "Rows: true class. Columns: predicted class.")
        )  # fmt: skip
    if found.baseline is not None:
        gain = figures(table)["accuracy"] - figures(found.baseline.confusion())["accuracy"]
        blocks.append(
            Prose(
                "The feed-forward network saw the same rows without the order of their steps. "
                f"Recurrence changes the accuracy by {100 * gain:+.1f} points."
            )
        )
    return Section("Results", blocks)


def _commonest(told: Told) -> float:
    """The accuracy of always predicting the most frequent class."""
    return float(np.bincount(told.data.targets).max() / len(told.data))


def _percent(told: Told) -> list[str]:
    found = figures(told.confusion())
    return [f"{found['accuracy']:.1%}", f"{found['macro_f1']:.1%}"]


def _class_rows(table: Any, classes: Sequence[Any]) -> list[list[Any]]:
    rows = []
    for number, name in enumerate(classes):
        is_so, said, right = table[number].sum(), table[:, number].sum(), table[number, number]
        recall = f"{right / is_so:.1%}" if is_so else "–"
        precision = f"{right / said:.1%}" if said else "–"
        rows.append([quoted(str(name), 40), int(is_so), recall, precision])
    return rows


def _examples(found: Findings) -> Section:
    """The most confident correct and wrong predictions."""
    told, rows = found.told, np.arange(len(found.told.data))
    sure = told.chances[rows, told.said]
    right = told.said == told.data.targets
    order = np.argsort(-sure, kind="stable")
    columns = ["series" if of_series(found) else "text", "true", "predicted", "probability"]

    def listed(which: Any) -> list[list[Any]]:
        chosen: dict[tuple[str, ...], list[Any]] = {}  # list repeated texts once
        for row in order:
            if which[row] and len(chosen) < LISTED:
                words = (
                    quoted(found.show(row)),
                    quoted(str(found.classes[told.data.targets[row]]), 40),
                    quoted(str(found.classes[told.said[row]]), 40),
                    f"{sure[row]:.1%}",
                )
                chosen.setdefault(words, list(words))
        return list(chosen.values())

    blocks: list[Block] = []
    for key, caption, which in (
        ("best", "The most confident correct predictions.", right),
        ("worst", "The most confident mistakes. The labels are often worth checking.", ~right),
    ):
        if which.any():
            blocks.append(Table(key, caption, columns, listed(which)))
    return Section("Examples", blocks)
