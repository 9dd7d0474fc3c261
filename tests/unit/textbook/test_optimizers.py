"""Each method beside torch.optim's, step by step; schedules beside torch's; clipping."""

import math

import numpy as np
import pytest
import torch

from tests.tolerances import CLIPPED, FLOAT64, assert_agrees
from unrolled.errors import ArgumentError
from unrolled.textbook import optimizers, schedules
from unrolled.textbook.clipping import clip_by_norm, clip_by_value, global_norm

PAIRS = [
    (optimizers.SGD(0.1), lambda p: torch.optim.SGD(p, 0.1)),
    (optimizers.Momentum(0.1, 0.8), lambda p: torch.optim.SGD(p, 0.1, momentum=0.8)),
    (
        optimizers.Nesterov(0.1, 0.8),
        lambda p: torch.optim.SGD(p, 0.1, momentum=0.8, nesterov=True),
    ),
    (optimizers.AdaGrad(0.1), lambda p: torch.optim.Adagrad(p, 0.1)),
    (optimizers.RMSprop(0.1, 0.9), lambda p: torch.optim.RMSprop(p, 0.1, alpha=0.9)),
    (optimizers.Adam(0.1, 0.8, 0.95), lambda p: torch.optim.Adam(p, 0.1, betas=(0.8, 0.95))),
    (
        optimizers.AdamW(0.1, weight_decay=0.3),
        lambda p: torch.optim.AdamW(p, 0.1, weight_decay=0.3),
    ),
]


def initial_weights() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {"W": random.normal(size=(3, 2)), "b": random.normal(size=3), "s": np.array(0.5)}


@pytest.mark.parametrize(("ours", "theirs"), PAIRS, ids=[type(p[0]).__name__ for p in PAIRS])
def test_each_method_takes_torchs_steps(ours, theirs):
    random = np.random.default_rng(1)
    weights = initial_weights()
    parameters = {n: torch.tensor(w.copy(), requires_grad=True) for n, w in weights.items()}
    reference = theirs(list(parameters.values()))
    for step in range(7):
        gradients = {name: random.normal(size=weight.shape) for name, weight in weights.items()}
        for name, parameter in parameters.items():
            parameter.grad = torch.tensor(gradients[name])
        reference.step()
        ours.step(weights, gradients)
        for name, weight in weights.items():
            assert_agrees(
                weight, parameters[name], tolerance=FLOAT64, name=f"{name} after step {step + 1}"
            )


def test_every_listed_method_is_compared_with_torch():
    assert {type(ours) for ours, _ in PAIRS} == set(optimizers.OPTIMIZERS.values())


def test_weights_change_in_place():
    weights = initial_weights()
    arrays = dict(weights)
    optimizers.SGD(0.1).step(weights, {name: np.ones_like(w) for name, w in weights.items()})
    assert all(weights[name] is arrays[name] for name in weights)
    assert_agrees(arrays["s"], np.array(0.4), tolerance=FLOAT64)


def test_an_optimizer_is_found_by_its_name():
    assert optimizers.find_optimizer("RMSprop", learning_rate=0.5) == optimizers.RMSprop(0.5)
    with pytest.raises(ArgumentError, match="write one of sgd, momentum"):
        optimizers.find_optimizer("adan")


@pytest.mark.parametrize("rate", [0.0, -1.0, math.nan])
def test_a_learning_rate_that_cannot_be_is_refused(rate):
    with pytest.raises(ArgumentError, match="positive number"):
        optimizers.SGD(rate)


LOSSES = [5.0, 4.0, 4.0, 4.0, 4.0, 3.0, 3.0, 3.0, 3.0, 3.0, 2.9999, 3.0]
SCHEDULES = [
    (schedules.Step(3, 0.5), lambda o: torch.optim.lr_scheduler.StepLR(o, 3, 0.5)),
    (schedules.Exponential(0.9), lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.9)),
    (
        schedules.Cosine(12, 0.1),
        lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 12, eta_min=0.02),
    ),
    (
        schedules.Plateau(0.5, 2, 1e-4),
        lambda o: torch.optim.lr_scheduler.ReduceLROnPlateau(o, factor=0.5, patience=2),
    ),
]


@pytest.mark.parametrize(("ours", "theirs"), SCHEDULES, ids=lambda s: type(s).__name__)
def test_each_schedule_gives_torchs_rates(ours, theirs):
    first = 0.2
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], first)
    reference = theirs(optimizer)
    for epoch, loss in enumerate(LOSSES, start=1):
        optimizer.step()
        plateau = isinstance(ours, schedules.Plateau)
        reference.step(loss) if plateau else reference.step()
        expected = optimizer.param_groups[0]["lr"]
        assert_agrees(first * ours(epoch, loss), expected, tolerance=FLOAT64, name=f"{epoch}")


def test_a_cosine_stays_at_its_lowest():
    assert_agrees(schedules.Cosine(10, 0.1)(11, 0.0), 0.1, tolerance=FLOAT64)


@pytest.mark.parametrize(
    "make",
    [
        lambda: schedules.Step(0),
        lambda: schedules.Step(2, 1.5),
        lambda: schedules.Exponential(0.0),
        lambda: schedules.Cosine(0),
        lambda: schedules.Plateau(patience=0),
        lambda: schedules.Plateau(factor=-1.0),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(make):
    with pytest.raises(ArgumentError, match=r"1 or more|lies in \(0, 1\]"):
        make()


def test_clipping_by_norm_is_torchs():
    gradients = {"W": np.array([[3.0, 0.0]]), "b": np.array([4.0])}
    tensors = [torch.tensor(g) for g in gradients.values()]
    for tensor in tensors:
        tensor.grad = tensor.clone()
    norm = torch.nn.utils.clip_grad_norm_(tensors, 2.0)
    assert global_norm(gradients) == norm.item() == 5.0
    clipped = clip_by_norm(gradients, 2.0)
    assert_agrees(global_norm(clipped), 2.0, tolerance=FLOAT64)
    for ours, theirs in zip(clipped.values(), tensors, strict=True):
        assert_agrees(ours, theirs.grad, tolerance=CLIPPED)


def test_a_short_gradient_is_left_as_it_is():
    gradients = {"W": np.array([[0.3, 0.4]])}
    assert_agrees(clip_by_norm(gradients, 0.6)["W"], gradients["W"], tolerance=FLOAT64)


def test_clipping_by_value_cuts_each_number():
    clipped = clip_by_value({"W": np.array([[3.0, -0.5, -9.0]])}, 1.0)
    assert_agrees(clipped["W"], np.array([[1.0, -0.5, -1.0]]), tolerance=FLOAT64)


@pytest.mark.parametrize("limit", [0.0, -1.0, math.nan])
def test_a_limit_that_cannot_be_is_refused(limit):
    for clip in (clip_by_norm, clip_by_value):
        with pytest.raises(ArgumentError, match="positive number"):
            clip({"W": np.ones(1)}, limit)
