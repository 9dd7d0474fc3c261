"""The classifier's network: where each direction ended is read from the states, not looked up."""

import pytest
import torch

from tests.tolerances import EXACT, FLOAT32, assert_agrees
from unrolled.cells.choosing import choose_cell
from unrolled.layers.batch import ragged
from unrolled.tasks.classify import model as classify_model
from unrolled.tasks.classify.model import FREQUENT, UNKNOWN, Labeller


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


@pytest.mark.parametrize("threads", [1, 3])
def test_the_largest_is_found_without_padding(threads):
    lengths = torch.tensor([3, 7, 1, 7, 4])
    batch = ragged(lengths, 7, 5, threads)
    tokens = batch.gather(-torch.rand(7, 5, 6) - 1)
    tokens[2, 3] = torch.nan
    padded = batch.scatter(tokens)
    inside = torch.arange(7)[:, None] < lengths
    expected = torch.stack([padded[inside[:, row], row].amax(0) for row in range(5)])
    found = batch.largest(tokens)
    assert found.isnan().sum() == expected.isnan().sum() == 1, "NaN is not swallowed"
    assert_agrees(found.nan_to_num(), expected.nan_to_num(), tolerance=EXACT)


def test_prediction_pools_as_training_does():
    model = Labeller(
        choose_cell("gru"), 3, 2, is_text=False, embedding=4, hidden=5, layers=1,
        bidirectional=True, dropout=0.0, pooling="max",
    )  # fmt: skip
    x, lengths = torch.randn(7, 4, 3), torch.tensor([7, 1, 4, 6])
    learning = model(x, lengths)
    with torch.no_grad():
        assert_agrees(model(x, lengths), learning.detach(), tolerance=EXACT)


@pytest.mark.parametrize(("hidden_words", "is_hidden"), [(0.0, False), (1.0, True)])
def test_words_are_hidden_while_a_network_learns(monkeypatch, hidden_words, is_hidden):
    """With a dropout too small to leave anything out, what is hidden alone makes a difference."""
    monkeypatch.setattr(classify_model, "HIDDEN_WORDS", hidden_words)
    model = Labeller(
        choose_cell("gru"), FREQUENT + 9, 2, is_text=True, embedding=4, hidden=5, layers=1,
        bidirectional=False, dropout=1e-12, pooling="last",
    )  # fmt: skip
    x, lengths = torch.randint(2, FREQUENT + 9, (7, 4)), torch.tensor([7, 1, 4, 6])
    unknown = torch.full_like(x, UNKNOWN)
    with torch.no_grad():
        learning = model.train()(x, lengths)
        shown = model.eval()(unknown if is_hidden else x, lengths)
        assert_agrees(learning, shown, tolerance=FLOAT32)
        assert not torch.equal(model(x, lengths), model(unknown, lengths))
