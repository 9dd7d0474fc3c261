"""Lab `cell`: one cell forward and backward with its cache, then over a sequence.

In: a seed and sizes. Out: an account. `measuring` computes, `page` presents the results.
"""

from __future__ import annotations

from unrolled.labs.base import Account, Lab, Size
from unrolled.labs.cell.exercises import EXERCISES
from unrolled.labs.cell.measuring import measure
from unrolled.labs.cell.page import found, sections
from unrolled.labs.progress import Progress


def run(seed: int, progress: Progress, inputs: int, hidden: int, steps: int) -> Account:
    progress.plan({"forward, backward, slopes": 1})
    with progress.stage("forward, backward, slopes"):
        measured = measure(seed, inputs, hidden, steps)
    return Account(
        found(measured),
        sections(measured),
        lead="Every value of one LSTM step, forward and backward; then a whole sequence.",
    )


LAB = Lab(
    name="cell",
    title="One cell, forward and backward",
    summary="one cell with its cache, then a sequence; each loss and its derivative",
    run=run,
    exercises=EXERCISES,
    sizes=(
        Size("inputs", 2, "inputs at each step", most=16),
        Size("hidden", 3, "units", most=8),
        Size("steps", 8, "time steps", least=2, most=60),
    ),
)
