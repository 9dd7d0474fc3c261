"""Lab `gradients`: vanishing and exploding gradients, measured.

In: a seed and sizes. Out: an account. `measure` follows the derivative back through time, `page`
shows the numbers, `words` talks about them.
"""

from __future__ import annotations

from unrolled.labs.base import Account, Lab, Size
from unrolled.labs.gradients import page, words
from unrolled.labs.gradients.exercises import EXERCISES
from unrolled.labs.gradients.measure import carry_out
from unrolled.labs.progress import Progress
from unrolled.report.blocks import Prose, Section

LEAD = (
    "A recurrent network learns what happened long ago only if the derivative of the loss reaches "
    "that far back. Here it is followed step by step, in several cells, and every claim of the "
    "theory is held against a number."
)


def run(seed: int, progress: Progress, hidden: int, lags: int, updates: int) -> Account:
    """Measure everything, then write about it."""
    measured = carry_out(seed, progress, hidden, lags, updates)
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
    name="gradients",
    title="Vanishing and exploding gradients, measured",
    summary="the derivative of the loss, lag by lag, in several cells and at several scales",
    run=run,
    exercises=EXERCISES,
    sizes=(
        Size("hidden", 32, "hidden units", least=2, most=512),
        Size("lags", 60, "lags (steps back)", least=4, most=1000),
        Size("updates", 300, "updates in training", least=10, most=100_000),
    ),
)
