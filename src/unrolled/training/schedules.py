"""Learning rate schedules. In: the share of training that is done. Out: a factor.

A schedule is a function of the share of planned steps that are done, so interruptions do not change
the rates; `planning` estimates the number of steps that fit into a budget in minutes. Only
`plateau` depends on the validation metric, after every epoch. Next: `loop`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from unrolled.training.job import State

PLATEAU_FACTOR = 0.5
PLATEAU_PATIENCE = 2  # epochs without a better validation metric
STEP_FACTOR, STEPS = 0.1, 3  # "step": a tenth after each third of the training
LAST_SHARE = 0.01  # of "exponential": the final factor of the learning rate
WARM_SHARE = 0.1  # of "warmup": the share of the steps over which the rate rises


def constant(done: float) -> float:
    """A constant rate."""
    return 1.0


def step(done: float) -> float:
    """A tenth of the rate after each third of the training."""
    return float(STEP_FACTOR ** min(int(done * STEPS), STEPS - 1))


def exponential(done: float) -> float:
    """Exponential decay down to a hundredth of the rate."""
    return float(LAST_SHARE**done)


def linear(done: float) -> float:
    """Linear decay to zero."""
    return 1.0 - done


def cosine(done: float) -> float:
    """(1 + cos(pi done)) / 2   (Loshchilov & Hutter 2017)"""
    return (1.0 + math.cos(math.pi * done)) / 2


def warmup(done: float) -> float:
    """Linear increase over the first tenth, then cosine decay   (Smith & Topin 2018)"""
    if done < WARM_SHARE:
        return max(done / WARM_SHARE, 0.01)
    return cosine((done - WARM_SHARE) / (1 - WARM_SHARE))


SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": constant,
    "step": step,
    "exponential": exponential,
    "linear": linear,
    "cosine": cosine,
    "warmup": warmup,
    "plateau": constant,  # its factor is State.scale, moved by `after_epoch`
}


def has_an_end(schedule: str) -> bool:
    """Whether the rate depends on how much of the training is done."""
    return SCHEDULES[schedule] is not constant


def factor(schedule: str, done: float, state: State) -> float:
    """The factor of the learning rate when the share `done` of the planned steps is done."""
    return SCHEDULES[schedule](min(max(done, 0.0), 1.0)) * state.scale


def after_epoch(schedule: str, state: State, better: bool) -> None:
    """Lower the rate of `plateau` if the validation metric has not improved for some epochs."""
    if schedule != "plateau":
        return
    state.plateau_waited = 0 if better else state.plateau_waited + 1
    if state.plateau_waited > PLATEAU_PATIENCE:
        state.scale *= PLATEAU_FACTOR
        state.plateau_waited = 0
