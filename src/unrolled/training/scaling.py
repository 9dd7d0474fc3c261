"""Loss scaling before the backward pass, so that gradients do not underflow in float16.

In: a launched Fabric. Out: `Scaling`, which unscales gradients before clipping and decides
whether a step is skipped. Next: `loop`. It does nothing without float16.

The scale is halved when a gradient overflows, and that step is skipped; it is doubled after 2,000
steps without an overflow (Micikevicius et al. 2018, "Mixed precision training").
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from lightning_fabric import Fabric

LEAST = 1.0  # below this scale the model diverges: it is not float16 that overflows


class Scaling:
    """The factor by which Fabric multiplies the loss, if any."""

    def __init__(self, fabric: Fabric) -> None:
        self.scaler: Any = getattr(fabric.strategy.precision, "scaler", None)

    def unscale(self, optimizer: Any) -> None:
        """Divide the gradients by the scale. `optimizer` is Fabric's wrapper of torch's."""
        if self.scaler is not None:
            self.scaler.unscale_(optimizer.optimizer)

    @property
    def may_overflow(self) -> bool:
        """Whether an infinite gradient may be due to the scale: the step is then skipped."""
        return self.scaler is not None and self.scaler.get_scale() >= LEAST

    def tensors(self) -> dict[str, Tensor]:
        """The state that goes into a checkpoint."""
        if self.scaler is None:
            return {}
        known = self.scaler.state_dict()
        return {name: torch.tensor(float(known[name])) for name in ("scale", "_growth_tracker")}

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Restore what `tensors` returned; the checkpoint may be of a training without a scale."""
        if self.scaler is not None and tensors:
            found = {"scale": float(tensors["scale"]),
                     "_growth_tracker": int(tensors["_growth_tracker"])}  # fmt: skip
            self.scaler.load_state_dict(self.scaler.state_dict() | found)
