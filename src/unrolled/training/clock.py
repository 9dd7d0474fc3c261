"""Time: a budget that ends training, and an estimate of the time that remains.

In: seconds used so far, and a budget. Out: whether to stop, and an estimate. Next: `loop`,
`progress`. Time decides only which step is the last one; no weight depends on it.
"""

from __future__ import annotations

import time

FIRST = 5  # steps that are not representative: kernels are compiled in them
FORGET = 0.98  # decay of the running mean of a step's seconds: it covers about the last fifty steps


class Clock:
    """Counts the seconds of training, over all resumptions."""

    def __init__(self, used: float = 0.0, minutes: float | None = None) -> None:
        self._start = time.monotonic() - used
        self.budget = None if minutes is None else minutes * 60.0
        self.step_seconds: float | None = None
        self.evaluation_seconds = 0.0
        self.steps_counted, self.seconds_counted = 0, 0.0
        self._last_save = time.monotonic()
        self._lap = time.perf_counter()
        self.spent: dict[str, float] = {}

    def start_lap(self) -> None:
        self._lap = time.perf_counter()

    def lap(self, what: str) -> None:
        """Add the time since the last lap to `what`."""
        now = time.perf_counter()
        self.spent[what] = self.spent.get(what, 0.0) + now - self._lap
        self._lap = now

    def take_spent(self) -> dict[str, float]:
        """What an epoch's time was spent on; resets the counts for the next epoch."""
        spent, self.spent = self.spent, {}
        return {f"seconds_{what}": seconds for what, seconds in spent.items()}

    def seconds(self) -> float:
        return time.monotonic() - self._start

    def count_step(self, seconds: float) -> None:
        """Add one step's time to the running mean."""
        self.steps_counted += 1
        if self.steps_counted > FIRST:
            self.seconds_counted += seconds
        mean = self.step_seconds
        self.step_seconds = seconds if mean is None else FORGET * mean + (1 - FORGET) * seconds

    def pace(self) -> float | None:
        """Seconds for each step, excluding the first ones, in which kernels are compiled."""
        count = self.steps_counted - FIRST
        return self.seconds_counted / count if count > 0 else self.step_seconds

    def is_over(self) -> bool:
        """Whether the rest of the budget is needed for the final evaluation."""
        if self.budget is None:
            return False
        return self.seconds() + self.evaluation_seconds >= self.budget

    def remaining(self, steps: int, evaluations: int) -> float | None:
        """Seconds until the end: remaining work at the current pace, or the rest of the budget."""
        if self.step_seconds is None:
            return None
        left = steps * self.step_seconds + evaluations * self.evaluation_seconds
        return left if self.budget is None else max(0.0, min(left, self.budget - self.seconds()))

    def save_is_due(self, every: float) -> bool:
        return time.monotonic() - self._last_save >= every

    def saved(self) -> None:
        self._last_save = time.monotonic()
