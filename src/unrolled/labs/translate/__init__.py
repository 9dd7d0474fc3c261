"""Lab `translate`: dates into ISO 8601, and where the network attends while it writes.

In: a seed, sizes. Out: an account. `by_hand` works out attention to three keys, `dates` makes the
pairs, `measuring` trains two networks, `page` shows the results, `words` discusses them.
"""

from __future__ import annotations

from unrolled.labs.base import Account, Lab, Size
from unrolled.labs.progress import Progress
from unrolled.labs.translate import page, words
from unrolled.labs.translate.by_hand import work_out
from unrolled.labs.translate.exercises import EXERCISES
from unrolled.labs.translate.measuring import measure
from unrolled.report.blocks import Prose, Section


def run(seed: int, progress: Progress, hidden: int, updates: int) -> Account:
    """Measure everything, then write about it."""
    worked, measured = work_out(seed), measure(seed, progress, hidden, updates)
    sections = [
        Section("Aim", [Prose(page.AIM)]),
        Section("Theory", page.theory()),
        Section("One step of attention, by hand", page.by_hand(worked)),
        Section("Step by step", page.steps(hidden, updates)),
        Section("Code to read", page.code()),
        Section("Result", page.result(measured)),
        Section("Discussion", [Prose(words.discussion(worked, measured))]),
        Section("Questions and answers", words.questions(worked, measured)),
    ]
    lead = "Translate dates letter by letter, and see where the network attends while it writes."
    return Account(words.found(measured), sections, lead)


LAB = Lab(
    name="translate",
    title="Where does a network look while it translates?",
    summary="translate dates into ISO 8601, with and without attention, and draw its weights",
    run=run,
    exercises=EXERCISES,
    sizes=(
        Size("hidden", 48, "units of each recurrent layer", most=256),
        Size("updates", 400, "updates of each network", least=2, most=10_000),
    ),
)
