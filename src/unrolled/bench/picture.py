"""A figure of the records. In: records. Out: SVG text; next: `campaign` writes it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from unrolled.bench import suites
from unrolled.bench.record import Record
from unrolled.report.drawing import INK, MARKERS, SERIES, Panel, draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Suite -> the peers whose fastest stands for 1 in its panel, and how the axis says so.
DRAWN: dict[str, tuple[tuple[str, ...], str]] = {
    "training": (("torch.nn",), "torch.nn's time / unrolled's"),
    "inference": (("torch.nn", "ONNX Runtime"), "best peer's time / unrolled's"),
    "ragged": (("torch.nn",), "torch.nn's time / unrolled's"),
    "own-cells": (("Python loop",), "Python loop's time / unrolled's"),
}
WIDE = 60  # times from the least to the most: then there is room for powers of ten alone
ALT = "How many times as long a peer takes as unrolled, for each cell and shape."


def svg(records: Sequence[Record]) -> str | None:
    """A panel for each suite that compares shapes; None if there is none."""
    panels = []
    for suite, (peers, label) in DRAWN.items():
        found = [r for r in records if r.suite == suite and r.best_ratio(peers) is not None]
        if found:
            panels.append(_panel(suite, found, peers, label))
    if not panels:
        return None
    return draw(panels).file("unrolled beside its peers", ALT)


def _panel(suite: str, records: Sequence[Record], peers: tuple[str, ...], label: str) -> Panel:
    shapes = list(dict.fromkeys(record.shape for record in records))
    cells = list(dict.fromkeys(record.cell for record in records))

    def paint(axes: Axes) -> None:
        from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

        axes.set_xscale("log")
        every: list[float] = []
        for number, cell in enumerate(cells):
            mine = [record for record in records if record.cell == cell]
            ratios = [record.best_ratio(peers) for record in mine]
            places = [-shapes.index(record.shape) for record in mine]
            every += [ratio for ratio in ratios if ratio is not None]
            turn = number % len(SERIES)
            drawn = [math.nan if ratio is None else ratio for ratio in ratios]
            axes.plot(drawn, places, MARKERS[turn], color=SERIES[turn], label=cell)
        axes.axvline(1.0, color=INK, lw=1.1)
        axes.set_yticks([-place for place in range(len(shapes))], [str(s) for s in shapes])
        is_wide = max(every) > WIDE * min(every)
        subs = (1.0,) if is_wide else (1.0, 2.0, 5.0)
        axes.xaxis.set_major_locator(LogLocator(subs=subs))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set_xlabel(label)

    height = 1.3 + 0.24 * len(shapes)
    return Panel(paint, suites.title(suite), height, height)
