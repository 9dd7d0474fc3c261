"""Run as a process: whole layers with narrower vectors than this machine has.

Arguments: the bytes of a vector. What other machines would run is here compiled for this one's
instructions, so that tiles, panels and tails of their shapes are run and not only assembled.
"""

import dataclasses
import functools
import sys

import torch

from tests.tolerances import FLOAT32, FLOAT64, assert_agrees
from unrolled.engines.cpu.machine import target

NARROW = dataclasses.replace(target.host(), vector_bytes=int(sys.argv[1]))
target.host = functools.cache(lambda: NARROW)  # before anything that asks for it is imported

import unrolled  # noqa: E402
from unrolled.cells import GRU, LSTM, SLSTM, GRUCho2014, LayerNormLSTM, MinLSTM  # noqa: E402

TOLERANCES = {torch.float32: FLOAT32, torch.float64: FLOAT64}
SIZES = ((1, 3, 7), (5, 16, 16), (9, 20, 37))  # rows, inputs, hidden


def results(layer: unrolled.Recurrent, x: torch.Tensor) -> list[torch.Tensor]:
    x = x.detach().requires_grad_()
    y, _ = layer(x)
    weights = torch.linspace(-1, 1, y.numel(), dtype=y.dtype).reshape(y.shape)
    (y * weights).sum().backward()
    return [y, x.grad, *(parameter.grad for parameter in layer.parameters())]


def main() -> None:
    for dtype, tolerance in TOLERANCES.items():
        for kind in (LSTM, GRU, GRUCho2014, LayerNormLSTM, SLSTM, MinLSTM):
            for rows, inputs, hidden in SIZES:
                torch.manual_seed(0)
                layer = unrolled.Recurrent(kind, inputs, hidden, dtype=dtype)
                other = unrolled.Recurrent(kind, inputs, hidden, dtype=dtype, engine="torch")
                other.load_state_dict(layer.state_dict())
                x = torch.randn(6, rows, inputs, dtype=dtype)
                for one, expected in zip(results(layer, x), results(other, x), strict=True):
                    name = f"{kind.__name__} {rows} x {inputs} x {hidden} {dtype}"
                    assert_agrees(one, expected, tolerance=tolerance, name=name)
    print("agrees")


if __name__ == "__main__":
    main()
