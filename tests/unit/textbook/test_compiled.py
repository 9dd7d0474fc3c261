"""The compiled backend beside the NumPy one: outputs, states, losses, every gradient."""

import subprocess
import sys

import numpy as np
import pytest

from tests.tolerances import FLOAT64, assert_agrees
from unrolled import cells
from unrolled.cells import GRU, LSTM, Elman, ProjectedLSTM
from unrolled.cells.base import Cell, equation
from unrolled.errors import ArgumentError
from unrolled.textbook import Momentum, Network, generate_symbols, update

LIBRARY = [getattr(cells, name) for name in cells.__all__ if name != "Cell"]
B = 6


def pair(cell: type[Cell], layers: int, many_to: str, **sizes) -> list[Network]:
    inputs = hidden = 5
    if not equation(cell).input_is_hidden:
        inputs = 3
    if "proj_size" in equation(cell).sizes:
        sizes["proj_size"] = 4
    return [
        Network(
            cell, inputs, hidden, 2, layers, many_to=many_to, seed=1, backend=backend, **sizes
        )
        for backend in ("numpy", "compiled")
    ]  # fmt: skip


def assert_same(ours: Network, theirs: Network, steps: int, batch: int) -> None:
    random = np.random.default_rng(2)
    xs = random.normal(size=(steps, ours.input_size, batch))
    seen = steps if ours.many_to == "many" else 1
    targets = random.integers(0, 2, (seen, batch))
    states = [
        tuple(np.where(np.isfinite(s), random.uniform(0.1, 0.9, s.shape), s) for s in layer)
        for layer in ours.first_states(batch)
    ]
    first, second = (network.evaluate(xs, targets, states) for network in (ours, theirs))
    assert_agrees(second.losses, first.losses, tolerance=FLOAT64)
    assert_agrees(second.trace.outputs, first.trace.outputs, tolerance=FLOAT64)
    assert second.gradients.keys() == first.gradients.keys()
    for name, gradient in first.gradients.items():
        assert_agrees(second.gradients[name], gradient, tolerance=FLOAT64, name=name)
    for one, other in zip(first.trace.layers, second.trace.layers, strict=True):
        for here, there in zip(one.states, other.states, strict=True):
            for state, expected in zip(there, here, strict=True):
                assert_agrees(state, expected, tolerance=FLOAT64)
    for one, other in zip(first.layers, second.layers, strict=True):
        assert_agrees(other.inputs, one.inputs, tolerance=FLOAT64)
        for derivative, expected in zip(other.by_state[0], one.by_state[0], strict=True):
            assert_agrees(derivative, expected, tolerance=FLOAT64)


@pytest.mark.sweep
@pytest.mark.parametrize("cell", LIBRARY, ids=lambda cell: cell.__name__)
def test_every_cell_of_the_library_has_the_same_results(cell):
    assert_same(*pair(cell, 1, "many"), steps=7, batch=B)


@pytest.mark.parametrize("cell", [Elman, GRU, LSTM, ProjectedLSTM])
@pytest.mark.parametrize(("steps", "batch"), [(1, 1), (4, 1), (1, 3), (9, 2)])
def test_deep_networks_have_the_same_results(cell, steps, batch):
    assert_same(*pair(cell, 3, "one"), steps=steps, batch=batch)


def test_the_library_is_there():
    assert {Elman, GRU, LSTM, ProjectedLSTM} <= set(LIBRARY)
    assert len(LIBRARY) > 20


def test_training_has_the_same_losses():
    random = np.random.default_rng(0)
    networks = pair(GRU, 2, "many")
    methods = [Momentum(0.2), Momentum(0.2)]
    for _ in range(10):
        xs, targets = random.normal(size=(8, 3, B)), random.integers(0, 2, (8, B))
        first, second = (
            update(network, xs, targets, method, clip_norm=1.0).loss
            for network, method in zip(networks, methods, strict=True)
        )
        assert_agrees(second, first, tolerance=FLOAT64)


def test_it_writes_the_same_text():
    numpy_one, compiled = (Network(LSTM, 5, 7, 5, seed=0, backend=b) for b in ("numpy", "compiled"))
    start = np.array([0, 3, 1])
    assert np.array_equal(
        generate_symbols(compiled, start, 30, seed=4),
        generate_symbols(numpy_one, start, 30, seed=4),
    )


def test_single_steps_are_refused_by_name():
    _, compiled = pair(Elman, 1, "many")
    with pytest.raises(ArgumentError, match="backend='numpy' to look at them"):
        compiled.evaluate(np.zeros((2, 3, B)), np.zeros((2, B), int), keep_steps=True)


def test_an_unknown_backend_is_explained():
    with pytest.raises(ArgumentError, match="backend='numpy' or backend='compiled'"):
        Network(Elman, 1, 2, 1, backend="fast")


def test_the_textbook_by_itself_loads_neither_torch_nor_llvm():
    code = (
        "import sys, numpy as np, unrolled.textbook as t; from unrolled.cells import Elman; "
        "n = t.Network(Elman, 1, 2, 2); n.evaluate(np.zeros((1, 1, 1)), np.zeros((1, 1), int)); "
        "print([m for m in ('torch', 'llvmlite', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
