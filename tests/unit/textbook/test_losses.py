"""The losses against torch, and their derivatives against finite differences."""

import numpy as np
import pytest
import torch

from tests.tolerances import FLOAT64, assert_agrees
from unrolled.errors import ArgumentError
from unrolled.textbook.losses import accuracy, cross_entropy, mean_squared_error, softmax

T, K, B = 4, 3, 5


@pytest.fixture
def outputs() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(T, K, B))


@pytest.fixture
def classes() -> np.ndarray:
    return np.random.default_rng(2).integers(0, K, size=(T, B))


def test_cross_entropy_is_torchs_at_each_step_and_so_is_its_derivative(outputs, classes):
    losses, d_outputs = cross_entropy(outputs, classes)
    y = torch.tensor(outputs, requires_grad=True)
    steps = [torch.nn.functional.cross_entropy(y[t].T, torch.tensor(classes[t])) for t in range(T)]
    torch.stack(steps).sum().backward()
    assert_agrees(losses, torch.stack(steps), tolerance=FLOAT64)
    assert_agrees(d_outputs, y.grad, tolerance=FLOAT64)


def test_mean_squared_error_is_torchs_at_each_step_and_so_is_its_derivative(outputs):
    targets = np.random.default_rng(3).normal(size=outputs.shape)
    losses, d_outputs = mean_squared_error(outputs, targets)
    y = torch.tensor(outputs, requires_grad=True)
    steps = [torch.nn.functional.mse_loss(y[t], torch.tensor(targets[t])) for t in range(T)]
    torch.stack(steps).sum().backward()
    assert_agrees(losses, torch.stack(steps), tolerance=FLOAT64)
    assert_agrees(d_outputs, y.grad, tolerance=FLOAT64)


def test_the_derivative_of_the_cross_entropy_is_probability_minus_target(outputs, classes):
    _, d_outputs = cross_entropy(outputs, classes)
    one_hot = np.eye(K)[classes].transpose(0, 2, 1)
    assert_agrees(d_outputs, (softmax(outputs) - one_hot) / B, tolerance=FLOAT64)


def test_large_outputs_do_not_overflow():
    outputs = np.array([[[1000.0], [0.0], [-1000.0]]])
    losses, d_outputs = cross_entropy(outputs, np.array([[1]]))
    assert losses[0] == 1000.0
    assert np.isfinite(d_outputs).all()
    assert softmax(outputs).sum() == 1.0


def test_accuracy_counts_the_largest_output():
    outputs = np.array([[[0.1, 0.9], [0.2, 0.3]], [[0.5, 0.0], [0.4, 0.1]]])
    assert accuracy(outputs, np.array([[1, 0], [0, 0]])) == 0.75


@pytest.mark.parametrize(
    ("targets", "says"),
    [
        (np.zeros((T, B + 1), int), r"of shape \(4, 5\)"),
        (np.zeros((T, B)), "whole numbers from 0 to 2"),
        (np.full((T, B), K), "output_size=4"),
        (np.full((T, B), -1), "number the classes from 0 to 2"),
    ],
)
def test_wrong_targets_are_explained(outputs, targets, says):
    with pytest.raises(ArgumentError, match=says):
        cross_entropy(outputs, targets)


def test_targets_that_would_broadcast_are_refused(outputs):
    with pytest.raises(ArgumentError, match="one target for every output"):
        mean_squared_error(outputs, np.zeros((T, 1, B)))
