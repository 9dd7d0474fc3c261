"""Lab `speech`: how CTC works, by hand on one word, and what it is good for.

In: a seed, sizes. Out: an account. `by_hand` enumerates the paths of a word, `measuring` trains two
networks, `page` shows the results, `words` discusses them.
"""

from __future__ import annotations

from unrolled.labs.base import Account, Lab, Size
from unrolled.labs.progress import Progress
from unrolled.labs.speech import page, words
from unrolled.labs.speech.by_hand import work_out
from unrolled.labs.speech.exercises import EXERCISES
from unrolled.labs.speech.measuring import measure
from unrolled.report.blocks import Prose, Section


def run(seed: int, progress: Progress, hidden: int, updates: int) -> Account:
    """Measure everything, then write about it."""
    worked, measured = work_out(seed), measure(seed, progress, hidden, updates)
    sections = [
        Section("Aim", [Prose(page.AIM)]),
        Section("Theory", page.theory()),
        Section("One word, by hand", page.by_hand(worked)),
        Section("Step by step", page.steps(hidden, updates)),
        Section("Code to read", page.code()),
        Section("Result", page.result(measured)),
        Section("Discussion", [Prose(words.discussion(worked, measured))]),
        Section("Questions and answers", words.questions(worked, measured)),
    ]
    lead = "Learn to transcribe sound without knowing when each letter is spoken."
    return Account(words.found(worked, measured), sections, lead)


LAB = Lab(
    name="speech",
    title="How does a network learn to transcribe without alignments?",
    summary="CTC by hand on one word; then trained, and compared with an even split",
    run=run,
    exercises=EXERCISES,
    sizes=(
        Size("hidden", 32, "units of the recurrent layer, in each direction", most=256),
        Size("updates", 300, "updates of each network", least=2, most=10_000),
    ),
)
