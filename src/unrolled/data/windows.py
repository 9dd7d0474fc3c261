"""The inputs and targets of a forecaster. In: a `TimeSeries`. Out: inputs, known future, targets.

At every step t the network reads the inputs of t and forecasts t+1 ... t+H. It is also given the
known covariates of those steps and the anchor, the seasonal naive forecast (the value one season
earlier). Targets are differences from a baseline path (the anchor, or a linear map) in units of the
series' typical difference, so that one network serves series of any scale, and a network with
output 0 equals the baseline. All values may be logarithms, in which exponential growth is linear.
Next: forecast.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from unrolled.data.calendar import features
from unrolled.data.timeseries import TimeSeries

DRIFT = 0.5  # share of the variance explained by a straight line above which a series drifts
ROUNDING = 1e-9  # of the largest value: smaller differences are rounding errors


@dataclass(frozen=True)
class Layout:
    """The layout of the inputs, fixed when a forecaster is fitted."""

    horizon: int
    season: int
    cycles: list[str]
    level: bool  # whether the level of the series is an input: not if it drifts
    gaps: bool  # whether gaps are an input
    known_means: list[float]
    known_scales: list[float]
    past_means: list[float]
    past_scales: list[float]
    logs: bool = False  # whether a series is transformed to logarithms

    @property
    def ahead(self) -> int:
        """The number of known values for each step ahead: `told`, the anchor, and its change."""
        return self.told + 2

    @property
    def told(self) -> int:
        """How many of them are calendar features and known covariates."""
        return 2 * len(self.cycles) + len(self.known_means)

    @property
    def inputs(self) -> int:
        """The number of inputs at each step."""
        return 2 + self.level + self.gaps + self.told + len(self.past_means)


@dataclass(frozen=True)
class Scale:
    """The scale of one series, computed from its training part."""

    mean: float
    spread: float
    unit: float  # the mean absolute difference from the value one season earlier
    floor: float = 0.0  # of logarithms: the smallest value that is transformed


def scale_of(values: Any, season: int) -> Scale:
    """The scale of values without gaps; 1 for a constant series."""
    spread = float(values.std())
    lag = season if len(values) > season else 1
    unit = float(np.abs(values[lag:] - values[:-lag]).mean()) if len(values) > 1 else 0.0
    # if the seasons are identical, the rest is rounding error, not a unit
    unit = unit if unit > ROUNDING * np.abs(values).max(initial=0.0) else 0.0
    return Scale(float(values.mean()), spread or 1.0, unit or spread or 1.0)


def floor_of(values: Any) -> float:
    """Half the smallest positive value, to which smaller values are raised before logarithms."""
    positive = values[values > 0]
    return float(positive.min()) / 2 if len(positive) else 1.0


def in_logs(values: Any, floor: float) -> Any:
    """Logarithms of values that are first raised to at least `floor`."""
    return np.log(np.maximum(values, floor))


def drifts(values: Any) -> bool:
    """Whether a straight line explains more than half of the variance."""
    if len(values) < 3 or values.std() == 0:
        return False
    return bool(np.corrcoef(values, np.arange(len(values)))[0, 1] ** 2 > DRIFT)


def anchors(values: Any, origins: Any, horizon: int, season: int) -> Any:
    """The seasonal naive forecast from each origin, (origins, horizon); early origins repeat."""
    ahead = np.arange(1, horizon + 1)
    back = season * -(-ahead // season)
    return values[np.maximum(np.asarray(origins)[:, None] + ahead - back, 0)]


def around_anchor(told: Any, anchor: Any, before: Any, now: Any, unit: float) -> Any:
    """The known features of a step, the level of its anchor, and the anchor's seasonal change."""
    height, change = (anchor - now) / unit, (anchor - before) / unit
    return np.concatenate([told, np.stack([height, change], -1)], -1).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Prepared:
    """One series with its arrays.

    The network is trained on the steps before `learned`; simple methods use those before `known`.
    """

    series: TimeSeries
    layout: Layout
    scale: Scale
    learned: int
    known: int
    values: Any  # (T,) without gaps; logarithms if the layout has `logs`
    seen: Any  # (T,) whether a value is present
    inputs: Any  # (T, inputs) float32
    ahead: Any  # (T + horizon, told) float32: calendar and known covariates of each step

    def __len__(self) -> int:
        return len(self.values)

    @cached_property
    def mean_so_far(self) -> Any:
        """(T,): of all values up to each step."""
        return self.values.cumsum() / np.arange(1, len(self) + 1)

    def seen_as(self, values: Any) -> Any:
        """Values of the series as seen by the network: the inverse of `restored`."""
        return in_logs(values, self.scale.floor) if self.layout.logs else values

    def restored(self, forecast: Any) -> Any:
        """Forecasts in the units of the series itself."""
        return np.exp(forecast) if self.layout.logs else forecast

    def around(self, origins: Any) -> Any:
        """The known values ahead of each origin, (N, H, ahead)."""
        origins = np.asarray(origins)
        steps = origins[:, None] + 1 + np.arange(self.layout.horizon)
        season, horizon = self.layout.season, self.layout.horizon
        anchor = anchors(self.values, origins, horizon, season)
        before = anchors(self.values, origins - season, horizon, season)
        told, unit = self.ahead[steps], self.scale.unit
        return around_anchor(told, anchor, before, self.values[origins][:, None], unit)

    def targets(self, origins: Any, path: Any, end: int, size: float = 1.0) -> tuple[Any, Any]:
        """Differences from the baseline path, and a mask: values that are present and before `end`.

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
    """Compute everything about a series that does not depend on the window."""
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
    """The number of values in the moving average of the inputs: one season, at least two."""
    return max(layout.season, 2)


def own_inputs(values: Any, seen: Any, scale: Scale, layout: Layout, last: int = 0) -> Any:
    """(T, 2 ...): differences from one season earlier and from the last season's mean, level, gap.

    Values may be (T,) or (T, N); for the latter only the `last` steps are returned, (last, N, ...).
    """
    season, around = layout.season, memory(layout)
    before = np.concatenate([np.repeat(values[:1], season, 0), values])[: len(values)]
    longer = np.concatenate([np.repeat(values[:1], around, 0), values])
    sums = longer.cumsum(0)  # before its start a series is assumed to equal its first value
    mean = (sums[around:] - sums[:-around]) / around
    columns = [(values - before) / scale.unit, (values - mean) / scale.unit]
    if layout.level:
        columns.append((values - scale.mean) / scale.spread)
    if layout.gaps:
        columns.append(np.broadcast_to(~seen, values.shape).astype(float))
    return np.stack([column[-last:] for column in columns], -1)


def _ahead(series: TimeSeries, layout: Layout) -> Any:
    """Calendar features and known covariates, up to the horizon of the last origin."""
    length = len(series) + layout.horizon
    calendar = (
        features(series.times(0, length), layout.cycles) if layout.cycles else np.zeros((length, 0))
    )
    known = _scaled(series.known, layout.known_means, layout.known_scales, length)
    return np.concatenate([calendar, known], 1).astype(np.float32)


def _scaled(values: Any, means: list[float], scales: list[float], length: int) -> Any:
    """Standardized covariates; beyond their end the last values are repeated."""
    if not means:
        return np.zeros((length, 0))
    scaled = (values[:length] - np.array(means)) / np.array(scales)
    return np.concatenate([scaled, np.repeat(scaled[-1:], length - len(scaled), 0)])
