"""Lab `tag`: what a CRF adds to a network that reads in both directions.

In: a seed, sizes. Out: an account. `by_hand` enumerates all tags of three words, `sentences` makes
sentences whose best tags are known, `measuring` trains four taggers, `page` shows the results,
`words` discusses them.
"""

from __future__ import annotations

from unrolled.labs.base import Account, Lab, Size
from unrolled.labs.progress import Progress
from unrolled.labs.tag import page, words
from unrolled.labs.tag.by_hand import work_out
from unrolled.labs.tag.exercises import EXERCISES
from unrolled.labs.tag.measuring import measure
from unrolled.report.blocks import Prose, Section


def run(seed: int, progress: Progress, hidden: int, updates: int) -> Account:
    """Measure everything, then write about it."""
    worked, measured = work_out(seed), measure(seed, progress, hidden, updates)
    sections = [
        Section("Aim", [Prose(page.AIM)]),
        Section("Theory", page.theory()),
        Section("Three words, by hand", page.by_hand(worked)),
        Section("Step by step", page.steps(hidden, updates)),
        Section("Code to read", page.code()),
        Section("Result", page.result(measured)),
        Section("Discussion", [Prose(words.discussion(worked, measured))]),
        Section("Questions and answers", words.questions(worked, measured)),
    ]
    lead = "Choose tags one by one or jointly, and compare with the best possible tags."
    return Account(words.found(worked, measured), sections, lead)


LAB = Lab(
    name="tag",
    title="What does a CRF add to a network that reads in both directions?",
    summary="tags chosen one by one and jointly, compared with the best possible ones",
    run=run,
    exercises=EXERCISES,
    sizes=(
        Size("hidden", 16, "units of the recurrent layer, in each direction", most=256),
        Size("updates", 250, "updates of each tagger", least=2, most=10_000),
    ),
)
