"""What people do with a layer in torch beyond a training step, each as a row: a Hessian-vector
product; a training step under `torch.compile` beside the same without; with `reset=` at one step in
50 beside none; a drop-in cell's step, and a call so small that it is Python's alone, beside
torch.nn's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

import unrolled
from unrolled.bench.contest import Maker, Settings, hold
from unrolled.bench.contestant import OURS, Contestant
from unrolled.bench.problem import Shape
from unrolled.bench.record import Record
from unrolled.bench.suites.torch_compile import missing_compiler
from unrolled.cells import GRU

NN, AUTOGRAD, EAGER, WITHOUT, KERNELS = (
    "torch.nn", 'engine="torch"', "eager", "no reset", 'engine="cpu"',
)  # fmt: skip
HESSIAN, TINY, STEP = Shape(8, 128, 32, 32), Shape(1, 4, 8, 8), Shape(8, 1, 32, 64)
TRAINED = (Shape(8, 64, 32, 32), Shape(32, 128, 64, 128))
SMALLEST = Shape(2, 3, 4, 5)
RESETS = 0.02
REPEATS = 100  # calls of microseconds in one run


def measure(settings: Settings) -> Iterator[Record]:
    def sized(shape: Shape) -> Shape:
        return SMALLEST if settings.quick else shape

    yield _row(settings, "Hessian-vector product", "LSTM", sized(HESSIAN), _hessian)
    shapes = TRAINED[:1] if settings.quick else TRAINED
    for shape in shapes:
        yield _row(settings, "compiled", "GRU", sized(shape), _compiled, _why_not(settings))
    for shape in shapes:
        for cell in ("LSTM", "GRU"):
            yield _row(settings, "reset", cell, sized(shape), _reset)
    for cell in ("LSTM", "GRU"):
        yield _row(settings, "one step", f"{cell}Cell", sized(STEP), _one_step)
        yield _row(settings, "small call", cell, sized(TINY), _small)


def _why_not(settings: Settings) -> dict[str, str]:
    reason = "it takes a minute to compile" if settings.quick else missing_compiler()
    return {} if reason is None else {"torch.compile": reason}


def _row(
    settings: Settings, work: str, cell: str, shape: Shape,
    makers: Callable[[str, Shape], Mapping[str, Maker]], left_out: Mapping[str, str] | None = None,
) -> Record:  # fmt: skip
    if left_out:
        return Record("torch", cell, shape, left_out=dict(left_out), facts={"work": work})
    torch.manual_seed(0)
    record = hold(settings, "torch", cell, shape, makers(cell, shape))
    record.facts["work"] = work
    return record


def _twins(cell: str, sizes: tuple[int, int], ways: Mapping[str, Any]) -> dict[str, Any]:
    """The same layer, of torch.nn's (None) or ours with these options."""
    first = getattr(torch.nn, cell)(*sizes)
    made: dict[str, Any] = {}
    for name, options in ways.items():
        layer = first if options is None else getattr(unrolled, cell)(*sizes, **options)
        layer.load_state_dict(first.state_dict())
        made[name] = layer
    return made


def _hessian(cell: str, shape: Shape) -> dict[str, Maker]:
    layers = _twins(cell, (shape.I, shape.H), {NN: None, OURS: {}, AUTOGRAD: {"engine": "torch"}})
    x, target = torch.randn(shape.T, shape.B, shape.I), torch.randn(shape.T, shape.B, shape.H)
    vectors = [torch.randn_like(p) for p in layers[NN].parameters()]

    def product(layer: Any) -> tuple[Tensor, ...]:
        weights = list(layer.parameters())
        loss = (layer(x)[0] - target).square().mean()
        slopes = torch.autograd.grad(loss, weights, create_graph=True)
        return torch.autograd.grad(slopes, weights, vectors)

    return {name: _of(product, layer) for name, layer in layers.items()}


def _of(work: Callable[[Any], tuple[Tensor, ...]], layer: Any, repeats: int = 1) -> Maker:
    def run() -> None:
        for _ in range(repeats):
            work(layer)

    def results() -> dict[str, Any]:
        return {f"d_{n}": found.detach().numpy() for n, found in enumerate(work(layer))}

    return lambda: Contestant(run, results, repeats)


def _step(x: Tensor, d_y: Tensor, **more: Any) -> Callable[[Any], tuple[Tensor, ...]]:
    def step(layer: Any) -> tuple[Tensor, ...]:
        layer.zero_grad()
        y = layer(x, **more)[0]
        torch.autograd.backward(y, d_y)
        return y, *[p.grad for p in layer.parameters()]

    return step


def _compiled(_: str, shape: Shape) -> dict[str, Maker]:
    layer = unrolled.Recurrent(GRU, shape.I, shape.H)
    step = _step(torch.randn(shape.T, shape.B, shape.I), torch.randn(shape.T, shape.B, shape.H))
    return {EAGER: _of(step, layer), OURS: _of(step, torch.compile(layer))}


def _reset(cell: str, shape: Shape) -> dict[str, Maker]:
    layer = getattr(unrolled, cell)(shape.I, shape.H)
    x, d_y = torch.randn(shape.T, shape.B, shape.I), torch.randn(shape.T, shape.B, shape.H)
    without, reset = _step(x, d_y), torch.rand(shape.T, shape.B) < RESETS
    return {
        OURS: _of(_step(x, d_y, reset=reset), layer),
        WITHOUT: lambda: Contestant(lambda: without(layer), None),
    }


def _one_step(cell: str, shape: Shape) -> dict[str, Maker]:
    cells = _twins(cell, (shape.I, shape.H), {NN: None, OURS: {}, KERNELS: {"engine": "cpu"}})
    x = torch.randn(shape.B, shape.I)

    def step(layer: Any) -> tuple[Tensor, ...]:
        with torch.no_grad():
            found = layer(x)
        return found if isinstance(found, tuple) else (found,)

    return {name: _of(step, layer, REPEATS) for name, layer in cells.items()}


def _small(cell: str, shape: Shape) -> dict[str, Maker]:
    layers = _twins(cell, (shape.I, shape.H), {NN: None, OURS: {}})
    x = torch.randn(shape.T, shape.B, shape.I)

    def call(layer: Any) -> tuple[Tensor, ...]:
        with torch.no_grad():
            return (layer(x)[0],)

    return {name: _of(call, layer, REPEATS) for name, layer in layers.items()}
