"""The loop learns, keeps the best weights, stops when told to, and says why it broke off."""

import math
import random
import re

import pytest
import torch

from tests.tolerances import FIGURE, assert_agrees
from tests.toy_job import ToyJob
from unrolled.errors import ArgumentError
from unrolled.training.diagnosis import Diverged, watch_loss
from unrolled.training.job import State
from unrolled.training.loop import train
from unrolled.training.progress import Quiet
from unrolled.training.run_folder import RunFolder
from unrolled.training.settings import Settings


class Recorder(Quiet):
    """Keeps what it is told."""

    def __init__(self):
        self.notes, self.epochs, self.last, self.left = [], [], None, []

    def step(self, epoch, share, loss, ahead):
        self.left.append(ahead.seconds)

    def epoch(self, record, line, ahead):
        self.epochs.append(record)

    def kept(self, record, line):
        self.last = record

    def note(self, text):
        self.notes.append(text)


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "rmsprop", "adam", "adamw", "muon"])
def test_every_optimizer_lowers_the_loss(optimizer):
    job = ToyJob(dropout=0.0)
    state = train(job, Settings(optimizer=optimizer, lr=0.02, epochs=6))
    losses = [record["validation_loss"] for record in state.history]
    assert losses[-1] < 0.7 * losses[0]


def test_the_model_ends_with_the_weights_of_the_best_epoch():
    job = ToyJob(dropout=0.0)
    watcher = Recorder()
    # A rate that is too high: the best epoch is not the last one.
    state = train(job, Settings(optimizer="sgd", lr=0.25, clip_norm=None, epochs=6), None, watcher)
    losses = [record["validation_loss"] for record in state.history]
    assert state.best_epoch == 1 + losses.index(min(losses)) != 6
    with torch.no_grad():
        again = float(((job.model(job.x) - job.y) ** 2).mean())
    assert_agrees(again, min(losses), tolerance=FIGURE)
    assert watcher.last == state.history[state.best_epoch - 1]


def test_the_same_seed_gives_the_same_bits_and_another_does_not():
    def weights(seed):
        job = ToyJob()
        train(job, Settings(seed=seed, epochs=2))
        return torch.cat([weight.flatten() for weight in job.model.parameters()])

    assert torch.equal(weights(1), weights(1))
    assert not torch.equal(weights(1), weights(2))


def test_training_leaves_the_callers_random_numbers_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    train(ToyJob(), Settings(epochs=1))
    assert torch.equal(torch.rand(3), expected)


def test_patience_ends_training():
    state = train(ToyJob(), Settings(optimizer="sgd", lr=1e-30, epochs=50, patience=2))
    assert len(state.history) == 3
    assert "no better validation metric in 2 epochs" in state.finished


def test_a_budget_in_minutes_ends_training_but_measures_first():
    state = train(ToyJob(), Settings(epochs=1000, minutes=1e-9))
    assert state.finished == "the minutes are used up"
    assert len(state.history) == 1
    assert state.step == 1


def test_remaining_time_falls_to_nothing():
    watcher = Recorder()
    train(ToyJob(), Settings(epochs=2), None, watcher)
    assert all(left >= 0 for left in watcher.left)
    assert watcher.left[-1] < watcher.left[0]


def test_an_infinite_gradient_is_diagnosed_and_the_last_good_weights_are_kept(tmp_path):
    run = RunFolder.create(tmp_path / "run", {"task": "toy"})
    job = ToyJob(dropout=0.0, explode=9)  # six steps and one evaluation an epoch
    settings = Settings(epochs=5, optimizer="sgd", clip_norm=None)
    with pytest.raises(Diverged) as caught:
        train(job, settings, run)
    message = str(caught.value)
    assert "step 8 (epoch 2)" in message
    assert "'hidden.weight'" in message
    assert "--clip-norm" in message
    assert "0.0003" in message
    assert "the weights of epoch 1 are kept" in message
    assert all(weight.isfinite().all() for weight in run.read_weights().values())


def test_a_loss_that_grows_without_bound_stops():
    job = ToyJob(dropout=0.0, rows=90)
    settings = Settings(optimizer="sgd", lr=3.0, clip_norm=None, epochs=50)
    with pytest.raises(Diverged, match=r"diverges|no longer a finite number"):
        train(job, settings)
    assert all(weight.isfinite().all() for weight in job.model.parameters())


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam", "muon"])
def test_a_rate_that_is_far_too_high_stops_soon(optimizer):
    settings = Settings(optimizer=optimizer, lr=1e3, epochs=50)
    with pytest.raises(Diverged, match="the loss diverges") as caught:
        train(ToyJob(dropout=0.0), settings)
    assert int(re.search(r"step (\d+)", str(caught.value))[1]) <= 12
    assert re.search(r"that ignores its input has \d", str(caught.value))
    assert "try a learning rate of 1e+02 instead of 1e+03" in str(caught.value)


