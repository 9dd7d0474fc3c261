"""What a task passes to the loop, and the loop's own record of its progress.

In: nothing. Out: `Job`, `Stateless`, `Sums`, `Shown`, `Share` and `State`; next: `loop`, `tasks`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from torch import Tensor, nn

Sums = dict[str, Tensor]  # float64 sums over examples: they add up over batches and processes
Measures = dict[str, float]


@dataclass(frozen=True)
class Share:
    """Which part of a batch this process works on: items `rank`, `rank + world`, ..."""

    rank: int = 0
    world: int = 1

    def of(self, items: Any) -> Any:
        return items if self.world == 1 else items[self.rank :: self.world]


@dataclass(frozen=True)
class Shown:
    """One metric of the epoch line: the measure `name` of a part, under a title."""

    part: str  # "train", "validation" or "test"
    name: str
    title: str
    form: str = "{:.4f}"


class Job(Protocol):
    """A model, its data in parts, and its metrics: all that the loop needs to know.

    The batches of an epoch depend only on its number and the job's seed, so that an interrupted
    epoch can be resumed at any batch.
    """

    model: nn.Module
    best: str  # the validation measure that decides which weights are kept
    best_is: str  # "lowest" or "highest"
    blind_loss: float  # of a model that ignores its input: a loss far above it means divergence
    line: Sequence[Shown]

    def batches(self, part: str, epoch: int) -> Sequence[Any]:
        """The batches of "train", "validation" or "test"; empty when there is no such part."""

    def compute(self, model: nn.Module, batch: Any, share: Share) -> tuple[Tensor, Sums]:
        """This share's part of the batch's mean loss (the parts add up to it), and its sums.

        Sums need the keys "loss" and "count"; "loss" / "count" is the mean loss.
        """

    def measures(self, sums: Sums) -> Measures:
        """Metrics computed from sums: "loss", "accuracy", ..."""

    def begin(self, part: str) -> None:
        """Called before the first batch of a part: a job that carries state resets it here."""

    def carried(self) -> dict[str, Tensor]:
        """State that is kept between batches (the hidden states of a language model)."""

    def carry(self, tensors: dict[str, Tensor]) -> None:
        """Restore what `carried` returned."""


class Stateless:
    """Base class of a job that carries no state from batch to batch."""

    def begin(self, part: str) -> None:
        """There is no state to reset."""

    def carried(self) -> dict[str, Tensor]:
        return {}

    def carry(self, tensors: dict[str, Tensor]) -> None:
        """There is no state to restore."""


@dataclass
class State:
    """The progress of a training: plain numbers, all of which go into a checkpoint."""

    epoch: int = 0  # epochs finished
    position: int = 0  # batches done in the current epoch
    step: int = 0  # optimizer steps in all
    seconds: float = 0.0  # of training and evaluating, over all resumptions
    scale: float = 1.0  # the factor that plateaus have multiplied the learning rate by
    first_loss: float = math.nan  # of the first step
    recent_loss: float = math.nan  # a running mean, to which one loss contributes a bounded amount
    best: float | None = None
    best_loss: float = math.inf
    best_epoch: int = 0
    waited: int = 0  # epochs since the best one
    plateau_waited: int = 0
    planned: int = 0  # steps that fit into the budget; 0 until that is known
    planned_for: float = 0.0  # the minutes of that budget
    measured: int = 0  # batches that an evaluation has time for; 0: unknown yet, or all
    finished: str = ""  # why training ended; empty until then
    history: list[dict[str, Any]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)
