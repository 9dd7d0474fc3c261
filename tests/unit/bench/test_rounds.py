"""Contestants take turns, and times are those of one unit of work. The clock is a made-up one."""

import pytest

from tests.tolerances import FLOAT64, assert_agrees
from unrolled.bench.contestant import Contestant
from unrolled.bench.rounds import take_turns


class Track:
    """A clock that each run moves on by what it costs."""

    def __init__(self) -> None:
        self.now = 0.0
        self.runs: list[str] = []

    def contestant(self, name: str, cost: float, repeats: int = 1) -> Contestant:
        def run() -> None:
            self.now += cost
            self.runs.append(name)

        return Contestant(run, None, repeats)

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.runs.append("-")


def samples(track: Track, contestants: dict[str, Contestant], rounds: int, least: float) -> dict:
    return take_turns(contestants, rounds, least, lambda: track.now, track.sleep)


def test_times_are_of_one_unit_of_work() -> None:
    track = Track()
    found = samples(
        track, {"a": track.contestant("a", 0.5), "b": track.contestant("b", 2.0, 4)}, 3, 1.0
    )
    assert list(found) == ["a", "b"]
    for times in found.values():  # differences of clock readings, so rounded
        assert_agrees(times, [0.5] * 3, tolerance=FLOAT64)


def test_they_take_turns_and_begin_in_turn() -> None:
    track = Track()
    three = {name: track.contestant(name, 1.0) for name in "abc"}
    samples(track, three, 3, 0.0)
    first = track.runs.index("-")
    order = "".join(name for name in track.runs[first:] if name != "-")
    # in the first round nobody has a time yet, so each also runs once untimed
    assert order == "aabbcc" + "bca" + "cab"


def test_a_run_that_was_disturbed_does_not_count() -> None:
    track = Track()

    def run() -> None:
        track.runs.append("a")
        track.now += 9.0 if len(track.runs) % 5 == 0 else 0.25

    assert samples(track, {"a": Contestant(run, None)}, 3, 2.0) == {"a": [0.25] * 3}


@pytest.mark.parametrize(("cost", "times"), [(0.01, 101), (0.3, 4)])
def test_short_work_is_repeated_and_warmed_up(cost: float, times: int) -> None:
    track = Track()
    samples(track, {"a": track.contestant("a", cost)}, 2, 1.0)
    last = "".join(track.runs).split("-")[-1]
    assert len(last) == times  # what is long enough by itself needs no untimed run
