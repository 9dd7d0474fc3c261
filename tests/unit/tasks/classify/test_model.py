"""The classifier's network: where each direction ended is read from the states, not looked up."""

import pytest
import torch

from tests.tolerances import EXACT, assert_agrees
from unrolled.cells.choosing import choose_cell
from unrolled.tasks.classify.model import Labeller


@pytest.mark.parametrize("cell", ["elman", "lstm"])
@pytest.mark.parametrize(("layers", "bidirectional"), [(1, False), (1, True), (2, True)])
def test_where_a_sequence_ended(cell, layers, bidirectional):
    model = Labeller(
        choose_cell(cell), 3, 2, is_text=False, embedding=4, hidden=5, layers=layers,
        bidirectional=bidirectional, dropout=0.0, pooling="last",
    )  # fmt: skip
    x, lengths = torch.randn(7, 4, 3), torch.tensor([7, 1, 4, 6])
    y, _ = model.recurrent(x, lengths=lengths)
    with torch.no_grad():
        expected = model.readout(model.pool(y, lengths))
        assert_agrees(model(x, lengths), expected, tolerance=EXACT)
