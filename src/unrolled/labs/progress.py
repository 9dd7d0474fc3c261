"""The progress of a lab, and its remaining time. In: stages as they run. Out: lines on a stream.

A lab announces its stages with their expected costs (in any unit, such as seconds on some machine),
and runs each with `progress.loop`. The remaining time is that of the current stage at its own pace,
plus that of the other stages at the pace so far. Before anything has been measured there is no
estimate.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TextIO, TypeVar

from unrolled.literal import bar_stream

T = TypeVar("T")

REDRAW = 0.1  # seconds between two states of the line on a terminal
REPEAT = 10.0  # seconds between two plain lines, where there is no terminal


class Progress:
    """`progress.plan({"Elman": 10, "LSTM": 30})`, then `for e in progress.loop("Elman", ...)`."""

    def __init__(self, stream: TextIO | None = None, now: Callable[[], float] = time.monotonic):
        self.stream = stream
        self.now = now
        self.on_terminal = stream is not None and stream.isatty()
        self.costs: dict[str, float] = {}
        self.spent: dict[str, float] = {}
        self._last = -REPEAT
        self._width = 0

    def plan(self, costs: Mapping[str, float]) -> None:
        """All stages, with their expected costs."""
        self.costs = dict(costs)
        self.spent = {}

    def loop(self, stage: str, items: Iterable[T], steps: int | None = None) -> Iterator[T]:
        """The items of one stage, one by one; `steps` where their number is not their length."""
        items = items if steps is not None else list(items)
        with self.stage(stage, steps if steps is not None else len(items)) as done:  # type: ignore[arg-type]
            for item in items:
                yield item
                done()

    @contextmanager
    def stage(self, name: str, steps: int = 1) -> Iterator[Callable[..., None]]:
        """One stage; call what it gives after each step: `done()`, `done("lag 5", 20)` for 20."""
        if name not in self.costs:
            raise ValueError(f"{name!r} is not a stage of the plan: {', '.join(self.costs)}")
        start, count = self.now(), 0
        self._show(name, "", None, always=True)

        def done(note: str = "", count_of: int = 1) -> None:
            nonlocal count
            count += count_of
            share = min(1.0, count / steps)
            self._show(name, note, self.remaining(name, self.now() - start, share))

        yield done
        self.spent[name] = self.now() - start

    def remaining(self, stage: str, seconds: float, share: float) -> float | None:
        """Seconds until everything is done, if this share of the stage took `seconds`."""
        paid = sum(self.costs[name] for name in self.spent) + self.costs[stage] * share
        if paid <= 0 or share <= 0:
            return None
        pace = (sum(self.spent.values()) + seconds) / paid
        others = [name for name in self.costs if name not in self.spent and name != stage]
        return seconds * (1 - share) / share + pace * sum(self.costs[name] for name in others)

    def finish(self) -> None:
        """Leave the line on the terminal clean."""
        if self.stream is not None and self.on_terminal and self._width:
            print("\r" + " " * self._width + "\r", end="", file=self.stream, flush=True)
            self._width = 0

    def _show(self, stage: str, note: str, left: float | None, always: bool = False) -> None:
        if self.stream is None:
            return
        wait = REDRAW if self.on_terminal else REPEAT
        if self.now() - self._last < wait and not (always and not self.on_terminal):
            return
        self._last = self.now()
        number = len(self.spent) + 1
        parts = [f"[{number}/{len(self.costs)}] {stage}", note, duration(left)]
        line = " · ".join(part for part in parts if part)
        if self.on_terminal:
            line = line[:100]
            print("\r" + line.ljust(self._width), end="", file=self.stream, flush=True)
            self._width = len(line)
        else:
            print(line, file=self.stream, flush=True)


def duration(left: float | None) -> str:
    """The text of an estimate, no more precise than it is."""
    if left is None:
        return ""
    if left < 1:
        return "nearly done"
    if left < 90:
        return f"about {round(left):d} s left"
    return f"about {left / 60:.1f} min left"


def to_stderr() -> Progress:
    """Progress for a person at a terminal."""
    return Progress(bar_stream(sys.stderr))
