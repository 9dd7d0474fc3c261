"""The report of a multi-label classifier. In: `Findings`. Out: sections; next: `page`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from unrolled.report.blocks import Block, Prose, Section, Table
from unrolled.tasks.classify.figures import every_label_figure, per_label
from unrolled.tasks.classify.findings import LISTED, Findings, of_series, who
from unrolled.tasks.reporting import quoted

THRESHOLD = 0.5
FIGURES = ["model", "micro F1", "macro F1", "exact match", "average precision"]


class LabelView:
    """Several labels for each row, or none."""

    shown: ClassVar[Mapping[str, str]] = {
        "loss": "loss (binary cross-entropy)",
        "micro_f1": "micro F1",
    }

    def title(self, found: Findings) -> str:
        return f"A classifier of {len(found.classes)} labels, any number for each row"

    def lead(self, found: Findings) -> str:
        figure = _figures(found, found.told.chances)
        return (
            f"{who(found)} reaches a micro F1 of {figure['micro_f1']:.1%} on the "
            f"{len(found.told.data):,} sequences of the {found.told_part} set and predicts all "
            f"labels correctly for {figure['exact_match']:.1%} of them; always predicting every "
            f"label scores a micro F1 of {_always(found)['micro_f1']:.1%}."
            f"{_better_alone(found, figure['micro_f1'])}"
        )

    def how_good(self, found: Findings) -> Section:
        rows = [[who(found), *_shares(_figures(found, found.told.chances))]]
        others = {name: told.chances for name, told in found.alone.items()}
        if found.baseline is not None:
            others["feed-forward network (no order)"] = found.baseline.chances
        rows += [[name, *_shares(_figures(found, chances))] for name, chances in others.items()]
        rows.append(["always every label", *_shares(_always(found))])
        blocks: list[Block] = [
            Table(
                "figures",
                f"On the {found.told_part} set. A label is predicted if its probability is at "
                f"least {THRESHOLD:.0%}. Micro F1 pools the labels of all rows; macro F1 is the "
                "mean of F1 over the labels, so rare labels count as much as frequent ones. An "
                "exact match has all labels of a row and no other. Average precision is the area "
                "under the precision-recall curve, averaged over the labels; it depends on no "
                "threshold.",
                FIGURES,
                rows,
            ),
            Table(
                "labels",
                "Recall is the fraction of the examples of a label that were found, precision the "
                "fraction of its predictions that were correct.",
                ["label", "examples", "recall", "precision", "F1",
                 "average precision"],
                _label_rows(found),
            ),
        ]  # fmt: skip
        if found.baseline is not None:
            both = (found.told.chances, found.baseline.chances)
            ours, other = (_figures(found, chances)["micro_f1"] for chances in both)
            gain = ours - other
            blocks.append(
                Prose(
                    "The feed-forward network saw the same rows without the order of their "
                    f"steps. Recurrence changes the micro F1 by {100 * gain:+.1f} points."
                )
            )
        return Section("Results", blocks)

    def examples(self, found: Findings) -> Section:
        """The most confident rows with correct labels, and those with the largest errors."""
        off = _off(found)
        exact = ((found.told.chances >= THRESHOLD) == (found.told.data.targets > 0.5)).all(1)
        blocks: list[Block] = []
        for key, caption, which, sign in (
            ("best", "The most confident rows with all labels correct.", exact, 1),
            ("worst", "The largest errors. The labels are often worth checking.", ~exact, -1),
        ):
            order = [row for row in np.argsort(sign * off, kind="stable") if which[row]]
            lines = {tuple(line): line for line in (_line(found, row) for row in order[:50])}
            if lines:
                columns = ["series" if of_series(found) else "text", "true", "predicted"]
                blocks.append(Table(key, caption, columns, list(lines.values())[:LISTED]))
        return Section("Examples", blocks)

    def chosen(self, found: Findings, count: int) -> list[int]:
        order = np.argsort(_off(found), kind="stable")
        return [int(row) for row in dict.fromkeys([*order[: count - 1], order[-1]])]

    def read_as(self, found: Findings, row: int) -> tuple[int, str]:
        said = int(found.told.said[row])
        has = found.told.data.targets[row][said] > 0.5
        chance = found.told.chances[row, said]
        name = quoted(found.classes[said], 40)
        return (
            said,
            f"{name}: {chance:.0%} ({'correct' if has == (chance >= THRESHOLD) else 'wrong'})",
        )


def _figures(found: Findings, chances: Any) -> dict[str, float]:
    return every_label_figure(chances, found.told.data.targets, THRESHOLD)


def _always(found: Findings) -> dict[str, float]:
    return _figures(found, np.ones_like(found.told.chances))


def _shares(figures: dict[str, float]) -> list[str]:
    names = ("micro_f1", "macro_f1", "exact_match", "average_precision")
    return [f"{figures[name]:.1%}" for name in names]


def _better_alone(found: Findings, reached: float) -> str:
    """A sentence about a part that is better alone, if there is one."""
    rivals = {name: told.chances for name, told in found.alone.items()}
    if found.baseline is not None:
        rivals["the feed-forward network"] = found.baseline.chances
    figure = {name: _figures(found, chances)["micro_f1"] for name, chances in rivals.items()}
    best = max(figure, key=lambda name: figure[name], default=None)
    if best is None or figure[best] <= reached:
        return ""
    return f" On these data, {best} is better: {figure[best]:.1%}."


def _label_rows(found: Findings) -> list[list[Any]]:
    told = found.told
    return [
        [quoted(one["label"], 40), one["rows"]]
        + [
            "–" if one[name] is None else f"{one[name]:.1%}"
            for name in ("recall", "precision", "f1", "average_precision")
        ]
        for one in per_label(found.classes, told.chances, told.data.targets, THRESHOLD)
    ]


def _off(found: Findings) -> Any:
    """The distance of the probabilities of each row from its labels."""
    return np.abs(found.told.chances - found.told.data.targets).mean(1)


def _line(found: Findings, row: int) -> list[str]:
    told = found.told
    has = _names(found, told.data.targets[row] > 0.5)
    return [quoted(found.show(row)), has, _names(found, told.chances[row] >= THRESHOLD)]


def _names(found: Findings, which: Any) -> str:
    names = [quoted(found.classes[int(number)], 40) for number in np.flatnonzero(which)]
    return ", ".join(names) or "(none)"
