"""A job of a few milliseconds for the tests of the training loop: it knows no task either."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from unrolled.training.job import Measures, Share, Shown, Sums


class ToyModel(nn.Module):
    """A line through points, with dropout so that random numbers matter."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.hidden = nn.Linear(3, 5)
        self.drop = nn.Dropout(dropout)
        self.out = nn.Linear(5, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.drop(torch.tanh(self.hidden(x))))


class ToyJob:
    """Regression on points drawn once; `explode` makes the gradient infinite at that step."""

    best, best_is = "loss", "lowest"
    line: Sequence[Shown] = (
        Shown("train", "loss", "Train Loss"),
        Shown("validation", "loss", "Val Loss"),
    )

    def __init__(self, rows: int = 23, dropout: float = 0.3, explode: int | None = None) -> None:
        generator = torch.Generator().manual_seed(7)
        self.x = torch.randn(rows, 3, generator=generator)
        self.y = self.x @ torch.tensor([[1.0], [-2.0], [0.5]])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            self.model: nn.Module = ToyModel(dropout)
        self.blind_loss = float((self.y**2).mean())  # of saying 0
        self.explode, self.calls = explode, 0
        self.memory = torch.zeros(1)  # carried from batch to batch: it changes the loss
        self.memories = {"train": self.memory}

    def batches(self, part: str, epoch: int) -> list[Any]:
        if part == "test":
            return []
        generator = torch.Generator().manual_seed(100 + epoch)
        order = torch.randperm(len(self.x), generator=generator)
        return list(order.split(4)) if part == "train" else [torch.arange(len(self.x))]

    def begin(self, part: str) -> None:
        self.memory = torch.zeros(1)

    def carried(self) -> dict[str, Tensor]:
        return {"memory": self.memory}

    def carry(self, tensors: dict[str, Tensor]) -> None:
        self.memory = tensors["memory"]

    def compute(self, model: nn.Module, batch: Any, share: Share) -> tuple[Tensor, Sums]:
        mine = share.of(batch)
        y = model(self.x[mine])
        errors = (y - self.y[mine] - 0.1 * self.memory) ** 2
        self.memory = self.memory * 0.5 + 1.0
        self.calls += 1
        if self.calls == self.explode:
            errors = errors / 0.0
        count = torch.tensor(float(len(mine)))
        return errors.sum() / len(batch), {"loss": errors.sum(), "count": count}

    def measures(self, sums: Sums) -> Measures:
        return {"loss": float(sums["loss"] / sums["count"])}
