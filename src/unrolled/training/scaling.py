"""Losses that are scaled before the way back, so that gradients do not vanish in float16.

In: a launched Fabric. Out: `Scaling`, which unscales gradients before they are clipped, and says
whether a step is left out; next: `loop`. Without float16 there is nothing to scale.

The scale is halved where a gradient overflows, and that step is left out; it is doubled after 2,000
steps without one (Micikevicius et al. 2018, "Mixed precision training").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from lightning_fabric import Fabric

LEAST = 1.0  # a scale below which it is the model that diverges, and not float16 that overflows


class Scaling:
    """What Fabric multiplies the loss with, if it does."""

    def __init__(self, fabric: Fabric) -> None:
        self.scaler: Any = getattr(fabric.strategy.precision, "scaler", None)

    def unscale(self, optimizer: Any) -> None:
        """Gradients as they are without the scale. `optimizer`: Fabric's, around torch's."""
        if self.scaler is not None:
            self.scaler.unscale_(optimizer.optimizer)

    @property
    def may_overflow(self) -> bool:
        """Whether an infinite gradient is the scale's fault: the step is then left out."""
        return self.scaler is not None and self.scaler.get_scale() >= LEAST

    def tensors(self) -> dict[str, Tensor]:
        """What a checkpoint keeps."""
        if self.scaler is None:
            return {}
        known = self.scaler.state_dict()
        return {name: torch.tensor(float(known[name])) for name in ("scale", "_growth_tracker")}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Put back what `tensors` gave; the checkpoint may be of a run without a scale."""
        if self.scaler is not None and tensors:
            found = {"scale": float(tensors["scale"]),
                     "_growth_tracker": int(tensors["_growth_tracker"])}  # fmt: skip
            self.scaler.load_state_dict(self.scaler.state_dict() | found)
