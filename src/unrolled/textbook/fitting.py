"""Training: initialize, forward, loss, backward, clip, update, repeat until converged.

In: a network, batches of sequences, and an optimizer. Out: the history of the training; the weights
are changed in place. `fit` is the whole loop; it calls the other modules of the textbook.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from unrolled.errors import ArgumentError
from unrolled.textbook.clipping import clip_by_norm, clip_by_value, global_norm
from unrolled.textbook.network import LayerStates, Network
from unrolled.textbook.optimizers import Optimizer, find_optimizer
from unrolled.textbook.schedules import Schedule, constant

Array = np.ndarray
Pair = tuple[Array, Array]


@dataclass
class History:
    """The history of a training: lists with one number per epoch, and `updates`, the loss before
    each update.

    `loss` is the mean over the batches of an epoch, each measured before its update and summed over
    the `steps` that have a target (of the last batch). `gradient_norm` is the largest norm in the
    epoch, before clipping. `stopped` says why training ended.
    """

    loss: list[float] = field(default_factory=list)
    test_loss: list[float] = field(default_factory=list)
    gradient_norm: list[float] = field(default_factory=list)
    learning_rate: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    updates: list[float] = field(default_factory=list)
    steps: int = 1
    clipped: int = 0
    stopped: str = ""
    converged: bool = False
    diverged: bool = False


@dataclass
class Batches:
    """Sequences, shuffled in every epoch into batches of at most `size`.

    `xs` has the axes (T, I, N); `targets` (T, N) or (T, K, N): the last axis is the sequence.
    """

    xs: Array
    targets: Array
    size: int
    seed: int = 0
    epoch: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ArgumentError(f"a batch holds at least one sequence: size={self.size!r} is none")
        if self.xs.shape[-1] != self.targets.shape[-1]:
            raise ArgumentError(
                f"there are {self.xs.shape[-1]} input sequences and {self.targets.shape[-1]} "
                f"target sequences (the last axis of each): give one target for each input"
            )

    def __iter__(self) -> Iterator[Pair]:
        order = np.random.default_rng((self.seed, self.epoch)).permutation(self.xs.shape[-1])
        self.epoch += 1
        for start in range(0, len(order), self.size):
            chosen = order[start : start + self.size]
            yield self.xs[..., chosen], self.targets[..., chosen]


@dataclass
class Update:
    """One update of the weights: the loss, its number of steps, and the norm of the gradient."""

    loss: float
    gradient_norm: float
    clipped: bool
    states: LayerStates
    steps: int

    @property
    def finite(self) -> bool:
        return math.isfinite(self.loss) and math.isfinite(self.gradient_norm)


def update(
    network: Network,
    xs: Array,
    targets: Array,
    optimizer: Optimizer,
    *,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    states: LayerStates | None = None,
) -> Update:
    """Forward, loss, backward, clip, step. The step is skipped if a number is not finite."""
    with np.errstate(over="ignore", invalid="ignore"):  # the result is checked below
        evaluation = network.evaluate(xs, targets, states)
        gradients = evaluation.gradients
        norm = global_norm(gradients)
    clipped = clip_norm is not None and norm > clip_norm
    steps = len(evaluation.losses)
    done = Update(evaluation.loss, norm, clipped, evaluation.trace.states, steps)
    if done.finite:
        if clip_norm is not None:
            gradients = clip_by_norm(gradients, clip_norm)
        if clip_value is not None:
            gradients = clip_by_value(gradients, clip_value)
        optimizer.step(network.weights, gradients)
    return done


def fit(
    network: Network,
    batches: Iterable[Pair],
    *,
    optimizer: Optimizer | str = "adam",
    schedule: Schedule = constant,
    epochs: int = 100,
    goal: float = 0.0,
    tolerance: float = 0.0,
    patience: int = 5,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    carry_states: bool = False,
    test: Pair | None = None,
    seconds: float = math.inf,
    progress: Callable[[str], None] | None = print,
) -> History:
    """Train until all epochs are done, the loss has converged, or it is no longer finite.

    Every epoch iterates over `batches` once; with `carry_states` each batch starts from the final
    states of the previous one. Converged means that the loss has reached the `goal`, or that it did
    not improve on the best loss by more than the fraction `tolerance` for `patience` epochs in a
    row. After `seconds` training stops at the end of the epoch. `progress` is called with a line
    for each epoch; None prints nothing.
    """
    if epochs < 1:
        raise ArgumentError(f"epochs={epochs!r}: a network is trained for one epoch or more")
    optimizer = find_optimizer(optimizer) if isinstance(optimizer, str) else optimizer
    clips = {"clip_norm": clip_norm, "clip_value": clip_value}
    say = progress or (lambda line: None)
    history, first_rate, started = History(), optimizer.learning_rate, time.perf_counter()
    best, waited = math.inf, 0
    for epoch in range(1, epochs + 1):
        _run_epoch(network, batches, optimizer, history, clips, carry_states)
        if history.diverged:
            break
        if test is not None:
            history.test_loss.append(network.loss(*test))
        history.seconds.append(time.perf_counter() - started)
        say(_line(history, epoch, epochs))
        better = history.loss[-1] < best * (1 - tolerance)
        best, waited = (history.loss[-1], 0) if better else (best, waited + 1)
        history.converged = history.loss[-1] <= goal or (tolerance > 0 and waited >= patience)
        if history.converged or history.seconds[-1] > seconds:
            break
        optimizer.learning_rate = first_rate * schedule(epoch, history.loss[-1])
    history.stopped = history.stopped or _reason(history, epochs, goal)
    say(history.stopped)
    return history


def _run_epoch(
    network: Network,
    batches: Iterable[Pair],
    optimizer: Optimizer,
    history: History,
    clips: dict[str, float | None],
    carry_states: bool,
) -> None:
    states, losses, norms = None, [], []
    for number, (xs, targets) in enumerate(batches, start=1):
        done = update(network, xs, targets, optimizer, states=states, **clips)
        if not done.finite:
            _diverge(history, done, number, optimizer)
            return
        states = done.states if carry_states else None
        losses.append(done.loss)
        norms.append(done.gradient_norm)
        history.clipped += done.clipped
        history.steps = done.steps
    if not losses:
        raise ArgumentError(
            "there was not one batch in this epoch: every epoch iterates over `batches`, so give a "
            "list of (xs, targets) or Batches, not a generator, which can be used only once"
        )
    history.updates += losses
    history.loss.append(float(np.mean(losses)))
    history.gradient_norm.append(max(norms))
    history.learning_rate.append(optimizer.learning_rate)


def _diverge(history: History, done: Update, batch: int, optimizer: Optimizer) -> None:
    history.diverged = True
    history.stopped = (
        f"stopped in epoch {len(history.loss) + 1}, batch {batch}: the loss is {done.loss:.4g} and "
        f"the norm of its gradient {done.gradient_norm:.4g}, not finite numbers; the weights are "
        f"those before this batch; try a learning rate below {optimizer.learning_rate:.3g}, or "
        f"clip_norm=1, and look for NaN in the data"
    )


def _line(history: History, epoch: int, epochs: int) -> str:
    test = f", Test Loss: {history.test_loss[-1]:.4f}" if history.test_loss else ""
    each = f" ({history.loss[-1] / history.steps:.4f} a step)" if history.steps > 1 else ""
    return (
        f"Epoch [{epoch}/{epochs}], Train Loss: {history.loss[-1]:.4f}{each}{test}, "
        f"Gradient: {history.gradient_norm[-1]:.3g}, Rate: {history.learning_rate[-1]:.3g}, "
        f"{history.seconds[-1]:.1f} s"
    )


def _reason(history: History, epochs: int, goal: float) -> str:
    done = len(history.loss)
    if history.converged and history.loss[-1] <= goal:
        return f"converged: the loss is at the goal of {goal:g}, stopped after epoch {done}"
    if history.converged:
        return f"converged: the loss no longer falls, stopped after epoch {done}"
    if done < epochs:
        return f"the time is up, stopped after epoch {done} of {epochs}"
    return f"all {epochs} epochs are done"
