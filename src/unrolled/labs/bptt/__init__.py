"""Lab `bptt`: an RNN from scratch. One training step by hand, then a real task.

In: a seed and sizes. Out: an account. `pencil` does the arithmetic by hand, `worked` compares it
with the computer's, `adding` trains a network, `page` presents the results.
"""

from __future__ import annotations

from unrolled.labs.base import Account, Lab, Size
from unrolled.labs.bptt.adding import learn
from unrolled.labs.bptt.exercises import EXERCISES
from unrolled.labs.bptt.page import found, sections
from unrolled.labs.bptt.worked import work_by_hand
from unrolled.labs.progress import Progress
from unrolled.textbook import gradient_errors, numerical_gradients


def run(seed: int, progress: Progress, hidden: int, bits: int, epochs: int) -> Account:
    progress.plan({"one step by hand": 1, "training": 10, "the check": 2})
    with progress.stage("one step by hand"):
        worked = work_by_hand(seed)
    learned = learn(seed, progress, hidden, bits, epochs)
    with progress.stage("the check"):
        few = slice(0, 3)
        pair = learned.seen.xs[..., few], learned.seen.targets[..., few]
        gradients = learned.network.evaluate(*pair).gradients
        errors = gradient_errors(gradients, numerical_gradients(learned.network, *pair))
    return Account(
        found(worked, learned, max(errors.values())),
        sections(worked, learned, errors),
        lead="Forward, loss, backward, clip, update: once by hand, then until the network can add.",
    )


LAB = Lab(
    name="bptt",
    title="Backpropagation through time, from scratch",
    summary="an RNN from scratch: one training step by hand, then a real task",
    run=run,
    exercises=EXERCISES,
    sizes=(
        Size("hidden", 8, "units of the network", most=256),
        Size("bits", 8, "bits of the numbers in the training data", least=2, most=64),
        Size("epochs", 150, "epochs at most", most=5000),
    ),
)
