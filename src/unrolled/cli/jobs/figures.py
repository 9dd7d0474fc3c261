"""Tables of metrics for a terminal. In: metrics by name. Out: lines; next: `evaluate`."""

from collections.abc import Sequence
from typing import Any

import numpy as np


def lines_of(figures: dict[str, Any]) -> list[str]:
    """A line for each metric, then the confusion matrix if there is one."""
    lines = []
    for name, value in figures.items():
        if name in ("classes", "confusion", "per_class", "per_label", "intervals"):
            continue
        lines.append(f"{name.replace('_', ' ')}: {shown(name, value)}")
    if "confusion" in figures:
        lines += ["", *class_lines(figures["classes"], figures["confusion"])]
        lines += ["", "rows: true class; columns: predicted class", *table_of(figures)]
    if "per_label" in figures:
        lines += ["", *label_lines(figures["per_label"])]
    return lines


def label_lines(labels: Sequence[dict[str, Any]]) -> list[str]:
    """The number of rows and the metrics of each label, as a table."""
    wide = max(len("label"), *(len(one["label"]) for one in labels))
    lines = [f"{'label':<{wide}}     rows   recall  precision      F1  average precision"]
    for one in labels:
        shares = [one[name] for name in ("recall", "precision", "f1", "average_precision")]
        recall, precision, f1, area = ("-" if one is None else f"{one:.1%}" for one in shares)
        lines.append(
            f"{one['label']:<{wide}} {one['rows']:>8,} {recall:>8} {precision:>10} {f1:>7} "
            f"{area:>18}"
        )
    return lines


def per_class(names: Sequence[str], confusion: Any) -> list[dict[str, Any]]:
    """The rows, recall, precision and F1 of each class; None where a metric is undefined."""
    counts, found = np.asarray(confusion), []
    for number, name in enumerate(names):
        rows, said = int(counts[number].sum()), int(counts[:, number].sum())
        right = int(counts[number, number])
        found.append(
            {
                "class": name,
                "rows": rows,
                "recall": right / rows if rows else None,
                "precision": right / said if said else None,
                "f1": 2 * right / (rows + said) if rows + said else None,
            }
        )
    return found


def class_lines(names: Sequence[str], confusion: Any) -> list[str]:
    """These metrics as a table."""
    wide = max(len("class"), *map(len, names))
    lines = [f"{'class':<{wide}}     rows   recall  precision      F1"]
    for one in per_class(names, confusion):
        shares = [one[name] for name in ("recall", "precision", "f1")]
        recall, precision, f1 = ("-" if share is None else f"{share:.1%}" for share in shares)
        lines.append(
            f"{one['class']:<{wide}} {one['rows']:>8,} {recall:>8} {precision:>10} {f1:>7}"
        )
    return lines


def shown(name: str, value: Any) -> str:
    """Format a metric: fractions in percent, counts in full, the rest with four digits."""
    if name in ("accuracy", "macro_f1", "micro_f1", "exact_match", "average_precision"):
        return f"{value:.1%}"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"


def table_of(figures: dict[str, Any]) -> list[str]:
    """The confusion matrix, with numbered columns so that it stays narrow."""
    names, counts = figures["classes"], figures["confusion"]
    wide = max(len(f"{number} {name}") for number, name in enumerate(names, 1))
    width = 1 + max(len(str(max(map(max, counts)))), len(str(len(names))))
    head = " " * wide + "".join(f"{number:>{width}}" for number in range(1, len(names) + 1))
    rows = [
        f"{f'{number} {name}':<{wide}}" + "".join(f"{count:>{width}}" for count in row)
        for number, (name, row) in enumerate(zip(names, counts), 1)
    ]
    return [head, *rows]
