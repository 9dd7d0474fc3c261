"""Exercises of lab `cell`, each with a solution that runs as it is printed."""

from __future__ import annotations

from unrolled.labs.exercises import Exercise


def kept() -> float:
    import numpy as np

    f = 1 / (1 + np.exp(-3.0))
    return float(f**10)


def output_gate() -> float:
    import numpy as np

    from unrolled.textbook import lstm

    random = np.random.default_rng(0)
    weights = lstm.initialize(inputs=2, hidden=3, outputs=1)
    x, h_prev, c_prev, d_h = (random.normal(size=(n, 4)) for n in (2, 3, 3, 3))
    _, _, cache = lstm.cell_forward(x, h_prev, c_prev, weights)
    step = lstm.cell_backward(d_h, np.zeros((3, 4)), cache, weights)

    # h = o * tanh(c), and o is a sigmoid with the slope o (1 - o)
    d_net_o = d_h * np.tanh(cache["c"]) * cache["o"] * (1 - cache["o"])
    return float(np.abs(d_net_o @ h_prev.T - step["d_U_o"]).max())


def coupled() -> dict[str, float]:
    import numpy as np

    from unrolled import Cell, sigmoid, tanh
    from unrolled.textbook import cell_backward, cell_forward

    class Coupled(Cell):
        def step(self, x, h, c):  # type: ignore[no-untyped-def]
            f = sigmoid(self.W_f @ x + self.U_f @ h + self.b_f)
            g = tanh(self.W_g @ x + self.U_g @ h + self.b_g)
            c = f * c + (1 - f) * g
            return tanh(c), c

    cell = Coupled(2, 3, seed=0)
    w = cell.weights
    random = np.random.default_rng(0)
    x, h_prev, c_prev, d_h, d_c_next = (random.normal(size=(n, 4)) for n in (2, 3, 3, 3, 3))

    f = 1 / (1 + np.exp(-(w["W_f"] @ x + w["U_f"] @ h_prev + w["b_f"][:, None])))
    g = np.tanh(w["W_g"] @ x + w["U_g"] @ h_prev + w["b_g"][:, None])
    c = f * c_prev + (1 - f) * g
    d_c = d_c_next + d_h * (1 - np.tanh(c) ** 2)
    d_net_f = d_c * (c_prev - g) * f * (1 - f)  # f is used twice in c
    d_net_g = d_c * (1 - f) * (1 - g**2)
    mine = {"U_f": d_net_f @ h_prev.T, "U_g": d_net_g @ h_prev.T, "W_f": d_net_f @ x.T}

    _, _, cache = cell_forward(cell, x, (h_prev, c_prev))
    derived = cell_backward(cache, d_h, (np.zeros_like(d_h), d_c_next)).weights
    return {name: float(np.abs(mine[name] - derived[name]).max()) for name in mine}


EXERCISES = (
    Exercise(
        "easy",
        "The forget gate of a unit has a bias of 3, its other inputs are zero, and the input gate "
        "is closed. What share of $c$ is left after ten steps?",
        kept,
        lambda share: abs(share - 0.6151) < 1e-3,
    ),
    Exercise(
        "medium",
        "Write the derivative of the loss with respect to $U_{o}$ in one line, and compare it with "
        "`lstm.cell_backward`. How far apart are they?",
        output_gate,
        lambda difference: difference < 1e-12,
    ),
    Exercise(
        "hard",
        "Couple the gates: $c_{t} = f \\odot c_{t-1} + (1 - f) \\odot g$ and "
        "$h_{t} = \\tanh c_{t}$. Write the step forward and backward in NumPy, and compare it "
        "with the backward step that unrolled derives from your cell.",
        coupled,
        lambda errors: max(errors.values()) < 1e-12,
    ),
)
