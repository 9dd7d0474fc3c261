"""Lab `deep`: one, two and three layers on the same task, and a search for the best.

In: a seed and sizes. Out: an account. `measuring` trains, `page` presents the results.
"""

from __future__ import annotations

from unrolled.labs.base import Account, Lab, Size
from unrolled.labs.deep.exercises import EXERCISES
from unrolled.labs.deep.measuring import measure
from unrolled.labs.deep.page import found, sections
from unrolled.labs.progress import Progress


def run(seed: int, progress: Progress, window: int, hidden: int, epochs: int) -> Account:
    measured = measure(seed, progress, window, hidden, epochs)
    return Account(
        found(measured),
        sections(measured),
        lead="What stacked layers gain and what they cost, with equal numbers of weights.",
    )


LAB = Lab(
    name="deep",
    title="Simple and deep recurrent networks",
    summary="one to three layers, tanh and sigmoid; a search over rate, size and depth",
    run=run,
    exercises=EXERCISES,
    sizes=(
        Size("window", 4, "number of bits to remember", least=2, most=12),
        Size("hidden", 24, "units of the network with one layer", least=4, most=128),
        Size("epochs", 50, "epochs of each training", most=500),
    ),
)
