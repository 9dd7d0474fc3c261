"""The vectors of tokens, as they are first drawn."""

import math

import torch

from tests.tolerances import FLOAT32, assert_agrees
from unrolled.tasks.classify.model import FREQUENT, PADDING, token_table

SIZE = 64


def mean_length(table):
    return float(table.weight[1:].detach().square().sum(1).mean().sqrt())


def test_vectors_of_rare_tokens_are_short_and_of_letters_as_torch_draws_them():
    torch.manual_seed(0)
    letters, words = token_table(FREQUENT, SIZE), token_table(FREQUENT + 1, SIZE)
    assert abs(mean_length(letters) / math.sqrt(SIZE) - 1) < 0.02
    assert abs(mean_length(words) - 1) < 0.02


def test_what_fills_up_is_zero_and_stays_it():
    table = token_table(2 * FREQUENT, SIZE)
    table(torch.tensor([PADDING, 1])).sum().backward()
    zeros = torch.zeros(SIZE)
    assert_agrees(table.weight[PADDING].detach(), zeros, tolerance=FLOAT32)
    assert_agrees(table.weight.grad[PADDING], zeros, tolerance=FLOAT32)
