"""Lab `gates`: what the gates of an LSTM do.

In: a seed, sizes, perhaps a text. Out: an account. `latch` is a memory of one bit, `reading` reads
a text, `page` shows the numbers, `words` talks about them.
"""

from __future__ import annotations

from unrolled.labs.base import Account, Lab, Size, TextFile
from unrolled.labs.gates import latch, page, reading, words
from unrolled.labs.gates.exercises import EXERCISES
from unrolled.labs.progress import Progress
from unrolled.report.blocks import Prose, Section

LEAD = (
    "Forget, input and output gate, watched while they work: a bit is written, kept and released, "
    "and a text is read character by character."
)


def run(
    seed: int, progress: Progress, hidden: int, updates: int, epochs: int, units: int,
    text: str | None,
) -> Account:  # fmt: skip
    """Measure everything, then write about it."""
    progress.plan({"one bit": updates * 0.011, "a text": epochs * 2.2})
    with progress.stage("one bit", updates) as done:
        bit = latch.learn(seed, hidden, updates, done)
    read = reading.read(text, seed, units, epochs, progress)
    sections = [
        Section("Aim", [Prose(page.AIM)]),
        Section("Theory", page.theory()),
        Section("Step by step", page.steps(bit)),
        Section("Code to read", page.code()),
        Section("Result: one bit", page.bit_result(bit)),
        Section("Result: a text", page.text_result(read)),
        Section("Discussion", [Prose(words.discussion(bit, read))]),
        Section("Questions and answers", words.questions(bit, read)),
    ]
    return Account(words.found(bit, read), sections, LEAD)


LAB = Lab(
    name="gates",
    title="What the gates do",
    summary="forget, input and output gates while a bit is kept and while a text is read",
    run=run,
    exercises=EXERCISES,
    sizes=(
        Size("hidden", 4, "units that keep the bit", most=256),
        Size("updates", 400, "updates for the bit", most=100_000),
        Size("epochs", 10, "epochs over the text", most=1000),
        Size("units", 64, "units that read the text", least=2, most=1024),
    ),
    texts=(TextFile("text", "the text that is read", least=2000),),
)
