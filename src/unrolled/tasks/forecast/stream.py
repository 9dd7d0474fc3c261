"""A forecast that is updated with each new value. In: a forecaster, a series, then single values.

Out: the forecast after the last value, in a fraction of a millisecond. The states of the network
and of smoothing are carried on; only values that inputs and anchors need are kept. The scale of the
series, the constants of smoothing and the shifts of the quantiles are fixed when the stream is
created: unlike `Forecaster.forecast`, a stream does not recalibrate by the latest errors. Next:
`unrolled.serve`, or the user's program.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from unrolled.data.calendar import features
from unrolled.data.timeseries import TimeSeries
from unrolled.data.windows import Prepared, around_anchor, in_logs, memory, own_inputs, prepare
from unrolled.errors import ArgumentError
from unrolled.tasks.forecast.answer import Forecast
from unrolled.tasks.forecast.baselines import OWN, constants_of, own_map
from unrolled.tasks.forecast.calibration import shifted
from unrolled.tasks.forecast.linear_map import LinearMap
from unrolled.tasks.forecast.linear_path import MAP, OTHERS
from unrolled.tasks.forecast.model import ForecastNetwork
from unrolled.tasks.forecast.smoothing import Smoother

if TYPE_CHECKING:
    from unrolled.tasks.forecast.forecaster import Forecaster

AHEAD = 512  # steps whose calendar features are computed at once


class Heads:
    """`ForecastNetwork.heads` for one step in NumPy, several times as fast at this size."""

    def __init__(self, network: ForecastNetwork) -> None:
        self._weights = [
            tensor.numpy()
            for layer in (network.straight, network.context, network.known, network.readout)
            for tensor in (layer.weight.detach(), layer.bias.detach())
        ]
        self._straight_known = network.straight_known.detach().numpy()

    def __call__(self, x: Any, y: Any, ahead: Any) -> Any:
        """(inputs,), (hidden,) and (H, ahead) to (H, Q)."""
        S, s, C, c, K, k, R, r = self._weights
        place = S @ x + s + (ahead * self._straight_known).sum(-1)
        merged = np.tanh((C @ y + c).reshape(len(ahead), -1) + ahead @ K.T + k)
        return np.sort(place[:, None] + merged @ R.T + r, -1)


class ForecastStream:
    """One series, a value at a time, created by `Forecaster.stream`. Not thread-safe."""

    @torch.no_grad()
    def __init__(
        self,
        model: Forecaster,
        series: TimeSeries,
        learned: int | None = None,
        known: int | None = None,
    ) -> None:
        layout = model.layout_
        if model.mode == "fed-back" or layout.known_means or layout.past_means:
            what = "mode='fed-back'" if model.mode == "fed-back" else "covariates"
            raise ArgumentError(
                f"a forecaster with {what} does not support single values: use whole series instead"
            )
        prepared = prepare(series, layout, learned, known)
        self.layout, self.scale, self.series = layout, prepared.scale, series
        self._model, self._network = model, model.model_
        self._levels, self._shares = model._levels(), model.shares_
        self._share = dict(zip(OTHERS, self._shares.share[:, 1:].T, strict=True))
        self._maps = self._maps_of(prepared)
        looks_back = 2 * layout.season + max(memory(layout), layout.horizon)
        self._size = max(looks_back, *(len(one.weight) for one in self._maps.values()), 0) + 1
        past = np.concatenate([np.full(self._size, prepared.values[0]), prepared.values])
        self._past = past[-self._size :]
        self._end = len(prepared)  # steps so far
        self._sum = float(prepared.values.sum())
        self._smoother = None
        if self._share["smoothing"].any():
            self._smoother = Smoother(prepared.values, *constants_of(prepared, prepared.known))
        self._told, self._told_from = np.zeros((0, 0)), 0
        self._heads = Heads(self._network)
        ahead = np.arange(layout.horizon)
        self._anchors = ahead - layout.season * -(-(ahead + 1) // layout.season)
        x = torch.from_numpy(prepared.inputs)[:, None]
        y, states = self._network.recurrent(x)
        self._stream = self._network.recurrent.stream()
        self._stream.states = states
        self._x, self._y = prepared.inputs[-1], y[-1, 0].numpy()

    def _maps_of(self, prepared: Prepared) -> dict[str, LinearMap]:
        """The linear maps that have a share."""
        found = {MAP: self._shares.path.refitted, OWN: None}
        if self._share[OWN].any() or self._shares.path.name == OWN:
            found[OWN] = own_map(prepared, prepared.known)
        return {name: one for name, one in found.items() if one is not None}

    @torch.no_grad()
    def step(self, value: float | None) -> Forecast:
        """The forecast after one more value; None is a gap, which repeats the last value."""
        is_seen = value is not None
        if value is not None and not np.isfinite(value):
            raise ArgumentError(f"a value must be finite, or None for a gap, not {value!r}")
        now = self._past[-1] if value is None else self._seen(float(value))
        self._past = np.append(self._past[1:], now)
        self._end, self._sum = self._end + 1, self._sum + now
        if self._smoother is not None:
            self._smoother.step(now)
        seen = np.full(self._size, is_seen)
        own = own_inputs(self._past, seen, self.scale, self.layout, last=1)[0]
        told = self._told_of(self._end - 1, 1)[0]
        self._x = np.concatenate([own, told]).astype(np.float32)
        self._y = self._stream.step(torch.from_numpy(self._x)).numpy()
        return self.forecast()

    def _seen(self, value: float) -> float:
        """A value as seen by the network."""
        return float(in_logs(value, self.scale.floor)) if self.layout.logs else value

    def forecast(self) -> Forecast:
        """The forecast after the last value."""
        horizon, season = self.layout.horizon, self.layout.season
        anchor, before = self._past[self._anchors], self._past[self._anchors - season]
        told = self._told_of(self._end, horizon)
        ahead = around_anchor(told, anchor, before, self._past[-1], self.scale.unit)
        distance = self._heads(self._x, self._y, ahead).astype(np.float64)
        points, path = self._points(anchor), self._shares.path
        said = points[path.name][:, None] + distance * (path.size * self.scale.unit)
        said = self._shared(said, points)
        shift = self._model.calibration_.shift
        quantiles = shifted(said[None], shift[None], self.scale.unit, self._levels)[0]
        if self.layout.logs:
            quantiles = np.exp(quantiles)
        median = quantiles[:, self._levels.index(0.5)]
        times = self.series.times(self._end, self._end + horizon)
        return Forecast(self.series.name, times, median, quantiles, self._levels)

    def _points(self, anchor: Any) -> dict[str, Any]:
        """The points of the other methods."""
        now = self._past[-1]
        points = {"naive": now, "seasonal naive": anchor}
        if self._smoother is not None:
            points["smoothing"] = self._smoother.ahead(self.layout.horizon)
        mean = self._sum / self._end
        for name, linear in self._maps.items():
            inputs = np.concatenate([self._past[-len(linear.weight) :] - now, [mean - now]])
            points[name] = now + self.scale.unit * linear.said(inputs / self.scale.unit)
        if OWN not in points:  # the series is too short for its own map
            points[OWN] = anchor
        return points

    def _shared(self, said: Any, points: dict[str, Any]) -> Any:
        """Quantiles averaged with the other methods, as in `shares`."""
        middle = said[:, self._levels.index(0.5)]
        together = self._shares.share[:, 0] * middle
        for name, point in points.items():
            together = together + self._share[name] * point
        return said + (together - middle)[:, None]

    def _told_of(self, step: int, count: int) -> Any:
        """Calendar features of some steps, computed for many at once."""
        if not self.layout.cycles:
            return np.zeros((count, 0))
        first = step - self._told_from
        if first < 0 or first + count > len(self._told):
            times = self.series.times(step, step + count + AHEAD)
            self._told, self._told_from, first = features(times, self.layout.cycles), step, 0
        return self._told[first : first + count]
