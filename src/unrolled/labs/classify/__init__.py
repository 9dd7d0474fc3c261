"""Lab `classify`: text classification with and without recurrence.

In: a seed, sizes, optionally a file of texts. Out: an account. `texts` makes the two tasks,
`models` trains on them (in torch, imported when the lab is run), `page` shows the numbers, `words`
discusses them.
"""

from __future__ import annotations

from unrolled.labs.base import Account, Lab, Size, TextFile
from unrolled.labs.classify import texts
from unrolled.labs.classify.exercises import EXERCISES
from unrolled.labs.progress import Progress
from unrolled.report.blocks import Prose, Section

LEAD = (
    "One embedding, three ways to read a sentence: the mean of its words, a simple recurrent "
    "network, an LSTM. When is it worth reading in order?"
)
SOURCE = {
    True: "The sentences are from the documentation inside Python's standard library, packages "
    + ", ".join(f"`{package}`" for package in texts.PACKAGES)
    + "; the class of a sentence is its package.",
    False: "The sentences and their classes are from your file.",
}


def run(
    seed: int, progress: Progress, hidden: int, epochs: int, sentences: int, file: str | None
) -> Account:
    """Train every model on every task, then write about it."""
    from unrolled.labs.classify import models, page, words
    from unrolled.labs.classify.threads import one_thread

    tasks = [make(file, seed, sentences) for make in (texts.topic, texts.order)]
    cost = {"feed-forward": 1.0, "RNN": 2.0, "LSTM": 2.5}
    progress.plan({f"{t.name}, {name}": cost[name] for t in tasks for name in models.NAMES})
    runs: page.Runs = {}
    with one_thread():
        for task in tasks:
            runs[task.name] = {}
            for name in models.NAMES:
                with progress.stage(f"{task.name}, {name}", epochs) as done:
                    runs[task.name][name] = models.train(name, task, hidden, epochs, seed, done)
    sections = [
        Section("Aim", [Prose(page.AIM), Prose(SOURCE[file is None])]),
        Section("Theory", page.theory()),
        Section("Step by step", page.steps(runs)),
        Section("Code to read", page.code()),
        Section("Result", page.result(runs)),
        Section("Discussion", [Prose(words.discussion(runs))]),
        Section("Questions and answers", words.questions(runs)),
    ]
    return Account(words.found(runs), sections, LEAD)


LAB = Lab(
    name="classify",
    title="Text classification, with and without recurrence",
    summary="classify texts with an embedding and an RNN, an LSTM or a feed-forward network",
    run=run,
    exercises=EXERCISES,
    sizes=(
        Size("hidden", 48, "units (and width of the embedding)", most=1024),
        Size("epochs", 6, "epochs", most=1000),
        Size("sentences", 4000, "sentences at most", least=40),
    ),
    texts=(TextFile("file", "lines of a label, a tab and a text"),),
)
