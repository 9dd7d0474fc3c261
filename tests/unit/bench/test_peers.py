"""Every way to run a cell computes what the cell's own step does, and so do its gradients."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.tolerances import FLOAT32, assert_agrees
from unrolled import cells
from unrolled.bench import layouts, loop_steps, parity, peers
from unrolled.bench.contestant import Contestant
from unrolled.bench.parity import Disagreement
from unrolled.bench.peers import ours
from unrolled.bench.problem import BUILT_IN, OWN, Problem, Shape
from unrolled.cells.base import equation
from unrolled.equations.interpret import backward, forward

SHAPE = Shape(3, 7, 5, 4)
RUNS = {"torch.nn": BUILT_IN, "Python loop": BUILT_IN + OWN, "JAX lax.scan": BUILT_IN + OWN}
TRAINING = [pytest.param(name, cell, id=f"{name} {cell}") for name in RUNS for cell in RUNS[name]]


def expected(problem: Problem) -> dict[str, Any]:
    """By the equation and its derived derivative, in float64: no engine, no peer."""
    weights = {name: np.float64(weight) for name, weight in problem.weights.items()}
    eq = equation(getattr(cells, problem.cell))
    xs = np.float64(problem.x).transpose(0, 2, 1)  # (T, I, B)
    run = forward(eq, weights, xs, input_size=problem.shape.I, hidden_size=problem.shape.H)
    found = backward(run, np.float64(problem.d_y).transpose(0, 2, 1))
    results = {"y": run.outputs.transpose(0, 2, 1), "d_x": found.inputs.transpose(0, 2, 1)}
    return results | {f"d_{name}": gradient for name, gradient in found.weights.items()}


def present(name: str, work: str, problem: Problem) -> Any:
    """The peer's results; where it is not installed, there is nothing to test."""
    for package in peers.PEERS[name][1]:
        pytest.importorskip(package)
    return peers.maker(name, work)(problem, 1).results()


@pytest.mark.parametrize(("name", "cell"), TRAINING)
def test_training_agrees_with_the_equation(name: str, cell: str) -> None:
    problem = Problem(cell, SHAPE, input_gradient=True)
    parity.compare({"the equation": expected(problem), name: present(name, "training", problem)})


@pytest.mark.parametrize(("name", "cell"), TRAINING)
def test_inference_agrees_with_the_step(name: str, cell: str) -> None:
    problem = Problem(cell, SHAPE)
    assert_agrees(present(name, "inference", problem)["y"], reference(problem), tolerance=FLOAT32)


@pytest.mark.parametrize("cell", BUILT_IN)
def test_onnx_agrees_with_the_step(cell: str) -> None:
    problem = Problem(cell, SHAPE)
    y = present("ONNX Runtime", "inference", problem)["y"]
    assert_agrees(y, reference(problem), tolerance=FLOAT32)


@pytest.mark.parametrize("name", ["torch.nn", "ONNX Runtime", "ONNX Runtime, bound"])
@pytest.mark.parametrize("cell", BUILT_IN)
def test_a_stream_agrees_with_the_step(name: str, cell: str) -> None:
    problem = Problem(cell, Shape(1, 7, 5, 4))
    y = present(name, "stream", problem)["y"]
    assert_agrees(y, reference(problem), tolerance=FLOAT32)


OURS = [(cell, False) for cell in BUILT_IN + OWN] + [(cell, True) for cell in BUILT_IN]


@pytest.mark.parametrize(("cell", "drop_in"), OURS)
def test_ours_agrees_with_the_equation(cell: str, drop_in: bool) -> None:
    problem = Problem(cell, SHAPE, input_gradient=True)
    results = ours.training(problem, drop_in).results
    assert results is not None
    parity.compare({"the equation": expected(problem), "ours": results()})


@pytest.mark.parametrize("how", [ours.stream, ours.stream_in_place])
@pytest.mark.parametrize("cell", BUILT_IN)
def test_our_stream_agrees_with_the_step(how: Callable[..., Contestant], cell: str) -> None:
    problem = Problem(cell, Shape(1, 7, 5, 4))
    results = how(problem, drop_in=True).results
    assert results is not None
    assert_agrees(results()["y"], reference(problem), tolerance=FLOAT32)


@pytest.mark.parametrize("cell", BUILT_IN)
def test_packed_sequences_and_lengths_agree(cell: str) -> None:
    problem = Problem(cell, SHAPE, ragged=True, input_gradient=True)
    assert problem.tokens < SHAPE.T * SHAPE.B
    results = ours.ragged(problem, drop_in=True).results
    assert results is not None
    theirs = present("torch.nn", "ragged", problem)
    parity.compare({"torch.nn": theirs, "ours": results()})
    assert not theirs["y"][~problem.going].any()


def test_without_the_inputs_gradient_nobody_computes_it() -> None:
    problem = Problem("GRU", SHAPE)
    for name in RUNS:
        assert "d_x" not in present(name, "training", problem)


def test_a_peer_with_swapped_gates_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = Problem("LSTM", SHAPE)
    right = present("Python loop", "training", problem)
    swapped = {**layouts.JOINED["LSTM"], "U": ("U_f", "U_i", "U_g", "U_o")}
    monkeypatch.setitem(layouts.JOINED, "LSTM", swapped)
    with pytest.raises(Disagreement, match="Python loop"):
        parity.compare({"right": right, "Python loop": present("Python loop", "training", problem)})


def test_a_wrong_step_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = Problem("LiGRU", SHAPE)
    monkeypatch.setitem(loop_steps.STEPS, "LiGRU", lambda *given: (-loop_steps.li_gru(*given)[0],))
    with pytest.raises(Disagreement, match="Python loop"):
        parity.compare(
            {
                "the equation": expected(problem),
                "Python loop": present("Python loop", "training", problem),
            }
        )


def reference(problem: Problem) -> Any:
    """The user's own step over the sequence, in float64."""
    cell = getattr(cells, problem.cell)(SHAPE.I, SHAPE.H)
    for name, weight in problem.weights.items():
        setattr(cell, name, weight)
    outputs, _ = cell.unroll(np.float64(problem.x).transpose(0, 2, 1))
    return outputs.transpose(0, 2, 1)
