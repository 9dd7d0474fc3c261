"""Each aim's loss, opinion and tally against its definition."""

import numpy as np
import torch

from tests.tolerances import EXACT, FLOAT32, FLOAT64, assert_agrees
from unrolled.networks.aims import ONE_CLASS, SEVERAL_LABELS, Number
from unrolled.networks.blending import fit_blend
from unrolled.networks.committee import Committee

DRAW = torch.Generator().manual_seed(0)
SCORES = torch.randn(7, 3, generator=DRAW)
CLASSES = torch.randint(3, (7,), generator=DRAW)
LABELS = torch.randint(2, (7, 3), generator=DRAW).float()
NUMBERS = 50 + 4 * torch.randn(7, 1, generator=DRAW).double()


def test_losses_are_what_they_are_called():
    chances = SCORES.softmax(1)[torch.arange(7), CLASSES]
    assert_agrees(ONE_CLASS.losses(SCORES, CLASSES), -chances.log(), tolerance=FLOAT32)
    p = SCORES.sigmoid()
    wanted = -(LABELS * p.log() + (1 - LABELS) * (1 - p).log()).mean(1)
    assert_agrees(SEVERAL_LABELS.losses(SCORES, LABELS), wanted, tolerance=FLOAT32)
    number, one = Number(50.0, 4.0), SCORES[:, :1]
    error = (50 + 4 * one.double() - NUMBERS)[:, 0]
    assert_agrees(number.losses(one.double(), NUMBERS), (error / 4) ** 2, tolerance=EXACT)


def test_tallies_count():
    table = ONE_CLASS.tally(SCORES, CLASSES)
    assert table.sum() == 7
    assert table.diagonal().sum() == (SCORES.argmax(1) == CLASSES).sum()
    real, said, right, exact = SEVERAL_LABELS.tally(SCORES, LABELS).numpy()
    assert real.tolist() == LABELS.sum(0).tolist()
    assert said.tolist() == (SCORES > 0).sum(0).tolist()
    assert right.tolist() == ((SCORES > 0) & (LABELS > 0)).sum(0).tolist()
    assert exact[0] == ((SCORES > 0) == (LABELS > 0)).all(1).sum()
    sums = Number(50.0, 4.0).tally(SCORES[:, :1], NUMBERS)
    error = 50 + 4 * SCORES[:, :1].double() - NUMBERS
    centered = NUMBERS - 50
    wanted = [error.abs().sum(), (error**2).sum(), centered.sum(), (centered**2).sum()]
    assert_agrees(sums, torch.stack([torch.tensor(7.0).double(), *wanted]), tolerance=EXACT)


def test_a_mean_of_log_odds_is_the_mean_opinion_of_two_classes():
    """Several labels are as many classifiers of two classes, each averaged as those are."""
    member = torch.nn.Identity()
    member.forward = lambda x, lengths: x
    both = torch.stack([SCORES[:, 0] / 2, -SCORES[:, 0] / 2], 1)
    two = Committee([member], None, ONE_CLASS)
    several = Committee([member], None, SEVERAL_LABELS)
    lengths = torch.ones(7)
    as_classes = two.aim.chances(two(both, lengths)[0])[:, :1]
    as_labels = several.aim.chances(several(SCORES[:, :1], lengths)[0])
    assert_agrees(as_labels, as_classes, tolerance=FLOAT32)


def test_numbers_are_averaged_and_not_stretched():
    good, poor = (NUMBERS - 50) / 4, torch.randn(7, 1, generator=DRAW).double()
    blend = fit_blend(good, poor, NUMBERS, None, Number(50.0, 4.0))
    whole = np.float64(blend.of_first + blend.of_second)
    assert_agrees(whole, np.float64(1), tolerance=FLOAT64)
    assert blend.of_first > 2 * blend.of_second
