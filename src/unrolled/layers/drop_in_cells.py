"""Drop-ins for torch.nn's cells. In: the arguments of torch.nn.LSTMCell. Out: its results; next:
the user's model, which calls a cell in a loop.

Like `drop_in`, they are subclasses of torch.nn's classes. Kernels are faster when they run all
steps of a sequence, but not for a single step: torch.nn's own computation was faster at every size
that was measured, so `engine="auto"` runs that. A layer runs a whole sequence in one call, and
`layer.stream()` is the fast way to run single steps without gradients.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from unrolled.equations.equation import Equation
from unrolled.errors import ShapeError
from unrolled.layers import checks, stack
from unrolled.layers.batch import DenseBatch, PaddedBatch
from unrolled.layers.drop_in import CellKind, as_torch, cell_of
from unrolled.layers.fixed import Fixable
from unrolled.layers.loops import WATCH
from unrolled.layers.observed import (
    answer_of,
    cast,
    is_autocast,
    is_foreign,
    is_left_out,
    is_observed,
    left_out,
)
from unrolled.layers.parameterized import Parameterized, engine_for, engine_name
from unrolled.layers.stack import Stack


class _DropInCell(Fixable, nn.RNNCellBase):
    """The common base of the three drop-ins, in addition to torch.nn.RNNCellBase."""

    _asked = "auto"

    def __init__(self, *args: Any, engine: str = "auto", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)  # torch.nn's own, which comes next in the order of bases
        self.ask(engine)

    def ask(self, engine: str) -> None:
        """Set the options that torch.nn's cells do not have."""
        checks.extras(engine, "whole", None)
        self._asked = engine
        self._names = ["weight_ih", "weight_hh", *(["bias_ih", "bias_hh"] if self.bias else [])]
        self._cell()  # a compiler is to find it made
        self._expected = checks.Expected(self)

    def _kind(self) -> CellKind:
        raise NotImplementedError

    def _cell(self) -> Parameterized:
        return cell_of(self._kind())

    @property
    def engine(self) -> str:
        """What runs: "torch.nn" unless asked for "cpu", the kernels, or "torch", the same equation
        under autograd."""
        if self._asked == "auto":
            return "torch.nn"
        return engine_name(self._asked, self.weight_ih.device, self.weight_ih.dtype)

    @property
    def equation(self) -> Equation:
        """The step that this cell computes."""
        return self._cell().equation

    def forward(self, input: Tensor, hx: Tensor | tuple[Tensor, Tensor] | None = None) -> Any:
        result = self._step(input, hx)
        if not torch.compiler.is_compiling() and WATCH.is_on and isinstance(input, Tensor):
            WATCH.look(self, input, hx, result)
        return result

    def _step(self, input: Tensor, hx: Any) -> Any:
        if type(input) is not Tensor and is_foreign(input):
            return answer_of(input, self, hx)
        if self._asked == "auto":
            return super().forward(input, hx)
        if is_left_out(self, input):
            return left_out("drop-in cell", _DropInCell._step)(self, input, hx)
        if is_autocast() and self.engine == "cpu":
            return cast(self._step, input, hx, self.weight_ih, always=False)
        if input.dim() not in (1, 2):
            raise ShapeError(
                f"the input of a cell must be (batch, input), or (input,) for one sequence; it has "
                f"{input.dim()} axes: {tuple(input.shape)}"
            )
        checks.input(input, self.input_size, self.weight_ih)
        single = input.dim() == 1
        x = input.unsqueeze(0) if single else input
        made = self._stack()
        names = [name for name, _ in made.cell.state_sizes(made.sizes)]
        initial: list[Tensor | None] = [None] * len(names)
        if hx is not None:
            initial = [*self._given(hx, names, x, single)]
        seen = is_observed(input, self.weight_ih, hx) and self.engine == "cpu"
        batch = PaddedBatch(1, len(x), None) if seen else DenseBatch(1, len(x))
        y, finals, _ = stack.run(made, batch, x.unsqueeze(0), initial)
        states = [state.squeeze(0) for state in (y, *finals[1:])]  # the first state is the output
        states = [state.squeeze(0) for state in states] if single else states
        return states[0] if len(states) == 1 else tuple(states)

    def _given(self, hx: Any, names: Sequence[str], x: Tensor, single: bool) -> list[Tensor]:
        """The states that the user gave, one step of them."""
        given = checks.states(hx)
        if len(given) != len(names):
            raise ShapeError(
                f"the states of this cell are {len(names)} ({', '.join(names)}), one tensor each, "
                f"and {len(given)} were given"
            )
        wanted = (self.hidden_size,) if single else (len(x), self.hidden_size)
        for name, state in zip(names, given, strict=True):
            if tuple(state.shape) != wanted:
                raise ShapeError(
                    f"the state {name} has the shape {tuple(state.shape)}; for this input it must "
                    f"be {wanted}: {'units' if single else 'sequences, units'}"
                )
            checks.same_kind(f"the state {name}", state, self.weight_ih)
        return [state.reshape(1, -1, self.hidden_size) for state in given]

    def _stack(self) -> Stack:
        like = self.weight_ih
        sizes = {"1": 1, "input_size": self.input_size, "hidden_size": self.hidden_size}
        engine = engine_for(self._asked, like.device, like.dtype)
        return Stack(self._cell(), engine, "whole", 1, 1, sizes, self._direction, 0.0, self.fixed)

    def __prepare_scriptable__(self) -> nn.Module:
        """For `torch.jit.script`, as in a layer."""
        return as_torch(self, nn.RNNCellBase)

    def _direction(self, layer: int, reverse: bool) -> list[Tensor]:
        return self._expected.take(self, self._names)


class RNNCell(_DropInCell, nn.RNNCell):
    """`torch.nn.RNNCell`: the same arguments, initial values, results and `state_dict`.

        h = unrolled.RNNCell(16, 64)(x, h)

    `engine="auto"` runs torch.nn's own step, `engine="cpu"` the compiled kernels. In a loop over
    the steps of a sequence, use `unrolled.RNN` instead: one call, and much faster.
    """

    def _kind(self) -> CellKind:
        return "RNN", self.bias, self.nonlinearity


class GRUCell(_DropInCell, nn.GRUCell):
    """`torch.nn.GRUCell`: the same arguments, initial values, results and `state_dict`.

        h = unrolled.GRUCell(16, 64)(x, h)

    `engine="auto"` runs torch.nn's own step, `engine="cpu"` the compiled kernels. In a loop over
    the steps of a sequence, use `unrolled.GRU` instead: one call, and much faster.
    """

    def _kind(self) -> CellKind:
        return "GRU", self.bias, None


class LSTMCell(_DropInCell, nn.LSTMCell):
    """`torch.nn.LSTMCell`: the same arguments, initial values, results and `state_dict`.

        h, c = unrolled.LSTMCell(16, 64)(x, (h, c))

    `engine="auto"` runs torch.nn's own step, `engine="cpu"` the compiled kernels. In a loop over
    the steps of a sequence, use `unrolled.LSTM` instead: one call, and much faster.
    """

    def _kind(self) -> CellKind:
        return "LSTM", self.bias, False


DROP_IN_CELLS: dict[type[nn.Module], type[_DropInCell]] = {
    nn.RNNCell: RNNCell,
    nn.GRUCell: GRUCell,
    nn.LSTMCell: LSTMCell,
}
