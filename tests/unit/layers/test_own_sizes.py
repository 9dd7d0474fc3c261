"""Cells with sizes and hyperparameters of their own, as layers."""

import copy
import re
from typing import Any, ClassVar

import pytest
import torch

import unrolled
from unrolled import Cell, CellError, Recurrent, ShapeError, check_gradients, tanh


class Memory(Cell):
    """A linear memory of an order of its own beside the hidden units."""

    leak = 0.2
    sizes: ClassVar = {"m": "order"}

    def step(self, x: Any, h: Any, m: Any) -> Any:
        m = self.A @ m + self.B @ x
        return (1 - self.leak) * h + self.leak * tanh(self.W @ x + self.U @ h + self.V @ m), m


LAYERS = {
    "sizes": lambda: Recurrent(Memory, 3, 4, sizes={"order": 6}),
    "cell": lambda: Recurrent(Memory(order=6), 3, 4),
    "cell with weights": lambda: Recurrent(Memory(3, 4, order=6), 3, 4),
    "both": lambda: Recurrent(Memory(order=2), 3, 4, sizes={"order": 6}),
    "equation": lambda: Recurrent(unrolled.equation(Memory), 3, 4, sizes={"order": 6}),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_size_is_given_to_the_layer_or_comes_with_the_cell(name: str) -> None:
    layer = LAYERS[name]()
    y, (h, m) = layer(torch.ones(5, 2, 3))
    assert (y.shape, h.shape, m.shape) == ((5, 2, 4), (1, 2, 4), (1, 2, 6))
    assert repr(layer) == "Recurrent(Memory, 3, 4, order=6, engine='cpu')"


def test_an_instance_keeps_its_hyper_parameters() -> None:
    layer = Recurrent(Memory(order=6, leak=1.0), 3, 4)
    assert "order=6, leak=1.0" in repr(layer)
    assert repr(copy.deepcopy(layer)) == repr(layer)
    other = Recurrent(Memory(order=6, leak=0.0), 3, 4)
    y, _ = other(torch.ones(5, 2, 3))
    assert not y.any()
    assert layer(torch.ones(5, 2, 3))[0].any()


def test_a_cell_without_weights_keeps_its_size() -> None:
    assert repr(Memory(order=6)) == "Memory(order=6)"
    assert repr(Memory(3, 4, order=6)) == "Memory(input_size=3, hidden_size=4, order=6)"
    drawn = check_gradients(Memory(order=6), kernels=False).drawn
    assert all(line.endswith("order 6") for line in drawn)


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: Recurrent(Memory, 3, 4), 'order: give it to the layer, sizes={"order": 8}'),
        (lambda: Recurrent(Memory, 3, 4, sizes={"ordr": 6}), "no such size; it has order"),
        (lambda: Recurrent(Memory, 3, 4, sizes={"order": 0}), "order must be a positive integer"),
        (lambda: Memory(order=0), "order must be a positive integer, not 0"),
        (
            lambda: Recurrent(unrolled.cells.GRU, 3, 4, sizes={"rank": 1}),
            "no such size; it has none",
        ),
        (lambda: Recurrent(unrolled.cells.ProjectedLSTM, 3, 4), "the layer, proj_size=32, or"),
    ],
)
def test_a_missing_or_unknown_size_is_a_sentence(build: Any, sentence: str) -> None:
    with pytest.raises(ShapeError, match=re.escape(sentence)):
        build()


def test_a_cell_without_weights_is_no_layer() -> None:
    class Nothing(Cell):
        def step(self, x: Any, h: Any) -> Any:
            return tanh(h) + x

    with pytest.raises(CellError, match="Nothing has no weights"):
        Recurrent(Nothing, 4, 4)
