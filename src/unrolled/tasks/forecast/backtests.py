"""Backtests of a forecaster. In: prepared series, origins. Out: `Backtest`; next: reports.

At each of several origins, the network and every baseline forecast the same steps, and all are
compared by the same metrics.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from unrolled.data.windows import Prepared, scale_of
from unrolled.errors import DataError
from unrolled.tasks.forecast.baselines import METHODS, OWN, baselines
from unrolled.tasks.forecast.calibrated import Calibrated
from unrolled.tasks.forecast.linear_path import MAP
from unrolled.tasks.forecast.scores import figures, mae_by_step

NETWORK, ALONE = "network", "network alone"  # the first is averaged with other methods


@dataclass(frozen=True)
class Tried:
    """The forecasts of one series from each origin, and the actual values."""

    name: str
    origins: Any  # (N,): the last known step
    times: Any  # of the origins
    actual: Any  # (N, H), NaN where unknown
    forecasts: dict[str, Any]  # method -> (N, H, Q)


@dataclass(frozen=True)
class Backtest:
    """All series, and the metrics of each method over all of them."""

    series: list[Tried]
    levels: list[float]
    figures: dict[str, dict[str, float]]
    mae_by_step: dict[str, Any]  # method -> (H,)
    as_said: dict[str, float]  # the network's metrics before calibration

    @property
    def gain(self) -> float:
        """The relative reduction of the MAE compared with the seasonal naive method."""
        mine, its = self.figures[NETWORK]["mae"], self.figures["seasonal naive"]["mae"]
        if its == 0:  # every season equals the previous one
            return 0.0 if mine == 0 else -math.inf
        return 1 - mine / its


def judge(
    prepared: Sequence[Prepared],
    network: Calibrated,
    free: Sequence[int],
    starts: Sequence[int],
    stride: int,
) -> Backtest:
    """Backtest from the step before each start, as long as the whole horizon is known."""
    tried, units, said = [], [], []
    levels = list(network.roller.levels)
    for one, first_free, start in zip(prepared, free, starts):
        horizon = one.layout.horizon
        origins = np.arange(max(start - 1, 0), len(one) - horizon, stride)
        if not len(origins):
            raise DataError(
                f"the series {one.series.name!r} has {len(one):,} steps: too few to evaluate "
                f"{horizon} steps ahead from step {start:,} on (earlier steps are training data, "
                "or the history that a forecast needs)"
            )
        right, as_said = network.forecast(one, origins, first_free)
        shares = network.roller.shares
        linear = shares.path.refitted
        more = {} if linear is None else {MAP: partial(linear.points, one)}
        plain = [name for name in METHODS if name != OWN or len(prepared) > 1]
        found_plain = baselines(one, origins, levels, more, plain)
        forecasts = {NETWORK: right}
        forecasts |= {name: one.restored(said) for name, said in found_plain.items()}
        if shares.used():
            forecasts[ALONE] = one.restored(network.roller.forecast(one, origins, alone=True))
        said.append(as_said)
        times = one.series.step.at(one.series.first, origins)
        tried.append(Tried(one.series.name, origins, times, _actual(one, origins), forecasts))
        units.append(np.full(len(origins), _unit(one)))
    actual = np.concatenate([one.actual for one in tried])
    if np.isnan(actual).all():
        raise DataError("no step of the backtest has a value: there is nothing to evaluate")
    unit = np.concatenate(units)
    found, by_step = {}, {}
    for method in tried[0].forecasts:
        forecast = np.concatenate([one.forecasts[method] for one in tried])
        found[method] = figures(actual, forecast, levels, unit)
        by_step[method] = mae_by_step(actual, forecast, levels)
    before = figures(actual, np.concatenate(said), levels, unit)
    return Backtest(tried, levels, found, by_step, before)


def _actual(one: Prepared, origins: Any) -> Any:
    steps = origins[:, None] + 1 + np.arange(one.layout.horizon)
    return one.series.values[steps]


def _unit(one: Prepared) -> float:
    """The divisor of MASE, in units of the series even if the model uses logarithms."""
    return scale_of(one.series.without_gaps()[: one.learned], one.layout.season).unit
