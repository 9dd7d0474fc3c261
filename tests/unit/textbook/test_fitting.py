"""Training beside torch's, loss by loss; and how a run ends."""

import numpy as np
import pytest
import torch

from tests.tolerances import FLOAT64, assert_agrees
from unrolled.cells import LSTM, Elman
from unrolled.errors import ArgumentError
from unrolled.textbook import SGD, Adam, Batches, Momentum, Network, fit, schedules, update

T, B, INPUTS, HIDDEN, OUTPUTS = 6, 5, 2, 4, 3


class TorchNetwork(torch.nn.Module):
    """The same network made of torch's own parts."""

    def __init__(self, network: Network, kind: type[torch.nn.Module], gates: list[str]) -> None:
        super().__init__()
        layers = len(network.layers)
        self.recurrent = kind(INPUTS, HIDDEN, num_layers=layers, dtype=torch.float64)
        self.readout = torch.nn.Linear(HIDDEN, OUTPUTS, dtype=torch.float64)
        for l in range(layers):
            for theirs, ours in (("weight_ih", "W"), ("weight_hh", "U"), ("bias_ih", "b")):
                names = [f"{ours}_{g}_l{l}" if g else f"{ours}_l{l}" for g in gates]
                stacked = np.concatenate([network.weights[name] for name in names])
                getattr(self.recurrent, f"{theirs}_l{l}").data = torch.tensor(stacked)
            # torch has two biases where the equation has one: the second stays out of the training
            bias = getattr(self.recurrent, f"bias_hh_l{l}")
            bias.data.zero_()
            bias.requires_grad_(False)
        self.readout.weight.data = torch.tensor(network.weights["V"].copy())
        self.readout.bias.data = torch.tensor(network.weights["c"].copy())

    def forward(self, xs: np.ndarray) -> torch.Tensor:
        hs, _ = self.recurrent(torch.tensor(xs).permute(0, 2, 1))
        return self.readout(hs)


def trained(module: torch.nn.Module) -> list[torch.Tensor]:
    return [parameter for parameter in module.parameters() if parameter.requires_grad]


def test_a_deep_lstm_for_classes_has_torchs_losses_update_by_update():
    random = np.random.default_rng(0)
    network = Network(LSTM, INPUTS, HIDDEN, OUTPUTS, 2, seed=1)
    reference = TorchNetwork(network, torch.nn.LSTM, ["i", "f", "g", "o"])
    theirs = torch.optim.SGD(trained(reference), 0.2, momentum=0.9)
    ours = Momentum(0.2, 0.9)
    for number in range(15):
        xs = random.normal(size=(T, INPUTS, B))
        targets = random.integers(0, OUTPUTS, (T, B))
        scores = reference(xs)
        loss = sum(
            torch.nn.functional.cross_entropy(scores[t], torch.tensor(targets[t])) for t in range(T)
        )
        theirs.zero_grad()
        loss.backward()
        theirs.step()
        done = update(network, xs, targets, ours)
        assert_agrees(done.loss, loss, tolerance=FLOAT64, name=f"loss of update {number}")


def test_an_rnn_for_a_value_at_the_end_has_torchs_losses_update_by_update():
    random = np.random.default_rng(0)
    network = Network(
        Elman, INPUTS, HIDDEN, OUTPUTS, many_to="one", loss="mean_squared_error", seed=1
    )
    reference = TorchNetwork(network, torch.nn.RNN, [""])
    theirs, ours = torch.optim.Adam(trained(reference), 0.05), Adam(0.05)
    for number in range(15):
        xs, targets = random.normal(size=(T, INPUTS, B)), random.normal(size=(1, OUTPUTS, B))
        loss = torch.nn.functional.mse_loss(reference(xs)[-1].T, torch.tensor(targets[0]))
        theirs.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_value_(trained(reference), 0.02)
        theirs.step()
        done = update(network, xs, targets, ours, clip_value=0.02)
        assert_agrees(done.loss, loss, tolerance=FLOAT64, name=f"loss of update {number}")


def parity() -> Batches:
    """Is the number of ones so far even or odd?"""
    bits = np.random.default_rng(0).integers(0, 2, (T, 60))
    return Batches(bits[:, None, :].astype(float), bits.cumsum(axis=0) % 2, size=20, seed=1)


def small(seed: int = 0, **options) -> Network:
    return Network(Elman, 1, 8, 2, seed=seed, **options)


def test_training_learns_and_says_so_line_by_line():
    lines: list[str] = []
    data = parity()
    test = (data.xs[..., :7], data.targets[..., :7])
    network = small()
    before = network.loss(*test)
    history = fit(network, data, optimizer=Adam(0.03), epochs=60, test=test, progress=lines.append)
    assert history.loss[-1] < 0.3 * history.loss[0]
    assert history.test_loss[-1] == network.loss(*test) < 0.3 * before
    assert len(history.loss) == len(history.test_loss) == len(history.learning_rate) == 60
    assert len(history.updates) == 60 * 3
    assert_agrees(history.loss[0], np.mean(history.updates[:3]), tolerance=FLOAT64)
    assert history.stopped == lines[-1] == "all 60 epochs are done"
    assert lines[0].startswith("Epoch [1/60], Train Loss: ")
    assert len(lines) == 61


