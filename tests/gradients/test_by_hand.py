"""Backpropagation through time written out by hand, as in a textbook, for Elman, GRU and LSTM.

Nothing here is derived: each function is the chain rule with pencil and paper.
"""

from typing import Any

import numpy as np
import pytest

from tests.tolerances import FLOAT64, assert_agrees
from unrolled import Cell, equation
from unrolled.cells import GRU, LSTM, Elman
from unrolled.equations import interpret

Arrays = dict[str, Any]
T, B, I, H = 6, 3, 2, 4


def sigmoid(a: Any) -> Any:
    return 1 / (1 + np.exp(-a))


def zeros(weights: Arrays) -> Arrays:
    return {name: np.zeros_like(weight) for name, weight in weights.items()}


def add_affine(d: Arrays, gate: str, d_net: Any, x: Any, h: Any) -> None:
    """What W x + U h + b leaves for its weights."""
    d[f"W{gate}"] += d_net @ x.T
    d[f"U{gate}"] += d_net @ h.T
    d[f"b{gate}"] += d_net.sum(axis=1)


def elman(w: Arrays, xs: Any, h0: Any, d_ys: Any, d_final: Any) -> tuple[Arrays, Any, Any]:
    hs = [h0]
    for x in xs:
        hs.append(np.tanh(w["W"] @ x + w["U"] @ hs[-1] + w["b"][:, None]))
    d, d_xs, (d_h,) = zeros(w), np.zeros_like(xs), d_final
    for t in reversed(range(len(xs))):
        d_h = d_h + d_ys[t]
        d_net = d_h * (1 - hs[t + 1] ** 2)
        add_affine(d, "", d_net, xs[t], hs[t])
        d_xs[t] = w["W"].T @ d_net
        d_h = w["U"].T @ d_net
    return d, d_xs, (d_h,)


def gru(w: Arrays, xs: Any, h: Any, d_ys: Any, d_final: Any) -> tuple[Arrays, Any, Any]:
    kept = []
    for x in xs:
        r = sigmoid(w["W_r"] @ x + w["U_r"] @ h + w["b_r"][:, None])
        z = sigmoid(w["W_z"] @ x + w["U_z"] @ h + w["b_z"][:, None])
        m = w["U_n"] @ h + w["c_n"][:, None]
        n = np.tanh(w["W_n"] @ x + w["b_n"][:, None] + r * m)
        kept.append((h, r, z, m, n))
        h = (1 - z) * n + z * h
    d, d_xs, (d_h,) = zeros(w), np.zeros_like(xs), d_final
    for t in reversed(range(len(xs))):
        h, r, z, m, n = kept[t]
        d_h = d_h + d_ys[t]
        d_net_n = d_h * (1 - z) * (1 - n**2)
        d_net_r = d_net_n * m * r * (1 - r)
        d_net_z = d_h * (h - n) * z * (1 - z)
        d_m = d_net_n * r
        add_affine(d, "_r", d_net_r, xs[t], h)
        add_affine(d, "_z", d_net_z, xs[t], h)
        d["W_n"] += d_net_n @ xs[t].T
        d["b_n"] += d_net_n.sum(axis=1)
        d["U_n"] += d_m @ h.T
        d["c_n"] += d_m.sum(axis=1)
        d_xs[t] = w["W_r"].T @ d_net_r + w["W_z"].T @ d_net_z + w["W_n"].T @ d_net_n
        d_h = d_h * z + w["U_r"].T @ d_net_r + w["U_z"].T @ d_net_z + w["U_n"].T @ d_m
    return d, d_xs, (d_h,)


def lstm(w: Arrays, xs: Any, h: Any, c: Any, d_ys: Any, d_final: Any) -> tuple[Arrays, Any, Any]:
    kept = []
    for x in xs:
        net = {g: w[f"W_{g}"] @ x + w[f"U_{g}"] @ h + w[f"b_{g}"][:, None] for g in "ifgo"}
        i, f, o = (sigmoid(net[g]) for g in "ifo")
        g, before = np.tanh(net["g"]), (h, c)
        c = f * c + i * g
        h = o * np.tanh(c)
        kept.append((*before, i, f, g, o, c))
    d, d_xs, (d_h, d_c) = zeros(w), np.zeros_like(xs), d_final
    for t in reversed(range(len(xs))):
        h, c_before, i, f, g, o, c = kept[t]
        d_h = d_h + d_ys[t]
        d_c = d_c + d_h * o * (1 - np.tanh(c) ** 2)
        d_net = {
            "i": d_c * g * i * (1 - i),
            "f": d_c * c_before * f * (1 - f),
            "g": d_c * i * (1 - g**2),
            "o": d_h * np.tanh(c) * o * (1 - o),
        }
        for gate, d_gate in d_net.items():
            add_affine(d, f"_{gate}", d_gate, xs[t], h)
        d_xs[t] = sum(w[f"W_{gate}"].T @ d_gate for gate, d_gate in d_net.items())
        d_h = sum(w[f"U_{gate}"].T @ d_gate for gate, d_gate in d_net.items())
        d_c = d_c * f
    return d, d_xs, (d_h, d_c)


@pytest.mark.parametrize(("cell_type", "by_hand"), [(Elman, elman), (GRU, gru), (LSTM, lstm)])
def test_the_derived_gradients_are_those_by_hand(cell_type: type[Cell], by_hand: Any) -> None:
    generator = np.random.default_rng(7)
    cell = cell_type(input_size=I, hidden_size=H, seed=0)
    for weight in cell.weights.values():
        weight[...] = generator.normal(size=weight.shape)
    xs = generator.normal(size=(T, I, B))
    states = tuple(generator.normal(size=(H, B)) for _ in cell.states)
    d_ys = generator.normal(size=(T, H, B))
    d_final = tuple(generator.normal(size=(H, B)) for _ in cell.states)

    run = interpret.forward(equation(cell), cell.weights, xs, states, input_size=I, hidden_size=H)
    derived = interpret.backward(run, d_ys, d_final)
    d_weights, d_xs, d_states = by_hand(cell.weights, xs, *states, d_ys, d_final)

    for name, expected in d_weights.items():
        assert_agrees(derived.weights[name], expected, tolerance=FLOAT64, name=f"d_{name}")
    assert_agrees(derived.inputs, d_xs, tolerance=FLOAT64, name="d_xs")
    for name, mine, expected in zip(cell.states, derived.states, d_states, strict=True):
        assert_agrees(mine, expected, tolerance=FLOAT64, name=f"d_{name}_prev")
