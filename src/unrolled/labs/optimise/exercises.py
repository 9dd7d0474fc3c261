"""Exercises of lab `optimise`, each with a solution that runs as it is printed."""

from __future__ import annotations

from unrolled.labs.exercises import Exercise


def limit_of_the_rate() -> dict[float, float]:
    ends = {}
    for rate in (0.19, 0.21):
        w = 1.0
        for _ in range(100):
            w -= rate * 10 * w  # L = 5 w^2, so its derivative is 10 w
        ends[rate] = abs(w)
    return ends


def first_step_of_adam() -> list[float]:
    import numpy as np

    from unrolled.textbook import Adam

    moved = []
    for gradient in (1e-4, 1.0, 1e4):
        weights = {"w": np.zeros(1)}
        Adam(learning_rate=0.01).step(weights, {"w": np.array([gradient])})
        moved.append(float(weights["w"][0]))
    return moved


def warm_up() -> dict[str, list[float]]:
    import math

    import numpy as np

    from unrolled.cells import Elman
    from unrolled.textbook import SGD, Network, fit

    def schedule(epoch: int, loss: float) -> float:
        if epoch < 5:
            return (epoch + 1) / 5
        return 0.5 * (1 + math.cos(math.pi * (epoch - 5) / 15))

    random = np.random.default_rng(0)
    xs = random.normal(size=(6, 1, 40))
    network = Network(Elman, 1, 6, 1, loss="mean_squared_error", seed=0)
    history = fit(
        network, [(xs, 0.5 * xs)], optimizer=SGD(0.1), schedule=schedule, epochs=20, progress=None
    )
    return {"rate": history.learning_rate, "loss": history.loss}


EXERCISES = (
    Exercise(
        "easy",
        "On $L = 5 w^2$ gradient descent converges only below some learning rate. Find it, and try "
        "a rate just below and one just above.",
        limit_of_the_rate,
        lambda ends: ends[0.19] < 1e-4 and ends[0.21] > 1e3,
    ),
    Exercise(
        "medium",
        "How long is the first step of Adam at a learning rate of 0.01, for gradients of 0.0001, 1 "
        "and 10,000?",
        first_step_of_adam,
        lambda moved: all(abs(step + 0.01) < 1e-5 for step in moved),
    ),
    Exercise(
        "hard",
        "A schedule is a function of the epoch and the loss. Write one that rises over five epochs "
        "and then falls along half a cosine, and train a network with it.",
        warm_up,
        lambda run: (
            run["rate"][1] < max(run["rate"][2:8])
            and run["rate"][-1] < 0.02
            and run["loss"][-1] < run["loss"][0]
        ),
    ),
)
