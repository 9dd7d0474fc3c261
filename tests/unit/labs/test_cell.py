"""Lab cell: the derivative of each loss, their sum, and where they come from."""

import numpy as np
import pytest

from tests.lab_words import words
from tests.tolerances import FLOAT64, assert_agrees
from unrolled.labs.cell import LAB
from unrolled.labs.cell.measuring import measure
from unrolled.labs.progress import Progress
from unrolled.report.blocks import Page
from unrolled.report.page import render


def test_the_gradients_of_the_losses_add_up():
    measured = measure(0, inputs=2, hidden=3, steps=5)
    assert len(measured.parts) == 5
    for name, total in measured.whole.layers[0].weights.items():
        assert_agrees(sum(p.weights[name] for p in measured.parts), total, tolerance=FLOAT64)
    single = measured.single("U_f")
    assert_agrees(sum(single), measured.whole.gradients["U_f_l0"][0, 0], tolerance=FLOAT64)
    assert 0 < measured.cancelled < 1
    assert max(measured.errors.values()) < 1e-6


def test_no_step_changes_a_loss_before_it():
    shares = measure(1, inputs=2, hidden=3, steps=5).shares
    assert np.all(shares[np.triu_indices(5, 1)] == 0)
    assert np.all(shares[np.tril_indices(5)] > 0)


def test_the_one_step_is_that_of_its_own_loss_alone():
    measured = measure(2, inputs=2, hidden=3, steps=4)
    for name, gradient in measured.step.gradients.weights.items():
        assert_agrees(gradient, measured.parts[0].weights[name], tolerance=FLOAT64, name=name)


def test_what_is_said_comes_from_this_run():
    texts = []
    for seed in (0, 0, 1):
        account = LAB.run(seed=seed, progress=Progress(), inputs=2, hidden=3, steps=4)
        texts.append(words(account))
        loss = measure(seed, inputs=2, hidden=3, steps=4).whole.loss
        assert f"{loss:.4f}" in texts[-1]
        assert f"{loss:.4f}" in account.found[0]
    assert texts[0] == texts[1] != texts[2]


@pytest.mark.parametrize(("inputs", "hidden", "steps"), [(1, 1, 2), (1, 2, 25)])
def test_the_smallest_and_a_long_one_have_a_page(inputs, hidden, steps):
    account = LAB.run(seed=0, progress=Progress(), inputs=inputs, hidden=hidden, steps=steps)
    assert "Equation" in render(Page(LAB.title, account.lead, account.sections))
