"""Ctrl-C in the midst of a training. In: a signal. Out: a flag that is looked at between steps.

A second Ctrl-C stops at once; the last checkpoint then counts. Next: `loop` saves and raises.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from unrolled.training.job import State


class Interrupted(KeyboardInterrupt):
    """A training was stopped by hand; what was done so far is kept."""

    def __init__(self, state: State, run: Path | None) -> None:
        how = (
            f"; resume it with `unrolled train --resume {run}`"
            if run
            else " (no run folder was given)"
        )
        super().__init__(f"stopped at step {state.step}, in epoch {state.epoch + 1}{how}")


@dataclass
class Interrupt:
    """Whether somebody asked to stop."""

    asked: bool = False


@contextmanager
def interruptible() -> Iterator[Interrupt]:
    """Catch SIGINT and SIGTERM politely while inside; only the main thread can."""
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return

    def ask(number: int, frame: FrameType | None) -> None:
        if interrupt.asked:
            raise KeyboardInterrupt
        interrupt.asked = True

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, ask)
    try:
        yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
