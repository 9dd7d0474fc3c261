"""The usual layouts of a cell's weights: gates stacked in one matrix, for a single product.

In: weights (or gradients) by the names of the equation. Out: the same by the names of a layout, and
back; next: `peers`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

# Cell -> joined parameter -> the weights in it, from top to bottom. None: a vector of zeros.
Layout = Mapping[str, tuple[str | None, ...]]


def _gates(letters: str, *kinds: str) -> dict[str, tuple[str, ...]]:
    return {kind: tuple(f"{kind}_{letter}" for letter in letters) for kind in kinds}


JOINED: dict[str, Layout] = {
    "Elman": {"W": ("W",), "U": ("U",), "b": ("b",)},
    "GRU": {**_gates("rzn", "W", "U", "b"), "c_n": ("c_n",)},
    "LSTM": _gates("ifgo", "W", "U", "b"),
    "PeepholeLSTM": {**_gates("ifgo", "W", "U", "b"), **_gates("ifo", "p")},
    "LayerNormLSTM": {
        **_gates("ifgo", "W", "U", "gain", "b"),
        "gain_c": ("gain_c",),
        "b_c": ("b_c",),
    },
    "LiGRU": _gates("zn", "W", "U", "b"),
    "GRUCho2014": {**_gates("rzn", "W", "b"), **_gates("rz", "U"), "U_n": ("U_n",)},
    "SLSTM": _gates("ifzo", "W", "U", "b"),
}

# torch.nn adds two biases; only the GRU's second one does something that the first cannot.
TORCH_NN: dict[str, Layout] = {
    "Elman": {"weight_ih_l0": ("W",), "weight_hh_l0": ("U",),
              "bias_ih_l0": ("b",), "bias_hh_l0": (None,)},
    "GRU": {"weight_ih_l0": ("W_r", "W_z", "W_n"), "weight_hh_l0": ("U_r", "U_z", "U_n"),
            "bias_ih_l0": ("b_r", "b_z", "b_n"), "bias_hh_l0": (None, None, "c_n")},
    "LSTM": {"weight_ih_l0": ("W_i", "W_f", "W_g", "W_o"),
             "weight_hh_l0": ("U_i", "U_f", "U_g", "U_o"),
             "bias_ih_l0": ("b_i", "b_f", "b_g", "b_o"), "bias_hh_l0": (None,) * 4},
}  # fmt: skip

# ONNX's order of the gates, and its two biases in one vector.
ONNX: dict[str, Layout] = {
    "Elman": {"W": ("W",), "R": ("U",), "B": ("b", None)},
    "GRU": {"W": ("W_z", "W_r", "W_n"), "R": ("U_z", "U_r", "U_n"),
            "B": ("b_z", "b_r", "b_n", None, None, "c_n")},
    "LSTM": {"W": ("W_i", "W_o", "W_f", "W_g"), "R": ("U_i", "U_o", "U_f", "U_g"),
             "B": ("b_i", "b_o", "b_f", "b_g", None, None, None, None)},
}  # fmt: skip


def join(layout: Layout, weights: Mapping[str, Any]) -> dict[str, Any]:
    """The layout's parameters from the cell's weights."""
    vector = next(w for w in weights.values() if w.ndim == 1)
    return {
        parameter: np.concatenate(
            [np.zeros_like(vector) if name is None else weights[name] for name in names]
        )
        for parameter, names in layout.items()
    }


def split(layout: Layout, joined: Mapping[str, Any]) -> dict[str, Any]:
    """The cell's weights (or their gradients) from the layout's parameters."""
    found = {}
    for parameter, names in layout.items():
        pieces = np.split(np.asarray(joined[parameter]), len(names))
        found.update({n: piece for n, piece in zip(names, pieces, strict=True) if n is not None})
    return found
