"""Exercises of lab `deep`, each with a solution that runs as it is printed."""

from __future__ import annotations

from unrolled.labs.exercises import Exercise


def weight_counts() -> tuple[int, int]:
    from unrolled.textbook import deep

    inputs, hidden, outputs, layers = 3, 10, 2, 4
    first = hidden * inputs + hidden * hidden + hidden
    others = 2 * hidden * hidden + hidden
    by_formula = first + (layers - 1) * others + outputs * hidden + outputs
    weights = deep.initialize(inputs, hidden, outputs, layers)
    return by_formula, sum(weight.size for weight in weights.values())


def slope_of_the_lowest() -> float:
    import numpy as np

    from unrolled.textbook import deep, elman

    random = np.random.default_rng(0)
    weights = deep.initialize(inputs=2, hidden=4, outputs=3, layers=3)
    xs, targets = random.normal(size=(6, 2, 5)), random.integers(0, 3, (6, 5))
    ys, caches = deep.forward(xs, weights)
    derivative = deep.backward(elman.cross_entropy(ys, targets)[1], caches, weights)["W1"][0, 0]
    losses = []
    for move in (1e-5, -2e-5):
        weights["W1"][0, 0] += move
        losses.append(elman.cross_entropy(deep.forward(xs, weights)[0], targets)[0])
    slope = (losses[0] - losses[1]) / 2e-5
    return float(abs(derivative - slope) / abs(slope))


def both_directions() -> dict[str, float]:
    import numpy as np

    from unrolled.textbook import elman

    random = np.random.default_rng(0)
    forwards, backwards = (elman.initialize(1, 4, 2, seed=seed) for seed in (0, 1))
    xs = random.normal(size=(6, 1, 1))

    def outputs(xs: np.ndarray) -> dict[str, np.ndarray]:
        one, _ = elman.forward(xs, forwards)
        other, _ = elman.forward(xs[::-1], backwards)
        return {"one direction": one, "both": one + other[::-1]}

    moved = xs.copy()
    moved[-1] += 1.0  # change the last input, and look at the first output
    before, after = outputs(xs), outputs(moved)
    return {name: float(np.abs(after[name][0] - before[name][0]).max()) for name in before}


EXERCISES = (
    Exercise(
        "easy",
        "How many weights has a network with 3 inputs, 4 layers of 10 units and 2 outputs? Find "
        "the formula, and compare it with `deep.initialize`.",
        weight_counts,
        lambda counts: counts[0] == counts[1] == 792,
    ),
    Exercise(
        "medium",
        "Check by finite differences that the gradient of $W^{(1)}$, which has passed through "
        "three layers, is correct.",
        slope_of_the_lowest,
        lambda error: error < 1e-6,
    ),
    Exercise(
        "hard",
        "Build a bidirectional network from two networks of `elman`: one reads from the left, the "
        "other from the right, and their outputs are added. Show that its first output depends on "
        "the last input, and that of a single direction does not.",
        both_directions,
        lambda change: change["one direction"] == 0 and change["both"] > 1e-6,
    ),
)
