"""The output layer, y_t = V h_t + c. In: a hidden state. Out: one number for each output unit.

Its derivatives, written out: from y = V h + c follow d_V = d_y h^T, d_c = d_y (summed over the
batch), and d_h = V^T d_y. Next: `cell`, which calls it at every time step.
"""

from __future__ import annotations

import numpy as np

from unrolled.errors import ArgumentError

Array = np.ndarray


class Readout:
    """The weights V (outputs x hidden units) and c (outputs), drawn as in torch.nn.Linear."""

    def __init__(self, hidden_size: int, output_size: int, seed: int | None = None) -> None:
        for name, size in (("hidden_size", hidden_size), ("output_size", output_size)):
            if size < 1:
                raise ArgumentError(f"{name}={size!r}: an output layer needs at least one unit")
        random = np.random.default_rng(seed)
        bound = 1.0 / np.sqrt(hidden_size)
        self.weights: dict[str, Array] = {
            "V": random.uniform(-bound, bound, (output_size, hidden_size)),
            "c": random.uniform(-bound, bound, output_size),
        }

    def forward(self, h: Array) -> Array:
        y: Array = self.weights["V"] @ h + self.weights["c"][:, None]
        return y

    def backward(self, d_y: Array, h: Array) -> tuple[dict[str, Array], Array]:
        """The derivatives with respect to the weights, and to h."""
        return {"V": d_y @ h.T, "c": d_y.sum(axis=1)}, self.weights["V"].T @ d_y
