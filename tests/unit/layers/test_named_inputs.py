"""Inputs beside the first, `step(self, x, h, *, dt, mask)`, in every form in which layers take
them. The reference is the step on arrays, and for gradients the equation under autograd."""

from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import unrolled
from tests.tolerances import EXACT, FLOAT32, FLOAT64, assert_agrees
from unrolled import ArgumentError, Cell, Recurrent, ShapeError, check_gradients, exp, tanh, where
from unrolled.cells import GRUD, LTC, CfC, PhasedLSTM
from unrolled.engines.cpu.machine.memory import poisoned

T, B, I, H = 7, 3, 5, 9
LENGTHS = [7, 2, 4]


class Irregular(Cell):
    """A number a step, read unit by unit, and a vector, in two products and unit by unit."""

    sizes: ClassVar = {"dt": "1", "mask": "input_size"}

    def step(self, x: Any, h: Any, *, dt: Any, mask: Any) -> Any:
        g = exp(-dt * self.tau**2)
        return g * h + (1 - g) * tanh(self.W @ (mask * x) + self.V @ mask + self.U @ h + self.b)


class TwoProducts(Cell):
    """One matrix on two inputs; a default."""

    sizes: ClassVar = {"dt": "1", "z": "input_size"}

    def step(self, x: Any, h: Any, *, z: Any, dt: Any = 0.5) -> Any:
        return dt * tanh(self.W @ x + self.W @ z + self.U @ h + self.b)


class Held(Cell):
    """An input without a derivative, of the size that its use says."""

    def step(self, x: Any, h: Any, *, z: Any) -> Any:
        return where(z > 0.5, tanh(self.W @ x + self.U @ h), h)


CELLS: list[tuple[type[Cell], dict[str, tuple[int, ...]]]] = [
    (Irregular, {"dt": (T, B), "mask": (T, B, I)}),
    (TwoProducts, {"z": (T, B, I), "dt": (T, B, 1)}),
    (Held, {"z": (T, B, H)}),
]
LAYERS: list[dict[str, Any]] = [
    {},
    {"bidirectional": True, "bptt": 3},
    {"bptt": "recompute"},
    {"num_layers": 2},
]


def _draw(shapes: dict[str, tuple[int, ...]]) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(3)
    return {name: torch.rand(shape, generator=generator, dtype=torch.float64)
            for name, shape in shapes.items()}  # fmt: skip


def _run(layer: Recurrent, x: Tensor, named: dict[str, Tensor], lengths: Any) -> list[Tensor]:
    """Outputs and all gradients."""
    x = x.clone().requires_grad_()
    named = {name: value.clone().requires_grad_() for name, value in named.items()}
    y, states = layer(x, lengths=lengths, **named)
    weights = torch.cos(torch.arange(y.numel(), dtype=y.dtype)).reshape(y.shape)
    ((y * weights).sum() + states.sum()).backward()
    grads = [
        x.grad,
        *(value.grad for value in named.values()),
        *(p.grad for p in layer.parameters()),
    ]
    return [y.detach(), *(torch.zeros(()) if g is None else g for g in grads)]


@pytest.mark.parametrize(("cell", "shapes"), CELLS)
@pytest.mark.parametrize("form", LAYERS, ids=str)
@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["dense", "ragged"])
def test_kernels_give_what_autograd_gives(
    cell: type[Cell], shapes: dict[str, tuple[int, ...]], form: dict[str, Any], lengths: Any
) -> None:
    width = I if "num_layers" in form else H  # a second layer reads what the first one gives
    if width != H and cell is Held:
        shapes = {"z": (T, B, width)}
    layer = Recurrent(cell, I, width, dtype=torch.float64, **form)
    other = Recurrent(cell, I, width, dtype=torch.float64, engine="torch", **form)
    other.load_state_dict(layer.state_dict())
    x, named = torch.randn(T, B, I, dtype=torch.float64), _draw(shapes)
    with poisoned():
        found = _run(layer, x, named, lengths)
    for mine, right in zip(found, _run(other, x, named, lengths), strict=True):
        assert_agrees(mine.numpy(), right.to(mine.dtype).numpy(), tolerance=FLOAT64)


