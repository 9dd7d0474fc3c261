"""Exercises of lab `memory`, each with a solution that runs as it is printed."""

from __future__ import annotations

from unrolled.labs.exercises import Exercise


def guessing() -> float:
    import numpy as np

    random = np.random.default_rng(0)
    sums = random.uniform(size=(100_000, 2)).sum(axis=1)
    return float(np.mean((sums - 1.0) ** 2))


def half_life() -> tuple[float, float]:
    import numpy as np

    from unrolled.textbook import lstm

    f = 0.5 ** (1 / 100)
    bias = np.log(f / (1 - f))  # so that sigmoid(bias) is f
    weights = {name: np.zeros_like(w) for name, w in lstm.initialize(1, 1, 1).items()}
    weights["b_f"][:], weights["b_i"][:] = bias, -50.0
    h, c = np.zeros((1, 1)), np.ones((1, 1))
    for _ in range(100):
        h, c, _ = lstm.cell_forward(np.zeros((1, 1)), h, c, weights)
    return float(bias), float(c[0, 0])


def without_memory() -> dict[str, float]:
    import numpy as np

    from unrolled.textbook import elman

    random = np.random.default_rng(0)
    bits = random.integers(0, 2, (20, 64))
    xs = 2.0 * bits[:, None, :] - 1
    targets = np.concatenate([np.zeros((1, 64), dtype=int), bits[:-1]])  # the bit before
    weights = elman.initialize(inputs=1, hidden=8, outputs=2)
    elman.train(xs, targets, weights, rate=0.3, epochs=200)

    correct = {}
    for name, scale in (("with", 1.0), ("without", 0.0)):
        wiped = weights | {"U": scale * weights["U"]}  # no way from step to step
        ys, _ = elman.forward(xs, wiped)
        correct[name] = float((ys.argmax(axis=1) == targets)[1:].mean())
    return correct


EXERCISES = (
    Exercise(
        "easy",
        "In the adding problem the target is the sum of two numbers between 0 and 1. What is the "
        "squared error of always guessing 1?",
        guessing,
        lambda error: abs(error - 1 / 6) < 2e-3,
    ),
    Exercise(
        "medium",
        "Which forget bias keeps half of a value for 100 steps, if nothing else enters the gate? "
        "Try it in `textbook.lstm` with the input gate shut.",
        half_life,
        lambda result: abs(result[1] - 0.5) < 1e-9 and 4 < result[0] < 6,
    ),
    Exercise(
        "hard",
        "Train `textbook.elman` to say the *previous* bit. Then set $U$ to zero, so that nothing "
        "passes from step to step. What share of the bits is correct with and without?",
        without_memory,
        lambda correct: correct["with"] > 0.95 and correct["without"] < 0.65,
    ),
)
