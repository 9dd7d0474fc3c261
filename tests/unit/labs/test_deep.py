"""Lab deep: the task, fair sizes, and what is said of each outcome."""

from types import SimpleNamespace

import numpy as np
import pytest

from tests.lab_words import words
from unrolled.cells import Elman
from unrolled.labs.deep import LAB, measuring, page
from unrolled.labs.progress import Progress
from unrolled.report.blocks import Page
from unrolled.report.page import render
from unrolled.textbook import Network


def test_the_task_is_whether_the_ones_of_the_window_are_odd():
    xs, targets = measuring.parities(4, 3, np.random.default_rng(0))
    bits = ((xs[:, 0, :] + 1) / 2).astype(int)
    for t in range(measuring.STEPS):
        for n in range(4):
            assert targets[t, n] == bits[max(0, t - 2) : t + 1, n].sum() % 2


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_networks_of_every_depth_have_nearly_as_many_weights(depth):
    hidden = measuring.as_wide(24, depth)
    network = Network(Elman, 1, hidden, 2, depth)
    count = sum(weight.size for weight in network.weights.values())
    assert measuring.weight_count(hidden, depth) == count
    assert abs(count - measuring.weight_count(24, 1)) < 0.05 * count


@pytest.fixture
def run(monkeypatch):
    monkeypatch.setattr(measuring, "SEQUENCES", 10)
    monkeypatch.setattr(measuring, "TEST", 10)
    return lambda seed: LAB.run(seed=seed, progress=Progress(), window=2, hidden=4, epochs=1)


@pytest.mark.exhaustive
def test_what_is_said_comes_from_this_run(run):
    first, second, other = (run(seed) for seed in (0, 0, 1))
    assert words(first) == words(second) != words(other)
    assert len(first.found) == len(measuring.KINDS) * len(measuring.DEPTHS) + 1
    assert "The search" in render(Page(LAB.title, first.lead, first.sections))


def outcome(learned: dict[int, list[int | None]]):
    """A measurement of which only the comparison is known: epochs in which it was learned."""
    compared = {
        ("tanh", depth): [SimpleNamespace(learned_after=epoch, test=0.6) for epoch in epochs]
        for depth, epochs in learned.items()
    }
    return measuring.Measured(2, (np.zeros(1), np.zeros(1)), compared, [])


@pytest.mark.parametrize(
    ("learned", "says"),
    [
        ({1: [None] * 3, 2: [None] * 3, 3: [None] * 3}, "no network of any depth learned"),
        ({1: [9, None, None], 2: [7, 7, None], 3: [5, 6, 7]}, "in 1 of 3 runs, 3 layers in 3"),
        ({1: [9, 9, 9], 2: [7, None, None], 3: [5, 5, 5]}, "depth did **not** help"),
        ({1: [9, 9, 9], 2: [7, 7, 7], 3: [5, 5, 5]}, "every depth learned it in 3 of 3 runs"),
    ],
)
def test_each_outcome_is_said_as_it_is(learned, says):
    assert says in page._brings(outcome(learned), "tanh")


def test_what_holds_for_both_nonlinearities_is_said_once():
    measured = outcome({1: [9, 9, 9], 2: [7, 7, 7], 3: [5, 5, 5]})
    measured.compared.update({("sigmoid", d): measured.compared["tanh", d] for d in (1, 2, 3)})
    text = page.brings(measured)
    assert text.count("every depth learned it") == 1
    assert text.startswith("With both tanh and sigmoid, every depth")
    failed = outcome({depth: [None] * 3 for depth in (1, 2, 3)}).compared
    measured.compared.update({("sigmoid", d): failed["tanh", d] for d in (1, 2, 3)})
    assert "With sigmoid, no network of any depth" in page.brings(measured)
