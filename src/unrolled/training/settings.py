"""Settings of a training. In: the user's choices. Out: checked `Settings`; next: `loop`."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

from unrolled.errors import ArgumentError
from unrolled.training.optimizers import OPTIMIZERS
from unrolled.training.schedules import SCHEDULES

ACCELERATORS = ("auto", "cpu", "cuda", "gpu", "mps")
# The names that Fabric uses.
PRECISIONS = {"float32": "32-true", "bf16": "bf16-mixed", "fp16": "16-mixed"}
MOST = 2**31 - 1  # of any count: no machine has memory or time for more


@dataclass(frozen=True)
class Settings:
    """Everything about a training except the model and the data; each is a row of `config.toml`."""

    optimizer: str = "adam"
    lr: float = 0.003
    momentum: float = 0.9  # of "momentum" alone
    weight_decay: float = 0.0
    schedule: str = "constant"
    clip_norm: float | None = 1.0  # 0 or None: no clipping
    clip_value: float | None = None
    epochs: int = 20
    patience: int | None = None  # stop after this many epochs without a better validation metric
    minutes: float | None = None
    seed: int = 0
    checkpoint_seconds: float = 30.0  # between checkpoints within an epoch; each ends with one
    devices: int = 1
    nodes: int = 1
    strategy: str = "auto"
    accelerator: str = "cpu"
    precision: str = "float32"
    tensorboard: bool = False

    def __post_init__(self) -> None:
        one_of("optimizer", self.optimizer, OPTIMIZERS)
        one_of("schedule", self.schedule, SCHEDULES)
        one_of("accelerator", self.accelerator, ACCELERATORS)
        one_of("precision", self.precision, PRECISIONS)
        for name in ("lr", "minutes"):
            positive(name, getattr(self, name), optional=name == "minutes")
        for name in ("clip_norm", "clip_value"):
            not_negative(name, getattr(self, name), optional=True)
        for name in ("epochs", "patience", "devices", "nodes"):
            count(name, getattr(self, name), optional=name == "patience")
        for name in ("momentum", "weight_decay"):
            not_negative(name, getattr(self, name))
        if not self.momentum < 1:
            raise ArgumentError(f"momentum must be from 0 to below 1, not {self.momentum!r:.60}")
        if not isinstance(self.seed, int) or not 0 <= self.seed < 2**32:
            raise ArgumentError(
                f"seed must be an integer from 0 to 2**32 - 1, not {self.seed!r:.60}"
            )

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def names(cls) -> list[str]:
        return [field.name for field in fields(cls)]


def one_of(name: str, value: Any, known: Any) -> None:
    if not isinstance(value, (str, type(None))) or value not in known:
        choices = ", ".join(map(str, known))
        raise ArgumentError(f"{name} must be one of {choices}, not {value!r:.60}")


def positive(name: str, value: Any, optional: bool = False) -> None:
    if optional and value is None:
        return
    if not _number(value) or not value > 0 or math.isinf(value):
        raise ArgumentError(f"{name} must be a number above 0, not {value!r:.60}")


def not_negative(name: str, value: Any, optional: bool = False) -> None:
    if optional and value is None:
        return
    if not _number(value) or not value >= 0 or math.isinf(value):
        raise ArgumentError(f"{name} must be a number of at least 0, not {value!r:.60}")


def count(name: str, value: Any, optional: bool = False) -> None:
    if optional and value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ArgumentError(f"{name} must be an integer of at least 1, not {value!r:.60}")
    if value > MOST:
        raise ArgumentError(f"{name} must be an integer of at most {MOST:,}, not {value!r:.60}")


def at_most(name: str, value: Any, most: int) -> None:
    if isinstance(value, int) and value > most:
        raise ArgumentError(f"{name} must be an integer of at most {most:,}, not {value!r:.60}")


def share(name: str, value: Any) -> None:
    if not _number(value) or not 0 <= value < 1:
        raise ArgumentError(f"{name} must be a number from 0 to below 1, not {value!r:.60}")


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
