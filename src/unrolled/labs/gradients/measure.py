"""How a derivative fares on its way back through time. In: cells, scales. Out: norms, lag by lag.

One run: a random sequence, a loss that looks at the last state alone (a random direction of length
one), and the norm of its derivative by the state k steps earlier. What is reported is the median
over the sequences of a batch. Next: `page`, which shows it, and `words`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from unrolled.cells import GRU, IRNN, LSTM, AntisymmetricRNN, CoRNN, Elman
from unrolled.cells.base import Cell
from unrolled.labs.progress import Progress
from unrolled.textbook import SGD, Network, backward, forward, update
from unrolled.textbook.cell import first_states

Array = np.ndarray
INPUTS = 2
BATCH = 16
RADII = (0.5, 0.8, 1.0, 1.25, 1.6, 2.5)
BIASES = (-1.0, 0.0, 1.0, 2.0, 4.0)
CLIP = 1.0
WILD = 1.6  # the spectral radius with which the Elman network is trained
FAST, SLOW = 0.05, 0.01  # learning rates
# Every cell is measured as it is first drawn, those with a square U at every recurrent scale.
KINDS: dict[str, type[Cell]] = {
    "Elman": Elman,
    "GRU": GRU,
    "LSTM": LSTM,
    "IRNN": IRNN,
    "CoRNN": CoRNN,
    "AntisymmetricRNN": AntisymmetricRNN,
}
SCALED = ("Elman", "GRU", "LSTM", "IRNN")


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
    """One training run: the loss and the norm of the gradient (before clipping) at each update."""

    losses: list[float]
    norms: list[float]
    clipped: int


def train(
    radius: float,
    hidden: int,
    lags: int,
    updates: int,
    seed: int,
    rate: float,
    clip: float | None,
    done: Callable[[], None],
) -> Training:
    """An Elman network learns the mean of its inputs by plain gradient descent, clipped or not."""
    network = Network(Elman, INPUTS, hidden, 1, many_to="one", loss="mean_squared_error", seed=seed)
    rescale(network.layers[0], radius)
    random, optimizer = np.random.default_rng((seed, 4)), SGD(rate)
    losses, norms, clipped = [], [], 0
    for _ in range(updates):
        xs = random.normal(size=(lags, INPUTS, BATCH))
        targets = 5 * xs[:, 0].mean(axis=0).reshape(1, 1, -1)
        step = update(network, xs, targets, optimizer, clip_norm=clip)
        done()
        if not step.finite:
            break
        losses.append(step.loss)
        norms.append(step.gradient_norm)
        clipped += step.clipped
    return Training(losses, norms, clipped)


@dataclass(frozen=True)
class Example:
    """One step back with two units: the matrix, the last state, and its derivative before."""

    u: Array
    h: Array
    d_h: Array
    d_before: Array


def example(seed: int) -> Example:
    cell = rescale(make("Elman", 2, seed), 0.9)
    trace = forward(cell, noise(3, 1, seed), first_states(cell, 1))
    d_h = np.random.default_rng((seed, 5)).normal(size=(2, 1))
    d_h /= np.linalg.norm(d_h)
    before = backward(trace, np.zeros_like(trace.outputs), (d_h,)).by_state[-2][0]
    return Example(cell.weights["U"], trace.states[-1][0][:, 0], d_h[:, 0], before[:, 0])


# ------------------------------------------------------------------------------------ a whole run


@dataclass(frozen=True)
class Measured:
    """All numbers of one run."""

    hidden: int
    lags: int
    scaled: dict[str, list[Scaled]]
    untouched: dict[str, np.ndarray]
    forgetting: list[Forgetting]
    slopes: dict[str, tuple[float, float]]
    wild: Training
    clipped: Training
    slow: Training
    pencil: Example


def carry_out(seed: int, progress: Progress, hidden: int, lags: int, updates: int) -> Measured:
    progress.plan({"recurrent scales": 1.5, "forget gates": 0.5, "training": 6.0})
    xs = noise(lags, BATCH, seed)
    pairs = [(name, radius) for name in SCALED for radius in RADII]
    by_scale: dict[str, list[Scaled]] = {name: [] for name in SCALED}
    for name, radius in progress.loop("recurrent scales", pairs):
        by_scale[name].append(scaled(name, radius, hidden, xs, seed))
    untouched, slopes = {}, {}
    for name in KINDS:
        cell = make(name, hidden, seed)
        untouched[name] = whole(by_lag(cell, xs, seed))
        slopes[name] = slope(cell, xs[: min(10, lags)], seed, unit=0)
    gates = [forgetting(bias, hidden, xs, seed) for bias in progress.loop("forget gates", BIASES)]
    with progress.stage("training", 3 * updates) as done:
        wild, clipped, slow = (
            train(WILD, hidden, lags // 2, updates, seed, rate, clip, done)
            for rate, clip in ((FAST, None), (FAST, CLIP), (SLOW, None))
        )
    return Measured(
        hidden, lags, by_scale, untouched, gates, slopes, wild, clipped, slow, example(seed)
    )


def final(run: Training) -> float:
    return float(np.mean(run.losses[-max(1, len(run.losses) // 10) :]))
