"""Every library cell as a small network, and what it must compute; for the tests of exports."""

from typing import Any

import numpy as np
import torch

from unrolled import (
    Cell,
    Recurrent,
    clip_gradient,
    concat,
    eye,
    leaky_relu,
    maximum,
    mean,
    modify,
    sigmoid,
    split,
    tanh,
    where,
)
from unrolled import abs as magnitude
from unrolled import max as largest
from unrolled import min as smallest
from unrolled import softmax as shares
from unrolled import sum as sum_units
from unrolled.cells import LSTM
from unrolled.cells.base import equation
from unrolled.cells.library import variants
from unrolled.cells.modifiers import Heads


class Awkward(Cell):
    """Names that a language has for itself, conditions, reductions, a matrix of weights."""

    scalars = ("np",)
    initial = {"U": "orthogonal", "V": "identity", "R": "glorot", "b": ("uniform", -0.5, 0.5)}
    gamma = 0.3

    def step(self, x, h, states):  # type: ignore[no-untyped-def]
        mean_units = self.U - self.gamma * self.U.T + eye * self.np
        weights = mean_units @ h + self.W @ x + self.b
        float = where((weights > 0) & ~(h > 0.1), weights, leaky_relu(weights, 0.2) ** 2 - 1)
        step = maximum(float - mean(float), self.V @ h) / (2 + sum_units(float**2))
        α = magnitude(self.R @ step + self.V.T @ float) ** -3
        return tanh(step - (h - states)), 1 / (1 + α) - states**3 / 4


class Swapping(Cell):
    """Each state becomes another value as it is."""

    def step(self, x, h, k):  # type: ignore[no-untyped-def]
        return k, self.W @ x + 0.5 * h


class Constant(Cell):
    """Arrays that never change: computed, given, transposed, a vector, of a size of their own."""

    sizes = {"m": "order", "e": "1", "turn": "two", "P": "three"}
    order = 4
    turn = np.array([[0.5, -0.25, 1.0], [2.0, 0.125, -1.5]])
    S = np.array([0.75])

    def constants(self):  # type: ignore[no-untyped-def]
        steps = np.arange(1.0, 1 + self.order)
        return {"A": np.subtract.outer(steps, steps**0.5) / 8, "B": 1 / steps, "leak": 0.25}

    def step(self, x, h, m):  # type: ignore[no-untyped-def]
        u = self.S * (self.e @ h)
        turned = self.turn.T @ (self.turn @ (self.P @ x))
        m = (1 - self.leak) * m + self.leak * (self.A - self.A.T) @ m + self.B * u
        return tanh(self.W @ turned + self.U @ h + self.V @ tanh(self.A.T @ m)), m


class Narrow(Cell):
    """Weights of one row and of one column, a state of one unit, numbers for all units."""

    sizes = {"row": "1", "b_row": "1", "R": "1", "k": "1"}

    def step(self, x, h, k):  # type: ignore[no-untyped-def]
        gate = sigmoid(self.row @ x + self.b_row + self.R @ k)
        size = sum_units(h**2)
        inner = tanh(self.W @ x + self.column @ (gate * k) + self.u * k + h / (1 + size))
        return inner * gate + h * (1 - gate), k + gate * (1 - k) / (2 + size)


class Shares(Cell):
    """Shares of all units, the largest and the smallest, and a bound on a derivative."""

    def step(self, x, h):  # type: ignore[no-untyped-def]
        max_units = self.W @ x + self.U @ h
        softmax = shares(max_units + self.b)
        spread = largest(max_units) - smallest(max_units * h)
        return clip_gradient(tanh(spread * softmax + max_units), 100.0)


class Joined(Cell):
    """One matrix for three vectors, and a joined vector that is used unit by unit."""

    sizes = {"A": "hidden_size"}

    def step(self, x, h, c):  # type: ignore[no-untyped-def]
        pad = tanh(concat(self.A @ x, h))
        c = tanh(self.W @ concat(x, h, c) + self.b)
        return c + self.V @ (pad * pad), c


class Cut(Cell):
    """All gates in one product, and a state in two halves that take turns."""

    sizes = {"c": "order + hidden_size"}
    order = 3

    def step(self, x, h, c):  # type: ignore[no-untyped-def]
        part, pad = split(h, 2)
        memory, cell = split(c, self.order, self.hidden_size)
        i, f, g = split(self.W @ concat(x, h) + self.b, 3)
        cell = sigmoid(f) * cell + sigmoid(i) * tanh(g) / (2 + mean(concat(part, memory)))
        memory = tanh(self.A @ memory + self.B @ part)
        return tanh(cell) * concat(pad, part) + cell, concat(memory, cell)


class Settled(Cell):
    """A state that becomes a weight, as it is."""

    initial = {"b": ("uniform", -0.5, 0.5)}

    def step(self, x, h, k):  # type: ignore[no-untyped-def]
        return tanh(self.W @ x + self.U @ h + k), self.b


CELLS: dict[str, Any] = {
    **dict(variants()),
    "awkward": Awkward,
    "shares": Shares,
    "joined": Joined,
    "cut": Cut,
    "heads": modify(LSTM, Heads(2)),
    "swapping": Swapping,
    "constant": Constant,
    "narrow": Narrow,
    "settled": Settled,
}


def layer_of(name: str, **options: Any) -> Recurrent:
    """A layer of the cell; its sizes differ, where they may."""
    cell = CELLS[name]
    found = equation(cell)
    torch.manual_seed(3)
    if "proj_size" in found.sizes:
        options["proj_size"] = 4
    if any(shape == ("input_size",) for shape in (found.states | found.named_inputs).values()):
        options["num_layers"] = 1  # its layer stands on the input alone
    hidden = 6 if found.cuts else 5
    layer = Recurrent(cell, 5 if found.input_is_hidden else 3, hidden, **options)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return layer.eval()


def sequence(layer: Recurrent, steps: int = 6, batch: int = 1) -> tuple[Any, Any]:
    """A sequence (T, B, I), and what the layer makes of it."""
    x = torch.from_numpy(np.random.default_rng(5).normal(size=(steps, batch, layer.input_size)))
    x = x.to(next(layer.parameters()).dtype)
    with torch.no_grad():
        y, _ = layer(x)
    return x.numpy(), y.numpy()
