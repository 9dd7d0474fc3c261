"""A series as a network sees it. In: a `TimeSeries`. Out: inputs, what is known ahead, targets.

At every step t the network reads the inputs of t and forecasts t+1 ... t+H. Beside what is known of
those steps stands the anchor, the seasonal naive forecast: the value one season before. Targets are
distances from a linear path, the anchor or what a linear map says, in units of the series' own
usual distance, so that series of any size share a network, and a network that says 0 is as good as
that path. All of it may be of logarithms, in which what grows by a share each year grows evenly.
Next: forecast.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from unrolled.data.calendar import features
from unrolled.data.timeseries import TimeSeries

DRIFT = 0.5  # share of the variance that a straight line explains: from here on a series drifts
ROUNDING = 1e-9  # of the largest value: smaller differences are none


@dataclass(frozen=True)
class Layout:
    """What the inputs are, fixed when a forecaster is fitted."""

    horizon: int
    season: int
    cycles: list[str]
    level: bool  # whether the height of the series is told: not where it drifts away
    gaps: bool  # whether gaps are told
    known_means: list[float]
    known_scales: list[float]
    past_means: list[float]
    past_scales: list[float]
    logs: bool = False  # whether a series is seen in logarithms

    @property
    def ahead(self) -> int:
        """How many numbers are known of each step ahead: what is told, the anchor, its change."""
        return self.told + 2

    @property
    def told(self) -> int:
        """How many of them the person or the calendar tells."""
        return 2 * len(self.cycles) + len(self.known_means)

    @property
    def inputs(self) -> int:
        """How many numbers each step brings."""
        return 2 + self.level + self.gaps + self.told + len(self.past_means)


@dataclass(frozen=True)
class Scale:
    """What one series is measured by, from its part that may be learned from."""

    mean: float
    spread: float
    unit: float  # the mean distance from the value one season before
    floor: float = 0.0  # of logarithms: the least value that one is taken of


def scale_of(values: Any, season: int) -> Scale:
    """From values without gaps; a constant series is measured by 1."""
    spread = float(values.std())
    lag = season if len(values) > season else 1
    unit = float(np.abs(values[lag:] - values[:-lag]).mean()) if len(values) > 1 else 0.0
    # where each season repeats the one before, what is left is rounding, and no unit
    unit = unit if unit > ROUNDING * np.abs(values).max(initial=0.0) else 0.0
    return Scale(float(values.mean()), spread or 1.0, unit or spread or 1.0)


def floor_of(values: Any) -> float:
    """Half the least positive value: what lies below it is taken to be that when logs are taken."""
    positive = values[values > 0]
    return float(positive.min()) / 2 if len(positive) else 1.0


def in_logs(values: Any, floor: float) -> Any:
    """Logarithms of values, none of less than `floor`."""
    return np.log(np.maximum(values, floor))


def drifts(values: Any) -> bool:
    """Whether a straight line explains more than half of the variance."""
    if len(values) < 3 or values.std() == 0:
        return False
    return bool(np.corrcoef(values, np.arange(len(values)))[0, 1] ** 2 > DRIFT)


def anchors(values: Any, origins: Any, horizon: int, season: int) -> Any:
    """The seasonal naive forecast from each origin, (origins, horizon); an early one repeats."""
    ahead = np.arange(1, horizon + 1)
    back = season * -(-ahead // season)
    return values[np.maximum(np.asarray(origins)[:, None] + ahead - back, 0)]


def around_anchor(told: Any, anchor: Any, before: Any, now: Any, unit: float) -> Any:
    """What is told of a step, how high its anchor is, and how the anchor changed in a season."""
    height, change = (anchor - now) / unit, (anchor - before) / unit
    return np.concatenate([told, np.stack([height, change], -1)], -1).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Prepared:
    """One series with its arrays.

    The network has learned from the steps before `learned`, plain methods may from those before
    `known`.
    """

    series: TimeSeries
    layout: Layout
    scale: Scale
    learned: int
    known: int
    values: Any  # (T,) without gaps; logarithms where the layout says so
    seen: Any  # (T,) whether a value is not a gap
    inputs: Any  # (T, inputs) float32
    ahead: Any  # (T + horizon, told) float32: calendar and known covariates of each step

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def mean_so_far(self) -> Any:
        """(T,): of all values up to each step."""
        return self.values.cumsum() / np.arange(1, len(self) + 1)

    def seen_as(self, values: Any) -> Any:
        """Values of the series as the network sees them: the inverse of `restored`."""
        return in_logs(values, self.scale.floor) if self.layout.logs else values

    def restored(self, forecast: Any) -> Any:
        """Forecasts in the units of the series itself."""
        return np.exp(forecast) if self.layout.logs else forecast

    def around(self, origins: Any) -> Any:
        """What is known ahead of each origin, (N, H, ahead)."""
        origins = np.asarray(origins)
        steps = origins[:, None] + 1 + np.arange(self.layout.horizon)
        season, horizon = self.layout.season, self.layout.horizon
        anchor = anchors(self.values, origins, horizon, season)
        before = anchors(self.values, origins - season, horizon, season)
        told, unit = self.ahead[steps], self.scale.unit
        return around_anchor(told, anchor, before, self.values[origins][:, None], unit)

    def targets(self, origins: Any, path: Any, end: int, size: float = 1.0) -> tuple[Any, Any]:
        """Distances from the linear path, and where they count: seen, and before `end`.

        They are in units of the scale, times `size`.
        """
        steps = np.asarray(origins)[:, None] + 1 + np.arange(self.layout.horizon)
        inside = np.minimum(steps, len(self) - 1)
        counts = (steps < min(end, len(self))) & self.seen[inside]
        distance = (self.values[inside] - path) / (self.scale.unit * size)
        return np.where(counts, distance, 0).astype(np.float32), counts


def prepare(
    series: TimeSeries, layout: Layout, learned: int | None = None, known: int | None = None
) -> Prepared:
    """Everything about a series that does not depend on where a window lies."""
    learned = len(series) if learned is None else learned
    known = learned if known is None else known
    values, seen, floor = series.without_gaps(), ~np.isnan(series.values), 0.0
    if layout.logs:
        floor = floor_of(values[:learned])
        values = in_logs(values, floor)
    scale = replace(scale_of(values[:learned], layout.season), floor=floor)
    ahead = _ahead(series, layout)
    past = _scaled(series.past, layout.past_means, layout.past_scales, len(values))
    own = own_inputs(values, seen, scale, layout)
    inputs = np.concatenate([own, ahead[: len(values)], past], 1).astype(np.float32)
    return Prepared(series, layout, scale, learned, known, values, seen, inputs, ahead)


def memory(layout: Layout) -> int:
    """Over how many values the mean of the inputs goes: the last season, and two at least."""
    return max(layout.season, 2)


def own_inputs(values: Any, seen: Any, scale: Scale, layout: Layout, last: int = 0) -> Any:
    """(T, 2 ...): distance from one season before, from the mean of the last season, height, gap.

    Values may be (T,) or (T, N); of the latter only the `last` steps come back, (last, N, ...).
    """
    season, around = layout.season, memory(layout)
    before = np.concatenate([np.repeat(values[:1], season, 0), values])[: len(values)]
    longer = np.concatenate([np.repeat(values[:1], around, 0), values])
    sums = longer.cumsum(0)  # before its first value a series is taken to have been that value
    mean = (sums[around:] - sums[:-around]) / around
    columns = [(values - before) / scale.unit, (values - mean) / scale.unit]
    if layout.level:
        columns.append((values - scale.mean) / scale.spread)
    if layout.gaps:
        columns.append(np.broadcast_to(~seen, values.shape).astype(float))
    return np.stack([column[-last:] for column in columns], -1)


def _ahead(series: TimeSeries, layout: Layout) -> Any:
    """Calendar and known covariates, for as many steps as the last origin looks ahead."""
    length = len(series) + layout.horizon
    calendar = (
        features(series.times(0, length), layout.cycles) if layout.cycles else np.zeros((length, 0))
    )
    known = _scaled(series.known, layout.known_means, layout.known_scales, length)
    return np.concatenate([calendar, known], 1).astype(np.float32)


def _scaled(values: Any, means: list[float], scales: list[float], length: int) -> Any:
    """Covariates in standard units; beyond their end the last ones hold."""
    if not means:
        return np.zeros((length, 0))
    scaled = (values[:length] - np.array(means)) / np.array(scales)
    return np.concatenate([scaled, np.repeat(scaled[-1:], length - len(scaled), 0)])
