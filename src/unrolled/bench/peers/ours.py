"""unrolled's layers: the drop-ins with torch.nn's parameters, and `Recurrent` for any cell."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor

import unrolled
from unrolled import cells
from unrolled.bench.contestant import Contestant
from unrolled.bench.layouts import TORCH_NN, Layout, join
from unrolled.bench.peers import torch_work
from unrolled.bench.problem import Array, Problem
from unrolled.layers.recurrent import Recurrent

DROP_INS = {"Elman": "RNN", "GRU": "GRU", "LSTM": "LSTM"}


def layer(problem: Problem, drop_in: bool, **options: Any) -> tuple[Recurrent, Layout]:
    """The layer with the problem's weights, and how its parameters hold them."""
    shape = problem.shape
    if drop_in:
        layout: Layout = TORCH_NN[problem.cell]
        made: Recurrent = getattr(unrolled, DROP_INS[problem.cell])(shape.I, shape.H, **options)
    else:
        layout = {f"{name}_l0": (name,) for name in problem.weights}
        cell = getattr(cells, problem.cell)
        made = unrolled.Recurrent(cell, shape.I, shape.H, **options)
    made.load_state_dict(torch_work.tensors(join(layout, problem.weights)))
    return made, layout


def training(problem: Problem, drop_in: bool, **options: Any) -> Contestant:
    made, layout = layer(problem, drop_in, **options)
    return torch_work.training(problem, lambda x: made(x)[0], dict(made.named_parameters()), layout)


def ragged(problem: Problem, drop_in: bool) -> Contestant:
    made, layout = layer(problem, drop_in)
    lengths = torch.from_numpy(problem.lengths)

    def forward(x: Tensor) -> Tensor:
        y: Tensor = made(x, lengths=lengths)[0]
        return y

    return torch_work.training(problem, forward, dict(made.named_parameters()), layout)


def inference(problem: Problem, drop_in: bool, fixed: bool = False) -> Contestant:
    """`fixed`: with weights that are packed once, as a session of ONNX Runtime's are."""
    made, _ = layer(problem, drop_in)
    made.eval()
    block = unrolled.fixed_weights(made) if fixed else nullcontext()
    block.__enter__()

    def forward(x: Tensor, held: object = block) -> Tensor:  # left when the contestant goes
        y: Tensor = made(x)[0]
        return y

    return torch_work.inference(problem, forward)


def stream(problem: Problem, drop_in: bool) -> Contestant:
    """One step a call, batch 1; what it returns is the stream's own and copied only to be kept."""
    made, _ = layer(problem, drop_in)
    stream, xs = made.stream(), list(torch.from_numpy(problem.x))

    def run() -> None:
        stream.reset()
        step = stream.step
        for x in xs:
            step(x)

    def results() -> dict[str, Array]:
        stream.reset()
        return {"y": torch.stack([stream.step(x).clone() for x in xs]).numpy()}

    return Contestant(run, results, repeats=len(xs))


def stream_in_place(problem: Problem, drop_in: bool) -> Contestant:
    """The same, the input written from NumPy to where the stream reads it."""
    made, _ = layer(problem, drop_in)
    stream, xs = made.stream(), list(problem.x[:, 0])

    def run(keep: list[Tensor] | None = None) -> None:
        stream.reset()
        step, room = stream.step, stream.x.numpy()
        for x in xs:
            room[:] = x
            y = step()
            if keep is not None:
                keep.append(y.clone())

    def results() -> dict[str, Array]:
        ys: list[Tensor] = []
        run(ys)
        return {"y": torch.stack(ys)[:, None].numpy()}

    return Contestant(run, results, repeats=len(xs))
