"""How far back each cell can learn. In: a seed and sizes. Out: a `Measured`; next: `page`.

Each cell learns each problem at growing lags, from new sequences at every update, until it has
solved it or the updates are used up. The learning rate is the better of two at the shortest lag.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from unrolled.cells import GRU, IRNN, LSTM, Elman
from unrolled.cells.base import Cell
from unrolled.labs.memory.problems import ADDING, COPYING, Problem
from unrolled.labs.progress import Progress
from unrolled.textbook import Adam, Network, update

Array = np.ndarray
CELLS: dict[str, type[Cell]] = {"Elman": Elman, "IRNN": IRNN, "GRU": GRU, "LSTM": LSTM}
COST = {"Elman": 1.0, "IRNN": 1.0, "GRU": 1.6, "LSTM": 2.2}  # of a time step, about
RATES = (0.004, 0.02)
BATCH, TESTED = 32, 512
FORGET = 1.0  # the bias of the LSTM's forget gate (Gers et al. 2000)
CLIP = 1.0
EVERY = 20  # updates between two looks at the test


@dataclass(frozen=True)
class Learned:
    """One cell, one problem, one lag: the loss at each update, and the score at the end."""

    lag: int
    rate: float
    losses: list[float]
    score: float
    solved: bool
    network: Network = field(repr=False)

    @property
    def updates(self) -> int:
        return len(self.losses)


@dataclass(frozen=True)
class Measured:
    """Every run: `runs["adding"]["LSTM"]` has one for each lag that was tried."""

    hidden: int
    updates: int
    lags: dict[str, list[int]]
    runs: dict[str, dict[str, list[Learned]]]
    sequence: tuple[Array, Array]


def reach(runs: list[Learned]) -> int:
    """The longest lag up to which every lag was solved; 0 if not even the first was."""
    longest = 0
    for one in runs:
        if not one.solved:
            break
        longest = one.lag
    return longest


def carry_out(seed: int, progress: Progress, hidden: int, longest: int, updates: int) -> Measured:
    lags = {
        ADDING.name: [longest // 8, longest // 4, longest // 2, longest],
        COPYING.name: [longest // 16, longest // 8, longest // 4, longest // 2],
    }
    problems = (ADDING, COPYING)
    progress.plan(
        {
            f"{problem.name}, {name}": (sum(lags[problem.name]) + lags[problem.name][0])
            * COST[name]
            for problem in problems
            for name in CELLS
        }
    )
    runs: dict[str, dict[str, list[Learned]]] = {problem.name: {} for problem in problems}
    for problem in problems:
        for name in CELLS:
            steps = sum(lags[problem.name]) + lags[problem.name][0]
            with progress.stage(f"{problem.name}, {name}", steps * updates) as done:
                runs[problem.name][name] = all_lags(
                    problem, name, lags[problem.name], hidden, updates, seed, done
                )
    one = ADDING.draw(lags[ADDING.name][0], 1, np.random.default_rng((seed, 9)))
    return Measured(hidden, updates, lags, runs, one)


def all_lags(
    problem: Problem,
    name: str,
    lags: list[int],
    hidden: int,
    updates: int,
    seed: int,
    done: Callable[..., None],
) -> list[Learned]:
    """One lag after another, with the rate that did better at the first; two failures end it."""
    first = [learn(problem, name, lags[0], hidden, rate, updates, seed, done) for rate in RATES]
    best = min(first, key=lambda one: (not one.solved, one.updates, one.losses[-1]))
    runs = [best]
    for lag in lags[1:]:
        if any(one.solved for one in runs[-2:]) or len(runs) < 2:
            runs.append(learn(problem, name, lag, hidden, best.rate, updates, seed, done))
        else:
            done("", lag * updates)
    return runs


def learn(
    problem: Problem,
    name: str,
    lag: int,
    hidden: int,
    rate: float,
    updates: int,
    seed: int,
    done: Callable[..., None],
) -> Learned:
    """Train one network until it has solved the problem, or the updates are used up."""
    network = Network(
        CELLS[name], problem.inputs, hidden, problem.outputs,
        many_to=problem.many_to, loss=problem.loss, seed=seed, backend="compiled",
    )  # fmt: skip
    if name == "LSTM":
        network.layers[0].weights["b_f"][:] = FORGET
    random = np.random.default_rng((seed, lag))
    test = problem.draw(lag, TESTED, np.random.default_rng((seed, lag, 1)))
    optimizer, losses = Adam(rate), []
    score = problem.guessing
    for number in range(1, updates + 1):
        step = update(network, *problem.draw(lag, BATCH, random), optimizer, clip_norm=CLIP)
        done(f"lag {lag}", lag)
        losses.append(step.loss)
        if not step.finite:
            break
        if number % EVERY == 0 or number == updates:
            score = problem.score(network, *test)
            if problem.solved(score):
                break
    done(f"lag {lag}", lag * (updates - len(losses)))
    return Learned(lag, rate, losses, score, problem.solved(score), network)


def attention(network: Network, xs: Array, targets: Array) -> Array:
    """|dL/dx| of the numbers to be added, step by step: what the loss depends on."""
    evaluation = network.evaluate(xs, targets)
    return np.abs(evaluation.layers[0].inputs[:, 0, 0])
