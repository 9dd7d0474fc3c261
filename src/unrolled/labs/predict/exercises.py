"""Exercises of lab `predict`, each with a solution that runs as it is printed."""

from __future__ import annotations

from unrolled.labs.exercises import Exercise


def temperatures() -> dict[float, float]:
    import numpy as np

    scores = np.array([2.0, 1.0, 0.0, -1.0])
    entropies = {}
    for temperature in (0.5, 1.0, 2.0):
        p = np.exp(scores / temperature)
        p /= p.sum()
        entropies[temperature] = float(-(p * np.log2(p)).sum())
    return entropies


def continue_a_sine() -> float:
    import numpy as np

    from unrolled.cells import Elman
    from unrolled.textbook import Adam, Network, fit, generate_values

    wave = np.sin(2 * np.pi * np.arange(160) / 16)
    pieces = np.stack([wave[start : start + 41] for start in range(0, 60, 3)], axis=1)[:, None, :]
    network = Network(Elman, 1, 12, 1, loss="mean_squared_error", seed=0)
    fit(network, [(pieces[:-1], pieces[1:])], optimizer=Adam(0.02), epochs=250, progress=None)

    continued = generate_values(network, wave[:100, None, None], 40)[:, 0, 0]
    return float(np.sqrt(np.mean((continued - wave[100:140]) ** 2)))


def a_wrong_gradient() -> dict[str, float]:
    import numpy as np

    from unrolled.textbook import elman

    random = np.random.default_rng(0)
    weights = elman.initialize(inputs=1, hidden=4, outputs=1)
    xs, targets = random.normal(size=(8, 1, 5)), random.normal(size=(8, 1, 5))
    ys, caches = elman.forward(xs, weights)
    _, d_ys = elman.squared_error(ys, targets)
    right = elman.backward(d_ys, caches, weights)

    for cache in caches:  # the mistake: use the last state at every step of the backward pass
        cache["h"] = caches[-1]["h"]
    wrong = elman.backward(d_ys, caches, weights)
    return {
        name: float(np.linalg.norm(wrong[name] - right[name]) / np.linalg.norm(right[name]))
        for name in weights
    }


EXERCISES = (
    Exercise(
        "easy",
        "Four symbols have the scores 2, 1, 0 and -1. What is the entropy of their probabilities, "
        "in bits, at the temperatures 0.5, 1 and 2?",
        temperatures,
        lambda bits: bits[0.5] < bits[1.0] < bits[2.0] < 2.0,
    ),
    Exercise(
        "medium",
        "Train an Elman network on a sine with a period of 16 steps, let it continue for 40 steps "
        "from its own outputs, and compute the root mean square error. (Always predicting 0 has an "
        "error of 0.71.)",
        continue_a_sine,
        lambda error: error < 0.3,
    ),
    Exercise(
        "hard",
        "Make the mistake of this page with `textbook.elman`: use the last state at every step of "
        "the backward pass. Which gradients are wrong, and by how much?",
        a_wrong_gradient,
        lambda errors: errors["c"] == 0 and min(errors[name] for name in "WUbV") > 0.01,
    ),
)
