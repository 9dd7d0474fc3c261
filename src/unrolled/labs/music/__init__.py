"""Lab `music`: why the keys of a chord are drawn from low to high.

In: a seed, sizes. Out: an account. `measuring` trains the networks, `page` presents the results.
"""

from __future__ import annotations

from unrolled.labs.base import Account, Lab, Size
from unrolled.labs.music import page
from unrolled.labs.music.exercises import EXERCISES
from unrolled.labs.music.measuring import measure
from unrolled.labs.progress import Progress
from unrolled.report.blocks import Prose, Section


def run(seed: int, progress: Progress, hidden: int, rounds: int) -> Account:
    """Measure everything, then write about it."""
    measured = measure(seed, progress, hidden, rounds)
    sections = [
        Section("Aim", [Prose(page.AIM)]),
        Section("Theory", page.theory()),
        Section("Step by step", page.steps(measured, hidden, rounds)),
        Section("Code to read", page.code()),
        Section("Result", page.result(measured)),
        Section("Discussion", [Prose(page.discussion(measured))]),
        Section("Questions and answers", page.questions(measured)),
    ]
    lead = "Two networks learn chords: one decides key by key from low to high, one independently."
    return Account(page.found(measured), sections, lead)


LAB = Lab(
    name="music",
    title="Why are the keys of a chord drawn one after another?",
    summary="chords as independent keys, and from low to high",
    run=run,
    exercises=EXERCISES,
    sizes=(
        Size("hidden", 32, "units of the recurrent layer", least=2, most=512),
        Size("rounds", 200, "steps of the optimizer", least=2, most=10_000),
    ),
)