def watched(losses, blind_loss=0.7):
    """The number of the loss at which the watch says stop; None if it never does."""
    state = State()
    for number, loss in enumerate(losses, 1):
        state.step = number
        if watch_loss(state, loss, blind_loss):
            return number
    return None


def test_a_tiny_loss_may_fluctuate():
    draw = random.Random(0)
    tiny = [10 ** draw.uniform(-4, 0) for _ in range(3000)]
    assert watched([0.016, 0.02, *[0.185] * 100]) is None
    assert watched([1e-9, *tiny]) is None
    assert watched([0.0, *tiny]) is None
    assert watched([0.7, *tiny, *[70.0] * 30]) == 3001 + 6


def test_an_odd_batch_is_no_divergence_and_six_in_a_row_are():
    calm = [0.5] * 40
    assert watched([*calm, 1e30, *calm, 1e30, *calm]) is None
    assert watched([*calm, *[1e30] * 30]) == 40 + 6
    assert watched([*calm, *[0.0, 1e30] * 30]) < 40 + 30  # it never settles
    assert watched([900.0, *[3000.0] * 100]) is None  # weights that were drawn badly


def test_gradient_clipping_bounds_the_step():
    job = ToyJob(dropout=0.0)
    before = [weight.detach().clone() for weight in job.model.parameters()]
    train(job, Settings(optimizer="sgd", lr=1.0, clip_norm=1e-3, epochs=1))
    after = [weight.detach() for weight in job.model.parameters()]
    moved = math.sqrt(sum(float(((a - b) ** 2).sum()) for a, b in zip(before, after)))
    assert 0 < moved <= 6 * 1e-3 * (1 + 1e-5)


def test_no_bound_and_a_bound_of_zero_leave_the_gradient_as_it_is():
    weights = []
    for bounds in ({"clip_norm": None}, {"clip_norm": 0, "clip_value": 0}, {"clip_norm": 1e9}):
        job = ToyJob(dropout=0.0)
        train(job, Settings(optimizer="sgd", lr=1e-3, epochs=1, **bounds))
        weights.append(torch.cat([weight.detach().flatten() for weight in job.model.parameters()]))
    job = ToyJob(dropout=0.0)
    train(job, Settings(optimizer="sgd", lr=1e-3, epochs=1, clip_norm=1.0))
    clipped = torch.cat([weight.detach().flatten() for weight in job.model.parameters()])
    assert torch.equal(weights[0], weights[1])
    assert torch.equal(weights[0], weights[2])
    assert not torch.equal(weights[0], clipped)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lr", -1.0), ("lr", float("inf")), ("lr", "fast"), ("epochs", 0), ("epochs", 1.5),
        ("optimizer", "adma"), ("schedule", "cos"), ("clip_norm", -1.0), ("minutes", -2),
        ("seed", -1), ("seed", 2**32), ("patience", 0), ("momentum", 1.0), ("weight_decay", -0.1),
        ("devices", 0),
    ],
)  # fmt: skip
def test_settings_that_make_no_sense_are_named(name, value):
    with pytest.raises(ArgumentError, match=name):
        Settings(**{name: value})


class Judged(ToyJob):
    """Its validation accuracies are given; its losses fall from epoch to epoch."""

    best, best_is = "accuracy", "highest"

    def __init__(self, accuracies):
        super().__init__(dropout=0.0)
        self.accuracies = iter([one for one in accuracies for _ in ("train", "validation")])

    def measures(self, sums):
        return {**super().measures(sums), "accuracy": next(self.accuracies)}


@pytest.mark.parametrize(
    ("accuracies", "kept"), [([0.5, 0.9, 0.7], 2), ([0.9, 0.8, 0.7], 1), ([0.9, 0.9, 0.7], 2)]
)
def test_the_highest_figure_is_kept_and_of_equals_the_lower_loss(accuracies, kept):
    state = train(Judged(accuracies), Settings(optimizer="sgd", lr=0.01, epochs=3))
    losses = [record["validation_loss"] for record in state.history]
    assert losses == sorted(losses, reverse=True)
    assert state.best_epoch == kept


def test_an_epoch_says_where_its_time_went():
    state = train(ToyJob(), Settings(epochs=2))
    for record in state.history:
        spent = [record[f"seconds_{w}"] for w in ("forward", "backward", "update", "evaluation")]
        assert all(one > 0 for one in spent)
    assert sum(spent) < state.history[-1]["seconds"]
