"""First values: each rule draws what it says."""

from typing import Any

import numpy as np
import pytest
import torch

from tests.tolerances import EXACT, FLOAT64, assert_agrees
from unrolled import Cell, CellError, Equation, Recurrent, check_gradients, equation, tanh
from unrolled.cells import LSTM
from unrolled.cells.initial import draw

generator = np.random.default_rng(0)


@pytest.mark.parametrize("shape", [(4, 4), (3, 6), (6, 3)])
def test_orthogonal(shape: tuple[int, int]) -> None:
    q = draw("orthogonal", shape, 4, generator)
    assert q.shape == shape
    square = q @ q.T if shape[0] <= shape[1] else q.T @ q
    assert_agrees(square, np.eye(min(shape)), tolerance=FLOAT64)


def test_identity_number_and_range() -> None:
    assert draw("identity", (2, 3), 4, generator).tolist() == [[1, 0, 0], [0, 1, 0]]
    assert draw(0.5, (2,), 4, generator).tolist() == [0.5, 0.5]
    assert draw(2, (), 4, generator).tolist() == 2.0
    drawn = draw(("uniform", 3.0, 4.0), (1000,), 4, generator)
    assert 3 <= drawn.min() < 3.05
    assert 3.95 < drawn.max() <= 4


def test_glorot_and_what_is_not_declared() -> None:
    drawn = draw("glorot", (40, 60), 4, generator)
    assert 0.23 < np.abs(drawn).max() <= np.sqrt(6 / 100)
    drawn = draw(None, (40, 60), 16, generator)
    assert 0.24 < np.abs(drawn).max() <= 0.25


def test_a_class_declares_them() -> None:
    class Mine(Cell):
        initial = {"b": 1.0, "U": "orthogonal"}

        def step(self, x: Any, h: Any) -> Any:
            return tanh(self.W @ x + self.U @ h + self.b)

    class Other(Mine):
        initial = {"b": -1.0}

    cell = Mine(3, 4, seed=0)
    assert cell.b.tolist() == [1] * 4
    assert_agrees(cell.U @ cell.U.T, np.eye(4), tolerance=FLOAT64)
    assert Other(3, 4, seed=0).b.tolist() == [-1] * 4


def test_chrono_gives_memories_of_every_length() -> None:
    class Chrono(LSTM):
        initial = {"b_f": ("chrono", 100), "b_i": ("minus", "b_f")}

    cell = Chrono(3, 2000, seed=0)
    lengths = 1 + np.exp(cell.b_f)  # sigmoid(b) = 1 - 1 / length
    assert 2 <= lengths.min() < 2.5
    assert 99 < lengths.max() <= 100
    assert abs(lengths.mean() - 51) < 2
    assert_agrees(cell.b_i, -cell.b_f, tolerance=EXACT)
    layer = Recurrent(Chrono, 3, 8)
    assert_agrees(layer.b_i_l0.detach().numpy(), -layer.b_f_l0.detach().numpy(), tolerance=EXACT)


@pytest.mark.parametrize("share", [1.0, 0.1])
@pytest.mark.parametrize("units", [1, 2, 40])
def test_a_spectral_radius_is_what_was_asked_for(units: int, share: float) -> None:
    matrix = draw(("spectral", 0.9, share), (units, units), units, generator)
    assert_agrees(np.abs(np.linalg.eigvals(matrix)).max(), 0.9, tolerance=FLOAT64)
    assert (np.count_nonzero(matrix, axis=1) == max(1, round(share * units))).all()


def band(shape: tuple[int, ...], random: np.random.Generator, sizes: dict[str, int]) -> Any:
    """Both diagonals beside the middle one; asked for with the sizes that there are."""
    assert sizes["hidden_size"] == shape[0]
    return random.normal() + np.eye(*shape, k=1) - np.eye(*shape, k=-1)


class Reservoir(Cell):
    """An echo state network (Jaeger 2001): what recurs, and what comes in, stays as drawn."""

    fixed = ("W", "U")
    initial = {"U": ("spectral", 0.9, 0.5), "W": ("uniform", -1.0, 1.0), "A": band}

    def step(self, x: Any, h: Any) -> Any:
        return tanh(self.W @ x + self.U @ h) + 0.01 * (self.A @ h)


def test_a_function_gives_first_values() -> None:
    cell = Reservoir(3, 5, seed=1)
    assert_agrees(cell.A - cell.A[0, 0], np.eye(5, k=1) - np.eye(5, k=-1), tolerance=FLOAT64)
    assert_agrees(Reservoir(3, 5, seed=1).A, cell.A, tolerance=EXACT)
    torch.manual_seed(0)
    first, second = (Recurrent(Reservoir, 3, 5).A_l0 for _ in range(2))
    assert not torch.equal(first, second)


def test_what_is_fixed_is_no_parameter_and_is_stored() -> None:
    layer = Recurrent(Reservoir, 3, 5, bidirectional=True)
    assert [name for name, _ in layer.named_parameters()] == ["A_l0", "A_l0_reverse"]
    assert equation(Reservoir).weight_count(input_size=3, hidden_size=5) == 25
    before = layer.U_l0.clone()
    y, _ = layer(torch.randn(4, 2, 3))
    y.sum().backward()
    torch.optim.SGD(layer.parameters(), lr=1.0).step()
    assert torch.equal(layer.U_l0, before)
    again = Recurrent(Equation.from_json(equation(Reservoir).to_json()), 3, 5, bidirectional=True)
    assert torch.isnan(again.A_l0).all(), "a function is not data: its numbers are loaded"
    again.load_state_dict(layer.state_dict())
    x = torch.randn(4, 2, 3)
    assert torch.equal(again(x)[0], layer(x)[0])
    assert check_gradients(Reservoir, kernels=False).passed


def test_a_function_of_another_shape_is_refused() -> None:
    class Wrong(Reservoir):
        initial = {"A": lambda shape, random, sizes: np.zeros(3)}

    with pytest.raises(CellError, match=r"asked for an array of the shape \(5, 5\)"):
        Wrong(3, 5)
