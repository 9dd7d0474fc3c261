"""How many steps fit into a budget of minutes, so that a schedule ends with the budget.

In: the seconds of the first steps. Out: the number of planned steps. It is fixed once, early in
the training, and stored in its state: from then on the learning rate depends only on the number of
the step, and a resumed training gives the same bits.
Next: `loop` calls it after each step.
"""

from __future__ import annotations

FIRST = 5  # steps that are not counted: kernels are compiled and memory is allocated
ENOUGH = 20  # steps that are enough to measure the pace
EARLY = 0.05  # of the budget: the plan is fixed after this share, or after the first epoch


class Planner:
    """Measures the pace of one session of training."""

    def __init__(self, minutes: float) -> None:
        self.minutes, self.budget = minutes, minutes * 60.0
        self.seen = 0
        self.start = (0.0, 0)

    def plan(
        self, seconds: float, step: int, epoch_ends: bool, steps: int, measuring: int
    ) -> int | None:
        """Planned steps of the whole training, or None while it is too early to know.

        An epoch has `steps` steps, and `measuring` batches of evaluation, which are assumed to take
        as long as a step.
        """
        self.seen += 1
        if self.seen <= FIRST:
            self.start = (seconds, step)
        count = step - self.start[1]
        if count < ENOUGH or (seconds < EARLY * self.budget and not epoch_ends):
            return None
        pace = (seconds - self.start[0]) / count
        evaluation = measuring * pace
        left = (self.budget - seconds - evaluation) / (pace + evaluation / steps)
        return step + max(0, int(left))
