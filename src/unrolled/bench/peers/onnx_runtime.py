"""ONNX Runtime's recurrent operators: a whole sequence, or one step with explicit states."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from unrolled.bench.contestant import Contestant
from unrolled.bench.layouts import ONNX, join
from unrolled.bench.problem import Array, Problem

OPERATORS = {"Elman": "RNN", "GRU": "GRU", "LSTM": "LSTM"}
STATES = {"Elman": ("h",), "GRU": ("h",), "LSTM": ("h", "c")}
OPSET, IR = 17, 8  # old enough for every runtime that the extra allows


def model(problem: Problem, streaming: bool) -> bytes:
    """x (T, B, I) -> Y (T, 1, B, H); streaming: (x, states) -> new states."""
    shape, states = problem.shape, STATES[problem.cell]
    joined = join(ONNX[problem.cell], problem.weights)
    inputs, outputs = ["x", "W", "R", "B"], ["Y"]
    given = [_value("x", (shape.T, shape.B, shape.I))]
    results = [_value("Y", (shape.T, 1, shape.B, shape.H))]
    if streaming:
        inputs += ["", *states]  # the empty one: lengths
        outputs = ["", *(f"new_{state}" for state in states)]
        given = [_value("x", (1, 1, shape.I)), *(_value(s, (1, 1, shape.H)) for s in states)]
        results = [_value(name, (1, 1, shape.H)) for name in outputs[1:]]
    options: dict[str, Any] = {"linear_before_reset": 1} if problem.cell == "GRU" else {}
    node = helper.make_node(
        OPERATORS[problem.cell], inputs, outputs, hidden_size=shape.H, **options
    )
    weights = [numpy_helper.from_array(array[None], name) for name, array in joined.items()]
    graph = helper.make_graph([node], "recurrent", given, results, weights)
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR)
    onnx.checker.check_model(made)
    written: bytes = made.SerializeToString()
    return written


def _value(name: str, shape: tuple[int, ...]) -> Any:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def session(problem: Problem, threads: int, streaming: bool = False) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(
        model(problem, streaming), options, providers=["CPUExecutionProvider"]
    )


def inference(problem: Problem, threads: int) -> Contestant:
    runner = session(problem, threads)

    def run() -> Array:
        found: Array = runner.run(["Y"], {"x": problem.x})[0]
        return found

    return Contestant(run, lambda: {"y": run()[:, 0]})


def stream(problem: Problem, threads: int) -> Contestant:
    """One step a call, arrays in and out. One thread: a second one costs more than it brings."""
    runner = session(problem, 1, streaming=True)
    states = STATES[problem.cell]
    zero = np.zeros((1, 1, problem.shape.H), np.float32)
    xs = [x[None] for x in problem.x]  # each (1, 1, I)
    names = [f"new_{state}" for state in states]

    def run() -> list[Array]:
        now, ys = [zero] * len(states), []
        for x in xs:
            now = runner.run(names, {"x": x, **dict(zip(states, now, strict=True))})
            ys.append(now[0])
        return ys

    return Contestant(run, lambda: {"y": np.concatenate(run())}, repeats=len(xs))
