"""Forecasts from many origins of one series. In: a network, a prepared series. Out: quantiles.

The network reads the series once. Direct: its output at each origin is the forecast. Fed back: its
state at each origin is copied for many paths; each path repeatedly samples the next value from the
quantiles and feeds it back; the quantiles of the paths are the forecast. Next: `calibrated`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from unrolled.data.windows import Prepared, anchors, around_anchor, memory, own_inputs
from unrolled.tasks.forecast.model import ForecastNetwork

ROWS = 4096  # origins or paths that are processed at once


@dataclass(frozen=True)
class Roller:
    """A fitted network, and how to forecast with it."""

    model: ForecastNetwork
    levels: Sequence[float]
    fed_back: bool
    paths: int
    seed: int

    @torch.no_grad()
    def forecast(self, series: Prepared, origins: Any, path: Any = None, size: float = 1.0) -> Any:
        """Quantiles from each origin, (origins, H, Q), for ascending origins.

        `path` (origins, H) is the baseline to which the network's output, times `size` units of the
        series, is added; by default it is the seasonal naive forecast.
        """
        if self.fed_back:
            return self._fed_back(series, origins)
        if path is None:
            layout = series.layout
            path = anchors(series.values, origins, layout.horizon, layout.season)
        return path[:, :, None] + self._direct(series, origins) * (size * series.scale.unit)

    def given(self, array: Any) -> Any:
        """An array as a tensor of the model's own type."""
        return torch.from_numpy(array).to(next(self.model.parameters()))

    def _direct(self, series: Prepared, origins: Any) -> Any:
        """The outputs at each origin in one pass."""
        x = self.given(series.inputs[: origins[-1] + 1])[:, None]
        y, _ = self.model.recurrent(x)
        results = []
        for at in range(0, len(origins), ROWS):
            chosen = origins[at : at + ROWS]
            told = self.given(series.around(chosen))[:, None]
            distance = self.model.heads(x[chosen], y[chosen], told)[:, 0]
            results.append(distance.double().numpy())
        return np.concatenate(results)

    def _fed_back(self, series: Prepared, origins: Any) -> Any:
        """Forecast in groups of origins that fit into memory."""
        group = max(1, ROWS // self.paths)
        states, start, results = None, 0, []
        for at in range(0, len(origins), group):
            chosen = origins[at : at + group]
            outputs, kept = [], []  # of each origin
            for origin in chosen:
                x = self.given(series.inputs[start : origin + 1])[:, None]
                y, states = self.model.recurrent(x, states)
                outputs.append(y[-1:])
                kept.append(states)
                start = int(origin) + 1
            y, joined = torch.cat(outputs, 1), _joined(kept)
            results.append(self._paths(series, chosen, y, joined))
        return np.concatenate(results)

    def _paths(self, series: Prepared, origins: Any, y: Any, states: Any) -> Any:
        """Sample paths from each origin, and their quantiles."""
        chances = self._chances(origins, series.layout.horizon)
        steps = np.repeat(origins, self.paths)
        y, states = y.repeat_interleave(self.paths, 1), _repeated(states, self.paths)
        one = replace(series, layout=replace(series.layout, horizon=1))
        season = one.layout.season
        size = max(memory(one.layout), 2 * season) + 1  # history for inputs and anchors
        back = np.maximum(steps + np.arange(1 - size, 1)[:, None], 0)
        past = series.values[back]  # (size, paths): the values up to the origin
        horizon = series.layout.horizon
        drawn = np.empty((horizon, len(steps)))
        x = self.given(series.inputs[steps])[None]
        for h in range(horizon):
            anchor, before = past[size - season], past[size - 2 * season]
            known = one.ahead[steps + h + 1]
            ahead = around_anchor(known, anchor, before, past[-1], one.scale.unit)
            quantiles = self.model.heads(x, y, self.given(ahead)[None, :, None])[0, :, 0]
            distance = draw_from(quantiles.double().numpy(), self.levels, chances[h])
            drawn[h] = anchor + distance * one.scale.unit
            past = np.concatenate([past[1:], drawn[h][None]])
            x = self.given(self._inputs(one, past, steps, known))[None]
            y, states = self.model.recurrent(x, states)
        shaped = drawn.reshape(horizon, len(origins), self.paths)
        return np.moveaxis(np.quantile(shaped, self.levels, axis=2), 0, 2).swapaxes(0, 1)

    def _chances(self, origins: Any, horizon: int) -> Any:
        """Random numbers (H, paths of all origins), with a seed for each origin."""
        drawn = [
            np.random.default_rng([self.seed, 6, int(origin)]).random((horizon, self.paths))
            for origin in origins
        ]
        return np.concatenate(drawn, 1)

    def _inputs(self, one: Prepared, past: Any, steps: Any, known: Any) -> Any:
        """The inputs after a value was sampled; past covariates keep their last values."""
        own = own_inputs(past, np.ones_like(past, bool), one.scale, one.layout, last=1)[0]
        covariates = len(one.layout.past_means)
        last = one.inputs[steps, one.inputs.shape[1] - covariates :]
        return np.concatenate([own, known, last], 1).astype(np.float32)


def draw_from(quantiles: Any, levels: Sequence[float], chance: Any) -> Any:
    """Sample a value for each row; the quantile function is interpolated and extrapolated
    linearly."""
    if len(levels) == 1:
        return quantiles[:, 0]
    knots = np.asarray(levels)
    place = np.clip(np.searchsorted(knots, chance) - 1, 0, len(knots) - 2)
    rows = np.arange(len(quantiles))
    low, high = quantiles[rows, place], quantiles[rows, place + 1]
    share = (chance - knots[place]) / (knots[place + 1] - knots[place])
    return low + share * (high - low)


def _joined(states: Sequence[Any]) -> Any:
    """States of batch 1 side by side: (layers, B, H)."""
    if isinstance(states[0], torch.Tensor):
        return torch.cat(list(states), 1)
    return tuple(torch.cat([one[k] for one in states], 1) for k in range(len(states[0])))


def _repeated(states: Any, times: int) -> Any:
    if isinstance(states, torch.Tensor):
        return states.repeat_interleave(times, 1)
    return tuple(state.repeat_interleave(times, 1) for state in states)
