"""The hint to whoever calls a cell in a loop where a layer would do."""

import copy
import warnings
from typing import Any

import pytest
import torch
from torch import Tensor

import unrolled
from unrolled.layers.loops import STEPS, WATCH

I, H = 3, 5
CELLS = ["RNNCell", "GRUCell", "LSTMCell"]


@pytest.fixture(autouse=True)
def _watching(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WATCH, "is_on", True)


def run(cell: Any, x: Tensor) -> Any:
    states = None
    for step in x:
        states = cell(step, states)
    return states


@pytest.mark.parametrize("engine", ["auto", "cpu"])
@pytest.mark.parametrize("name", CELLS)
def test_it_is_given_once(name: str, engine: str) -> None:
    cell, x = getattr(unrolled, name)(I, H, engine=engine), torch.randn(2 * STEPS, 2, I)
    with pytest.warns(unrolled.LoopWarning, match=f"{name} has taken {STEPS} steps") as seen:
        run(cell, x)
    run(copy.deepcopy(cell), x)  # warnings are errors
    assert len(seen) == 1
    assert seen[0].filename == __file__, "it points at the loop"
    assert f"unrolled.{name.removesuffix('Cell')} runs all" in str(seen[0].message)


def test_it_can_be_silenced() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", unrolled.LoopWarning)
        run(unrolled.GRUCell(I, H), torch.randn(2 * STEPS, 2, I))


def changed_between(cell: Any, x: Tensor) -> None:
    h = None
    for step in x:
        h = cell(step, None if h is None else h * 0.5)


def input_of_its_own(cell: Any, x: Tensor) -> None:
    h = torch.zeros(2, H)
    for step in x:
        h = cell(step + h.mean(), h)


def no_state(cell: Any, x: Tensor) -> None:
    for step in x:
        cell(step)


def short(cell: Any, x: Tensor) -> None:
    for _ in range(3):
        run(cell, x[: STEPS - 1])


def mapped(cell: Any, x: Tensor) -> None:
    torch.func.vmap(lambda one: run(cell, one), 1)(x)


def compiled(cell: Any, x: Tensor) -> None:
    torch.compile(run, backend="eager", fullgraph=True)(cell, x)


def exported(cell: Any, x: Tensor) -> None:
    class Loop(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell = cell

        def forward(self, x: Tensor) -> Any:
            return run(self.cell, x)

    torch.export.export(Loop(), (x,), strict=False)


@pytest.mark.parametrize(
    "loop", [changed_between, input_of_its_own, no_state, short, mapped, compiled, exported]
)
def test_where_no_layer_would_do_there_is_none(loop: Any) -> None:
    loop(unrolled.GRUCell(I, H, engine="cpu"), torch.randn(STEPS + 4, 2, I))
