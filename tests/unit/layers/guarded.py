"""Run as a process: layers whose every buffer ends, or begins, at memory that must not be touched.

Each tensor that the engine allocates, and each one that it is given, lies in pages of its own,
against a page without any rights: a number read or written beyond it ends the process. What is
allocated is filled with NaN, so that a result shows when a number is used that nobody wrote.
"""

import ctypes
import math
import mmap
import sys
from typing import Any

import torch

import unrolled
from tests.tolerances import FLOAT32, FLOAT64, assert_agrees
from unrolled.cells import SLSTM, GRUCho2014, LayerNormLSTM, MinLSTM
from unrolled.engines.cpu.call import bind
from unrolled.layers.library import TorchLibrary

TOLERANCES = {torch.float32: FLOAT32, torch.float64: FLOAT64}
PAGE = mmap.PAGESIZE
PROT_NONE = 0
AT_THE_END = sys.argv[1] != "start"

mprotect = ctypes.CDLL(None, use_errno=True).mprotect
mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]


def guarded(count: int, dtype: torch.dtype) -> torch.Tensor:
    """So many numbers against a page that nobody may touch."""
    length = count * dtype.itemsize
    pages = max(1, math.ceil(length / PAGE))
    memory = mmap.mmap(-1, (pages + 1) * PAGE)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    guard = start + pages * PAGE if AT_THE_END else start
    if mprotect(guard, PAGE, PROT_NONE):
        raise OSError(ctypes.get_errno(), "mprotect")
    offset = pages * PAGE - length if AT_THE_END else PAGE
    if count == 0:
        return torch.empty(0, dtype=dtype)
    return torch.frombuffer(memory, dtype=dtype, count=count, offset=offset)


def against(tensor: torch.Tensor) -> torch.Tensor:
    copy = guarded(tensor.numel(), tensor.dtype).reshape(tensor.shape)
    return copy.copy_(tensor.detach()).requires_grad_(tensor.requires_grad)


def results(layer: Any, x: torch.Tensor, states: Any, lengths: Any) -> list[torch.Tensor]:
    x = x.detach().requires_grad_()
    y, last, seen = layer(x, states, lengths, record=("h",))
    last = last if isinstance(last, tuple) else (last,)
    d = torch.randn(y.shape, generator=torch.Generator().manual_seed(3), dtype=y.dtype)
    torch.autograd.backward([y, *last], [against(d), *(against(2 * s.detach()) for s in last)])
    found = [y, *last, *seen.values(), x.grad, *(p.grad for p in layer.parameters())]
    layer.zero_grad()
    return [tensor.detach().clone() for tensor in found]


class Pieces:
    """A lease, every piece of which lies apart."""

    def __init__(self, pieces: list[torch.Tensor]) -> None:
        self.pieces = pieces
        self.addresses = [piece.data_ptr() for piece in pieces]

    def piece(self, number: int, numbers: int) -> torch.Tensor:
        return self.pieces[number][:numbers]


class Apart:
    """`TorchLibrary`'s memory, each piece against a guard, filled with NaN."""

    def empty(self, *shape: int) -> torch.Tensor:
        return guarded(math.prod(shape), self.dtype).fill_(math.nan).reshape(shape)

    def zeros(self, *shape: int) -> torch.Tensor:
        return guarded(math.prod(shape), self.dtype).zero_().reshape(shape)

    def like(self, array: torch.Tensor) -> torch.Tensor:
        return self.empty(*array.shape)

    def lease(self, pieces: tuple[int, ...]) -> Any:
        return Pieces([self.empty(numbers) for numbers in pieces])


SMALL, WHOLE, MANY = (3, 5, 3), (11, 16, 2), (20, 40, 70)  # inputs, hidden, rows
SINGLE = (3, 40, 1)
TRIED = [(torch.float32, SMALL), (torch.float32, WHOLE), (torch.float32, MANY),
         (torch.float32, SINGLE), (torch.float64, SMALL)]  # fmt: skip
DROP_INS = (unrolled.LSTM, unrolled.GRU, unrolled.RNN)


def switch(source: Any) -> None:
    for name in ("empty", "zeros", "like", "lease"):
        setattr(TorchLibrary, name, source[name])


def check(layer: Any, rows: int, dtype: torch.dtype, what: str) -> None:
    """The same results from guarded memory as from the ordinary."""
    x = torch.randn(4, rows, layer.input_size, dtype=dtype)
    _, given = layer(x)
    states = [s.detach() for s in (given if isinstance(given, tuple) else (given,))]
    for lengths in (None, [n % 5 for n in range(rows)]):
        switch(ORDINARY)
        expected = results(layer, x, _as(given, states), lengths)
        switch(vars(Apart))
        for name, parameter in list(layer.named_parameters()):
            setattr(layer, name, torch.nn.Parameter(against(parameter.detach())))
        found = results(layer, against(x), _as(given, list(map(against, states))), lengths)
        switch(ORDINARY)
        for number, (one, other) in enumerate(zip(found, expected, strict=True)):
            # not to the last bit: a matrix product minds how its operands are aligned
            name = f"{what} {lengths}: {number}"
            assert_agrees(one, other, tolerance=TOLERANCES[dtype], name=name)


def _as(given: Any, states: list[torch.Tensor]) -> Any:
    return tuple(states) if isinstance(given, tuple) else states[0]


ORDINARY = dict(vars(TorchLibrary))


def main() -> None:
    torch.set_num_threads(2)
    bind.WORTH_STEPS = bind.WORTH_MEMBER = 1  # a team for every single sequence
    for dtype, (inputs, hidden, rows) in TRIED:
        for kind in (*DROP_INS, SLSTM, LayerNormLSTM, GRUCho2014, MinLSTM):
            torch.manual_seed(0)
            if kind in DROP_INS:
                layer = kind(inputs, hidden, 2, bidirectional=True, dtype=dtype)
            else:
                layer = unrolled.Recurrent(kind, inputs, hidden, dtype=dtype)
            check(layer, rows, dtype, f"{kind.__name__} {dtype}")
    print("untouched")


if __name__ == "__main__":
    if sys.argv[1:] == ["beyond"]:
        address = guarded(4, torch.float32).data_ptr()
        print(ctypes.c_float.from_address(address + 16).value)
    main()
