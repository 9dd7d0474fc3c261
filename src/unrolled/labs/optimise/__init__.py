"""Lab `optimise`: seven optimizers and four schedules, on a landscape and on a recurrent network.

In: a seed and sizes. Out: an account. `measuring` runs them, `page` shows the numbers, `words`
says what they mean.
"""

from __future__ import annotations

from unrolled.labs.base import Account, Lab, Size
from unrolled.labs.optimise import page, words
from unrolled.labs.optimise.exercises import EXERCISES
from unrolled.labs.optimise.measuring import measure
from unrolled.labs.progress import Progress
from unrolled.report.blocks import Prose, Section


def run(seed: int, progress: Progress, steps: int, updates: int, hidden: int) -> Account:
    """Measure everything, then write about it."""
    measured = measure(seed, progress, steps, updates, hidden)
    sections = [
        Section("Aim", [Prose(page.AIM)]),
        Section("Theory", page.theory()),
        Section("A function of two numbers", page.landscape(measured)),
        Section("A recurrent network", page.network(measured)),
        Section("Schedules", page.schedules(measured)),
        Section("Code to read", page.code()),
        Section("Discussion", [Prose(words.discussion(measured))]),
        Section("Questions and answers", words.questions(measured)),
    ]
    return Account(
        words.found(measured),
        sections,
        "Seven optimizers and four schedules, each at its best learning rate.",
    )


LAB = Lab(
    name="optimise",
    title="Optimizers and schedules, side by side",
    summary="SGD, Adam, RMSprop and four more, and four schedules, on a landscape and on an RNN",
    run=run,
    exercises=EXERCISES,
    sizes=(
        Size("steps", 200, "steps on the landscape", least=10, most=10_000),
        Size("updates", 150, "updates of the network", least=10, most=100_000),
        Size("hidden", 8, "hidden units", least=1, most=256),
    ),
)
