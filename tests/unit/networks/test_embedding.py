"""Vectors of tokens have deviation 1, from a table that scores tokens."""

from __future__ import annotations

import torch

from tests.tolerances import FLOAT32, assert_agrees
from unrolled.networks.embedding import ScaledEmbedding


def test_vectors_are_rows_of_the_table_times_the_root_of_their_size() -> None:
    torch.manual_seed(0)
    table = ScaledEmbedding(500, 16)
    tokens = torch.randint(500, (3, 2000))
    vectors = table(tokens)
    assert_agrees(vectors, 4 * table.weight[tokens], tolerance=FLOAT32)
    assert 0.9 < float(vectors.detach().std()) < 1.1


def test_a_token_that_fills_up_a_batch_is_zero() -> None:
    assert not ScaledEmbedding(5, 3, padding_idx=0)(torch.tensor([0])).any()
