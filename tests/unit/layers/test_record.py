"""`record` gives named values of the step, laid out like the outputs, on either engine."""

import pytest
import torch

import unrolled
from tests.tolerances import FLOAT32, assert_agrees
from unrolled.cells import LSTM, GRUCho2014, LayerNormLSTM


@pytest.mark.parametrize("hidden_size", [1, 5, 16])
@pytest.mark.parametrize(
    ("cell", "names"), [(LSTM, ("f", "c")), (GRUCho2014, ("r",)), (LayerNormLSTM, ("o",))]
)
@pytest.mark.parametrize("learning", [False, True])
def test_both_engines_record_the_same(
    cell: type, names: tuple[str, ...], hidden_size: int, learning: bool
) -> None:
    torch.manual_seed(0)
    fast = unrolled.Recurrent(cell, 3, hidden_size, bidirectional=True)
    plain = unrolled.Recurrent(cell, 3, hidden_size, bidirectional=True, engine="torch")
    plain.load_state_dict(fast.state_dict())
    x = torch.randn(7, 2, 3)
    with torch.set_grad_enabled(learning):
        y, _, seen = fast(x, record=names)
        _, _, expected = plain(x, record=names)
    assert list(seen) == list(names)
    for name in names:
        assert seen[name].shape == y.shape
        assert_agrees(seen[name], expected[name], tolerance=FLOAT32, name=name)
