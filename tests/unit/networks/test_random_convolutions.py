"""The convolutions that are not trained, against sums written out; padding is inert."""

import numpy as np
import pytest
import torch

from tests.tolerances import EXACT, FLOAT32, assert_agrees
from unrolled.networks.random_convolutions import KERNELS, Plan, RandomConvolutions, kernels


def transform(channels, steps, features=1_000):
    convolutions = RandomConvolutions(Plan.of(channels, steps, features))
    draw = torch.Generator().manual_seed(0)
    x = torch.randn(5, steps, channels, generator=draw)
    convolutions.fit(x, torch.full((5,), steps), seed=0)
    return convolutions, x


def test_all_kernels_are_there_and_sum_to_nothing():
    weights = kernels()
    assert weights.shape == (84, 9)
    assert len({tuple(row) for row in weights.tolist()}) == 84
    assert not weights.sum(1).any()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("steps", [5, 23])
def test_a_feature_is_how_often_a_convolution_exceeds_its_threshold(channels, steps):
    convolutions, x = transform(channels, steps)
    found = convolutions(x, torch.full((5,), steps)).numpy()
    plan, place = convolutions.plan, 0
    assert found.shape == (5, plan.features)
    series, weights = x.numpy(), kernels().numpy()
    views = series, np.diff(series, axis=1, prepend=series[:, :1])
    thresholds, row = convolutions.thresholds.numpy(), 0
    for number, (which, dilation, count) in enumerate(convolutions._rows()):
        mixed = convolutions.mixing[number].numpy()
        for _ in range(count):
            for kernel in (0, 41, KERNELS - 1):
                value = views[which][2] @ mixed[kernel]
                sums = [
                    sum(
                        weights[kernel, at] * value[step + (at - 4) * dilation]
                        for at in range(9)
                        if 0 <= step + (at - 4) * dilation < steps
                    )
                    for step in range(steps)
                ]
                margin = np.abs(np.array(sums) - thresholds[row, kernel]).min()
                if margin > 1e-4:  # a sum at its threshold may fall on either side of it
                    share = np.mean(np.array(sums) > thresholds[row, kernel])
                    assert_agrees(found[2, place + kernel], np.float32(share), tolerance=FLOAT32)
            place, row = place + KERNELS, row + 1


def test_padding_is_inert():
    convolutions, x = transform(2, 23)
    convolutions.thresholds.normal_(generator=torch.Generator().manual_seed(1))  # none is a sum
    lengths = torch.tensor([23, 9, 14, 1, 20])
    inside = torch.arange(23)[None, :, None] < lengths[:, None, None]
    padded = convolutions(x * inside, lengths)
    for row, length in enumerate(lengths.tolist()):
        alone = convolutions(x[row : row + 1, :length], lengths[row : row + 1])
        assert_agrees(padded[row], alone[0], tolerance=EXACT)


def test_a_plan_comes_back_from_what_a_run_keeps():
    plan = Plan.of(3, 100, 5_000)
    assert Plan.from_dict({**plan.as_dict(), "members": 3}) == plan
    assert 0.7 * 5_000 < plan.features <= 5_000
