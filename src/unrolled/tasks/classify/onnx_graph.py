"""A classifier or regressor as one ONNX graph. In: its committee and encoder. Out: the model;
next: `exporting`.

The inputs are token indices (batch, time) or unscaled values (batch, time, channels), and the
length of each sequence. The outputs are the probability of each class or label, or a number with
the ends of its interval. With a linear model of texts, the indices of each text's n-grams and their
weights are also inputs, as `ngrams.py` computes them; padding has the weight 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import unrolled
from unrolled.exports.network import network_of
from unrolled.exports.onnx_graph import Graph, model_of
from unrolled.exports.onnx_layers import Layers, first_states
from unrolled.networks.aims import Number
from unrolled.networks.committee import Committee
from unrolled.networks.linear_series import LinearSeries
from unrolled.tasks.classify.encoders import Encoder, SeriesEncoder
from unrolled.tasks.classify.model import Labeller
from unrolled.tasks.classify.onnx_series import front, linear_scores

INT64, FLOAT32 = 7, 1


def reader_model(model: Committee, encoder: Encoder, level: float | None) -> Any:
    """Inputs `tokens` or `values`, `lengths`, and for n-grams `ngrams` and `shares`.

    Output: `probabilities` (batch, classes); or `number` (batch,), and `low` and `high`, the ends
    of the intervals of this level, if they are calibrated.
    """
    members = [member for member in model.members if isinstance(member, Labeller)]
    network = network_of(members[0].recurrent)
    g = Graph(network.dtype)
    lengths = g.fresh("lengths")
    is_series = isinstance(encoder, SeriesEncoder)
    given = g.fresh("values" if is_series else "tokens")
    shape = ["batch", "time", encoder.inputs] if is_series else ["batch", "time"]
    results = [g.fresh(name) for name in _results(model, level)]
    shared = _scaled(g, given, encoder) if isinstance(encoder, SeriesEncoder) else given
    summaries = [_summary(g, member, shared, lengths) for member in members]
    said = [_read_out(g, *one) for one in zip(members, summaries)]
    if model.aim.name == "class":
        said = [g.add("LogSoftmax", scores, axis=-1) for scores in said]
    mean = said[0] if len(said) == 1 else g.add("Mean", *said)
    scores = g.add("Mul", mean, g.constant(float(model.blend[0])))
    inputs = [g.value(given, shape, FLOAT32 if is_series else INT64),
              g.value(lengths, ["batch"], INT64)]  # fmt: skip
    if model.linear is not None:
        beside = _beside(g, model.linear, shared, lengths, inputs)
        scores = g.add("Add", scores, g.add("Mul", beside, g.constant(float(model.blend[1]))))
    shape = ["batch"] if model.aim.name == "number" else ["batch", members[0].readout.out_features]
    outputs = [g.value(result, shape) for result in results]
    ends = _errors(g, model, summaries, level)
    for answer, result in zip(_answers(g, model, scores, ends), results, strict=True):
        g.rename(answer, result)
    what = "regressor" if model.aim.name == "number" else "classifier"
    about = f"A {what} of sequences.\n\n{network.equation.text}"
    return model_of(g.build(what, inputs, outputs), about, unrolled.__version__)


def _results(model: Committee, level: float | None) -> list[str]:
    """The names of the outputs."""
    if model.aim.name != "number":
        return ["probabilities"]
    has_interval = level is not None and model.error_range(level) is not None
    return ["number", "low", "high"] if has_interval else ["number"]


def _errors(g: Graph, model: Committee, summaries: list[str], level: float | None) -> list[str]:
    """Between which errors a row of an interval of this level lies, (batch,) each."""
    errors = None if level is None else model.error_range(level)
    if errors is None:
        return []
    logs = []
    for member, summary in zip(model.members, summaries):
        assert isinstance(member, Labeller)
        spread = _array(member.spread)
        product = g.add("MatMul", summary, g.constant(spread[:-1], "spread"))
        logs.append(g.add("Add", product, g.constant(spread[-1])))
    mean = logs[0] if len(logs) == 1 else g.add("Mean", *logs)
    low, high = (g.constant(float(end)) for end in model.log_scales)
    scale = g.add("Exp", g.add("Min", g.add("Max", mean, low), high))
    return [g.add("Mul", scale, g.constant(error)) for error in errors]


def _answers(g: Graph, model: Committee, scores: str, errors: list[str]) -> list[str]:
    """As many as there are results; `errors` are the ends of an interval, if it is calibrated."""
    aim = model.aim
    if not isinstance(aim, Number):
        if aim.name == "labels":
            return [g.add("Sigmoid", scores)]
        return [g.add("Softmax", scores, axis=-1)]
    scaled = g.add("Mul", g.add("Squeeze", scores, g.integers(1)), g.constant(aim.unit))
    number = g.add("Add", scaled, g.constant(aim.center))
    return [number, *(g.add("Add", number, error) for error in errors)]


def _beside(g: Graph, linear: Any, shared: str, lengths: str, inputs: list[Any]) -> str:
    """The scores of the linear model, (batch, classes)."""
    if isinstance(linear, LinearSeries):
        return linear_scores(g, linear, shared, lengths)
    ngrams, shares = g.fresh("ngrams"), g.fresh("shares")
    inputs += [g.value(ngrams, ["batch", "ngrams"], INT64),
               g.value(shares, ["batch", "ngrams"], FLOAT32)]  # fmt: skip
    weights = g.add("Gather", g.constant(_array(linear.weight), "linear"), ngrams, axis=0)
    weighted = g.add("Mul", weights, g.add("Unsqueeze", shares, g.integers(2)))
    total = g.add("ReduceSum", weighted, g.integers(1), keepdims=0)
    return g.add("Add", total, g.constant(_array(linear.bias), "bias"))


def _summary(g: Graph, model: Labeller, given: str, lengths: str) -> str:
    """What one network reads, (batch, out)."""
    network = network_of(model.recurrent)
    inputs = given
    if model.embed is not None:
        table = g.constant(_array(model.embed.weight), "embedding")
        inputs = g.add("Gather", table, given, axis=0)
    if model.front is not None:
        inputs, lengths = front(g, model.front, given, lengths)
    x = g.add("Transpose", inputs, perm=[1, 0, 2])
    batch = g.add("Gather", g.add("Shape", x), g.integers(1), axis=0)
    layers = Layers(g, network)
    y, finals = layers.write(x, first_states(g, network, batch), lengths)
    return _pooled(g, model, layers, y, finals[0], x, lengths)


def _read_out(g: Graph, model: Labeller, summary: str) -> str:
    """The scores of one network, (batch, classes)."""
    weight, bias = _array(model.readout.weight), _array(model.readout.bias)
    product = g.add("MatMul", summary, g.constant(weight.T, "V"))
    return g.add("Add", product, g.constant(bias, "c"))


def _array(tensor: Any) -> Any:
    return tensor.detach().cpu().numpy()


def _scaled(g: Graph, values: str, encoder: SeriesEncoder) -> str:
    """Standardized values, as in training; missing values become the mean."""
    centred = g.add("Sub", values, g.constant(encoder.mean, "mean"))
    scaled = g.add("Div", centred, g.constant(encoder.deviation, "deviation"))
    lost = g.add("Or", g.add("IsNaN", scaled), g.add("IsInf", scaled))
    return g.add("Where", lost, g.constant(0.0), scaled)


def _pooled(
    g: Graph, model: Labeller, layers: Layers, y: str, last: str, x: str, lengths: str
) -> str:
    """One vector for a sequence, as `Pooling` computes it; y is (T, B, units)."""
    kind, count = model.pool.kind, model.recurrent.directions
    if kind == "last":
        total = model.recurrent.num_layers * count
        ends = [g.add("Gather", last, g.constant(place, "place", np.int64), axis=0)
                for place in range(total - count, total)]  # fmt: skip
        return ends[0] if count == 1 else g.add("Concat", *ends, axis=1)
    inside = layers.inside(x, lengths)
    if kind == "max":
        shown = g.add("Where", inside, y, g.constant(-np.inf))
        return g.add("ReduceMax", shown, axes=[0], keepdims=0)
    if kind == "mean":
        total_y = g.add("ReduceSum", g.add("Where", inside, y, g.constant(0.0)), g.integers(0),
                        keepdims=0)  # fmt: skip
        column = g.add("Unsqueeze", g.add("Cast", lengths, to=g.element), g.integers(1))
        return g.add("Div", total_y, column)
    query = g.constant(_array(model.pool.query)[:, None], "query")
    scores = g.add("Where", inside, g.add("MatMul", y, query), g.constant(-np.inf))
    weighted = g.add("Mul", y, g.add("Softmax", scores, axis=0))
    return g.add("ReduceSum", weighted, g.integers(0), keepdims=0)
