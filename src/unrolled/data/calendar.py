"""Clock and calendar features of a point in time. In: times. Out: features; next: windows.

A position in a cycle (day, week, year) is a point on a circle, two numbers, so that 23:00 is close
to 0:00. A cycle is used only if the steps are finer than the cycle and the series covers it twice:
ten months of data say nothing about December.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from unrolled.data.times import TimeStep

DAY, WEEK, YEAR = 86_400.0, 604_800.0, 365.2425 * 86_400.0  # seconds
CYCLES = {"day": DAY, "week": WEEK, "year": YEAR}
MONTH_SECONDS = YEAR / 12
SEASONS = {60: 60, 600: 144, 900: 96, 1800: 48, 3600: 24, 86_400: 7, 604_800: 52}
SEEN = 2  # times that a series must cover a cycle


def season_of(step: TimeStep) -> int:
    """The number of steps in the usual season of this step; 1 if there is none."""
    if step.unit == "month":
        return 12 // step.count if 12 % step.count == 0 else 1
    if step.unit == "weekday":
        return 5
    if step.unit == "second":
        return SEASONS.get(step.count, round(DAY / step.count) if step.count < DAY else 1)
    return 1


def seconds_of(step: TimeStep) -> float:
    """The length of a step; 0 if steps are plain numbers."""
    if step.unit == "month":
        return step.count * MONTH_SECONDS
    return {"second": float(step.count), "weekday": DAY}.get(step.unit, 0.0)


def cycles_of(step: TimeStep, steps: int) -> list[str]:
    """The cycles that are used for a series of this many steps."""
    length = seconds_of(step)
    if not length:
        return []
    span = steps * length * (7 / 5 if step.unit == "weekday" else 1)
    return [name for name, cycle in CYCLES.items() if length * 2 <= cycle and span >= SEEN * cycle]


def features(times: Any, cycles: list[str]) -> Any:
    """(T, 2 cycles): the sine and cosine of the position of each time in each cycle."""
    if not cycles:
        return np.zeros((len(times), 0))
    seconds = times.astype("datetime64[us]").astype(np.int64) / 1e6
    turns = np.stack([seconds / CYCLES[name] for name in cycles], 1) % 1
    angles = 2 * np.pi * turns  # the phase of a cycle does not matter
    return np.concatenate([np.sin(angles), np.cos(angles)], 1)
