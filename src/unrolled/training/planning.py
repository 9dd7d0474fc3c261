"""How many steps a budget of minutes has room for, so that a schedule ends when the minutes do.

In: the seconds of the first steps. Out: the number of planned steps, settled once, early in the
training, and kept in its state: from then on every rate depends on the number of its step alone,
and a training that goes on after an interruption goes on to the same bits.
Next: `loop` asks for it after each step.
"""

from __future__ import annotations

FIRST = 5  # steps that are not counted: kernels are compiled, memory is found
ENOUGH = 20  # steps that tell the pace
EARLY = 0.05  # of the budget: from here on the plan is settled, or at the end of the first epoch


class Planner:
    """Watches the pace of one sitting."""

    def __init__(self, minutes: float) -> None:
        self.minutes, self.budget = minutes, minutes * 60.0
        self.seen = 0
        self.start = (0.0, 0)

    def plan(
        self, seconds: float, step: int, epoch_ends: bool, steps: int, measuring: int
    ) -> int | None:
        """Planned steps of the whole training, or None while it is too early to say.

        An epoch has `steps` of them, and `measuring` batches that nothing is learned from: each is
        taken to last as long as a step.
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
