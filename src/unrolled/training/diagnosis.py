"""What went wrong when a training leaves the numbers. In: a model, its loss, the step.

Out: an error that says which step it was, which weight's gradient was the first to go, and what to
try. Next: `loop` raises it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from torch import nn

from unrolled.errors import UnrolledError
from unrolled.training.job import State
from unrolled.training.settings import Settings

DIVERGED = 10.0  # times the loss of one that knows nothing is no longer learning
MEAN_STEPS = 20  # the running mean over about so many counts
OF_ONE = 4.0  # bounds at most are what one loss counts for: it takes six in a row, and no odd batch


Keep = Callable[[State], str]  # keeps the last good weights and says which they are


class Diverged(UnrolledError):
    """Training left the numbers, or its loss grew without bound."""


def watch_loss(state: State, loss: float, blind_loss: float) -> bool:
    """Keep the running mean of the loss; True when it has grown without bound.

    It is measured against what an answer costs that looks at nothing. The first loss alone is no
    yardstick: weights that were trained before begin at nearly nothing, from where ten times as
    much is a bad batch. Where it is higher, as at weights that were drawn badly, it counts.
    """
    if state.step == 1:
        state.first_loss = state.recent_loss = loss
    bound = DIVERGED * max(abs(state.first_loss), blind_loss)
    state.recent_loss += (min(loss, OF_ONE * bound) - state.recent_loss) / MEAN_STEPS
    return state.recent_loss > bound


def not_finite(
    model: nn.Module, loss: float, state: State, settings: Settings, keep: Keep
) -> Diverged:
    """The diagnosis of a loss or a gradient that is no longer a finite number."""
    culprit = _culprit(model)  # before the weights are put back
    what = "the loss" if not math.isfinite(loss) else "the gradient"
    return Diverged(
        f"training stopped at step {state.step + 1} (epoch {state.epoch + 1}): {what} is no longer "
        f"a finite number; {culprit}; {_advice(settings)}; {keep(state)}."
    )


def growing(
    model: nn.Module, loss: float, blind_loss: float, state: State, settings: Settings, keep: Keep
) -> Diverged:
    """The diagnosis of a loss that has grown far above where it began, and above all sense."""
    culprit = _culprit(model)
    return Diverged(
        f"training stopped at step {state.step} (epoch {state.epoch + 1}): the loss diverges (it "
        f"began at {state.first_loss:.3g} and is at {loss:.3g}, where to know nothing costs "
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
        return "no gradient was computed yet"
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
