"""Each modifier beside a loop in plain PyTorch that does the same: outputs and every gradient."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import layer_norm

from tests.tolerances import FLOAT64, assert_agrees
from unrolled import ArgumentError, Cell, CellError, Recurrent, check_gradients, equation, modify
from unrolled.cells import GRU, LRU, LSTM, AntisymmetricRNN, FastGRNN, GRUCho2014
from unrolled.cells.modifiers import CoupledGates, LayerNorm, Modifier, RMSNorm
from unrolled.cells.modifiers.words import library, read_modifier

T, B, I, H = 5, 3, 4, 6


def weights_of(layer: Recurrent) -> dict[str, Tensor]:
    return {n.removesuffix("_l0"): p for n, p in layer.named_parameters()}


def lstm_loop(
    x: Tensor, w: dict[str, Tensor], net: Callable[[str, Tensor], Tensor], coupled: bool = False
) -> Tensor:
    """A plain LSTM, whose pre-activations are `net(gate, products)`."""
    h = c = x.new_zeros(x.shape[1], H)
    outputs = []
    for step in x:
        a = {g: net(g, step @ w[f"W_{g}"].T + h @ w[f"U_{g}"].T)
             for g in "ifgo" if f"W_{g}" in w}  # fmt: skip
        f = torch.sigmoid(a["f"])
        i = 1 - f if coupled else torch.sigmoid(a["i"])
        c = f * c + i * torch.tanh(a["g"])
        h = torch.sigmoid(a["o"]) * torch.tanh(c)
        outputs.append(h)
    return torch.stack(outputs)


def made(cell: Any, *modifiers: Modifier, engine: str = "cpu", **options: Any) -> Recurrent:
    torch.manual_seed(3)
    layer = Recurrent(
        cell, I, H, modifiers=modifiers, engine=engine, dtype=torch.float64, **options
    )
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    return layer


def assert_same(layer: Recurrent, loop: Callable[[Tensor, dict[str, Tensor]], Tensor]) -> None:
    """Outputs and the derivatives with respect to the input and every weight."""
    x = torch.randn(T, B, I, dtype=torch.float64, requires_grad=True)
    d_y = torch.randn(T, B, H, dtype=torch.float64)
    given = [x, *layer.parameters()]
    y = layer(x)[0]
    expected = loop(x, weights_of(layer))
    assert_agrees(y, expected, tolerance=FLOAT64)
    names = ["x", *(name for name, _ in layer.named_parameters())]
    found, wanted = torch.autograd.grad(y, given, d_y), torch.autograd.grad(expected, given, d_y)
    for name, one, other in zip(names, found, wanted, strict=True):
        assert_agrees(one, other, tolerance=FLOAT64, name=name)


@pytest.mark.parametrize("engine", ["cpu", "torch"])
def test_layer_norm(engine: str) -> None:
    def loop(x: Tensor, w: dict[str, Tensor]) -> Tensor:
        return lstm_loop(x, w, lambda g, a: layer_norm(a, (H,), w[f"gain_{g}"], w[f"b_{g}"], 1e-5))

    assert_same(made(LSTM, LayerNorm(), engine=engine), loop)


def test_rms_norm() -> None:
    def loop(x: Tensor, w: dict[str, Tensor]) -> Tensor:
        def net(g: str, a: Tensor) -> Tensor:
            return w[f"gain_{g}"] * a / torch.sqrt((a * a).mean(1, True) + 1e-5) + w[f"b_{g}"]

        return lstm_loop(x, w, net)

    assert_same(made(LSTM, RMSNorm()), loop)


def test_coupled_gates() -> None:
    layer = made(LSTM, CoupledGates())
    assert "i" not in {name[2] for name, _ in layer.named_parameters()}, "its weights are gone"
    assert_same(layer, lambda x, w: lstm_loop(x, w, lambda g, a: a + w[f"b_{g}"], coupled=True))


def test_two_in_turn() -> None:
    def loop(x: Tensor, w: dict[str, Tensor]) -> Tensor:
        return lstm_loop(
            x, w, lambda g, a: layer_norm(a, (H,), w[f"gain_{g}"], w[f"b_{g}"], 1e-5), coupled=True
        )

    assert_same(made(LSTM, CoupledGates(), LayerNorm()), loop)


def test_layer_norm_of_a_gru_keeps_the_parts_of_the_candidate_apart() -> None:
    text = equation(modify(GRU, LayerNorm())).text
    assert "n = tanh(gain_n * ratio_n + b_n + r * m)" in text
    assert "m = gain_n_2 * ratio_m + c_n" in text


@pytest.mark.parametrize(
    ("cell", "modifier"),
    [(GRUCho2014, RMSNorm()), (AntisymmetricRNN, LayerNorm()), (FastGRNN, RMSNorm())],
    ids=str,
)
def test_a_modified_cell_is_proved(cell: Any, modifier: Modifier) -> None:
    changed = modify(cell, modifier)
    assert check_gradients(changed, kernels=False).passed
    assert str(modifier) in equation(changed).name


def test_a_modified_cell_is_a_cell() -> None:
    changed = modify(LSTM, LayerNorm())
    assert issubclass(changed, Cell)
    assert equation(modify(changed, CoupledGates())).name == "LSTM + LayerNorm() + CoupledGates()"
    cell = changed(I, H, seed=0)
    assert (cell.gain_i == 1).all()
    again = type(equation(changed)).from_json(equation(changed).to_json())
    assert again == equation(changed)


@pytest.mark.parametrize(
    ("cell", "modifier", "sentence"),
    [
        (LRU, LayerNorm(), "LRU has no pre-activation"),
        (LSTM, CoupledGates("j", "f"), "LSTM computes no 'j'; it computes i, f, g, o, c, h"),
        (LSTM, CoupledGates("i", "c"), "c is made of i, so i cannot follow from it"),
    ],
)
def test_what_a_modifier_refuses(cell: Any, modifier: Modifier, sentence: str) -> None:
    with pytest.raises(CellError, match=sentence):
        modify(cell, modifier)


def test_modify_takes_modifiers() -> None:
    with pytest.raises(ArgumentError, match="such as LayerNorm\\(\\), not LayerNorm"):
        modify(LSTM, LayerNorm)  # type: ignore[arg-type]


def test_words() -> None:
    assert read_modifier("coupled-gates=i,f") == CoupledGates("i", "f")
    assert read_modifier("LayerNorm") == LayerNorm()
    assert set(library()) >= {"layernorm", "rmsnorm", "coupledgates"}
    with pytest.raises(ArgumentError, match="no modifier 'layrnorm'; did you mean 'layernorm'"):
        read_modifier("layrnorm")
    with pytest.raises(ArgumentError, match="--modify layernorm=1: layernorm takes \\(\\)"):
        read_modifier("layernorm=1")
