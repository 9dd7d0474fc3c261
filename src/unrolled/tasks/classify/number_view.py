"""The report of a regressor. In: `Findings`. Out: sections; next: `page`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from unrolled.report.blocks import Block, Figure, Section, Table
from unrolled.report.figures import scatter
from unrolled.tasks.classify.figures import numbers_measured
from unrolled.tasks.classify.findings import LISTED, Findings, of_series, who
from unrolled.tasks.reporting import quoted

FIGURES = ["model", "MAE", "RMSE", "R2"]
DRAWN = 500  # rows in the figure


class NumberView:
    """A number for each row; `found.classes` contains the name of the target."""

    shown: ClassVar[Mapping[str, str]] = {
        "loss": "loss (squared error, in variances)",
        "mae": "mean absolute error",
    }

    def title(self, found: Findings) -> str:
        return f"A regression of {' '.join(found.classes[0].split())[:40]}"

    def lead(self, found: Findings) -> str:
        figure = measured(found, found.told.chances)
        simple = _simple(found)
        median = measured(found, simple["always the median of the training set"])["mae"]
        return (
            f"{who(found)} predicts {quoted(found.classes[0], 40)} with a mean absolute error of "
            f"{figure['mae']:.4g} (R2 {figure['r2']:.3f}) on the {len(found.told.data):,} "
            f"sequences of the {found.told_part} set; always predicting the median is off by "
            f"{median:.4g}.{_better_alone(found, figure['mae'])}"
        )

    def how_good(self, found: Findings) -> Section:
        others = {name: told.chances for name, told in found.alone.items()}
        if found.baseline is not None:
            others["feed-forward network (no order)"] = found.baseline.chances
        models = {who(found): found.told.chances, **others, **_simple(found)}
        rows = [[name, *measured(found, said).values()] for name, said in models.items()]
        real, said = found.told.data.targets[:DRAWN, 0], found.told.chances[:DRAWN, 0]
        blocks: list[Block] = [
            Table(
                "figures",
                f"On the {found.told_part} set. MAE and RMSE are in the units of the target; R2 "
                "is the fraction of its variance that is explained: 1 at best, 0 for always "
                "predicting the mean.",
                FIGURES,
                rows,
            ),
            Figure(
                "scatter", "Predicted and true values",
                scatter(real, said, x_label="true", y_label="predicted"),
                "each row by its true and its predicted value",
                "On the line, the prediction is correct.",
            ),
            *_intervals(found),
        ]  # fmt: skip
        return Section("Results", blocks)

    def examples(self, found: Findings) -> Section:
        off = _off(found)
        columns = ["series" if of_series(found) else "text", "true", "predicted"]
        blocks: list[Block] = []
        for key, caption, sign in (
            ("best", "The smallest errors.", 1),
            ("worst", "The largest errors. The values are often worth checking.", -1),
        ):
            order = np.argsort(sign * off, kind="stable")[:LISTED]
            lines = [
                [quoted(found.show(int(row))), float(found.told.data.targets[row, 0]),
                 float(found.told.chances[row, 0])]
                for row in order
            ]  # fmt: skip
            blocks.append(Table(key, caption, columns, lines))
        return Section("Examples", blocks)

    def chosen(self, found: Findings, count: int) -> list[int]:
        order = np.argsort(_off(found), kind="stable")
        return [int(row) for row in dict.fromkeys([*order[: count - 1], order[-1]])]

    def read_as(self, found: Findings, row: int) -> tuple[int, str]:
        said, real = found.told.chances[row, 0], found.told.data.targets[row, 0]
        return 0, f"predicted {said:.4g}, true value {real:.4g}"


def measured(found: Findings, said: Any) -> dict[str, float]:
    """MAE, RMSE and R2 of predictions on the reported part."""
    return numbers_measured(said, found.told.data.targets)


def _simple(found: Findings) -> dict[str, Any]:
    """Constant predictions."""
    learned, like = found.parts["train"].targets, np.ones_like(found.told.chances)
    return {
        "always the mean of the training set": learned.mean() * like,
        "always the median of the training set": np.median(learned) * like,
    }


def _better_alone(found: Findings, reached: float) -> str:
    """A sentence about a part that is better alone, if there is one."""
    rivals = {name: told.chances for name, told in found.alone.items()}
    if found.baseline is not None:
        rivals["the feed-forward network"] = found.baseline.chances
    rivals |= _simple(found)
    errors = {name: measured(found, said)["mae"] for name, said in rivals.items()}
    best = min(errors, key=lambda name: errors[name])
    if errors[best] >= reached:
        return ""
    return f" On these data, {best} is better: {errors[best]:.4g}."


def _intervals(found: Findings) -> list[Block]:
    """The coverage of the intervals on rows that were not used to calibrate them."""
    if not found.intervals or found.told_part != "test":
        return []
    real = found.told.data.targets
    rows = [
        [f"{level:.0%}", f"{((low <= real) & (real <= high)).mean():.1%}",
         float((high - low).mean())]
        for level, (low, high) in found.intervals.items()
    ]  # fmt: skip
    return [
        Table(
            "intervals",
            "Intervals are calibrated on the errors of rows by networks that were not trained on "
            "them (split conformal prediction), and wider for rows with larger errors. Coverage is "
            "the fraction of the test set that lies inside.",
            ["level", "coverage", "mean width"],
            rows,
        )
    ]


def _off(found: Findings) -> Any:
    return np.abs(found.told.chances - found.told.data.targets)[:, 0]