def test_every_sequence_comes_once_an_epoch_in_another_order():
    data = Batches(np.arange(7.0)[None, None, :], np.arange(7)[None, :], size=3)
    first, second = list(data), list(data)
    assert [len(targets[0]) for _, targets in first] == [3, 3, 1]
    for epoch in (first, second):
        assert sorted(np.concatenate([targets[0] for _, targets in epoch])) == list(range(7))
        assert all(np.array_equal(xs[0, 0], targets[0]) for xs, targets in epoch)
    assert not np.array_equal(first[0][1], second[0][1])


def test_the_same_seed_gives_the_same_run():
    runs = [fit(small(), parity(), epochs=3, progress=None).updates for _ in range(2)]
    assert runs[0] == runs[1]


def test_it_stops_when_it_has_converged():
    history = fit(
        small(), parity(), optimizer=SGD(1e-9), epochs=50, tolerance=0.01, patience=3, progress=None
    )
    assert history.converged
    assert len(history.loss) == 4  # the first, and three that were not better
    assert "converged" in history.stopped


def test_it_stops_at_its_goal():
    history = fit(small(), parity(), optimizer=Adam(0.03), epochs=60, goal=2.0, progress=None)
    assert history.converged
    assert history.loss[-1] <= 2.0 < history.loss[-2]
    assert "at the goal of 2" in history.stopped


def test_it_does_not_stop_while_it_learns():
    history = fit(small(), parity(), optimizer=Adam(0.03), epochs=8, tolerance=1e-9, progress=None)
    assert not history.converged
    assert len(history.loss) == 8


def test_it_stops_when_the_time_is_over():
    history = fit(small(), parity(), epochs=50, seconds=0.0, progress=None)
    assert len(history.loss) == 1
    assert history.stopped == "the time is up, stopped after epoch 1 of 50"


def test_nan_stops_with_a_clear_word_and_keeps_the_weights():
    data = parity()
    data.xs[2, 0, 4] = np.nan
    network = small()
    lines: list[str] = []
    history = fit(network, data, epochs=5, progress=lines.append)
    assert history.diverged
    assert history.stopped == lines[-1]
    assert "stopped in epoch 1, batch " in lines[-1]
    assert "look for NaN in the data" in lines[-1]
    assert all(np.isfinite(weight).all() for weight in network.weights.values())


def test_a_diverging_loss_stops_too():
    xs = np.random.default_rng(0).normal(size=(T, 1, 9))
    network = Network(Elman, 1, 8, 1, loss="mean_squared_error", seed=0)
    pairs = [(xs, 10 * np.cumsum(xs, axis=0))]
    history = fit(network, pairs, optimizer=SGD(1e4), epochs=900, progress=None)
    assert history.diverged
    assert "try a learning rate below 1e+04" in history.stopped
    assert len(history.loss) < 900


def test_clipping_bounds_the_step_and_is_counted():
    network = small()
    before = {name: weight.copy() for name, weight in network.weights.items()}
    history = fit(
        network,
        [next(iter(parity()))],
        optimizer=SGD(1.0),
        epochs=1,
        clip_norm=0.01,
        progress=None,
    )
    moved = sum(((w - before[n]) ** 2).sum() for n, w in network.weights.items()) ** 0.5
    assert history.clipped == 1
    assert history.gradient_norm[0] > 0.01
    assert_agrees(moved, 0.01, tolerance=FLOAT64)


def test_a_schedule_sets_the_rate_of_the_next_epoch():
    history = fit(
        small(),
        parity(),
        optimizer=SGD(0.1),
        schedule=schedules.Step(2, 0.5),
        epochs=5,
        progress=None,
    )
    assert_agrees(history.learning_rate, [0.1, 0.1, 0.05, 0.05, 0.025], tolerance=FLOAT64)


def test_states_are_carried_from_batch_to_batch():
    data = parity()
    whole = (data.xs[..., :4], data.targets[..., :4])
    halves = [(array[0][:3], array[1][:3]) for array in [whole]]
    halves.append((whole[0][3:], whole[1][3:]))
    options = {"optimizer": SGD(1e-30), "epochs": 1, "progress": None}
    carried = fit(small(), halves, carry_states=True, **options).updates
    fresh = fit(small(), halves, **options).updates
    assert_agrees(np.sum(carried), small().loss(*whole), tolerance=FLOAT64)
    assert carried[0] == fresh[0]
    assert carried[1] != fresh[1]


@pytest.mark.parametrize(
    ("make_it", "says"),
    [
        (lambda: fit(small(), parity(), epochs=0), "one epoch or more"),
        (lambda: fit(small(), parity(), optimizer="adan"), "write one of sgd"),
        (lambda: fit(small(), [], progress=None), "not one batch"),
        (lambda: fit(small(), parity(), clip_norm=0, progress=None), "clipped at a positive"),
        (lambda: Batches(np.zeros((2, 1, 3)), np.zeros((2, 3)), size=0), "at least one sequence"),
        (lambda: Batches(np.zeros((2, 1, 3)), np.zeros((2, 4)), size=1), "one target for each"),
    ],
)
def test_what_cannot_be_is_explained(make_it, says):
    with pytest.raises(ArgumentError, match=says):
        make_it()


def test_a_generator_that_is_used_up_is_explained():
    with pytest.raises(ArgumentError, match="not a generator"):
        fit(small(), (pair for pair in parity()), epochs=2, progress=None)
