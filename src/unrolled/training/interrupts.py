"""Ctrl-C during a training. In: a signal. Out: a flag that is checked between steps.

A second Ctrl-C stops at once, with the last checkpoint. Next: `loop` saves and raises.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TypeVar

from unrolled.training.job import State

LISTEN_SECONDS = 0.2  # how long a signal may go unnoticed while foreign code runs
Result = TypeVar("Result")


class Terminated(KeyboardInterrupt):
    """SIGTERM outside of a training that could stop between two steps."""


class Interrupted(KeyboardInterrupt):
    """A training was stopped by the user; its progress is kept."""

    def __init__(self, state: State, run: Path | None) -> None:
        how = (
            f"; resume it with `unrolled train --resume {run}`"
            if run
            else " (no run folder was given)"
        )
        super().__init__(f"stopped at step {state.step}, in epoch {state.epoch + 1}{how}")


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM unwind the program as Ctrl-C does, so that no half-written file stays."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def waiting_for(work: Callable[[], Result]) -> Result:
    """The result of `work`, computed in another thread so that this one still handles signals.

    Foreign code that runs for minutes never lets Python handle a signal.
    """
    results: list[Result] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again below
            failures.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(LISTEN_SECONDS)
    if failures:
        raise failures[0]
    return results[0]


@dataclass
class Interrupt:
    """Whether a stop was requested."""

    asked: bool = False
    number: int = signal.SIGINT  # of the signal that asked

    def obey(self) -> None:
        """Stop, if that was asked for too late for anything in between to see it."""
        if self.asked:
            raise Terminated if self.number == signal.SIGTERM else KeyboardInterrupt


@contextmanager
def interruptible() -> Iterator[Interrupt]:
    """Turn SIGINT and SIGTERM into a flag while inside; works in the main thread only."""
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return

    def ask(number: int, frame: FrameType | None) -> None:
        if interrupt.asked:
            raise KeyboardInterrupt
        interrupt.asked, interrupt.number = True, number

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        signal.signal(number, ask)
    try:
        yield interrupt
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