def _layer() -> tuple[Recurrent, Cell]:
    cell = Irregular(I, H, seed=0)
    layer = Recurrent(Irregular, I, H, dtype=torch.float64)
    with torch.no_grad():
        for name, array in cell.weights.items():
            layer.get_parameter(f"{name}_l0").copy_(torch.from_numpy(array))
    return layer, cell


def _given() -> tuple[Tensor, dict[str, Tensor]]:
    x = torch.randn(T, B, I, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    return x, _draw({"dt": (T, B), "mask": (T, B, I)})


def test_a_layer_gives_what_the_step_gives() -> None:
    layer, cell = _layer()
    x, named = _given()
    expected, (h,) = cell.unroll(
        x.numpy().transpose(0, 2, 1), dt=named["dt"].numpy(),
        mask=named["mask"].numpy().transpose(0, 2, 1),
    )  # fmt: skip
    y, state = layer(x, **named)
    assert_agrees(y.detach().numpy(), expected.transpose(0, 2, 1), tolerance=FLOAT64)
    assert_agrees(state[0].detach().numpy(), h.T, tolerance=FLOAT64)
    one, _ = cell.unroll(x[:, 1].numpy(), dt=named["dt"][:, 1], mask=named["mask"][:, 1])
    assert_agrees(one, expected[:, :, 1], tolerance=FLOAT64)


def test_every_form_of_the_input_takes_them_in_its_own() -> None:
    layer, _ = _layer()
    x, named = _given()
    y, _ = layer(x, **named)
    single, _ = layer(x[:, 1], **{name: value[:, 1] for name, value in named.items()})
    assert_agrees(single.detach().numpy(), y[:, 1].detach().numpy(), tolerance=FLOAT64)
    ragged, _ = layer(x, lengths=LENGTHS, **named)
    packed, _ = layer(_packed(x), dt=_packed(named["dt"][..., None]), mask=_packed(named["mask"]))
    unpacked, _ = pad_packed_sequence(packed)
    assert_agrees(unpacked.detach().numpy(), ragged.detach().numpy(), tolerance=FLOAT64)
    layer.batch_first = True
    turned, _ = layer(x.transpose(0, 1), **{n: v.transpose(0, 1) for n, v in named.items()})
    assert_agrees(turned.transpose(0, 1).detach().numpy(), y.detach().numpy(), tolerance=FLOAT64)


def _packed(values: Tensor) -> Any:
    return pack_padded_sequence(values, LENGTHS, enforce_sorted=False)


def test_one_number_stands_for_all() -> None:
    layer, cell = _layer()
    x, _ = _given()
    y, _ = layer(x, dt=0.25, mask=torch.ones((), dtype=torch.float64))
    whole = layer(x, dt=torch.full((T, B), 0.25).double(), mask=torch.ones_like(x))[0]
    assert_agrees(y.detach().numpy(), whole.detach().numpy(), tolerance=EXACT)
    expected, _ = cell.unroll(x[:, 0].numpy(), dt=0.25, mask=1)
    assert_agrees(y[:, 0].detach().numpy(), expected, tolerance=FLOAT64)


def test_a_default_is_what_is_taken_where_nobody_gives_it() -> None:
    layer = Recurrent(TwoProducts, I, H)
    x = torch.randn(T, B, I)
    y, _ = layer(x, z=x)
    assert_agrees(y.detach().numpy(), layer(x, z=x, dt=0.5)[0].detach().numpy(), tolerance=EXACT)
    assert not torch.equal(y, layer(x, z=x, dt=0.4)[0])


@pytest.mark.parametrize("cell", [Irregular, TwoProducts, Held])
def test_derivatives_with_respect_to_them_are_proved(cell: type[Cell]) -> None:
    table = check_gradients(cell)
    names = [row.name for row in table.rows if row.kind == "input"]
    assert names == [*unrolled.equation(cell).inputs]
    assert table.passed


def test_a_large_input_is_multiplied_outside_the_kernel() -> None:
    wide = 70
    layer = Recurrent(Irregular, wide, H, dtype=torch.float64)
    other = Recurrent(Irregular, wide, H, dtype=torch.float64, engine="torch")
    other.load_state_dict(layer.state_dict())
    x, named = torch.randn(T, 1, wide).double(), _draw({"dt": (T, 1), "mask": (T, 1, wide)})
    found = _run(layer, x, named, None)
    for mine, right in zip(found, _run(other, x, named, None), strict=True):
        assert_agrees(mine.numpy(), right.numpy(), tolerance=FLOAT64)
    assert np.isfinite(found[0].numpy()).all()


@pytest.mark.parametrize("cell", [CfC, LTC, PhasedLSTM, GRUD])
def test_cells_of_the_library_take_irregular_times(cell: type[Cell]) -> None:
    named = {name: torch.rand(T, B, 1 if size == "1" else I, dtype=torch.float64)
             for name, (size,) in unrolled.equation(cell).named_inputs.items()}  # fmt: skip
    reference = cell(I, H, seed=0)
    layer = Recurrent(cell, I, H, dtype=torch.float64)
    with torch.no_grad():
        for name, array in reference.weights.items():
            layer.get_parameter(f"{name}_l0").copy_(torch.from_numpy(array))
    x = torch.randn(T, B, I, dtype=torch.float64)
    columns = {name: value.numpy().transpose(0, 2, 1) for name, value in named.items()}
    expected, _ = reference.unroll(x.numpy().transpose(0, 2, 1), **columns)
    y = layer(x, **named)[0].detach().numpy()
    assert_agrees(y, expected.transpose(0, 2, 1), tolerance=FLOAT64)
    assert np.abs(y - layer(x)[0].detach().numpy()).max() > 1e-3


def test_what_is_missing_may_be_nan() -> None:
    layer = Recurrent(GRUD, I, H)
    x, mask = torch.randn(T, B, I), (torch.rand(T, B, I) > 0.5).float()
    holes = torch.where(mask > 0.5, x, torch.nan).requires_grad_()
    y, _ = layer(holes, mask=mask, delta=1.0)
    y.sum().backward()
    assert_agrees(
        y.detach().numpy(), layer(x * mask, mask=mask)[0].detach().numpy(), tolerance=EXACT
    )
    assert torch.isfinite(holes.grad).all()


def test_a_stream_and_an_export_take_the_default() -> None:
    layer = Recurrent(PhasedLSTM, I, H, num_layers=2)
    x = torch.randn(T, I)
    with torch.no_grad():
        expected, _ = layer(x)
        stream = layer.stream()
        found = torch.stack([stream.step(row).clone() for row in x])
    assert_agrees(found.numpy(), expected.numpy(), tolerance=FLOAT32)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(("cell", "layers"), [(GRUD, 1), (PhasedLSTM, 2)])
def test_a_stream_takes_named_inputs_at_each_step(cell: Any, layers: int, batch: int) -> None:
    layer = Recurrent(cell, I, H, num_layers=layers, dtype=torch.float64)
    x = torch.randn(T, batch, I, dtype=torch.float64)
    widths = {n: 1 if shape == ("1",) else I for n, shape in layer.equation.named_inputs.items()}
    named = {n: torch.rand(T, batch, width, dtype=torch.float64) for n, width in widths.items()}
    stream = layer.stream(batch)
    with torch.no_grad():
        expected, _ = layer(x, **named)
        found = [stream.step(x[t], **{name: value[t] for name, value in named.items()}).clone()
                 for t in range(T)]  # fmt: skip
    assert_agrees(torch.stack(found).reshape(expected.shape), expected, tolerance=FLOAT64)
    with pytest.raises(ArgumentError, match="has no input 'dtt'"):
        stream.step(x[0], dtt=1.0)
    with pytest.raises(ShapeError, match="a step of this stream takes a number"):
        stream.step(x[0], **{next(iter(named)): torch.ones(7, 7)})
