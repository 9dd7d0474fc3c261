"""A step of very many operations one after another runs, or is refused in a sentence."""

import contextlib
import inspect
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from tests.tolerances import FLOAT64, assert_agrees
from unrolled import Cell, Recurrent, UnrolledError, equation, tanh
from unrolled.engines.cpu import program
from unrolled.engines.plan import directions, lower
from unrolled.equations import nodes


def deep(times: int) -> type[Cell]:
    class Deep(Cell):
        def step(self, x: Any, h: Any) -> Any:
            value = self.W @ x + self.U @ h
            for _ in range(times):
                value = tanh(value) + 0.01 * h * value
            return value

    return Deep


def test_kernels_run_a_step_that_is_deeper_than_the_stack_of_python() -> None:
    cell = deep(60)
    lowered = lower.lower(equation(cell))
    narrow = lower.narrow(lowered)
    with few_calls():
        graphs = lower.backward_graphs(narrow)
        directions.plan_forward(narrow, graphs, (), inside=False)
        directions.plan_backward(narrow, graphs)
    x = torch.randn(3, 2, 2, dtype=torch.float64)
    layers = [Recurrent(cell, 2, 3, engine=name).double() for name in ("cpu", "torch")]
    layers[1].load_state_dict(layers[0].state_dict())
    found = []
    for layer in layers:
        inputs = x.clone().requires_grad_()
        y, _ = layer(inputs)
        y.sum().backward()
        found.append((y.detach(), inputs.grad))
    for ours, theirs, name in zip(*found, ("y", "d_x"), strict=True):
        assert_agrees(ours, theirs, tolerance=FLOAT64, name=name)


@contextlib.contextmanager
def few_calls() -> Iterator[None]:
    """60 functions within one another, where the step has 240 operations."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 60)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def test_each_operation_is_looked_at_a_bounded_number_of_times(monkeypatch) -> None:
    """Planning twice the operations takes twice the visits: counted, not timed."""
    visits = []
    for times in (40, 80):
        narrow = lower.narrow(lower.lower(equation(deep(times))))
        count = 0
        walk = nodes.topological

        def counting(*arguments: Any, walk: Any = walk) -> Iterator[Any]:
            nonlocal count
            for node in walk(*arguments):
                count += 1
                yield node

        with monkeypatch.context() as patch:
            patch.setattr(lower, "topological", counting)
            lower.backward_graphs(narrow)
        visits.append(count)
    assert visits[1] < 2.2 * visits[0]


def test_the_kernels_refuse_it_and_torch_runs_it() -> None:
    x, cell = torch.ones(1, 1, 2), deep(program.MOST_OPERATIONS // 3)
    with pytest.raises(UnrolledError, match=r'take up to 1,000: .* engine="torch"') as error:
        Recurrent(cell, 2, 3)(x)
    assert "\n" not in str(error.value)
    assert Recurrent(cell, 2, 3, engine="torch")(x)[0].isfinite().all()
