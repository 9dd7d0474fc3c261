"""Piano rolls. In: notes as (start, length, key), and the given ones. Out: a `Panel`.

Starts and lengths are in steps; key 0 is the lowest of a piano. Next: a `Figure`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from unrolled.report.drawing import SERIES, Panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LOWEST_C = 3  # the number of C1 among the keys of a piano
MARGIN = 2  # keys above and below


def piano_roll(bars: Sequence[tuple[int, int, int]], given: Any, length: int, steps: int) -> Panel:
    """Notes as bars, with different colors for given and composed notes."""
    split: dict[str, list[tuple[int, int, int]]] = {"given": [], "composed": []}
    for bar in bars:
        start, _, key = bar
        mine = given is not None and start < len(given) and given[start][key]
        split["given" if mine else "composed"].append(bar)

    def paint(axes: Axes) -> None:
        for kind, color in (("given", SERIES[1]), ("composed", SERIES[0])):
            if not split[kind]:
                continue
            starts, lengths, keys = np.array(split[kind], float).T
            gap = np.minimum(0.12, 0.3 * lengths)  # so that repeated notes can be distinguished
            axes.barh(
                keys, (lengths - gap) / steps, 0.8, starts / steps, color=color, label=kind,
                edgecolor="none",
            )  # fmt: skip
        used = [key for _, _, key in bars] or [LOWEST_C + 36]
        low, high = min(used), max(used)
        axes.set_ylim(low - MARGIN, high + MARGIN)
        axes.set_xlim(0, length / steps)
        octaves = [k for k in range(LOWEST_C, 88, 12) if low - MARGIN <= k <= high + MARGIN]
        axes.set_yticks(octaves, [f"C{1 + (k - LOWEST_C) // 12}" for k in octaves])
        axes.set(xlabel="quarter note", ylabel="key")

    return Panel(paint, height=3.0, narrow_height=3.0)
