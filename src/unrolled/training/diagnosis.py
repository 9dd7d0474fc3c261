"""Explains why a training diverged. In: a model, its loss, the step.

Out: an error that names the step, the weight whose gradient failed first, and what to try.
Next: `loop` raises it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import nn

from unrolled.errors import UnrolledError
from unrolled.training.job import State
from unrolled.training.settings import Settings

DIVERGED = 10.0  # times the loss of a model that has learned nothing: training has diverged
MEAN_STEPS = 20  # steps that the running mean of the loss covers
OF_ONE = 4.0  # bounds at most that one loss counts for: it takes six in a row, not one odd batch


Keep = Callable[[State], str]  # keeps the last good weights and returns which they are


class Diverged(UnrolledError):
    """The loss or a gradient is no longer finite, or the loss grew without bound."""


def watch_loss(state: State, loss: float, blind_loss: float) -> bool:
    """Keep the running mean of the loss; True when it has grown without bound.

    The bound is a multiple of `blind_loss`, the loss of a model that ignores its input. The first
    loss alone is not a good reference: pretrained weights begin near zero, where a bad batch is ten
    times as high. It is used where it is higher than `blind_loss`, as after a bad initialization.
    """
    if state.step == 1:
        state.first_loss = state.recent_loss = loss
    bound = DIVERGED * max(abs(state.first_loss), blind_loss)
    state.recent_loss += (min(loss, OF_ONE * bound) - state.recent_loss) / MEAN_STEPS
    return state.recent_loss > bound


def not_finite(
    model: nn.Module, loss: float, state: State, settings: Settings, keep: Keep
) -> Diverged:
    """The error for a loss or a gradient that is no longer a finite number."""
    culprit = _culprit(model)  # before the weights are restored
    what = "the loss" if not math.isfinite(loss) else "the gradient"
    return Diverged(
        f"training stopped at step {state.step + 1} (epoch {state.epoch + 1}): {what} is no longer "
        f"a finite number; {culprit}; {_advice(settings)}; {keep(state)}."
    )


def growing(
    model: nn.Module, loss: float, blind_loss: float, state: State, settings: Settings, keep: Keep
) -> Diverged:
    """The error for a loss that has grown far above its first value and above any useful one."""
    culprit = _culprit(model)
    return Diverged(
        f"training stopped at step {state.step} (epoch {state.epoch + 1}): the loss diverges (it "
        f"began at {state.first_loss:.3g} and is {loss:.3g}; a model that ignores its input has "
        f"{blind_loss:.3g}); {culprit}; "
        f"{_advice(settings)}; {keep(state)}."
    )


def _culprit(model: nn.Module) -> str:
    norms = {
        name: float(weight.grad.norm())
        for name, weight in model.named_parameters()
        if weight.grad is not None
    }
    broken = [name for name, weight in model.named_parameters() if not weight.isfinite().all()]
    if broken:
        return f"the weight {broken[0]!r} itself is not finite"
    lost = [name for name, norm in norms.items() if not math.isfinite(norm)]
    if lost:
        others = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
        return f"the gradient of {lost[0]!r}{others} is not finite"
    if not norms:
        return "no gradient has been computed yet"
    largest = max(norms, key=norms.__getitem__)
    return f"the largest gradient is that of {largest!r} (norm {norms[largest]:.3g})"


def _advice(settings: Settings) -> str:
    tries = [f"a learning rate of {settings.lr / 10:.2g} instead of {settings.lr:.2g}"]
    if not settings.clip_norm:
        tries.append("clipping the gradient's norm at 1 (--clip-norm 1)")
    elif settings.clip_norm > 1:
        tries.append(f"a lower --clip-norm than {settings.clip_norm:g}")
    if settings.optimizer in ("sgd", "momentum"):
        tries.append("--optimizer adam")
    return "try " + " or ".join(tries)
