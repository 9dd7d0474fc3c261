"""Progress of a training. In: the loop's events. Out: lines, a progress bar, or JSON.

Results (the epoch lines) go to stdout; the bar and notes go to stderr, and the bar only to a
terminal, so that a pipe or a log gets plain lines. Next: nothing; the loop ignores the outcome.
"""

from __future__ import annotations

import json
import math
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TextIO

from unrolled.literal import bar_stream
from unrolled.training.job import Shown

REDRAW_SECONDS = 0.1
BAR = 20  # characters


@dataclass(frozen=True)
class Ahead:
    """What remains of a training: its total number of epochs, and the seconds left at most."""

    epochs: int
    seconds: float | None = None


class Watcher(Protocol):
    """Receives the progress of a training."""

    def step(self, epoch: int, share: float, loss: float, ahead: Ahead) -> None:
        """After each step: the current epoch, and the share of it that is done."""

    def epoch(self, record: dict[str, Any], line: Sequence[Shown], ahead: Ahead) -> None:
        """After each epoch: its metrics."""

    def kept(self, record: dict[str, Any], line: Sequence[Shown]) -> None:
        """At the end: the metrics of the kept model."""

    def note(self, text: str) -> None:
        """Something the user should know."""


class Quiet:
    """Prints only notes (a warning is not progress)."""

    def step(self, epoch: int, share: float, loss: float, ahead: Ahead) -> None:
        pass

    def epoch(self, record: dict[str, Any], line: Sequence[Shown], ahead: Ahead) -> None:
        pass

    def kept(self, record: dict[str, Any], line: Sequence[Shown]) -> None:
        pass

    def note(self, text: str) -> None:
        print(f"note: {text}", file=sys.stderr, flush=True)


class Silent(Quiet):
    """Prints nothing: for all processes but the first."""

    def note(self, text: str) -> None:
        pass


class Beside(Quiet):
    """A second training within a run: it shares the bar, and one note gives its result."""

    def __init__(self, other: Watcher, name: str) -> None:
        self.other, self.name = other, name

    def step(self, epoch: int, share: float, loss: float, ahead: Ahead) -> None:
        self.other.step(epoch, share, loss, ahead)

    def kept(self, record: dict[str, Any], line: Sequence[Shown]) -> None:
        shown = [one for one in line if one.part != "train"]
        self.note(f"{self.name}: {figures(record, shown) or 'done'}")

    def note(self, text: str) -> None:
        self.other.note(text)


class Lines(Quiet):
    """A line for each epoch, and a progress bar below them on a terminal."""

    def __init__(self, out: TextIO | None = None, bar: TextIO | None = None) -> None:
        self.out = sys.stdout if out is None else out
        self.bar = bar_stream(sys.stderr) if bar is None else bar
        self.live = self.bar.isatty()
        self._drawn = 0.0
        self._width = 0

    def step(self, epoch: int, share: float, loss: float, ahead: Ahead) -> None:
        now = time.monotonic()
        if not self.live or now - self._drawn < REDRAW_SECONDS:
            return
        self._drawn = now
        filled = int(share * BAR)
        text = f"[{epoch}/{ahead.epochs}] {'#' * filled}{'.' * (BAR - filled)} loss {loss:.4f}"
        if ahead.seconds is not None:
            text += f", {duration(ahead.seconds)} left"
        text = text[: shutil.get_terminal_size().columns - 1]
        self.bar.write("\r" + text.ljust(self._width))
        self.bar.flush()
        self._width = len(text)

    def epoch(self, record: dict[str, Any], line: Sequence[Shown], ahead: Ahead) -> None:
        left = f", {duration(ahead.seconds)} left" if ahead.seconds else ""
        self._say(f"Epoch [{record['epoch']}/{ahead.epochs}], {figures(record, line)}{left}")

    def kept(self, record: dict[str, Any], line: Sequence[Shown]) -> None:
        shown = [one for one in line if one.part != "train"]
        self._say(f"Kept epoch {record['epoch']}, {figures(record, shown)}")

    def note(self, text: str) -> None:
        self._clear()
        super().note(text)

    def _say(self, text: str) -> None:
        self._clear()
        print(text, file=self.out, flush=True)

    def _clear(self) -> None:
        if self._width:
            self.bar.write("\r" + " " * self._width + "\r")
            self.bar.flush()
            self._width = 0


class Json(Quiet):
    """One JSON object on each line, for programs."""

    def epoch(self, record: dict[str, Any], line: Sequence[Shown], ahead: Ahead) -> None:
        self._say({"event": "epoch", "epochs": ahead.epochs, **record})

    def kept(self, record: dict[str, Any], line: Sequence[Shown]) -> None:
        self._say({"event": "kept", **record})

    def note(self, text: str) -> None:
        self._say({"event": "note", "text": text})

    def _say(self, record: dict[str, Any]) -> None:
        plain = {
            key: None if isinstance(value, float) and not math.isfinite(value) else value
            for key, value in record.items()
        }
        print(json.dumps(plain, ensure_ascii=False), flush=True)


def figures(record: dict[str, Any], line: Sequence[Shown]) -> str:
    """`Train Loss: 0.1224, Train Acc: 95.2%`: those metrics of the line that the record has."""
    found = ((one, record.get(f"{one.part}_{one.name}")) for one in line)
    return ", ".join(
        f"{one.title}: {one.form.format(value)}" for one, value in found if value is not None
    )


def duration(seconds: float) -> str:
    """Seconds in readable form: 48 s, 3 min 20 s, 2 h 5 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
