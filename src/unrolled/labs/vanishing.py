"""How a derivative fares on its way back through time. In: cells, scales. Out: norms, lag by lag.

One run: a random sequence, a loss that looks at the last state alone (a random direction of length
one), and the norm of its derivative by the state k steps earlier. What is reported is the median
over the sequences of a batch. Next: `gradients`, which makes a page of it.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unrolled.cells import GRU, LSTM, Elman
from unrolled.cells.base import Cell
from unrolled.textbook import Network, backward, forward, global_norm
from unrolled.textbook.cell import first_states
from unrolled.textbook.fitting import update
from unrolled.textbook.optimizers import SGD

Array = np.ndarray
INPUTS = 2
KINDS: dict[str, type[Cell]] = {"Elman": Elman, "GRU": GRU, "LSTM": LSTM}


def make(name: str, hidden: int, seed: int, forget: float | None = None) -> Cell:
    """A cell with its usual first weights; `forget` sets the bias of an LSTM's forget gate."""
    cell = KINDS[name](INPUTS, hidden, seed=seed)
    if forget is not None:
        cell.weights["b_f"][:] = forget
    return cell


def recurrent(cell: Cell) -> dict[str, Array]:
    """The matrices from the states to the states: U, or one for each gate."""
    return {name: w for name, w in cell.weights.items() if name.startswith("U")}


def spectral_radius(matrix: Array) -> float:
    """The largest absolute value of an eigenvalue: by what U^k grows in the long run."""
    return float(np.abs(np.linalg.eigvals(matrix)).max())


def rescale(cell: Cell, radius: float) -> Cell:
    """Give each recurrent matrix this spectral radius; its eigenvectors stay."""
    for matrix in recurrent(cell).values():
        matrix *= radius / spectral_radius(matrix)
    return cell


def noise(lags: int, batch: int, seed: int, strength: float = 1.0) -> Array:
    return strength * np.random.default_rng((seed, 1)).normal(size=(lags, INPUTS, batch))


def by_lag(cell: Cell, xs: Array, seed: int) -> list[Array]:
    """For each state: the norm of dL/dstate, `norms[k, b]` for the state k steps before the end."""
    batch = xs.shape[2]
    trace = forward(cell, xs, first_states(cell, batch))
    last = trace.states[-1]
    d_h = np.random.default_rng((seed, 2)).normal(size=last[0].shape)
    d_h /= np.linalg.norm(d_h, axis=0)
    d_last = (d_h, *(np.zeros_like(state) for state in last[1:]))
    gradients = backward(trace, np.zeros_like(trace.outputs), d_last)
    return [
        np.stack([np.linalg.norm(states[n], axis=0) for states in reversed(gradients.by_state)])
        for n in range(len(last))
    ]


def whole(norms: Sequence[Array]) -> Array:
    """The norm by all states of a cell together, the median over the sequences."""
    return np.median(np.sqrt(sum(norm**2 for norm in norms)), axis=1)


def factor(heights: Array, first: int = 1) -> float:
    """By what the norm is multiplied at each step back: the slope of its logarithm."""
    known = np.flatnonzero(heights > 0)
    known = known[known >= first]
    if len(known) < 2:
        return 0.0
    return float(np.exp(np.polyfit(known, np.log(heights[known]), 1)[0]))


@dataclass(frozen=True)
class Scaled:
    """One cell whose recurrent matrices were given one spectral radius."""

    name: str
    radius: float
    norms: Array
    factor: float
    largest_singular: float


def scaled(name: str, radius: float, hidden: int, xs: Array, seed: int) -> Scaled:
    cell = rescale(make(name, hidden, seed), radius)
    norms = whole(by_lag(cell, xs, seed))
    singular = max(float(np.linalg.norm(matrix, 2)) for matrix in recurrent(cell).values())
    return Scaled(name, radius, norms, factor(norms), singular)


@dataclass(frozen=True)
class Forgetting:
    """An LSTM with one bias of its forget gate: how open the gate is, and what it lets through."""

    bias: float
    open: float
    factor: float
    norms: Array


def forgetting(bias: float, hidden: int, xs: Array, seed: int) -> Forgetting:
    cell = make("LSTM", hidden, seed, forget=bias)
    trace = forward(cell, xs, first_states(cell, xs.shape[2]))
    gate = np.stack([cache.values["f"] for cache in trace.caches])
    _, by_c = by_lag(cell, xs, seed)
    norms = np.median(by_c, axis=1)[1:]  # the loss does not look at the last c
    return Forgetting(bias, float(np.exp(np.log(gate).mean())), factor(norms), norms)


def slope(cell: Cell, xs: Array, seed: int, unit: int) -> tuple[float, float]:
    """dL/dh_0 of one unit, by BPTT and by a finite difference: two ways to one number."""
    xs = xs[:, :, :1]
    start = first_states(cell, 1)
    trace = forward(cell, xs, start)
    d_h = np.random.default_rng((seed, 3)).normal(size=start[0].shape)
    d_last = (d_h, *(np.zeros_like(state) for state in start[1:]))
    exact = backward(trace, np.zeros_like(trace.outputs), d_last).by_state[0][0][unit, 0]
    losses = []
    for step in (1e-5, -1e-5):
        moved = tuple(state.copy() for state in start)
        moved[0][unit] += step
        losses.append(float((d_h * forward(cell, xs, moved).states[-1][0]).sum()))
    return float(exact), (losses[0] - losses[1]) / 2e-5


# ------------------------------------------------------------------------------- with and without


@dataclass(frozen=True)
class Training:
    """One training run: loss and norm of the gradient at each update, and how it ended."""

    losses: list[float]
    norms: list[float]
    clipped: int
    stopped_at: int | None


def train(
    radius: float, hidden: int, lags: int, updates: int, seed: int, clip: float | None, step=None
) -> Training:
    """An Elman network learns the mean of its inputs by plain SGD, clipped or not."""
    network = Network(
        Elman, INPUTS, hidden, 1, many_to="one", loss="mean_squared_error", seed=seed
    )
    rescale(network.layers[0], radius)
    random = np.random.default_rng((seed, 4))
    run = Training([], [], 0, None)
    optimizer, clipped = SGD(RATE), 0
    for number in range(1, updates + 1):
        xs = random.normal(size=(lags, INPUTS, 16))
        targets = xs[:, 0].mean(axis=0).reshape(1, 1, -1) * 5
        done = update(network, xs, targets, optimizer, clip_norm=clip)
        run.losses.append(done.loss)
        run.norms.append(done.gradient_norm)
        clipped += done.clipped
    return Training(run.losses, run.norms, clipped, None)

RATE = 0.05
