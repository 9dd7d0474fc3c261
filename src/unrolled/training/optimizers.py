"""The optimizers by name. In: a model and settings. Out: a torch optimizer; next: `loop`.

The equations are written out in `unrolled.textbook.optimizers`; here the implementations of torch,
which update all weights in one call, and `muon` are used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from unrolled.training.muon import Muon

if TYPE_CHECKING:
    from unrolled.training.settings import Settings

OPTIMIZERS = ("sgd", "momentum", "rmsprop", "adam", "adamw", "muon")


def make_optimizer(model: nn.Module, settings: Settings) -> torch.optim.Optimizer:
    """The optimizer named in the settings, for every trainable weight of the model."""
    weights = [weight for weight in model.parameters() if weight.requires_grad]
    shared: dict[str, Any] = {"lr": settings.lr, "weight_decay": settings.weight_decay}
    if settings.optimizer == "sgd":
        return torch.optim.SGD(weights, fused=True, **shared)
    if settings.optimizer == "momentum":
        return torch.optim.SGD(weights, momentum=settings.momentum, fused=True, **shared)
    if settings.optimizer == "rmsprop":
        return torch.optim.RMSprop(weights, foreach=True, **shared)
    if settings.optimizer == "muon":
        return Muon(model, **shared)
    adam = torch.optim.Adam if settings.optimizer == "adam" else torch.optim.AdamW
    return adam(weights, fused=True, **shared)


def set_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of every parameter group."""
    for group in optimizer.param_groups:
        group["lr"] = rate
