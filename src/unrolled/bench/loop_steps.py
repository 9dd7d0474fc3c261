"""Cells as a PyTorch user writes them: one product for all gates, the input's product in advance.

In: a step's part of the input's product, the states, the joined parameters (`layouts.JOINED`).
Out: the new states, the output first; next: `peers.python_loop`. Rows are sequences: (B, n).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional

States = tuple[Tensor, ...]
Step = Callable[[Tensor, States, Mapping[str, Tensor]], States]


def elman(xs: Tensor, states: States, p: Mapping[str, Tensor]) -> States:
    (h,) = states
    return (torch.tanh(torch.addmm(xs, h, p["U"].t())),)


def gru(xs: Tensor, states: States, p: Mapping[str, Tensor]) -> States:
    (h,) = states
    x_r, x_z, x_n = xs.chunk(3, 1)
    h_r, h_z, h_n = functional.linear(h, p["U"]).chunk(3, 1)
    r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
    n = torch.tanh(x_n + r * (h_n + p["c_n"]))
    return (n + z * (h - n),)


def lstm(xs: Tensor, states: States, p: Mapping[str, Tensor]) -> States:
    h, c = states
    i, f, g, o = torch.addmm(xs, h, p["U"].t()).chunk(4, 1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(c), c


def peephole(xs: Tensor, states: States, p: Mapping[str, Tensor]) -> States:
    h, c = states
    i, f, g, o = torch.addmm(xs, h, p["U"].t()).chunk(4, 1)
    p_i, p_f, p_o = p["p"].chunk(3)
    i, f = torch.sigmoid(i + p_i * c), torch.sigmoid(f + p_f * c)
    c = f * c + i * torch.tanh(g)
    return torch.sigmoid(o + p_o * c) * torch.tanh(c), c


def layer_norm_lstm(xs: Tensor, states: States, p: Mapping[str, Tensor]) -> States:
    h, c = states
    units = h.shape[1]
    gates = torch.addmm(xs, h, p["U"].t()).view(-1, 4, units)
    normed = functional.layer_norm(gates, (units,)) * p["gain"].view(4, units) + p["b"].view(
        4, units
    )
    i, f, g, o = normed.unbind(1)
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(
        functional.layer_norm(c, (units,), p["gain_c"], p["b_c"])
    ), c


def li_gru(xs: Tensor, states: States, p: Mapping[str, Tensor]) -> States:
    (h,) = states
    z, n = torch.addmm(xs, h, p["U"].t()).chunk(2, 1)
    n = torch.relu(n)
    return (n + torch.sigmoid(z) * (h - n),)


def gru_cho(xs: Tensor, states: States, p: Mapping[str, Tensor]) -> States:
    (h,) = states
    units = h.shape[1]
    x_rz, x_n = torch.split(xs, [2 * units, units], 1)
    r, z = torch.sigmoid(torch.addmm(x_rz, h, p["U"].t())).chunk(2, 1)
    n = torch.tanh(torch.addmm(x_n, r * h, p["U_n"].t()))
    return (n + z * (h - n),)


def slstm(xs: Tensor, states: States, p: Mapping[str, Tensor]) -> States:
    h, c, n, m = states
    log_i, f, z, o = torch.addmm(xs, h, p["U"].t()).chunk(4, 1)
    log_f = m + functional.logsigmoid(f)
    m = torch.maximum(log_f, log_i)
    i, f = torch.exp(log_i - m), torch.exp(log_f - m)
    c = f * c + i * torch.tanh(z)
    n = f * n + i
    return torch.sigmoid(o) * c / n, c, n, m


STEPS: dict[str, Step] = {
    "Elman": elman,
    "GRU": gru,
    "LSTM": lstm,
    "PeepholeLSTM": peephole,
    "LayerNormLSTM": layer_norm_lstm,
    "LiGRU": li_gru,
    "GRUCho2014": gru_cho,
    "SLSTM": slstm,
}
