"""Progress: what remains is worked out from what was measured, and nothing before that."""

import io

import pytest

from unrolled.labs.progress import Progress, duration, to_stderr
from unrolled.literal import Visible


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.time = 0.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_what_remains_follows_the_measured_pace(clock: Clock) -> None:
    progress = Progress(now=clock)
    progress.plan({"a": 10, "b": 30})
    with progress.stage("a", 4):
        clock.time = 20.0  # twice as slow as planned
    assert progress.remaining("b", 15.0, 0.25) == 45.0
    progress = Progress(now=clock)
    progress.plan({"a": 10, "b": 30})
    assert progress.remaining("a", 10.0, 0.5) == 10.0 + 2 * 30


def test_nothing_is_guessed_before_the_first_step(clock: Clock) -> None:
    progress = Progress(now=clock)
    progress.plan({"a": 10})
    assert progress.remaining("a", 5.0, 0.0) is None


def test_plain_lines_come_now_and_then(clock: Clock) -> None:
    stream = io.StringIO()
    progress = Progress(stream, clock)
    progress.plan({"first": 1, "second": 1})
    for step in progress.loop("first", range(30)):
        clock.time = step + 1.0
    with progress.stage("second", 2) as done:
        clock.time += 40.0
        done("halfway")
    assert stream.getvalue().splitlines() == [
        "[1/2] first",
        "[1/2] first · about 50 s left",
        "[1/2] first · about 40 s left",
        "[1/2] first · about 30 s left",
        "[2/2] second",
        "[2/2] second · halfway · about 40 s left",
    ]


def test_a_terminal_has_one_line_that_is_cleaned_up(clock: Clock) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    progress = Progress(stream, clock)
    progress.plan({"only": 1})
    for step in progress.loop("only", range(3)):
        clock.time = step + 1.0
    progress.finish()
    text = stream.getvalue()
    assert "\n" not in text
    assert "about 2 s left" in text
    assert text.rsplit("\r", 2)[1].isspace()


def test_a_stage_that_was_not_announced_is_an_error() -> None:
    progress = Progress()
    progress.plan({"a": 1})
    with pytest.raises(ValueError, match="'b' is not a stage of the plan: a"), progress.stage("b"):
        pass


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, ""),
        (0.4, "nearly done"),
        (12.3, "about 12 s left"),
        (89.9, "about 90 s left"),
        (150.0, "about 2.5 min left"),
    ],
)
def test_a_guess_is_no_more_precise_than_it_is(seconds: float | None, words: str) -> None:
    assert duration(seconds) == words


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_returns_to_the_beginning_of_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", Visible(terminal))  # as under the command line
    progress = to_stderr()
    progress.plan({"a": 10})
    with progress.stage("a", 2) as done:
        done()
        done()
    assert "\r" in terminal.getvalue()
    assert "\\x0d" not in terminal.getvalue()
