"""What is random in training, beside loops in plain PyTorch that are given the same masks; and that
it comes from the seed, is the same when a sequence is computed twice, and is a mean in evaluation.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.tolerances import EXACT, FLOAT64, assert_agrees
from unrolled import (
    Cell,
    CellError,
    Recurrent,
    ShapeError,
    check_gradients,
    equation,
    export,
    modify,
    tanh,
)
from unrolled.cells import GRU, LSTM, SLSTM
from unrolled.cells.modifiers import (
    Modifier,
    RecurrentDropout,
    VariationalDropout,
    WeightDrop,
    Zoneout,
)
from unrolled.engines.plan.lower import backward_graphs, lower
from unrolled.layers.noise import mask

T, B, I, H = 5, 3, 4, 6
ALL: list[Modifier] = [
    Zoneout(0.3), RecurrentDropout(0.25), VariationalDropout(0.5, 0.2), WeightDrop(0.4),
]  # fmt: skip


class Reservoir(Cell):
    """Matrices that stay as drawn, one of them under an operation, and a learned vector."""

    fixed = ("W", "U")

    def step(self, x: Any, h: Any) -> Any:
        return tanh(self.W @ x + (self.U - self.U.T) @ h + self.b)


def made(cell: Any, *modifiers: Modifier, **options: Any) -> Recurrent:
    torch.manual_seed(3)
    layer = Recurrent(cell, I, H, modifiers=modifiers, dtype=torch.float64, **options)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter += 0.3 * torch.randn_like(parameter)
    return layer


def gates(w: Callable[[str], Tensor], x: Tensor, h: Tensor) -> list[Tensor]:
    a = [x @ w(f"W_{g}").T + h @ w(f"U_{g}").T + w(f"b_{g}") for g in "ifgo"]
    return [torch.sigmoid(a[0]), torch.sigmoid(a[1]), torch.tanh(a[2]), torch.sigmoid(a[3])]


def lstm_loop(
    layer: Recurrent, x: Tensor, keep: Any = None, drop_g: Any = None, drop_h: Any = 1.0
) -> Tensor:
    """A plain LSTM. `keep`: zoneout's masks of h and c by step; `drop_g`: of the candidate by step;
    `drop_h`: one for the whole sequence."""
    h = c = x.new_zeros(x.shape[1], H)
    outputs = []
    for t, step in enumerate(x):
        i, f, g, o = gates(lambda n: layer.get_parameter(f"{n}_l0"), step, h * drop_h)
        new_c = f * c + i * (g if drop_g is None else g * drop_g[t])
        new_h = o * torch.tanh(new_c)
        if keep is not None:
            keep_h, keep_c = keep[0][t], keep[1][t]
            h, c = keep_h * h + (1 - keep_h) * new_h, keep_c * c + (1 - keep_c) * new_c
        else:
            h, c = new_h, new_c
        outputs.append(h)
    return torch.stack(outputs)


def assert_same(layer: Recurrent, run: Callable[[Tensor], Tensor], loop: Any) -> None:
    x = torch.randn(T, B, I, dtype=torch.float64, requires_grad=True)
    d_y = torch.randn(T, B, H, dtype=torch.float64)
    given = [x, *layer.parameters()]
    y, expected = run(x), loop(x)
    assert_agrees(y, expected, tolerance=FLOAT64)
    found, wanted = torch.autograd.grad(y, given, d_y), torch.autograd.grad(expected, given, d_y)
    for one, other in zip(found, wanted, strict=True):
        assert_agrees(one, other, tolerance=FLOAT64)


def random_mask(*shape: int, share: float, on: float = 1.0) -> Tensor:
    """As a layer draws it, with a value of its own."""
    drawn = mask(shape, share, 1.0, torch.empty(0, dtype=torch.float64))
    return (drawn > 0).double() * on


@pytest.mark.parametrize("share", [0.1, 0.5, 0.75, 1.0])
def test_a_mask_is_on_as_often_as_asked_and_has_the_mean(share: float) -> None:
    torch.manual_seed(0)
    drawn = mask((50, 41, 37), share, 0.5, torch.empty(0, dtype=torch.float64))
    often = (drawn > 0).double().mean()
    assert abs(often - share) < 5 * (share * (1 - share) / drawn.numel()) ** 0.5 + 1e-9
    assert len(drawn.unique()) == (1 if share == 1 else 2)
    assert_agrees(drawn.max() * round(share * 65536) / 65536, 0.5, tolerance=FLOAT64)
    first, second = drawn[:25].flatten() > 0, drawn[25:].flatten() > 0
    together = (first & second).double().mean()
    assert abs(together - share**2) < 0.01, "and each for itself"


@pytest.mark.parametrize("engine", ["cpu", "torch"])
def test_zoneout(engine: str) -> None:
    layer = made(LSTM, Zoneout(0.3), engine=engine)
    keep = [random_mask(T, B, H, share=0.3) for _ in "hc"]
    assert_same(layer, lambda x: layer(x, keep_h=keep[0], keep_c=keep[1])[0],
                lambda x: lstm_loop(layer, x, keep=keep))  # fmt: skip
    whole = [torch.full((T, B, H), 0.3, dtype=torch.float64)] * 2
    layer.eval()
    assert_same(layer, lambda x: layer(x)[0], lambda x: lstm_loop(layer, x, keep=whole))


def test_recurrent_dropout() -> None:
    layer = made(LSTM, RecurrentDropout(0.25))
    drop = random_mask(T, B, H, share=0.75, on=4 / 3)
    assert_same(layer, lambda x: layer(x, drop_g=drop)[0],
                lambda x: lstm_loop(layer, x, drop_g=drop))  # fmt: skip


def test_variational_dropout_has_one_mask_for_each_sequence() -> None:
    layer = made(LSTM, VariationalDropout(0.5, 0.2))
    torch.manual_seed(7)
    drop_h = random_mask(1, B, H, share=0.5, on=2.0)[0]
    drop_x = random_mask(1, B, I, share=0.8, on=65536 / round(0.8 * 65536))

    def run(x: Tensor) -> Tensor:
        torch.manual_seed(7)
        return layer(x)[0]  # type: ignore[no-any-return]

    assert_same(layer, run, lambda x: lstm_loop(layer, x * drop_x, drop_h=drop_h))


def test_weight_drop_leaves_out_the_same_numbers_at_every_step() -> None:
    layer, plain = made(LSTM, WeightDrop(0.4)), made(LSTM)
    plain.load_state_dict(layer.state_dict())
    torch.manual_seed(7)
    masks = {
        f"U_{g}_l0": random_mask(H, H, share=0.6, on=65536 / round(0.6 * 65536)) for g in "ifgo"
    }
    with torch.no_grad():
        for name, mask in masks.items():
            plain.get_parameter(name).mul_(mask)
    x = torch.randn(T, B, I, dtype=torch.float64)
    torch.manual_seed(7)
    y, expected = layer(x)[0], plain(x)[0]
    assert_agrees(y, expected, tolerance=FLOAT64)
    y.square().sum().backward()
    expected.square().sum().backward()
    for name, parameter in plain.named_parameters():
        found = layer.get_parameter(name).grad
        assert_agrees(found, parameter.grad * masks.get(name, 1.0), tolerance=FLOAT64, name=name)


@pytest.mark.parametrize("modifier", ALL, ids=str)
def test_the_seed_decides_and_recomputation_sees_the_same(modifier: Modifier) -> None:
    x = torch.randn(40, B, I, dtype=torch.float64)
    results = []
    for bptt, seed in (("whole", 1), ("whole", 1), ("recompute", 1), ("whole", 2)):
        layer = made(LSTM, modifier, bptt=bptt, num_layers=2)
        torch.manual_seed(seed)
        y = layer(x)[0]
        y.square().sum().backward()
        results.append([y.detach(), *(p.grad for p in layer.parameters())])
    for one, again, recomputed in zip(*results[:3], strict=True):
        assert_agrees(one, again, tolerance=EXACT)
        assert_agrees(recomputed, one, tolerance=FLOAT64)
    assert not torch.equal(results[0][0], results[3][0])


@pytest.mark.parametrize("modifier", ALL, ids=str)
def test_evaluation_is_not_random(modifier: Modifier) -> None:
    layer = made(LSTM, modifier).eval()
    x = torch.randn(T, B, I, dtype=torch.float64)
    assert_agrees(layer(x)[0], layer(x)[0].clone(), tolerance=EXACT)
    if not isinstance(modifier, Zoneout):  # the rest are dropout: off
        plain = made(LSTM).eval()
        plain.load_state_dict(layer.state_dict())
        assert_agrees(layer(x)[0], plain(x)[0], tolerance=FLOAT64)
    stream = layer.stream(batch=B)
    steps = torch.stack([stream.step(step).clone() for step in x])
    assert_agrees(steps, layer(x)[0], tolerance=FLOAT64)


def test_padding_and_both_directions() -> None:
    layer = made(GRU, VariationalDropout(0.5), Zoneout(0.2), bidirectional=True)
    x = torch.randn(T, B, I, dtype=torch.float64)
    y = layer(x, lengths=[5, 0, 2])[0]
    assert torch.isfinite(y).all()
    assert (y[2:, 2] == 0).all()


@pytest.mark.parametrize(
    "cell",
    [modify(GRU, VariationalDropout(0.5), Zoneout(0.1)), modify(LSTM, RecurrentDropout(0.2))],
)
def test_the_random_ones_are_proved(cell: Any) -> None:
    assert check_gradients(cell, kernels=False).passed


def test_masks_and_fixed_weights_have_no_derivative() -> None:
    found = equation(modify(LSTM, Zoneout(0.1)))
    assert "d_keep_h = 0\n" in found.backward.text
    assert "keep_h_dot =" not in found.tangent.text
    graphs = backward_graphs(lower(equation(Reservoir)))
    assert {v.name for v in graphs.gradients} == {"x", "h", "b"}
    assert check_gradients(Reservoir, order=2).passed
    layer = made(LSTM, Zoneout(0.3))
    keep = torch.rand(T, B, H, dtype=torch.float64, requires_grad=True)
    with pytest.raises(ShapeError, match=r"keep_h is a random mask, .*pass keep_h.detach\(\)"):
        layer(torch.randn(T, B, I, dtype=torch.float64), keep_h=keep)


def test_an_export_has_the_mean(tmp_path: Path) -> None:
    export(modify(LSTM, Zoneout(0.25))(I, H, seed=0), tmp_path / "cell.c")
    text = (tmp_path / "cell.c").read_text()
    assert "0.25f * " in text
    assert "keep_h" not in text


def test_what_is_kept_says_what_is_random() -> None:
    found = equation(modify(LSTM, WeightDrop(0.5), Zoneout(0.1, "c")))
    again = type(found).from_json(found.to_json())
    assert again.noise["keep_c"] == ("step", 0.1)
    assert again.noise["U_f"] == ("call", 0.5)
    with pytest.raises(CellError, match="m of SLSTM begins at -inf"):
        modify(SLSTM, Zoneout(0.1))
    with pytest.raises(CellError, match="LSTM has no state 'x'; it has h, c"):
        modify(LSTM, Zoneout(0.1, "x"))
