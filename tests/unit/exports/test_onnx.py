"""ONNX Runtime computes what the layer computes, whatever the length and the batch."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import unrolled
from tests.exported import CELLS, layer_of
from tests.tolerances import FLOAT32, FLOAT64, assert_agrees
from unrolled.exports.network import Network, network_of

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

STANDARD = {"lstm", "gru", "grucho2014", "elman", "elman relu", "elman sigmoid", "irnn"}


def session(model: Any) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    data = model if isinstance(model, str | Path) else model.SerializeToString()
    return onnxruntime.InferenceSession(
        str(data) if isinstance(data, Path) else data, options, providers=["CPUExecutionProvider"]
    )


def compare(layer: Any, path: Path, steps: int, batch: int, lengths: Any = None) -> None:
    """Random x and states through both."""
    generator = torch.Generator().manual_seed(steps)
    form = (batch, steps) if layer.batch_first else (steps, batch)
    x = torch.randn(*form, layer.input_size, generator=generator)
    with torch.no_grad():
        _, reached = layer(torch.randn(*form, layer.input_size, generator=generator))
        y, last = layer(x, reached, lengths)
    given = {"x": x.numpy()}
    names = list(layer.equation.states)
    for name, state in zip(names, tuple_of(reached), strict=True):
        given[f"{name}_0"] = state.numpy()
    if lengths is not None:
        given["lengths"] = np.array(lengths, np.int64)
    found = session(path).run(None, given)
    for actual, expected in zip(found, (y, *tuple_of(last)), strict=True):
        assert_agrees(actual, expected, tolerance=FLOAT32, name=layer.equation.name)


def tuple_of(states: Any) -> Any:
    return (states,) if isinstance(states, torch.Tensor) else states


def operations(path: Path) -> set[str]:
    return {node.op_type for node in onnx.load(path).graph.node}


@pytest.mark.sweep
@pytest.mark.parametrize("name", CELLS)
def test_every_cell(tmp_path: Path, name: str) -> None:
    layer = layer_of(name, num_layers=2)
    unrolled.export(layer, tmp_path / "net.onnx")
    ops = operations(tmp_path / "net.onnx")
    assert ("Scan" in ops) == (name not in STANDARD)
    compare(layer, tmp_path / "net.onnx", 7, 2)
    compare(layer, tmp_path / "net.onnx", 1, 4)
    stepwise(layer, tmp_path / "net.step.onnx")


def stepwise(layer: Any, path: Path) -> None:
    """The graph of one step, again and again, is the layer over a sequence."""
    run = session(path)
    x = torch.randn(5, 3, layer.input_size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        _, reached = layer(x)
        y, last = layer(x, reached)
    names = list(layer.equation.states)
    states = [state.numpy() for state in tuple_of(reached)]
    for t in range(len(x)):
        given = {f"{name}_0": state for name, state in zip(names, states, strict=True)}
        out, *states = run.run(None, {"x": x[t].numpy(), **given})
        assert_agrees(out, y[t], tolerance=FLOAT32, name=layer.equation.name)
    for state, expected in zip(states, tuple_of(last), strict=True):
        assert_agrees(state, expected, tolerance=FLOAT32, name=layer.equation.name)


@pytest.mark.parametrize("name", ["lstm", "gru", "elman relu", "slstm", "mgu", "projectedlstm"])
def test_both_directions_lengths_and_batch_first(tmp_path: Path, name: str) -> None:
    layer = layer_of(name, num_layers=2, bidirectional=True, batch_first=True)
    done = unrolled.export(layer, tmp_path / "net.onnx", lengths=True)
    assert not (tmp_path / "net.step.onnx").exists()
    assert "no graph of one step" in str(done)
    compare(layer, tmp_path / "net.onnx", 6, 4, [6, 1, 4, 2])
    compare(layer, tmp_path / "net.onnx", 3, 2, [2, 3])


@pytest.mark.parametrize("bias", [True, False])
def test_layers_like_those_of_torch(tmp_path: Path, bias: bool) -> None:
    for layer in (
        unrolled.LSTM(3, 5, num_layers=2, bias=bias),
        unrolled.GRU(3, 5, bidirectional=True, bias=bias),
        unrolled.RNN(3, 5, nonlinearity="relu", bias=bias),
    ):
        unrolled.export(layer, tmp_path / "net.onnx")
        assert "Scan" not in operations(tmp_path / "net.onnx")
        compare(layer, tmp_path / "net.onnx", 4, 3)


def test_float64_and_a_readout(tmp_path: Path) -> None:
    from unrolled.exports.onnx_file import sequence_model

    found = network_of(unrolled.cells.MGU(3, 4, seed=0))
    matrix = np.random.default_rng(0).normal(size=(2, 4))
    model = sequence_model(Network(found.equation, found.layers, (matrix, np.array([1.0, 2.0]))))
    xs = np.random.default_rng(1).normal(size=(6, 1, 3))
    y, _ = session(model).run(None, {"x": xs, "h_0": np.zeros((1, 1, 4))})
    expected, _ = unrolled.cells.MGU(3, 4, seed=0).unroll(xs[:, 0])
    assert_agrees(y[:, 0], expected @ matrix.T + [1.0, 2.0], tolerance=FLOAT64)


def test_states_may_have_any_name(tmp_path: Path) -> None:
    layer = layer_of("awkward")
    unrolled.export(layer, tmp_path / "net.onnx")
    names = [one.name for one in session(tmp_path / "net.onnx").get_inputs()]
    assert names == ["x", "h_0", "states_0"]


def test_the_models_say_what_they_are(tmp_path: Path) -> None:
    unrolled.export(unrolled.cells.MGU(3, 4), tmp_path / "net.onnx")
    model = onnx.load(tmp_path / "net.onnx")
    assert model.opset_import[0].version == 17
    assert "sigmoid(W_f @ x" in model.doc_string
    shape = model.graph.input[0].type.tensor_type.shape
    assert [axis.dim_param or axis.dim_value for axis in shape.dim] == ["time", "batch", 3]
