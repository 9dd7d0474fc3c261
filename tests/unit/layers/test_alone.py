"""One sequence through a layer with fixed weights is what the layer gives otherwise."""

from typing import Any

import pytest
import torch

import unrolled
from tests.tolerances import FLOAT32, FLOAT64, assert_agrees
from unrolled.cells.modifiers import LearnedState
from unrolled.errors import ArgumentError, ShapeError
from unrolled.layers import alone


def layers() -> dict[str, Any]:
    torch.manual_seed(0)
    cells = unrolled.cells
    return {
        "lstm both": unrolled.Recurrent(cells.LSTM, 3, 5, num_layers=2, bidirectional=True),
        "gru first": unrolled.Recurrent(cells.GRU, 3, 5, batch_first=True),
        "prelude": unrolled.Recurrent(cells.AntisymmetricRNN, 3, 5, num_layers=2),
        "double": unrolled.Recurrent(cells.MGU, 3, 5, dtype=torch.float64),
        "one unit": unrolled.Recurrent(cells.Elman, 1, 1, bidirectional=True),
    }


@pytest.mark.parametrize("name", [*layers()])
def test_it_gives_what_the_layer_gives(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    read, whole = [], alone._read

    def counted(*given: Any) -> Any:
        read.append(given)
        return whole(*given)

    monkeypatch.setattr(alone, "_read", counted)
    layer = layers()[name].eval()
    dtype = next(layer.parameters()).dtype
    for steps in (1, 7, 2):
        shape = (1, steps) if layer.batch_first else (steps, 1)
        x = torch.randn(*shape, layer.input_size, dtype=dtype)
        with torch.no_grad():
            y, states = layer(x)
            with unrolled.fixed_weights(layer):
                found, ends = layer(x)
        tolerance = FLOAT64 if dtype == torch.float64 else FLOAT32
        assert_agrees(found, y, tolerance=tolerance)
        states, ends = ((s,) if isinstance(s, torch.Tensor) else s for s in (states, ends))
        for end, state in zip(ends, states, strict=True):
            assert_agrees(end, state, tolerance=tolerance)
    assert len(read) == 3, "a call went the long way"


def test_what_else_is_asked_goes_the_long_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alone, "_read", None)  # would fail if it were called
    layer = unrolled.Recurrent(unrolled.cells.LSTM, 3, 5).eval()
    learned = unrolled.Recurrent(unrolled.cells.LSTM, 3, 5, modifiers=[LearnedState()]).eval()
    starting = unrolled.Recurrent(unrolled.cells.SLSTM, 3, 5).eval()
    x = torch.randn(4, 1, 3)
    with unrolled.fixed_weights(torch.nn.ModuleList([layer, learned, starting])):
        layer(x)[0].sum().backward()  # a way back
        with torch.no_grad():
            assert layer(torch.randn(4, 2, 3))[0].shape == (4, 2, 5)
            _, states = layer(x[:0])
            layer(x, states)
            layer(x, lengths=[3])
            assert "f" in layer(x, record=("f",))[2]
            assert_agrees(layer(x[:, 0])[0], layer(x, states)[0][:, 0], tolerance=FLOAT32)
            learned(x)
            starting(x)
            with pytest.raises(ShapeError):
                layer(torch.randn(4, 1, 2))


def test_a_weight_that_changed_is_refused() -> None:
    layer = unrolled.Recurrent(unrolled.cells.GRU, 3, 5).eval()
    x = torch.randn(4, 1, 3)
    with torch.no_grad(), unrolled.fixed_weights(layer):
        layer(x)
        layer.W_r_l0.mul_(2.0)
        with pytest.raises(ArgumentError, match="was changed inside"):
            layer(x)
