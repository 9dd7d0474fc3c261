"""A recurrence in blocks: beside a plain loop with block-diagonal matrices, for blocks of whole
vectors, which kernels pack as they are, and for others, which become whole matrices before.
"""

from typing import Any

import pytest
import torch
from torch import Tensor

from tests.tolerances import FLOAT64, assert_agrees
from unrolled import (
    ArgumentError,
    CellError,
    Equation,
    Recurrent,
    ShapeError,
    check_gradients,
    equation,
    modify,
)
from unrolled.cells import GRU, LSTM, Elman, ProjectedLSTM
from unrolled.cells.modifiers import Heads, LayerNorm, WeightDrop
from unrolled.engines.plan.lower import lower
from unrolled.exports.numpy_script import numpy_script

T, B, I = 4, 3, 5


def lstm_loop(layer: Recurrent, x: Tensor, heads: int) -> Tensor:
    """A plain LSTM whose recurrent matrices are block diagonal."""
    w = {name.removesuffix("_l0"): weight for name, weight in layer.named_parameters()}
    u = {g: torch.block_diag(*w[f"U_{g}"].chunk(heads)) for g in "ifgo"}
    h = c = x.new_zeros(B, layer.hidden_size)
    outputs = []
    for step in x:
        a = {g: step @ w[f"W_{g}"].T + h @ u[g].T + w[f"b_{g}"] for g in "ifgo"}
        c = torch.sigmoid(a["f"]) * c + torch.sigmoid(a["i"]) * torch.tanh(a["g"])
        h = torch.sigmoid(a["o"]) * torch.tanh(c)
        outputs.append(h)
    return torch.stack(outputs)


@pytest.mark.parametrize(("hidden", "engine"), [(64, "cpu"), (12, "cpu"), (12, "torch")])
def test_it_is_that_of_a_loop(hidden: int, engine: str) -> None:
    torch.manual_seed(2)
    layer = Recurrent(LSTM, I, hidden, modifiers=[Heads(4)], dtype=torch.float64, engine=engine)
    assert layer.get_parameter("U_f_l0").shape == (hidden, hidden // 4)
    x = torch.randn(T, B, I, dtype=torch.float64, requires_grad=True)
    d = torch.randn(T, B, hidden, dtype=torch.float64)
    y, expected = layer(x)[0], lstm_loop(layer, x, 4)
    assert_agrees(y.detach(), expected.detach(), tolerance=FLOAT64)
    wanted = [x, *layer.parameters()]
    found = torch.autograd.grad((y * d).sum(), wanted)
    right = torch.autograd.grad((expected * d).sum(), wanted)
    for mine, theirs in zip(found, right, strict=True):
        assert_agrees(mine, theirs, tolerance=FLOAT64)


def test_kernels_skip_the_zeros_of_whole_blocks() -> None:
    found = equation(modify(Elman, Heads(4)))
    assert lower(found, blocks=True).weights["U"] == ("hidden_size", "hidden_size/4")
    assert set(lower(found).prelude.values()) == {found.locals["h"].args[0].args[0].args[1].args[0]}
    work = [equation(cell).operation_count(input_size=1, hidden_size=64)
            for cell in (Elman, modify(Elman, Heads(4)))]  # fmt: skip
    assert work[0] - work[1] == 2 * 64 * (64 - 16)


@pytest.mark.exhaustive
@pytest.mark.parametrize("cell", [modify(LSTM, Heads(2)), modify(GRU, LayerNorm(), Heads(3))])
def test_it_is_proved_and_stored(cell: Any) -> None:
    assert check_gradients(cell, order=2).passed
    found = equation(cell)
    assert Equation.from_json(found.to_json()) == found


def test_with_weight_drop_the_blocks_are_dropped() -> None:
    layer = Recurrent(LSTM, I, 8, modifiers=[Heads(2), WeightDrop(0.5)])
    assert torch.isfinite(layer(torch.randn(T, B, I))[0]).all()


def test_a_script_of_it_checks_itself() -> None:
    known: dict[str, Any] = {"__name__": "script"}
    exec(compile(numpy_script(equation(modify(GRU, Heads(4)))), "script", "exec"), known)  # noqa: S102
    assert known["check_gradients"]() < 1e-6


def test_what_it_refuses() -> None:
    with pytest.raises(ShapeError, match="cuts hidden_size into 4 blocks of one size, and 10 is"):
        Recurrent(LSTM, I, 10, modifiers=[Heads(4)])
    with pytest.raises(CellError, match="U_i of ProjectedLSTM is hidden_size x proj_size"):
        modify(ProjectedLSTM, Heads(2))
    with pytest.raises(ArgumentError, match="heads must be a positive integer, not 0"):
        modify(LSTM, Heads(0))
    assert equation(modify(LSTM, Heads(1))) == equation(LSTM)
