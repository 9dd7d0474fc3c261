"""Exercises of lab `gradients`, each with a solution that runs as it is printed."""

from __future__ import annotations

from unrolled.labs.exercises import Exercise


def rotation() -> float:
    import numpy as np

    q, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(8, 8)))
    U = 0.9 * q  # every singular value is 0.9
    d_h = np.eye(8)[:, 0]
    for _ in range(20):
        d_h = U.T @ d_h  # one step back, without a nonlinearity
    return float(np.linalg.norm(d_h))


def clipped() -> tuple[float, float]:
    import numpy as np

    from unrolled.textbook import elman

    random = np.random.default_rng(0)
    gradient = {"W": random.normal(size=(4, 3)), "U": random.normal(size=(4, 4))}
    shorter = elman.clip(gradient, 1.0)
    before, after = (np.concatenate([g.ravel() for g in part.values()])
                     for part in (gradient, shorter))  # fmt: skip
    cosine = before @ after / np.linalg.norm(before) / np.linalg.norm(after)
    return float(np.linalg.norm(after)), float(cosine)


def forget_bias() -> dict[float, float]:
    import numpy as np

    from unrolled.textbook import lstm

    left = {}
    for bias in (0.0, 4.0):
        weights = lstm.initialize(inputs=2, hidden=16, outputs=1)
        weights["b_f"][:] = bias
        xs = np.random.default_rng(0).normal(size=(30, 2, 1))
        _, caches = lstm.forward(xs, weights)
        d_h, d_c = np.zeros((16, 1)), np.ones((16, 1)) / 4  # a derivative of length one
        for cache in reversed(caches):
            step = lstm.cell_backward(d_h, d_c, cache, weights)
            d_h, d_c = step["d_h_prev"], step["d_c_prev"]
        left[bias] = float(np.linalg.norm(d_c))
    return left


EXERCISES = (
    Exercise(
        "easy",
        "Without a nonlinearity one step back is a product with $U^{\\top}$. Let $U$ be 0.9 times "
        "a rotation. What norm is left of a derivative of length one after 20 steps?",
        rotation,
        lambda norm: abs(norm - 0.9**20) < 1e-9,
    ),
    Exercise(
        "medium",
        "Clip a gradient at a norm of 1. What are its norm and its cosine to the gradient before?",
        clipped,
        lambda result: abs(result[0] - 1) < 1e-9 and abs(result[1] - 1) < 1e-9,
    ),
    Exercise(
        "hard",
        "Send a derivative of length one back through 30 steps of an LSTM, through $c$, with a "
        "forget bias of 0 and of 4. How much is left of it?",
        forget_bias,
        lambda left: left[0.0] < 1e-3 < 1e-2 < left[4.0],
    ),
)
