"""Exercises of lab `bptt`, each with a solution that runs as it is printed."""

from __future__ import annotations

from typing import Any

from unrolled.labs.exercises import Exercise


def one_step() -> float:
    import numpy as np

    W, U, b = 0.5, -0.3, 0.1
    x, h_prev, V, c, target = 1.0, 0.2, 2.0, 0.0, 0.5
    h = np.tanh(W * x + U * h_prev + b)
    y = V * h + c
    # L = (y - target)^2, and the chain runs y -> h -> net -> U
    return float(2 * (y - target) * V * (1 - h**2) * h_prev)


def slope_of_u() -> float:
    import numpy as np

    from unrolled.textbook import elman

    random = np.random.default_rng(0)
    weights = elman.initialize(inputs=2, hidden=3, outputs=2)
    xs, targets = random.normal(size=(5, 2, 4)), random.integers(0, 2, (5, 4))

    ys, caches = elman.forward(xs, weights)
    _, d_ys = elman.cross_entropy(ys, targets)
    derivative = elman.backward(d_ys, caches, weights)["U"][0, 1]

    losses = []
    for move in (1e-5, -2e-5):
        weights["U"][0, 1] += move
        losses.append(elman.cross_entropy(elman.forward(xs, weights)[0], targets)[0])
    slope = (losses[0] - losses[1]) / 2e-5
    return float(abs(derivative - slope) / abs(slope))


def truncated() -> dict[int, float]:
    import numpy as np

    from unrolled.textbook import elman

    random = np.random.default_rng(0)
    weights = elman.initialize(inputs=1, hidden=8, outputs=2, seed=1)
    weights["U"] *= 2  # so that the past matters
    xs, targets = random.normal(size=(20, 1, 16)), random.integers(0, 2, (20, 16))
    ys, caches = elman.forward(xs, weights)
    _, d_ys = elman.cross_entropy(ys, targets)

    def d_u(steps_back: int) -> np.ndarray:
        """The gradient of U if each loss is propagated over at most this many steps."""
        total = np.zeros_like(weights["U"])
        for t in range(len(xs)):
            d_h = weights["V"].T @ d_ys[t]
            for s in range(t, max(t - steps_back, -1), -1):
                step = elman.cell_backward(d_h, caches[s], weights)
                total += step["d_U"]
                d_h = step["d_h_prev"]
        return total

    whole = elman.backward(d_ys, caches, weights)["U"]
    cosines = {}
    for k in (1, 5, 20):
        part = d_u(k)
        cosines[k] = float((part * whole).sum() / np.linalg.norm(part) / np.linalg.norm(whole))
    return cosines


def _right(value: Any) -> bool:
    # with a pencil: h = tanh(0.54), dL/dU = 2 (2 h - 0.5) * 2 * (1 - h^2) * 0.2
    return bool(abs(value - 0.2947) < 1e-3)


EXERCISES = (
    Exercise(
        "easy",
        "One unit, one step: $W = 0.5$, $U = -0.3$, $b = 0.1$, $h_{0} = 0.2$, $x = 1$, $V = 2$, "
        "$c = 0$ and a target of 0.5. Compute $\\partial L / \\partial U$ with a pencil, for "
        "$L = (y - y^{\\ast})^2$.",
        one_step,
        _right,
    ),
    Exercise(
        "medium",
        "Check one number of the gradient of $U$ in `unrolled.textbook.elman` by a central "
        "difference. How large is the relative error?",
        slope_of_u,
        lambda error: error < 1e-6,
    ),
    Exercise(
        "hard",
        "*Truncated* backpropagation propagates each loss back over at most $k$ steps. Write it "
        "for $U$, and measure the cosine between its gradient and the full one for $k$ = 1, 5 and "
        "all 20 steps.",
        truncated,
        lambda cosines: cosines[1] < cosines[5] < cosines[20] and abs(cosines[20] - 1) < 1e-9,
    ),
)
