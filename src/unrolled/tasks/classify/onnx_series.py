"""The convolutions and the linear model of a classifier of series, in ONNX.

In: scaled values (batch, time, channels), lengths. Out: fewer and wider steps, or the scores of the
linear model; next: `onnx_graph`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from unrolled.exports.onnx_graph import Graph
from unrolled.networks.linear_series import LinearSeries
from unrolled.networks.random_convolutions import KERNELS, LENGTH, RandomConvolutions, kernels
from unrolled.networks.series_front import SeriesFront

EPSILON = 1e-3  # as in `series_front`
NORM_EPSILON = 1e-5  # torch's, of a layer norm
BOOL, FLOAT32 = 9, 1


def array(tensor: Any) -> Any:
    return tensor.detach().cpu().numpy()


def inside(g: Graph, x: str, lengths: str) -> str:
    """(batch, time) conditions: where x (batch, time, .) has a step."""
    steps = g.add("Gather", g.add("Shape", x), g.constant(1, "axis", np.int64), axis=0)
    zero, one = (g.constant(value, "number", np.int64) for value in (0, 1))
    steps = g.add("Range", zero, steps, one)
    return g.add("Less", steps, g.add("Unsqueeze", lengths, g.integers(1)))


def front(g: Graph, model: SeriesFront, x: str, lengths: str) -> tuple[str, str]:
    """The convolutions before the recurrent layers: (batch, shorter, features), and the lengths."""
    mask = _mask(g, x, lengths)
    views = _views(g, x, mask, _count(g, lengths, 2))
    first = _convolved(g, model, 0, g.add("Mul", views, mask), model.stride)
    one = g.integers(1)
    shorter = g.add("Div", g.add("Sub", lengths, one), g.integers(model.stride))
    shorter = g.add("Add", shorter, one)
    mask = _mask(g, first, shorter)
    first = g.add("Mul", first, mask)
    second = _convolved(g, model, 1, first, 1)
    return g.add("Mul", g.add("Add", first, second), mask), shorter


def _mask(g: Graph, x: str, lengths: str) -> str:
    """(batch, time, 1): 1 where there is a step."""
    found = g.add("Cast", inside(g, x, lengths), to=FLOAT32)
    return g.add("Unsqueeze", found, g.integers(2))


def _count(g: Graph, lengths: str, axes: int) -> str:
    """Lengths as numbers, (batch, 1, ...)."""
    return g.add("Unsqueeze", g.add("Cast", lengths, to=FLOAT32), g.integers(*range(1, 1 + axes)))


def _before(g: Graph, x: str) -> str:
    """The previous value of each step; the first step's own value."""
    axis, zero, one = g.integers(1), g.integers(0), g.integers(1)
    first = g.add("Slice", x, zero, one, axis)
    return g.add("Concat", first, g.add("Slice", x, zero, g.integers(-1), axis), axis=1)


def _views(g: Graph, x: str, mask: str, count: str) -> str:
    def mean(value: str) -> str:
        total = g.add("ReduceSum", g.add("Mul", value, mask), g.integers(1), keepdims=1)
        return g.add("Div", total, count)

    def scaled(value: str) -> str:
        size = g.add("Sqrt", mean(g.add("Mul", value, value)))
        return g.add("Div", value, g.add("Add", size, g.constant(EPSILON)))

    own = scaled(g.add("Sub", x, mean(x)))
    changes = scaled(g.add("Sub", own, _before(g, own)))
    return g.add("Concat", x, own, changes, axis=2)


def _convolved(g: Graph, model: SeriesFront, number: int, x: str, stride: int) -> str:
    """A convolution over (batch, time, .), layer norm, ReLU."""
    layer, norm = (model.first, model.second)[number], model.norms[number]
    weight, bias = array(layer.weight), array(layer.bias)
    side = weight.shape[2] // 2
    y = g.add("Conv", g.add("Transpose", x, perm=[0, 2, 1]), g.constant(weight, "kernels"),
              g.constant(bias, "bias"), strides=[stride], pads=[side, side])  # fmt: skip
    y = g.add("Transpose", y, perm=[0, 2, 1])
    y = g.add("LayerNormalization", y, g.constant(array(norm.weight), "scale"),
              g.constant(array(norm.bias), "shift"), axis=-1, epsilon=NORM_EPSILON)  # fmt: skip
    return g.add("Relu", y)


def linear_scores(g: Graph, model: LinearSeries, x: str, lengths: str) -> str:
    """(batch, classes), from the shares of steps at which convolutions exceed thresholds."""
    mask = _mask(g, x, lengths)
    views = [g.add("Mul", view, mask) for view in (x, g.add("Sub", x, _before(g, x)))]
    views = [g.add("Transpose", view, perm=[0, 2, 1]) for view in views]
    shown = g.add("Cast", g.add("Transpose", mask, perm=[0, 2, 1]), to=BOOL)
    features = g.add("Concat", *_counts(g, model.convolutions, views, shown), axis=1)
    shares = g.add("Div", features, _count(g, lengths, 1))
    product = g.add("MatMul", shares, g.constant(array(model.weight), "linear"))
    return g.add("Add", product, g.constant(array(model.bias), "bias"))


def _counts(g: Graph, model: RandomConvolutions, views: list[str], shown: str) -> list[str]:
    """For each dilation, the number of steps at which each convolution exceeds each threshold."""
    mixing, thresholds, plain = array(model.mixing), array(model.thresholds), array(kernels())
    found, first = [], 0
    for row, (which, dilation, count) in enumerate(model._rows()):
        weight = plain[:, None, :] * mixing[row][:, :, None]
        side = dilation * (LENGTH // 2)
        y = g.add("Conv", views[which], g.constant(weight, "kernels"), dilations=[dilation],
                  pads=[side, side])  # fmt: skip
        y = g.add("Where", shown, y, g.constant(-np.inf))
        bounds = thresholds[first : first + count].reshape(1, count, KERNELS, 1)
        over = g.add("Greater", g.add("Unsqueeze", y, g.integers(1)), g.constant(bounds, "bounds"))
        total = g.add("ReduceSum", g.add("Cast", over, to=FLOAT32), g.integers(3), keepdims=0)
        found.append(g.add("Reshape", total, g.integers(0, count * KERNELS)))
        first += count
    return found
