"""A forecaster as one ONNX graph. In: its network, layout and calibration. Out: the model; next:
`Forecaster.export_as`.

The inputs are the values of one series without gaps, `values` (time,), and, if the network uses
more, `told` (time + horizon, .) and `past` (time, .), in the units of training. The output is
`quantiles` (horizon, .) of the next values, in the units of the values. Scales are computed from
the given values; quantiles are calibrated as on the validation part.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import unrolled
from unrolled.data.windows import Layout, memory
from unrolled.exports.network import network_of
from unrolled.exports.onnx_graph import Graph, model_of
from unrolled.exports.onnx_layers import Layers, first_states
from unrolled.tasks.conformal import MIDDLE
from unrolled.tasks.forecast.calibration import Calibration
from unrolled.tasks.forecast.model import CONTEXT, ForecastNetwork

FLOAT32, FLOAT64 = 1, 11


def forecaster_model(
    model: ForecastNetwork, layout: Layout, calibration: Calibration, levels: Sequence[float]
) -> Any:
    """The complete graph, from values to quantiles."""
    return _Writer(model, layout, calibration, levels).write()


class _Writer:
    def __init__(
        self,
        model: ForecastNetwork,
        layout: Layout,
        calibration: Calibration,
        levels: Sequence[float],
    ) -> None:
        self.model, self.layout = model, layout
        self.calibration, self.levels = calibration, list(levels)
        self.network = network_of(model.recurrent)
        self.g = Graph(self.network.dtype)

    def write(self) -> Any:
        g, layout = self.g, self.layout
        values = g.fresh("values")
        inputs = [g.value(values, ["time"], FLOAT64)]
        told = past = None
        if layout.told:
            told = g.fresh("told")
            inputs.append(g.value(told, ["time_and_horizon", layout.told], FLOAT32))
        if layout.past_means:
            past = g.fresh("past")
            inputs.append(g.value(past, ["time", len(layout.past_means)], FLOAT32))
        result = g.fresh("quantiles")
        self.count = g.add("Shape", values, name="count")
        self.values = self._logs(values) if layout.logs else values
        self._scale()
        x = self._inputs(told, past)
        place, context = self._state(x)
        anchor, ahead = self._ahead(told)
        quantiles = self._quantiles(place, context, anchor, ahead)
        g.rename(g.add("Exp", quantiles) if layout.logs else quantiles, result)
        outputs = [g.value(result, [layout.horizon, len(self.levels)], FLOAT64)]
        about = f"A forecaster of series.\n\n{self.network.equation.text}"
        return model_of(g.build("forecaster", inputs, outputs), about, unrolled.__version__)

    def _logs(self, values: str) -> str:
        """Like `in_logs`, with half the smallest positive value as its floor."""
        g = self.g
        positive = g.add("Greater", values, self.double(0.0))
        large = self.double(np.finfo(np.float64).max)
        least = g.add("ReduceMin", g.add("Where", positive, values, large), axes=[0], keepdims=0)
        floor = g.add("Div", least, self.double(2.0))
        return g.add("Log", g.add("Max", values, floor))

    def double(self, value: Any) -> str:
        return self.g.constant(value, "number", np.float64)

    def cut(self, values: str, first: str, end: str) -> str:
        """values[first:end]."""
        return self.g.add("Slice", values, first, end, self.g.integers(0))

    def _scale(self) -> None:
        """Mean, deviation and unit, as in `scale_of`."""
        g, v = self.g, self.values
        self.mean = g.add("ReduceMean", v, axes=[0], keepdims=0)
        centred = g.add("Sub", v, self.mean)
        variance = g.add("ReduceMean", g.add("Mul", centred, centred), axes=[0], keepdims=0)
        self.spread = self._or(g.add("Sqrt", variance), self.double(1.0))
        longer = g.add("Greater", self.count, g.integers(self.layout.season))
        lag = g.add("Where", longer, g.integers(self.layout.season), g.integers(1))
        end = g.add("Sub", self.count, lag)
        late, early = self.cut(v, lag, self.count), self.cut(v, g.integers(0), end)
        change = g.add("Abs", g.add("Sub", late, early))
        self.unit = self._or(g.add("ReduceMean", change, axes=[0], keepdims=0), self.spread)

    def _or(self, number: str, other: str) -> str:
        """The other number if the first is 0."""
        return self.g.add("Where", self.g.add("Equal", number, self.double(0.0)), other, number)

    def _after(self, steps: int) -> str:
        """The series, preceded by `steps` copies of its first value."""
        g = self.g
        first = self.cut(self.values, g.integers(0), g.integers(1))
        return g.add("Concat", g.add("Expand", first, g.integers(steps)), self.values, axis=0)

    def _inputs(self, told: str | None, past: str | None) -> str:
        """(time, inputs), as in `own_inputs` and `prepare`."""
        g, around = self.g, memory(self.layout)
        before = self.cut(self._after(self.layout.season), g.integers(0), self.count)
        sums = g.add("CumSum", self._after(around), g.constant(0, "axis", np.int64))
        end = g.add("Add", self.count, g.integers(around))
        late = self.cut(sums, g.integers(around), end)
        early = self.cut(sums, g.integers(0), self.count)
        mean = g.add("Div", g.add("Sub", late, early), self.double(float(around)))
        columns = [g.add("Div", g.add("Sub", self.values, other), self.unit)
                   for other in (before, mean)]  # fmt: skip
        if self.layout.level:
            columns.append(g.add("Div", g.add("Sub", self.values, self.mean), self.spread))
        if self.layout.gaps:
            columns.append(g.add("Sub", self.values, self.values))
        parts = [self._single(self._column(column)) for column in columns]
        if told is not None:
            parts.append(self._single(self.cut(told, g.integers(0), self.count)))
        if past is not None:
            parts.append(self._single(past))
        return g.add("Concat", *parts, axis=1, name="inputs")

    def _column(self, vector: str) -> str:
        return self.g.add("Unsqueeze", vector, self.g.integers(1))

    def _single(self, array: str) -> str:
        """Cast to the network's type."""
        return self.g.add("Cast", array, to=self.g.element)

    def _linear(self, layer: Any, x: str) -> str:
        g = self.g
        product = g.add("MatMul", x, g.constant(_array(layer.weight).T, "weight"))
        return g.add("Add", product, g.constant(_array(layer.bias), "bias"))

    def _state(self, x: str) -> tuple[str, str]:
        """The outputs of the last step for all steps ahead: (H, 1), and (H, CONTEXT)."""
        g, horizon = self.g, self.model.horizon
        sequence = g.add("Unsqueeze", x, g.integers(1))
        y, _ = Layers(g, self.network).write(sequence, first_states(g, self.network, g.integers(1)))
        last = g.constant(-1, "last", np.int64)
        x_end, y_end = (g.add("Gather", array, last, axis=0) for array in (sequence, y))
        place = g.add("Reshape", self._linear(self.model.straight, x_end), g.integers(horizon, 1))
        context = self._linear(self.model.context, y_end)
        return place, g.add("Reshape", context, g.integers(horizon, CONTEXT))

    def _ahead(self, told: str | None) -> tuple[str, str]:
        """The anchors (H,), and the known features of each step ahead (H, .)."""
        g, season = self.g, self.layout.season
        steps = np.arange(1, self.layout.horizon + 1)
        away = steps - season * -(-steps // season) - 1  # relative to the number of values
        anchor, before = (self._at(away - back) for back in (0, season))
        now = self._at(np.array([-1]))
        changes = [g.add("Div", g.add("Sub", anchor, other), self.unit) for other in (now, before)]
        parts = [self._single(self._column(change)) for change in changes]
        if told is not None:
            end = g.add("Add", self.count, g.integers(self.layout.horizon))
            parts.insert(0, self._single(self.cut(told, self.count, end)))
        return anchor, g.add("Concat", *parts, axis=1, name="ahead")

    def _at(self, places: Any) -> str:
        """Values by their distance from the end; before the start, the first one."""
        g = self.g
        found = g.add("Add", self.count, g.integers(*places.tolist()))
        return g.add("Gather", self.values, g.add("Max", found, g.integers(0)), axis=0)

    def _quantiles(self, place: str, context: str, anchor: str, ahead: str) -> str:
        g, model = self.g, self.model
        weighted = g.add("Mul", ahead, g.constant(_array(model.straight_known), "straight_known"))
        place = g.add("Add", place, g.add("ReduceSum", weighted, g.integers(1), keepdims=1))
        merged = g.add("Tanh", g.add("Add", context, self._linear(model.known, ahead)))
        distance = g.add("Add", place, self._linear(model.readout, merged))
        ascending, _ = g.add_many(
            "TopK",
            [distance, g.integers(len(self.levels))],
            ["ascending", "places"],
            axis=1,
            largest=0,
        )
        return self._right(g.add("Cast", ascending, to=FLOAT64), anchor)

    def _right(self, distance: str, anchor: str) -> str:
        """Quantiles in the units of the values, calibrated and without crossing the median."""
        g, middle = self.g, self.levels.index(MIDDLE)
        shift = np.array(self.calibration.shift, np.float64)
        shift[:, middle] = 0.0
        moved = g.add("Mul", g.add("Add", distance, self.double(shift)), self.unit)
        moved = g.add("Add", moved, self._column(anchor))
        columns = [g.add("Gather", moved, g.integers(q), axis=1) for q in range(len(self.levels))]
        for q in range(middle - 1, -1, -1):
            columns[q] = g.add("Min", columns[q], columns[q + 1])
        for q in range(middle + 1, len(columns)):
            columns[q] = g.add("Max", columns[q], columns[q - 1])
        return g.add("Concat", *columns, axis=1)


def _array(tensor: Any) -> Any:
    return tensor.detach().cpu().numpy()
