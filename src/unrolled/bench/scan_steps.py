"""Cells as a JAX user writes them for `lax.scan`: one product for all gates, the input's done
ahead.

In: a step's part of the input's product, the states, the joined parameters (`layouts.JOINED`). Out:
the new states, the output first; next: `peers.lax_scan`. Importing this needs jax.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp

States = tuple[Any, ...]
Step = Callable[[Any, States, Mapping[str, Any]], States]
sigmoid = jax.nn.sigmoid


def elman(xs: Any, states: States, p: Mapping[str, Any]) -> States:
    (h,) = states
    return (jnp.tanh(xs + h @ p["U"].T),)


def gru(xs: Any, states: States, p: Mapping[str, Any]) -> States:
    (h,) = states
    x_r, x_z, x_n = jnp.split(xs, 3, 1)
    h_r, h_z, h_n = jnp.split(h @ p["U"].T, 3, 1)
    r, z = sigmoid(x_r + h_r), sigmoid(x_z + h_z)
    n = jnp.tanh(x_n + r * (h_n + p["c_n"]))
    return (n + z * (h - n),)


def lstm(xs: Any, states: States, p: Mapping[str, Any]) -> States:
    h, c = states
    i, f, g, o = jnp.split(xs + h @ p["U"].T, 4, 1)
    c = sigmoid(f) * c + sigmoid(i) * jnp.tanh(g)
    return sigmoid(o) * jnp.tanh(c), c


def peephole(xs: Any, states: States, p: Mapping[str, Any]) -> States:
    h, c = states
    i, f, g, o = jnp.split(xs + h @ p["U"].T, 4, 1)
    p_i, p_f, p_o = jnp.split(p["p"], 3)
    i, f = sigmoid(i + p_i * c), sigmoid(f + p_f * c)
    c = f * c + i * jnp.tanh(g)
    return sigmoid(o + p_o * c) * jnp.tanh(c), c


def normalised(v: Any) -> Any:
    """Layer normalisation without gain and bias, over the last axis."""
    v = v - v.mean(-1, keepdims=True)
    return v * jax.lax.rsqrt((v * v).mean(-1, keepdims=True) + 1e-5)


def layer_norm_lstm(xs: Any, states: States, p: Mapping[str, Any]) -> States:
    h, c = states
    units = h.shape[1]
    gates = normalised((xs + h @ p["U"].T).reshape(-1, 4, units))
    gates = gates * p["gain"].reshape(4, units) + p["b"].reshape(4, units)
    i, f, g, o = (gates[:, gate] for gate in range(4))
    c = sigmoid(f) * c + sigmoid(i) * jnp.tanh(g)
    return sigmoid(o) * jnp.tanh(p["gain_c"] * normalised(c) + p["b_c"]), c


def li_gru(xs: Any, states: States, p: Mapping[str, Any]) -> States:
    (h,) = states
    z, n = jnp.split(xs + h @ p["U"].T, 2, 1)
    n = jax.nn.relu(n)
    return (n + sigmoid(z) * (h - n),)


def gru_cho(xs: Any, states: States, p: Mapping[str, Any]) -> States:
    (h,) = states
    units = h.shape[1]
    r, z = jnp.split(sigmoid(xs[:, : 2 * units] + h @ p["U"].T), 2, 1)
    n = jnp.tanh(xs[:, 2 * units :] + (r * h) @ p["U_n"].T)
    return (n + z * (h - n),)


def slstm(xs: Any, states: States, p: Mapping[str, Any]) -> States:
    h, c, n, m = states
    log_i, f, z, o = jnp.split(xs + h @ p["U"].T, 4, 1)
    log_f = m + jax.nn.log_sigmoid(f)
    m = jnp.maximum(log_f, log_i)
    i, f = jnp.exp(log_i - m), jnp.exp(log_f - m)
    c = f * c + i * jnp.tanh(z)
    n = f * n + i
    return sigmoid(o) * c / n, c, n, m


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
