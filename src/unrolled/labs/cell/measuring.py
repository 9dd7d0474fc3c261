"""One cell, taken apart. In: a seed and sizes. Out: one step with its cache, and a sequence.

An LSTM reads random numbers and has a random target at every time step. Nothing is trained: the lab
shows where the derivative of each loss comes from. Next: `page`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unrolled.cells import LSTM
from unrolled.textbook import (
    Cache,
    Evaluation,
    Gradients,
    Network,
    StepGradients,
    cell_backward,
    cell_forward,
    gradient_errors,
    numerical_gradients,
)
from unrolled.textbook.clipping import global_norm
from unrolled.textbook.losses import mean_squared_error

Array = np.ndarray


@dataclass
class Step:
    """The first time step, and its backward step for its own loss alone."""

    cache: Cache
    y: Array
    d_y: Array
    gradients: StepGradients


@dataclass
class Measured:
    """`parts[t]` has the gradients of the loss of step t alone, `whole` those of the sum."""

    network: Network
    xs: Array
    targets: Array
    step: Step
    whole: Evaluation
    parts: list[Gradients]
    errors: dict[str, float]

    @property
    def steps(self) -> int:
        return len(self.xs)

    @property
    def shares(self) -> Array:
        """`shares[t, s]`: the norm of the contribution of step s to the gradient of loss t."""
        return np.array(
            [[global_norm(step.weights) for step in part.by_step] for part in self.parts]
        )

    def by_lag(self) -> list[float]:
        """The mean contribution by the number of steps before the loss."""
        shares = self.shares
        return [float(np.diagonal(shares, -lag).mean()) for lag in range(self.steps)]

    def single(self, name: str) -> list[float]:
        """The derivative of each loss with respect to the first element of one weight."""
        return [float(part.weights[name].flat[0]) for part in self.parts]

    @property
    def sum_error(self) -> float:
        """The largest difference between the sum of the gradients and the gradient of the sum."""
        return max(
            float(np.abs(sum(part.weights[name] for part in self.parts) - total).max())
            for name, total in self.whole.layers[0].weights.items()
        )

    @property
    def cancelled(self) -> float:
        """The share that cancels because the gradients differ in direction: 1 - |sum| / sum |.|."""
        norms = sum(global_norm(part.weights) for part in self.parts)
        return 1 - global_norm(self.whole.layers[0].weights) / norms


def measure(seed: int, inputs: int, hidden: int, steps: int) -> Measured:
    random = np.random.default_rng(seed)
    network = Network(LSTM, inputs, hidden, 1, loss="mean_squared_error", seed=seed)
    xs, targets = random.normal(size=(steps, inputs, 1)), random.normal(size=(steps, 1, 1))
    whole = network.evaluate(xs, targets)
    _, d_outputs = mean_squared_error(whole.trace.outputs, targets)
    parts = []
    for t in range(steps):
        only = np.zeros_like(d_outputs)
        only[t] = d_outputs[t]
        parts += network.backward(whole.trace, only, keep_steps=True)
    errors = gradient_errors(whole.gradients, numerical_gradients(network, xs, targets))
    step = one_step(network, xs[0], d_outputs[0])
    return Measured(network, xs, targets, step, whole, parts, errors)


def one_step(network: Network, x: Array, d_y: Array) -> Step:
    (states,) = network.first_states(batch=1)
    next_states, y, cache = cell_forward(network.layers[0], x, states, network.readout)
    nothing = tuple(np.zeros_like(state) for state in next_states)
    return Step(cache, y, d_y, cell_backward(cache, d_y, nothing))
