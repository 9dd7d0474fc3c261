"""Lab `memory`: how far back each cell can remember.

In: a seed and sizes. Out: an account. `problems` are what is to be learned, `measure` learns them,
`page` shows the numbers, `words` talks about them.
"""

from __future__ import annotations

from unrolled.labs.base import Account, Lab, Size
from unrolled.labs.memory import page, words
from unrolled.labs.memory.exercises import EXERCISES
from unrolled.labs.memory.measure import carry_out
from unrolled.labs.progress import Progress
from unrolled.report.blocks import Prose, Section

LEAD = (
    "Four cells learn to add and to copy over longer and longer gaps. At some lag each of them "
    "fails; which fails where, and was that to be expected?"
)


def run(seed: int, progress: Progress, hidden: int, longest: int, updates: int) -> Account:
    """Measure everything, then write about it."""
    measured = carry_out(seed, progress, hidden, longest, updates)
    sections = [
        Section("Aim", [Prose(page.AIM)]),
        Section("Theory", page.theory()),
        Section("Step by step", page.steps(measured)),
        Section("Code to read", page.code()),
        Section("Result", page.result(measured)),
        Section("Discussion", [Prose(words.discussion(measured))]),
        Section("Questions and answers", words.questions(measured)),
    ]
    return Account(words.found(measured), sections, LEAD)


LAB = Lab(
    name="memory",
    title="How far back can a cell remember?",
    summary="adding and copying at growing lags, and the lag at which each cell fails",
    run=run,
    exercises=EXERCISES,
    sizes=(
        Size("hidden", 32, "hidden units", least=2, most=512),
        Size("longest", 32, "longest lag of the adding problem", least=32, most=4096),
        Size("updates", 800, "updates at most", least=1, most=1_000_000),
    ),
)
