"""`fixed_weights`: the same results from weights that are packed once, and no stale ones."""

import copy
import pickle
import threading
from typing import Any

import pytest
import torch

import unrolled
from tests.tolerances import EXACT, FLOAT32, assert_agrees
from unrolled import fixed_weights
from unrolled.cells import AntisymmetricRNN, MinLSTM, PeepholeLSTM
from unrolled.engines.cpu.machine import launches

LAYERS = {
    "LSTM, two layers, both directions": lambda: unrolled.LSTM(5, 19, 2, bidirectional=True),
    "a peephole LSTM": lambda: unrolled.Recurrent(PeepholeLSTM, 5, 19),
    "weights that follow from others": lambda: unrolled.Recurrent(AntisymmetricRNN, 5, 19),
    "windows": lambda: unrolled.Recurrent(MinLSTM, 5, 19, bptt=4),
    "segments": lambda: unrolled.GRU(5, 19, bptt="recompute"),
}
each_layer = pytest.mark.parametrize("make", LAYERS.values(), ids=LAYERS)


def outcome(layer: Any, x: torch.Tensor) -> list[torch.Tensor]:
    layer.zero_grad()
    y, states = layer(x)
    (y * torch.linspace(-1, 1, y.numel()).reshape(y.shape)).sum().backward()
    states = states if isinstance(states, tuple) else (states,)
    gradients = [parameter.grad.clone() for parameter in layer.parameters()]
    return [y.detach(), *(state.detach() for state in states), *gradients]


def assert_same(found: list[torch.Tensor], expected: list[torch.Tensor]) -> None:
    for number, (one, other) in enumerate(zip(found, expected, strict=True)):
        assert_agrees(one, other, tolerance=EXACT, name=str(number))


@each_layer
def test_the_same_results_and_gradients_for_any_batch(make: Any) -> None:
    torch.manual_seed(0)
    layer = make()
    batches = [torch.randn(steps, rows, 5) for steps, rows in ((7, 3), (40, 1), (7, 3), (2, 9))]
    expected = [outcome(layer, x) for x in batches]
    with fixed_weights(layer):
        for x, known in zip(batches, expected, strict=True):
            assert_same(outcome(layer, x), known)
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.mul_(1.5)
    changed = outcome(layer, batches[0])
    assert not torch.equal(changed[0], expected[0][0])


def test_weights_are_packed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, x = unrolled.LSTM(5, 19), torch.randn(7, 3, 5)
    runs: list[launches.Launches] = []
    original = unrolled.layers.library.library(torch.float32).parallel

    def noted(launched: launches.Launches, *rest: int) -> None:
        runs.append(launched)
        original(launched, *rest)

    library = unrolled.layers.library.library(torch.float32)
    monkeypatch.setattr(library, "parallel", noted)
    with torch.no_grad(), fixed_weights(layer):
        for _ in range(3):
            layer(x)
    assert len(runs[1].each) == len(runs[2].each) == len(runs[0].each) - 1


@pytest.mark.parametrize("change", ["in place", "another tensor", "load_state_dict", "a step"])
def test_a_weight_that_is_changed_all_the_same(change: str) -> None:
    layer, x = unrolled.LSTM(5, 19), torch.randn(7, 3, 5)
    optimizer = torch.optim.SGD(layer.parameters(), 0.1)
    with fixed_weights(layer):
        layer(x)[0].sum().backward()
        with torch.no_grad():
            if change == "in place":
                layer.weight_hh_l0[0, 0] = 1.0
            elif change == "another tensor":
                layer.bias_ih_l0.data = torch.zeros(4 * 19)
            elif change == "load_state_dict":
                layer.load_state_dict(unrolled.LSTM(5, 19).state_dict())
            else:
                optimizer.step()
        with pytest.raises(unrolled.ArgumentError, match="was changed inside"):
            layer(x)
    expected = torch.nn.LSTM(5, 19)
    expected.load_state_dict(layer.state_dict())
    assert_agrees(layer(x)[0], expected(x)[0], tolerance=FLOAT32)


def test_it_ends_with_the_block_and_blocks_may_be_nested() -> None:
    model = torch.nn.Sequential(unrolled.GRU(5, 19))
    with fixed_weights(model):
        model(torch.randn(7, 3, 5))
        outer = model[0].fixed
        with fixed_weights(model[0]):
            assert model[0].fixed is not outer
        assert model[0].fixed is outer
    assert model[0].fixed is None
    with pytest.raises(unrolled.ShapeError), fixed_weights(model):
        model(torch.randn(7, 3, 6))
    assert model[0].fixed is None


def through_pickle(layer: Any) -> Any:
    return pickle.loads(pickle.dumps(layer))  # noqa: S301, our own


@pytest.mark.parametrize("copied", [copy.deepcopy, through_pickle])
def test_a_copy_has_weights_of_its_own(copied: Any) -> None:
    layer, x = unrolled.LSTM(5, 19), torch.randn(7, 3, 5)
    with fixed_weights(layer), torch.no_grad():
        expected = layer(x)[0]
        other = copied(layer)
        assert other.fixed is None
        assert_agrees(other(x)[0], expected, tolerance=EXACT)
        other.weight_ih_l0.zero_()
        assert not torch.equal(other(x)[0], expected)


def test_a_weight_that_is_made_at_each_call_is_packed_at_each() -> None:
    layer, x = unrolled.RNN(5, 19), torch.randn(7, 3, 5)
    torch.nn.utils.parametrizations.weight_norm(layer, "weight_hh_l0")
    with fixed_weights(layer), torch.no_grad():
        before = layer(x)[0]
        layer.parametrizations.weight_hh_l0.original0.mul_(2)
        assert not torch.equal(layer(x)[0], before)


def test_a_model_that_was_made_in_inference_mode() -> None:
    with torch.inference_mode():
        layer, x = unrolled.GRU(5, 19), torch.randn(7, 3, 5)
        expected = layer(x)[0]
        with fixed_weights(layer):
            for _ in range(2):
                assert_agrees(layer(x)[0], expected, tolerance=EXACT)


def test_several_threads_at_once() -> None:
    layer, wrong = unrolled.LSTM(5, 64), []
    xs = [torch.randn(9, 4, 5) for _ in range(4)]
    with torch.no_grad():
        expected = [layer(x)[0] for x in xs]

        def work(number: int) -> None:
            with torch.no_grad():
                for _ in range(20):
                    if not torch.equal(layer(xs[number])[0], expected[number]):
                        wrong.append(number)

        for _ in range(10):
            with fixed_weights(layer):
                callers = [threading.Thread(target=work, args=(n,)) for n in range(4)]
                for caller in callers:
                    caller.start()
                for caller in callers:
                    caller.join()
    assert wrong == []


def test_a_model_without_such_a_layer() -> None:
    with pytest.raises(unrolled.ArgumentError, match="none of unrolled's layers"):
        fixed_weights(torch.nn.LSTM(5, 19)).__enter__()
