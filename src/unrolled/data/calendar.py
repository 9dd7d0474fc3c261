"""What clock and calendar say about a point in time. In: times. Out: features; next: windows.

Each cycle (the day, the week, the year) is a point on a circle, two numbers, so that 23:00 lies
next to 0:00. A cycle serves only if the steps are finer than it, and if it was seen twice: who has
lived for ten months knows nothing of December.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from unrolled.data.times import Step

DAY, WEEK, YEAR = 86_400.0, 604_800.0, 365.2425 * 86_400.0  # seconds
CYCLES = {"day": DAY, "week": WEEK, "year": YEAR}
MONTH_SECONDS = YEAR / 12
SEASONS = {60: 60, 600: 144, 900: 96, 1800: 48, 3600: 24, 86_400: 7, 604_800: 52}
SEEN = 2  # times a cycle must have been seen


def season_of(step: Step) -> int:
    """How many steps the cycle takes that people and weather live by; 1 if there is none."""
    if step.unit == "month":
        return 12 // step.count if 12 % step.count == 0 else 1
    if step.unit == "weekday":
        return 5
    if step.unit == "second":
        return SEASONS.get(step.count, round(DAY / step.count) if step.count < DAY else 1)
    return 1


def seconds_of(step: Step) -> float:
    """The length of a step; 0 where steps are plain numbers."""
    if step.unit == "month":
        return step.count * MONTH_SECONDS
    return {"second": float(step.count), "weekday": DAY}.get(step.unit, 0.0)


def cycles_of(step: Step, steps: int) -> list[str]:
    """The cycles that serve for a series of so many steps."""
    length = seconds_of(step)
    if not length:
        return []
    span = steps * length * (7 / 5 if step.unit == "weekday" else 1)
    return [name for name, cycle in CYCLES.items() if length * 2 <= cycle and span >= SEEN * cycle]


def features(times: Any, cycles: list[str]) -> Any:
    """(T, 2 cycles): the sine and the cosine of where each time stands in each cycle."""
    if not cycles:
        return np.zeros((len(times), 0))
    seconds = times.astype("datetime64[us]").astype(np.int64) / 1e6
    turns = np.stack([seconds / CYCLES[name] for name in cycles], 1) % 1
    angles = 2 * np.pi * turns  # where a cycle begins makes no difference
    return np.concatenate([np.sin(angles), np.cos(angles)], 1)
