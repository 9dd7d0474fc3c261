"""Lab `regularise`: how modifiers of a cell affect the gap between training and test loss.

In: a seed, sizes, optionally a text. Out: an account. `measuring` trains the networks, `page` shows
the numbers, `words` discusses them.
"""

from __future__ import annotations

from unrolled.labs.base import Account, Lab, Size, TextFile
from unrolled.labs.progress import Progress
from unrolled.labs.regularise import page, words
from unrolled.labs.regularise.exercises import EXERCISES
from unrolled.labs.regularise.measuring import measure
from unrolled.report.blocks import Prose, Section


def run(seed: int, progress: Progress, hidden: int, epochs: int, text: str | None) -> Account:
    """Measure everything, then write about it."""
    measured = measure(seed, progress, text, hidden, epochs)
    sections = [
        Section("Aim", [Prose(page.AIM)]),
        Section("Theory", page.theory()),
        Section("Step by step", page.steps(measured, hidden, epochs)),
        Section("Code to read", page.code()),
        Section("Result", page.result(measured)),
        Section("Discussion", [Prose(words.discussion(measured))]),
        Section("Questions and answers", words.questions(measured)),
    ]
    return Account(
        words.found(measured),
        sections,
        "An LSTM is trained on a short text until it overfits, without and with four modifiers.",
    )


LAB = Lab(
    name="regularise",
    title="What keeps a network from overfitting?",
    summary="zoneout, variational dropout, weight drop and layer norm on a short text",
    run=run,
    exercises=EXERCISES,
    sizes=(
        Size("hidden", 96, "hidden units", least=2, most=1024),
        Size("epochs", 40, "epochs of each network", least=1, most=1000),
    ),
    texts=(TextFile("text", "a text to train on", least=2_000),),
)
