"""Metrics of forecasts, for a terminal. In: a `Backtest`. Out: lines, plain data; next: `cli`."""

import math
from typing import Any

import numpy as np

from unrolled.report.numbers import counted, number
from unrolled.tasks.forecast.backtests import NETWORK, Backtest

BANDS = 4  # groups of steps ahead, at most
TITLES = {"mae": "MAE", "rmse": "RMSE", "smape": "sMAPE %", "mase": "MASE", "pinball": "pinball"}
LEFT = "  "


def lines_of(backtest: Backtest, where: str) -> list[str]:
    """A table of the metrics of every method, then of its errors by steps ahead."""
    figures = backtest.figures
    origins = sum(len(one.origins) for one in backtest.series)
    rows = [
        [method, *(number(values[name]) for name in TITLES), f"{values['coverage']:.1%}"]
        for method, values in figures.items()
    ]
    rows = [["", *TITLES.values(), "coverage"], *rows]
    if len(backtest.levels) == 1:  # there is no interval
        rows = [row[:-1] for row in rows]
    bands = bands_of(backtest)
    errors = [
        [method, *(number(value) for value in band_means(by_step, bands))]
        for method, by_step in backtest.mae_by_step.items()
    ]
    names = [str(first) if first == last else f"{first}-{last}" for first, last in bands]
    lines = [
        f"{where}, {counted(origins, 'forecast')} of each method:",
        *aligned(rows),
        *said(backtest),
    ]
    if len(bands) > 1:
        lines += ["", "MAE by steps ahead:", *aligned([["", *names], *errors])]
    return lines


def said(backtest: Backtest) -> list[str]:
    """How to read the metrics, and the effect of calibrating the quantiles."""
    share = f"{backtest.levels[-1] - backtest.levels[0]:.0%}"
    lines = ["MASE below 1 beats the seasonal naive method on the training data."]
    if len(backtest.levels) == 1:
        return lines
    before, after = backtest.as_said["coverage"], backtest.figures[NETWORK]["coverage"]
    if before == after:
        covers = f"it covers {after:.1%}"
        return [*lines, f"The network's interval should cover {share} of future values: {covers}."]
    return [
        *lines,
        f"The network's interval should cover {share} of future values: {before:.1%} before",
        f"calibration, {after:.1%} calibrated by the latest errors before each forecast.",
    ]


def plain(backtest: Backtest) -> dict[str, Any]:
    """Every metric by name, and the errors of each step ahead."""
    found: dict[str, Any] = {}
    for method, figures in backtest.figures.items():
        name = method.replace(" ", "_")
        found |= {f"{name}_{figure}": value for figure, value in figures.items()}
        by_step = backtest.mae_by_step[method].tolist()
        found[f"{name}_mae_by_step"] = [None if math.isnan(mae) else mae for mae in by_step]
    for figure in ("pinball", "coverage"):
        found[f"network_{figure}_as_said"] = backtest.as_said[figure]
    return found


def bands_of(backtest: Backtest) -> list[tuple[int, int]]:
    """First and last steps ahead of groups of nearly equal size."""
    horizon = len(backtest.mae_by_step[NETWORK])
    groups = np.array_split(np.arange(1, horizon + 1), min(BANDS, horizon))
    return [(int(group[0]), int(group[-1])) for group in groups]


def band_means(by_step: Any, bands: list[tuple[int, int]]) -> list[float]:
    groups = [by_step[first - 1 : last] for first, last in bands]
    groups = [group[~np.isnan(group)] for group in groups]
    return [float(group.mean()) if len(group) else math.nan for group in groups]


def aligned(rows: list[list[str]]) -> list[str]:
    """Align names left and numbers right."""
    widths = [max(map(len, column)) for column in zip(*rows)]
    return [
        (LEFT + row[0].ljust(widths[0])
         + "".join(LEFT + word.rjust(width) for word, width in zip(row[1:], widths[1:]))).rstrip()
        for row in rows
    ]  # fmt: skip
