"""The convolutions in front of the recurrence: lengths, strides, padding."""

import pytest
import torch

from tests.tolerances import FLOAT32, assert_agrees
from unrolled.networks.series_front import SeriesFront, stride_for


@pytest.mark.parametrize("stride", [1, 3, 12])
def test_a_series_gives_the_same_alone_and_beside_a_longer_one(stride):
    torch.manual_seed(0)
    front = SeriesFront(2, 5, stride)
    lengths = torch.tensor([31, 7, 1, 20])
    x = torch.randn(31, 4, 2) * (torch.arange(31)[:, None] < lengths)[:, :, None]
    with torch.no_grad():
        together, shorter = front(x, lengths), front.shorter(lengths)
        assert together.shape == (int(shorter.max()), 4, 5)
        for row, length in enumerate(lengths.tolist()):
            alone = front(x[:length, row : row + 1], lengths[row : row + 1])
            assert len(alone) == shorter[row]
            assert_agrees(together[: len(alone), row], alone[:, 0], tolerance=FLOAT32)


def test_the_stride_leaves_a_bounded_number_of_steps():
    for longest in (1, 64, 65, 1_000):
        front = SeriesFront(1, 2, stride_for(torch.tensor([longest, 1])))
        assert 1 <= front.shorter(torch.tensor([longest])) <= 64
