"""Muon: its steps are orthogonal where they should be, and AdamW's elsewhere."""

import pytest
import torch
from torch import nn

from tests.tolerances import FLOAT32, assert_agrees
from unrolled.cells import LSTM
from unrolled.layers.recurrent import Recurrent
from unrolled.training.muon import LIKE_ADAM, Muon, orthogonal, recurrent_matrices


class Model(nn.Module):
    """A table, a recurrent layer, a readout."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(5, 4)
        self.recurrent = Recurrent(LSTM, 4, 6)
        self.readout = nn.Linear(6, 5)


def graded(seed=0):
    """A model whose gradients are drawn."""
    torch.manual_seed(seed)
    model = Model()
    for weight in model.parameters():
        weight.grad = torch.randn_like(weight)
    return model


@pytest.mark.parametrize("shape", [(2, 6, 6), (3, 24, 4), (1, 4, 24), (1, 1, 5)])
def test_singular_values_come_near_one_and_directions_stay(shape):
    torch.manual_seed(1)
    matrices = torch.randn(shape, dtype=torch.float64)
    u, _, vt = torch.linalg.svd(matrices, full_matrices=False)
    found = u.mT @ orthogonal(matrices) @ vt.mT  # diagonal where the directions are kept
    values = torch.diagonal(found, dim1=1, dim2=2)
    assert values.min() > 0.6
    assert values.max() < 1.25
    assert (found - torch.diag_embed(values)).abs().max() < 1e-9


def test_a_gradient_of_nothing_is_no_step():
    assert torch.equal(orthogonal(torch.zeros(1, 3, 4)), torch.zeros(1, 3, 4))


def test_the_matrices_are_those_of_the_recurrent_layer():
    model = Model()
    names = {id(weight): name for name, weight in model.named_parameters()}
    found = {names[id(weight)] for weight in recurrent_matrices(model)}
    assert found == {f"recurrent.{kind}_{gate}_l0" for kind in "WU" for gate in "ifgo"}


def test_a_step_of_a_matrix_has_the_size_of_a_step_of_adam():
    model = graded()
    before = model.recurrent.U_i_l0.detach().clone()
    Muon(model, lr=0.1).step()
    moved = (model.recurrent.U_i_l0.detach() - before) / 0.1
    assert 0.7 * LIKE_ADAM < moved.square().mean().sqrt() < 1.2 * LIKE_ADAM


def test_matrices_step_as_torchs_muon_does():
    ours, theirs = graded(), graded()
    optimizer = Muon(ours, lr=0.01, weight_decay=0.1)
    reference = torch.optim.Muon(
        recurrent_matrices(theirs), lr=0.01, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"
    )
    before = [weight.detach().clone() for weight in recurrent_matrices(ours)]
    for _ in range(3):
        optimizer.step()
        reference.step()
    for was, a, b in zip(before, recurrent_matrices(ours), recurrent_matrices(theirs)):
        difference = float((a - b).detach().norm() / (a - was).detach().norm())
        assert difference < 0.05  # theirs multiplies in bfloat16


def test_everything_else_steps_as_adamw_does():
    ours, theirs = graded(), graded()
    optimizer = Muon(ours, lr=0.01, weight_decay=0.1)
    others = [theirs.embed.weight, *theirs.readout.parameters(), theirs.recurrent.b_f_l0]
    reference = torch.optim.AdamW(others, lr=0.01, weight_decay=0.1)
    for _ in range(3):
        optimizer.step()
        reference.step()
    mine = [ours.embed.weight, *ours.readout.parameters(), ours.recurrent.b_f_l0]
    for a, b in zip(mine, others):
        assert_agrees(a.detach(), b.detach(), tolerance=FLOAT32)


def test_a_weight_without_a_gradient_stays():
    model = graded()
    model.embed.weight.grad = None
    before = model.embed.weight.detach().clone()
    Muon(model, lr=0.1, weight_decay=0.1).step()
    assert torch.equal(model.embed.weight.detach(), before)
