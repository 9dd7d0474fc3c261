"""Forward-mode derivatives: how a layer's results move along a direction, beside autograd's."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.autograd import forward_ad, gradcheck
from torch.func import functional_call

import unrolled
from tests.tolerances import FLOAT64, assert_agrees

D = torch.float64


def layer_of(form: str, **more: Any) -> Any:
    sizes = (3, 4)
    if form == "drop-in":
        return unrolled.LSTM(*sizes, 2, bidirectional=True, dtype=D, **more)
    bptt = {"windows": 2, "recompute": "recompute"}.get(form, "whole")
    cell = unrolled.cells.AntisymmetricRNN if form == "made of weights" else unrolled.cells.GRU
    return unrolled.Recurrent(cell, *sizes, bptt=bptt, dtype=D, **more)


def moved(layer: Any, x: Tensor, lengths: Any = None) -> list[Tensor]:
    """How everything that a layer returns moves, if its input and its parameters do."""
    torch.manual_seed(2)
    with forward_ad.dual_level():
        parameters = {name: forward_ad.make_dual(value.detach(), torch.randn_like(value))
                      for name, value in layer.named_parameters()}  # fmt: skip
        y, states = functional_call(
            layer, parameters, (forward_ad.make_dual(x, x.cos()),), {"lengths": lengths}
        )
        results = [y, *((states,) if isinstance(states, Tensor) else states)]
        tangents = [forward_ad.unpack_dual(result).tangent for result in results]
    assert None not in tangents
    return tangents


@pytest.mark.parametrize("form", ["whole", "windows", "recompute", "made of weights", "drop-in"])
@pytest.mark.parametrize("lengths", [None, [6, 2, 0]])
def test_it_is_autograds(form: str, lengths: Any) -> None:
    torch.manual_seed(0)
    layer, under_autograd = layer_of(form), layer_of(form, engine="torch")
    under_autograd.load_state_dict(layer.state_dict())
    x = torch.randn(6, 3, 3, dtype=D)
    for mine, theirs in zip(
        moved(layer, x, lengths), moved(under_autograd, x, lengths), strict=True
    ):
        assert_agrees(mine, theirs, tolerance=FLOAT64)


def test_forward_over_reverse_and_a_moving_state() -> None:
    torch.manual_seed(0)
    layer = layer_of("whole")
    x = torch.randn(3, 2, 3, dtype=D, requires_grad=True)
    h = torch.randn(1, 2, 4, dtype=D, requires_grad=True)
    assert gradcheck(layer, (x, h), check_forward_ad=True)
    assert torch.autograd.gradgradcheck(layer, (x, h), check_fwd_over_rev=True)


def test_recorded_values_stay_where_they_are() -> None:
    layer = layer_of("whole")
    with forward_ad.dual_level():
        x = torch.randn(3, 2, 3, dtype=D)
        _, _, record = layer(forward_ad.make_dual(x, x), record=("z",))
        assert forward_ad.unpack_dual(record["z"]).tangent is None
