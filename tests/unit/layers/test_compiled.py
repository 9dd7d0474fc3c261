"""Layers under torch.compile, against the same call without it, and against torch.nn's."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch._dynamo.testing
from torch import Tensor, nn

import unrolled
from tests.tolerances import EXACT, FLOAT32, assert_agrees
from unrolled import cells

I, H = 3, 5


class Model(nn.Module):
    """What people put around a layer."""

    def __init__(self, rnn: nn.Module, width: int) -> None:
        super().__init__()
        self.rnn = rnn
        self.head = nn.Linear(width, 2)

    def forward(self, x: Tensor, states: Any = None, **more: Any) -> Any:
        y, states, *_ = self.rnn(2 * x, states, **more)
        return self.head(y), states


@pytest.fixture(autouse=True)
def _compiler() -> Iterator[None]:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def compiled(model: nn.Module, **options: Any) -> tuple[Any, Any]:
    """The model, and what counts how often it was compiled."""
    counter = torch._dynamo.testing.CompileCounterWithBackend("aot_eager")
    return torch.compile(model, backend=counter, **options), counter


def run(model: Any, x: Tensor, *arguments: Any, **more: Any) -> list[Tensor]:
    """Results, and the gradients of everything."""
    x = x.clone().requires_grad_()
    y, states = model(x, *arguments, **more)
    every = [y, *((states,) if isinstance(states, Tensor) else states)]
    parameters = list(model.parameters())
    gradients = torch.autograd.grad([torch.sin(v).sum() for v in every], [x, *parameters])
    return [*every, *gradients]


def same(found: list[Tensor], expected: list[Tensor]) -> None:
    for one, other in zip(found, expected, strict=True):
        assert_agrees(one, other, tolerance=FLOAT32)


def test_a_cell_that_makes_weights_of_weights_is_one_graph() -> None:
    layer = unrolled.Recurrent(cells.AntisymmetricRNN, I, H, 2)
    fast = torch.compile(layer, backend="eager", fullgraph=True)
    x = torch.randn(4, 6, I)
    assert_agrees(fast(x)[0], layer(x)[0], tolerance=EXACT)


@pytest.mark.exhaustive
@pytest.mark.parametrize("bptt", [2, "recompute"])
def test_a_cut_sequence_and_resets(bptt: Any) -> None:
    model = Model(unrolled.Recurrent(cells.GRU, I, H, batch_first=True, bptt=bptt), H)
    fast, _ = compiled(model, fullgraph=True)
    x, reset = torch.randn(4, 6, I), torch.rand(4, 6) < 0.3
    same(run(fast, x, reset=reset), run(model, x, reset=reset))


def test_a_drop_in_runs_as_it_is() -> None:
    """Dynamo stops before each of torch.nn's layers."""
    theirs = Model(nn.LSTM(I, H, 2), H)
    ours, _ = unrolled.convert(Model(nn.LSTM(I, H, 2), H))
    ours.load_state_dict(theirs.state_dict())
    fast, counter = compiled(ours)
    for steps, rows in ((4, 6), (7, 8)):
        x = torch.randn(steps, rows, I)
        same(run(fast, x), run(theirs, x))
    assert counter.frame_count == 0


def test_a_drop_in_is_part_of_a_whole_graph_where_torch_allows_it() -> None:
    model = Model(unrolled.LSTM(I, H, 2), H)
    with torch._dynamo.config.patch(allow_rnn=True):
        fast = torch.compile(model, backend="eager", fullgraph=True)
        x = torch.randn(4, 6, I)
        assert_agrees(fast(x)[0], model(x)[0], tolerance=EXACT)


@pytest.mark.exhaustive
@pytest.mark.skipif(shutil.which("c++") is None, reason="inductor needs a C++ compiler")
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore:Unable to find:UserWarning")
def test_inductor_compiles_what_stands_around() -> None:
    model = Model(unrolled.Recurrent(cells.GRU, I, H), H)
    fast = torch.compile(model, backend="inductor", fullgraph=True)
    x = torch.randn(4, 6, I)
    same(run(fast, x), run(model, x))


def test_evaluation_keeps_nothing() -> None:
    layer = unrolled.Recurrent(cells.GRU, I, H).eval()
    x = torch.randn(4, 2, I)
    with torch.no_grad():
        graphs: list[Any] = []

        def seen(graph: Any, _: Any) -> Any:
            graphs.append(graph)
            return graph

        backend = torch._dynamo.backends.common.aot_autograd(fw_compiler=seen)
        found = torch.compile(layer, backend=backend, fullgraph=True)(x)[0]
    assert_agrees(found, layer(x)[0], tolerance=EXACT)
    assert "run_keeping" not in graphs[0].code
    assert "unrolled.run.default" in graphs[0].code


@pytest.mark.parametrize(
    "make", [lambda: unrolled.LSTM(I, H), lambda: unrolled.Recurrent(cells.LSTM, I, H)]
)
def test_a_packed_sequence_is_left_to_the_layer(make: Any) -> None:
    layer = make()
    fast, _ = compiled(layer)
    packed = nn.utils.rnn.pack_sequence([torch.randn(n, I) for n in (4, 2)])
    assert_agrees(fast(packed)[0].data, layer(packed)[0].data, tolerance=EXACT)
