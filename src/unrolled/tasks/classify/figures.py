"""Metrics for classes, several labels and numbers. In: tallies. Out: metrics.

A tally contains the sums of an aim over rows (see `networks.aims`). Next: job, report, `evaluate`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from unrolled.networks.aims import Aim
from unrolled.training.job import Measures


def measures_of(aim: Aim, tally: Any) -> Measures:
    """The metrics of an aim's tally."""
    found = {"class": figures, "labels": label_figures, "number": number_figures}
    return found[aim.name](tally)


def figures(confusion: Any) -> Measures:
    """Accuracy and macro F1 of a confusion matrix (rows: true class; columns: predicted)."""
    right = np.diag(confusion)
    said, is_so = confusion.sum(0), confusion.sum(1)
    there = (said + is_so) > 0  # a class without true or predicted rows has no F1
    f1 = 2 * right[there] / (said + is_so)[there]
    return {"accuracy": float(right.sum() / confusion.sum()), "macro_f1": float(f1.mean())}


def label_figures(tally: Any) -> Measures:
    """Micro and macro F1; a label without true or predicted rows has no F1."""
    is_so, said, right = tally[:3]
    there = is_so + said > 0
    both = float((is_so + said).sum())
    macro = 2 * right[there] / (is_so + said)[there]
    return {
        "micro_f1": float(2 * right.sum() / both) if both else 0.0,
        "macro_f1": float(macro.mean()) if there.any() else 0.0,
    }


def number_figures(tally: Any) -> Measures:
    """Mean absolute error, root mean squared error, and R2 (0 for constant targets)."""
    count, error, squared, centered, of_targets = (float(one) for one in tally)
    spread = of_targets - centered**2 / count
    return {
        "mae": error / count,
        "rmse": float(np.sqrt(squared / count)),
        "r2": 1 - squared / spread if spread > 0 else 0.0,
    }


def numbers_measured(said: Any, real: Any) -> Measures:
    """The same metrics for predictions (N, 1)."""
    error, centered = (said - real).ravel(), (real - real.mean()).ravel()
    sums = [np.abs(error), error**2, centered, centered**2]
    return number_figures([len(error), *(one.sum() for one in sums)])


def every_label_figure(chances: Any, targets: Any, threshold: float = 0.5) -> Measures:
    """F1, the share of rows with exactly the right labels, and the mean average precision."""
    said, real = chances >= threshold, targets > 0.5
    tally = np.stack([real.sum(0), said.sum(0), (said & real).sum(0)])
    precisions = [average_precision(chances[:, k], real[:, k]) for k in np.flatnonzero(tally[0])]
    return {
        **label_figures(tally),
        "exact_match": float((said == real).all(1).mean()),
        "average_precision": float(np.mean(precisions)) if precisions else 0.0,
    }


def average_precision(scores: Any, is_so: Any) -> float:
    """The mean precision over the rows with the label, ranked by score.

    Rows with the same score share a rank.
    """
    order = np.argsort(-scores, kind="stable")
    right = np.cumsum(is_so[order])
    last = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    precision = right[last] / (last + 1)
    gained = np.diff(right[last], prepend=0)
    return float((precision * gained).sum() / max(int(is_so.sum()), 1))


def per_label(
    names: Sequence[str], chances: Any, targets: Any, threshold: float = 0.5
) -> list[dict[str, Any]]:
    """The rows, recall, precision, F1 and average precision of each label; None if undefined."""
    found = []
    for number, name in enumerate(names):
        real, said = targets[:, number] > 0.5, chances[:, number] >= threshold
        rows, given, right = int(real.sum()), int(said.sum()), int((real & said).sum())
        found.append(
            {
                "label": name,
                "rows": rows,
                "recall": right / rows if rows else None,
                "precision": right / given if given else None,
                "f1": 2 * right / (rows + given) if rows + given else None,
                "average_precision": average_precision(chances[:, number], real) if rows else None,
            }
        )
    return found
