"""What a program may do with rubbish: work, or say one sentence. Anything else is a failure."""

from __future__ import annotations

import contextlib
import signal
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from unrolled.errors import UnrolledError

LONGEST = 600  # characters of a sentence beyond the paths that it names
SECONDS = 120  # a case takes milliseconds: after two minutes it is one that never ends


class Endless(BaseException):
    """A case that does not end; nothing that catches exceptions catches it."""


@contextlib.contextmanager
def bounded() -> Iterator[None]:
    """Whatever is inside ends."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Endless(f"it does not end within {SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def judge(call: Callable[[], Any], place: Path) -> None:
    """Call it: it works, or raises an UnrolledError with one sentence, and nothing is executed."""
    with bounded(), warnings.catch_warnings():
        warnings.simplefilter("error")
        said = "it works"
        try:
            call()
        except UnrolledError as error:
            said = str(error)
        check_sentence(said, place)
    assert not (place / "executed").exists(), "code of a file was executed"


def check_sentence(said: str, place: Path) -> None:
    """One line, of bounded length, with no control characters in it."""
    assert said.strip(), "a sentence says something"
    assert "\n" not in said, f"a sentence has one line: {said[:300]!r}"
    assert len(said.replace(str(place), "")) <= LONGEST, f"a sentence is short: {said[:300]!r}..."
    assert said.isprintable(), f"a sentence can be printed: {said[:300]!r}"


class Failures:
    """What failed, each way of failing once: more cases tell more than the same one again."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.found: dict[tuple[str, str], str] = {}

    def add(self, error: BaseException, case: str, data: bytes) -> None:
        frames = traceback.extract_tb(error.__traceback__)
        frames = [frame for frame in frames if "/unrolled/" in frame.filename]
        where = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
        key = type(error).__name__, where
        if key not in self.found:
            self.place.mkdir(parents=True, exist_ok=True)
            (self.place / case).write_bytes(data)
            self.found[key] = f"case {case} ({where}): {type(error).__name__}: {error}"[:500]

    def tell(self) -> None:
        """Fail, if anything has."""
        assert not self.found, f"kept in {self.place}:\n" + "\n".join(self.found.values())
