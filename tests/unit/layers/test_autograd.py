"""The kernels under torch's autograd: numerically right, twice over, and clean."""

import gc
import weakref
from typing import Any

import pytest
import torch

import unrolled
from tests.tolerances import EXACT, FLOAT64, assert_agrees
from unrolled.cells import LSTM, GRUCho2014, LayerNormLSTM

I, H = 3, 5


def make(cell: Any = LSTM, engine: str = "cpu", **more: Any) -> unrolled.Recurrent:
    torch.manual_seed(0)
    return unrolled.Recurrent(cell, I, H, engine=engine, dtype=torch.float64, **more)


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


def as_function(layer: Any, lengths: Any = None) -> Any:
    """x, states, parameters -> everything the layer gives, for gradcheck."""
    names = [name for name, _ in layer.named_parameters()]
    count = len(layer.equation.states)

    def call(x: torch.Tensor, *rest: torch.Tensor) -> Any:
        states = rest[0] if count == 1 else rest[:count]
        weights = dict(zip(names, rest[count:], strict=True))
        y, last = torch.func.functional_call(layer, weights, (x, states, lengths))
        return (y, *last) if isinstance(last, tuple) else (y, last)

    states = [draw(1, 2, H, seed=n + 1).requires_grad_() for n in range(count)]
    return call, (draw(3, 2, I).requires_grad_(), *states, *layer.parameters())


@pytest.mark.parametrize("lengths", [None, [1, 3]], ids=["dense", "ragged"])
@pytest.mark.parametrize("cell", [LSTM, GRUCho2014, LayerNormLSTM])
def test_gradcheck(cell: Any, lengths: Any) -> None:
    assert torch.autograd.gradcheck(*as_function(make(cell), lengths))


def test_gradcheck_of_a_drop_in() -> None:
    layer = unrolled.GRU(2, 3, 2, bidirectional=True).double()
    names = [name for name, _ in layer.named_parameters()]

    def call(x: torch.Tensor, *weights: torch.Tensor) -> Any:
        return torch.func.functional_call(layer, dict(zip(names, weights, strict=True)), (x,))

    assert torch.autograd.gradcheck(call, (draw(3, 2, 2).requires_grad_(), *layer.parameters()))


@pytest.mark.exhaustive
@pytest.mark.parametrize("engine", ["cpu", "torch"])
@pytest.mark.parametrize("cell", [LSTM, GRUCho2014])
def test_gradgradcheck(cell: Any, engine: str) -> None:
    assert torch.autograd.gradgradcheck(*as_function(make(cell, engine), [1, 3]))


@pytest.mark.parametrize("bptt", ["whole", "recompute", 2])
def test_a_second_backward_over_the_same_graph(bptt: Any) -> None:
    layer = make(num_layers=2, bidirectional=True, bptt=bptt)
    x = draw(4, 2, I).requires_grad_()
    loss = layer(x)[0].square().sum()
    wanted = [x, *layer.parameters()]
    first = [g.clone() for g in torch.autograd.grad(loss, wanted, retain_graph=True)]
    layer(draw(4, 2, I, seed=9))[0].sum().backward()  # memory is used again, not that of the graph
    for one, other in zip(torch.autograd.grad(loss, wanted), first, strict=True):
        assert_agrees(one, other, tolerance=EXACT)


@pytest.mark.parametrize("cell", [LSTM, LayerNormLSTM])
def test_memory_of_any_layout(cell: Any) -> None:
    """Expanded and non-contiguous inputs, states and derivatives."""
    layer = make(cell)
    x = draw(I, 1, 6)[:, :, ::2].permute(2, 1, 0).expand(3, 2, I)
    h = draw(2, H).t()[:, :1].t().expand(1, 2, H)
    c = draw(1, 2, 2 * H)[:, :, ::2]
    d = draw(H, 1, 3).permute(2, 1, 0).expand(3, 2, H)
    found = []
    for copied in (lambda v: v, lambda v: v.contiguous().clone()):
        leaf = copied(x).detach().requires_grad_()
        states = tuple(copied(s).detach().requires_grad_() for s in (h, c))
        y, last = layer(leaf, states)
        torch.autograd.backward([y, last[1]], [copied(d), copied(h)])
        found.append([y, *last, leaf.grad, *(s.grad for s in states)])
        found[-1] += [p.grad for p in layer.parameters()]
        layer.zero_grad()
    for one, other in zip(*found, strict=True):
        assert_agrees(one, other, tolerance=FLOAT64)


@pytest.mark.parametrize("hidden", [H, 16])
@pytest.mark.parametrize("what", ["input", "parameter"])
def test_a_change_in_place_is_noticed(what: str, hidden: int) -> None:
    torch.manual_seed(0)
    layer = unrolled.Recurrent(LSTM, I, hidden, dtype=torch.float64)
    leaf = draw(4, 2, I).requires_grad_()
    x = leaf * 1
    y, _ = layer(x)
    loss = y.square().sum()
    with torch.no_grad():
        {"input": x, "parameter": layer.U_i_l0}[what].add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@pytest.mark.parametrize("bptt", ["whole", "recompute", 2])
@pytest.mark.parametrize("again", [False, True], ids=["once", "twice"])
def test_a_state_that_changes_in_place_is_noticed(bptt: Any, again: bool) -> None:
    """It is read once more where a sequence is recomputed, and in derivatives of derivatives."""
    layer = make(bptt=bptt)
    states = draw(1, 2, H, seed=1), draw(1, 2, H, seed=2)
    loss = layer(draw(4, 2, I), states)[0].sum()
    for state in states:
        state.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        torch.autograd.grad(loss, list(layer.parameters()), create_graph=again)


def kept_by(y: torch.Tensor) -> list[weakref.ref[Any]]:
    """The output, and what the autograd functions of the graph below it hold."""
    seen, todo = set(), [y.grad_fn]
    while todo:
        node = todo.pop()
        if node is not None and node not in seen:
            seen.add(node)
            todo += [below for below, _ in node.next_functions]
    ours = [node for node in seen if isinstance(node, torch.autograd.function.BackwardCFunction)]
    assert len(ours) >= 2  # one a layer, at least
    return [weakref.ref(y), *map(weakref.ref, ours)]


@pytest.mark.parametrize("bptt", ["whole", "recompute", 2])
@pytest.mark.parametrize("hidden", [H, 16])
def test_a_graph_is_freed_without_the_collector(hidden: int, bptt: Any) -> None:
    layer = unrolled.Recurrent(LSTM, I, hidden, num_layers=2, bptt=bptt)
    x = torch.randn(4, 2, I)
    gc.collect()
    gc.disable()
    try:
        for is_used in (False, True):
            y, _ = layer(x)
            seen = kept_by(y)
            if is_used:
                y.sum().backward()
            del y, _
            assert [ref() for ref in seen] == [None] * len(seen)
    finally:
        gc.enable()


def test_only_the_last_state_is_used() -> None:
    """No derivative by the outputs, and none by one of two states, is a derivative of zero."""
    found = []
    for engine in ("cpu", "torch"):
        layer = make(engine=engine)
        _, (_, c) = layer(draw(4, 2, I))
        c.sum().backward()
        found.append([p.grad for p in layer.parameters()])
    for one, other in zip(*found, strict=True):
        assert_agrees(one, other, tolerance=FLOAT64)
