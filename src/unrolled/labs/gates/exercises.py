"""Exercises of lab `gates`, each with a solution that runs as it is printed."""

from __future__ import annotations

from unrolled.labs.exercises import Exercise


def open_gate() -> float:
    import numpy as np

    return float(np.log(0.99 / 0.01))


def latch() -> list[float]:
    import numpy as np

    from unrolled.textbook import lstm

    # one unit, two inputs: a write command (0 or 1), and a value (1 or -1)
    weights = {name: np.zeros_like(w) for name, w in lstm.initialize(2, 1, 1).items()}
    weights["W_i"][:], weights["b_i"][:] = [[40.0, 0.0]], -20.0  # in only with the command
    weights["W_f"][:], weights["b_f"][:] = [[-40.0, 0.0]], 20.0  # kept, but not when writing
    weights["W_g"][:] = [[0.0, 20.0]]  # the value
    weights["b_o"][:] = 20.0  # always shown
    commands, values = [0, 1, 0, 0, 1, 0], [1, 1, -1, -1, -1, 1]
    h, c, shown = np.zeros((1, 1)), np.zeros((1, 1)), []
    for command, value in zip(commands, values, strict=True):
        h, c, _ = lstm.cell_forward(np.array([[command], [value]], float), h, c, weights)
        shown.append(round(float(h[0, 0] / np.tanh(1)), 3))
    return shown


def gru_keeps() -> dict[float, float]:
    import numpy as np

    from unrolled.textbook import gru

    random = np.random.default_rng(0)
    left = {}
    for bias in (-5.0, 5.0):
        weights = gru.initialize(inputs=2, hidden=6, outputs=1)
        weights["b_z"][:] = bias
        start = random.normal(size=(6, 1))
        h = start
        for _ in range(20):
            h, _ = gru.cell_forward(random.normal(size=(2, 1)), h, weights)
        left[bias] = float(np.linalg.norm(h - start) / np.linalg.norm(start))
    return left


EXERCISES = (
    Exercise(
        "easy",
        "How large must the number inside the sigmoid of a gate be for the gate to be 0.99?",
        open_gate,
        lambda value: abs(value - 4.595) < 1e-3,
    ),
    Exercise(
        "medium",
        "Set the weights of an LSTM of one unit by hand so that it remembers the value that came "
        "with the last write command. Commands 0, 1, 0, 0, 1, 0 and values 1, 1, -1, -1, -1, 1: "
        "what does it show?",
        latch,
        lambda shown: shown == [0.0, 1.0, 1.0, 1.0, -1.0, -1.0],
    ),
    Exercise(
        "hard",
        "The GRU has one gate $z$ for keeping and writing. How far does its state move within 20 "
        "random steps with a bias of -5 and of 5, relative to its size?",
        gru_keeps,
        lambda moved: moved[5.0] < 0.3 < 0.7 < moved[-5.0],
    ),
)
