"""Two opinions are calibrated and weighed by how good they are."""

import torch

from unrolled.networks.blending import calibration, fit_blend, smoothed_loss


def opinions(rows, sharpness, share_right, seed):
    """Scores that name the right class of two so often, and are so sure of it."""
    draw = torch.Generator().manual_seed(seed)
    classes = torch.randint(2, (rows,), generator=draw)
    right = torch.rand(rows, generator=draw) < share_right
    said = torch.where(right, classes, 1 - classes)
    return classes, sharpness * (2.0 * torch.nn.functional.one_hot(said, 2) - 1.0)


def test_scores_that_are_too_sure_are_made_less_so():
    classes, scores = opinions(2_000, 20.0, 0.8, seed=0)
    scale = calibration(scores, classes)
    chance = (scale * scores).softmax(1).amax(1).mean()
    assert abs(float(chance) - 0.8) < 0.03


def test_the_better_part_has_the_larger_share():
    classes, good = opinions(500, 1.0, 0.95, seed=0)
    draw = torch.Generator().manual_seed(1)
    right = torch.rand(500, generator=draw) < 0.65
    said = torch.where(right, classes, 1 - classes)
    poor = 2.0 * torch.nn.functional.one_hot(said, 2) - 1.0
    worth = [fit_blend(one, other, classes) for one, other in ((good, poor), (poor, good))]
    assert worth[0].of_first > 2 * worth[0].of_second > 0
    assert worth[1].of_second > 2 * worth[1].of_first > 0
    assert all(0.09 < one.share <= 0.9 for one in worth)  # a network is never left out


def test_a_blend_is_no_worse_than_its_parts_on_its_rows():
    classes, first = opinions(500, 3.0, 0.85, seed=2)
    draw = torch.Generator().manual_seed(3)
    right = torch.rand(500, generator=draw) < 0.85
    said = torch.where(right, classes, 1 - classes)
    second = 2.0 * torch.nn.functional.one_hot(said, 2) - 1.0
    blend = fit_blend(first, second, classes)
    both = smoothed_loss(blend.of_first * first + blend.of_second * second, classes)
    alone = min(smoothed_loss(calibration(one, classes) * one, classes) for one in (first, second))
    assert both < alone


def test_a_part_that_is_always_right_is_not_infinitely_sure():
    classes, scores = opinions(10, 1.0, 1.0, seed=4)
    assert calibration(scores, classes) < 3.0


def test_without_a_linear_model_there_is_the_network_alone():
    classes, scores = opinions(50, 1.0, 0.8, seed=5)
    blend = fit_blend(scores, None, classes)
    assert (blend.of_second, blend.share) == (0.0, 1.0)
