"""Formats numbers. In: a number. Out: plain text, which `markup` typesets in a page."""

from __future__ import annotations

import math
from typing import Any


def number(value: Any, digits: int = 4) -> str:
    """A number with `digits` significant digits: 0.01234, 1235, 1.2e-07; integers in full."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if hasattr(value, "item"):  # NumPy's scalars
        value = value.item()
    if isinstance(value, int):
        return f"{value:,}" if abs(value) >= 10_000 else str(value)
    value = float(value)
    if math.isnan(value):
        return "not a number"
    if math.isinf(value):
        return "infinite" if value > 0 else "-infinite"
    if value == 0:
        return "0"
    if 1e-4 <= abs(value) < 1e6:
        places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
        return f"{value:.{places}f}"
    return f"{value:.{max(0, digits - 2)}e}"


def percent(share: float, places: int = 1) -> str:
    """A share between 0 and 1: 93.4 %."""
    return f"{100 * share:.{places}f} %"


def counted(count: int, one: str, many: str = "") -> str:
    """1 epoch, 3 epochs."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def bmatrix(values: Any, places: int = 3) -> str:
    """A vector (as a column) or a matrix in LaTeX, with `places` decimals."""
    rows = [row if hasattr(row, "__len__") else [row] for row in values]
    lines = [" & ".join(f"{float(value):.{places}f}" for value in row) for row in rows]
    return r"\begin{bmatrix} " + r" \\ ".join(lines) + r" \end{bmatrix}"
