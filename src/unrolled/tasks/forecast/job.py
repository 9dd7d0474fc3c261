"""The training job of a forecaster. In: prepared series. Out: pinball losses.

Training uses windows at random positions of all series, each from a zero state; the first steps of
a window inside a series do not contribute to the loss, since their state has seen too little.
Validation and test start before their first origin, and evaluate whole horizons.
Next: `training.loop`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from unrolled.data.windows import Prepared
from unrolled.tasks.forecast.linear_path import LinearPath
from unrolled.tasks.forecast.model import pinball
from unrolled.training.job import Measures, Share, Shown, Stateless, Sums

BURN_IN = 4  # 1 / share of a window without loss
OVERLAP = 4  # each step is in about four windows of an epoch
LEAST_BATCHES = 8  # in an epoch, for any length of series
EPOCHS, MOST_STEPS = 60, 1_500  # of the optimizer: much data needs fewer epochs
RUN_UP = 4  # windows before the first evaluated origin
PIECE = 2048  # origins that are evaluated at once: a long series must fit into memory

LINE = (
    Shown("train", "loss", "Train Loss"),
    Shown("validation", "loss", "Val Loss"),
    Shown("validation", "mae", "Val MAE"),
    Shown("test", "mae", "Test MAE"),
)


def epochs_for(steps: int) -> int:
    """The default number of epochs, or fewer if an epoch has many steps."""
    return min(EPOCHS, max(1, -(-MOST_STEPS // max(steps, 1))))


@dataclass(frozen=True)
class Window:
    """Steps start ... stop - 1 of a series; origins from `first`, targets before `end`."""

    series: int
    start: int
    stop: int
    first: int
    end: int


@dataclass(frozen=True)
class Part:
    """Origins first ... last of each series, and the end of its targets."""

    first: list[int]
    last: list[int]
    end: list[int]


class ForecastJob(Stateless):
    """A network, series, and their parts."""

    best, best_is = "loss", "lowest"
    blind_loss = 1.0  # of the anchor, whose mean error is the unit of all differences
    line: Sequence[Shown] = LINE

    def __init__(
        self,
        model: nn.Module,
        series: Sequence[Prepared],
        parts: dict[str, Part],
        quantiles: Sequence[float],
        *,
        window: int,
        batch_size: int,
        seed: int,
        path: LinearPath | None = None,
    ) -> None:
        self.model, self.series, self.parts = model, series, parts
        self.path = path or LinearPath()
        self.quantiles = torch.tensor(quantiles, dtype=torch.float32)
        self.median = list(quantiles).index(0.5)
        self.window, self.batch_size, self.seed = window, batch_size, seed

    def batches(self, part: str, epoch: int) -> list[list[Window]]:
        if part not in self.parts:
            return []
        if part == "train":
            return self._training(epoch)
        bounds = self.parts[part]
        windows = []
        for number, last in enumerate(bounds.last):
            for first in range(bounds.first[number], last + 1, PIECE):
                start, stop = max(0, first - RUN_UP * self.window), min(first + PIECE, last + 1)
                windows.append(Window(number, start, stop, first, bounds.end[number]))
        windows.sort(key=lambda one: one.stop - one.start)
        size = self.batch_size
        return [windows[at : at + size] for at in range(0, len(windows), size)]

    def _training(self, epoch: int) -> list[list[Window]]:
        """Windows at random positions; long series have more of them."""
        draw = np.random.default_rng([self.seed, epoch])
        bounds = self.parts["train"]
        steps = np.array([last + 1 for last in bounds.last])
        count = max(OVERLAP * int(steps.sum()) // self.window, LEAST_BATCHES * self.batch_size)
        chosen = draw.choice(len(steps), count, p=steps / steps.sum())
        windows = []
        for number in chosen.tolist():
            length = min(self.window, int(steps[number]))
            start = int(draw.integers(int(steps[number]) - length + 1))
            first = start + (length // BURN_IN if start else 0)
            windows.append(Window(number, start, start + length, first, bounds.end[number]))
        return [windows[at : at + self.batch_size] for at in range(0, count, self.batch_size)]

    def usual_quantiles(self) -> Any:
        """The unconditional quantiles of differences from the anchor in the training part."""
        found = []
        for one, last, end in zip(self.series, self.parts["train"].last, self.parts["train"].end):
            for first in range(0, last + 1, PIECE):
                origins = np.arange(first, min(first + PIECE, last + 1))
                targets, counts = one.targets(
                    origins, self.path.points(one, origins), end, self.path.size
                )
                found.append(targets[counts])
        known = np.concatenate(found)
        return np.quantile(known, self.quantiles.numpy()) if len(known) else np.zeros(1)

    def compute(self, model: nn.Module, batch: Any, share: Share) -> tuple[Tensor, Sums]:
        gathered = [self.gather(window) for window in batch]
        whole = max(1.0, sum(float(one["counts"].sum()) for one in gathered))
        mine = share.of(gathered) or [empty(gathered[0])]
        tensors = stacked(mine, next(model.parameters()))
        forecast, _ = model(tensors["inputs"], tensors["ahead"])
        losses = pinball(forecast, tensors["targets"], self.quantiles.to(forecast))
        counts = tensors["counts"]
        loss = (losses * counts).sum()
        away = (forecast[..., self.median] - tensors["targets"]) * tensors["units"]
        error = torch.where(tensors["heights"] > 0, away.expm1() * tensors["heights"], away).abs()
        return loss / whole, {
            "loss": loss,
            "count": counts.sum(),
            "error": (error.detach() * counts).sum(),
        }

    def gather(self, window: Window) -> dict[str, Any]:
        """The arrays of one window."""
        one = self.series[window.series]
        origins = np.arange(window.start, window.stop)
        anchor, unit = self.path.points(one, origins), one.scale.unit * self.path.size
        targets, counts = one.targets(origins, anchor, window.end, self.path.size)
        counts = counts & (origins >= window.first)[:, None]
        units = np.full(targets.shape, unit, np.float32)
        heights = np.zeros_like(units)  # for logarithms: the values themselves
        if one.layout.logs:
            heights = one.restored(anchor + targets * unit).astype(np.float32)
        return {
            "inputs": one.inputs[window.start : window.stop], "ahead": one.around(origins),
            "targets": targets, "counts": counts, "units": units, "heights": heights,
        }  # fmt: skip

    def measures(self, sums: Sums) -> Measures:
        count = max(float(sums["count"]), 1.0)
        return {"loss": float(sums["loss"]) / count, "mae": float(sums["error"]) / count}


def empty(arrays: dict[str, Any]) -> dict[str, Any]:
    """A window with zero weight: with fewer windows than processes, all must take part."""
    return {**arrays, "counts": np.zeros_like(arrays["counts"])}


def stacked(windows: Sequence[dict[str, Any]], like: Tensor) -> dict[str, Tensor]:
    """Time first, (T, B, ...), on the device and with the dtype of the model.

    Shorter windows are padded with steps of zero weight.
    """
    longest = max(len(one["inputs"]) for one in windows)
    result = {}
    for name, first in windows[0].items():
        stack = np.zeros((longest, len(windows), *first.shape[1:]), first.dtype)
        for place, one in enumerate(windows):
            stack[: len(one[name]), place] = one[name]
        result[name] = torch.from_numpy(stack).to(like)
    return result
