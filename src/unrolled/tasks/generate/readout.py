"""From the output of a generator's recurrent layers to scores. In: its network. Out: one matrix and
a bias; next: `exporting`, `onnx_graph`.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from unrolled.tasks.generate.model import LanguageModel
from unrolled.tasks.live import array


def readout_of(network: LanguageModel) -> tuple[Any, Any]:
    """From the output of the recurrent layers to scores, as one matrix and a bias."""
    V, c = array(network.readout.weight), array(network.readout.bias)
    if isinstance(network.narrow, nn.Linear):
        V = V @ array(network.narrow.weight)
    return V, c
