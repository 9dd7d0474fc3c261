"""Muon: updates with equal singular values. In: weights with gradients. Out: updated weights.

A few directions dominate the matrix of a gradient, so the others are learned slowly. Muon (Jordan
et al. 2024) replaces the momentum M = U S V.T by U V.T, which weighs all directions equally. All
weights but the matrices of recurrent layers (vectors, embeddings, readouts) are updated by AdamW.
Next: `loop`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

MOMENTUM = 0.95  # Jordan et al. 2024
# Newton-Schulz: p(s) = a s + b s^3 + c s^5, applied five times, maps every singular value above
# 0.005 of a matrix of norm 1 into the range 0.7 to 1.2 (Jordan et al. 2024).
COEFFICIENTS, ROUNDS = (3.4445, -4.7750, 2.0315), 5
LIKE_ADAM = 0.2  # root mean square of Adam's updates, so that its rates fit (Liu et al. 2025)
BETAS, EPSILON = (0.9, 0.999), 1e-8  # of AdamW


class Muon(torch.optim.Optimizer):
    """Muon for the matrices of recurrent layers, AdamW for other weights, at one learning rate."""

    def __init__(self, model: nn.Module, lr: float, weight_decay: float = 0.0) -> None:
        weights = [weight for weight in model.parameters() if weight.requires_grad]
        matrices = {id(weight) for weight in recurrent_matrices(model)}
        super().__init__(weights, {"lr": lr, "weight_decay": weight_decay})
        self.matrices = matrices

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Update every weight that has a gradient."""
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            torch._foreach_mul_(weights, 1 - group["lr"] * group["weight_decay"])
            by_shape: dict[tuple[int, ...], list[Tensor]] = {}
            others = []
            for weight in weights:
                if id(weight) in self.matrices:
                    by_shape.setdefault(tuple(weight.shape), []).append(weight)
                else:
                    others.append(weight)
            for alike in by_shape.values():
                self.step_matrices(alike, group["lr"])
            if others:
                self.step_others(others, group["lr"])

    def step_matrices(self, weights: list[Tensor], lr: float) -> None:
        """Update matrices of the same shape, all at once."""
        gradients = torch.stack([_gradient(weight) for weight in weights])
        momenta = [self.remembered(weight, "momentum") for weight in weights]
        torch._foreach_mul_(momenta, MOMENTUM)
        torch._foreach_add_(momenta, [_gradient(weight) for weight in weights])
        steps = orthogonal(gradients.add_(torch.stack(momenta), alpha=MOMENTUM))  # Nesterov's
        scale = LIKE_ADAM * math.sqrt(max(weights[0].shape))
        torch._foreach_add_(weights, list(steps), alpha=-lr * scale)

    def step_others(self, weights: list[Tensor], lr: float) -> None:
        """Adam (Kingma & Ba 2015), with its bias correction."""
        gradients = [_gradient(weight) for weight in weights]
        means = [self.remembered(weight, "mean") for weight in weights]
        squares = [self.remembered(weight, "square") for weight in weights]
        torch._foreach_lerp_(means, gradients, 1 - BETAS[0])
        torch._foreach_mul_(squares, BETAS[1])
        torch._foreach_addcmul_(squares, gradients, gradients, 1 - BETAS[1])
        for weight, mean, square in zip(weights, means, squares):
            count = self.state[weight]["count"].add_(1)
            done = float(count)
            below = (square / (1 - BETAS[1] ** done)).sqrt_().add_(EPSILON)
            weight.addcdiv_(mean, below, value=-lr / (1 - BETAS[0] ** done))

    def remembered(self, weight: Tensor, name: str) -> Tensor:
        """State of a weight that is kept between steps: initially zero."""
        memory = self.state[weight]
        if name not in memory:
            memory[name] = torch.zeros_like(weight)
        if name == "mean" and "count" not in memory:
            memory["count"] = torch.zeros((), dtype=weight.dtype)
        found: Tensor = memory[name]
        return found


def recurrent_matrices(model: nn.Module) -> list[Tensor]:
    """The weights of two axes that are neither embeddings nor readouts."""
    apart = {
        id(weight)
        for part in model.modules()
        if isinstance(part, (nn.Embedding, nn.Linear))
        for weight in part.parameters(recurse=False)
    }
    return [one for one in model.parameters() if one.ndim == 2 and id(one) not in apart]


def orthogonal(matrices: Tensor) -> Tensor:
    """Approximately U V.T for each matrix U S V.T of (N, rows, columns)."""
    is_tall = matrices.shape[1] > matrices.shape[2]
    x = matrices.mT if is_tall else matrices
    x = x / torch.linalg.matrix_norm(x, keepdim=True).clamp_min(torch.finfo(x.dtype).tiny)
    a, b, c = COEFFICIENTS
    for _ in range(ROUNDS):
        square = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return x.mT if is_tall else x


def _gradient(weight: Tensor) -> Tensor:
    assert weight.grad is not None
    return weight.grad
