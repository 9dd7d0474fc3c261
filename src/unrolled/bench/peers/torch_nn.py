"""torch.nn's own layers, eager. Padded batches go through its packed sequences."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from unrolled.bench.contestant import Contestant
from unrolled.bench.layouts import TORCH_NN, join
from unrolled.bench.peers import torch_work
from unrolled.bench.problem import Problem

LAYERS = {"Elman": nn.RNN, "GRU": nn.GRU, "LSTM": nn.LSTM}


def layer(problem: Problem) -> nn.Module:
    """The layer with the problem's weights."""
    made: nn.Module = LAYERS[problem.cell](problem.shape.I, problem.shape.H)
    made.load_state_dict(torch_work.tensors(join(TORCH_NN[problem.cell], problem.weights)))
    return made


def training(problem: Problem, threads: int) -> Contestant:
    made = layer(problem)
    parameters = dict(made.named_parameters())
    return torch_work.training(problem, lambda x: made(x)[0], parameters, TORCH_NN[problem.cell])


def inference(problem: Problem, threads: int) -> Contestant:
    made = layer(problem).eval()
    return torch_work.inference(problem, lambda x: made(x)[0])


def ragged(problem: Problem, threads: int) -> Contestant:
    """Training from a padded batch to a padded batch."""
    made = layer(problem)
    lengths = torch.from_numpy(problem.lengths)

    def forward(x: Tensor) -> Tensor:
        packed = pack_padded_sequence(x, lengths, enforce_sorted=False)
        return pad_packed_sequence(made(packed)[0], total_length=problem.shape.T)[0]

    parameters = dict(made.named_parameters())
    return torch_work.training(problem, forward, parameters, TORCH_NN[problem.cell])


def stream(problem: Problem, threads: int) -> Contestant:
    """One step a call, states handed on, batch 1."""
    made = layer(problem).eval()
    xs = torch.from_numpy(problem.x)[:, None]

    def run() -> list[Tensor]:
        with torch.no_grad():
            states, ys = None, []
            for x in xs:
                y, states = made(x, states)
                ys.append(y)
            return ys

    return Contestant(run, lambda: {"y": torch.cat(run()).numpy()}, repeats=problem.shape.T)
