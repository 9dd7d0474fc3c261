"""Drop-ins for torch.nn's recurrent layers. In: the arguments of torch.nn.LSTM. Out: its results;
next: the user's model.

They are subclasses of torch.nn's classes: constructor, parameters, initial values, `state_dict`,
`hx` and shapes are inherited; only the computation is different. They also take `lengths`,
`record`, `reset`, `engine`, `bptt` and `kept`. On other devices than the CPU, unless one of these
is given, the computation is that of torch.nn, too, since there a vendor's library does it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from unrolled import cells
from unrolled.cells.base import equation
from unrolled.equations.equation import Equation
from unrolled.layers import checks, stack
from unrolled.layers.fixed import Fixable
from unrolled.layers.forms import form_of
from unrolled.layers.loops import LAST
from unrolled.layers.observed import (
    answer_of,
    cast,
    compile_time,
    is_autocast,
    is_foreign,
    is_left_out,
    is_observed,
    left_out,
)
from unrolled.layers.packing import Gates
from unrolled.layers.parameterized import Parameterized, engine_for, engine_name
from unrolled.layers.reset import reset_tokens
from unrolled.layers.stack import Stack
from unrolled.layers.stream import Stream
from unrolled.layers.without_bias import without_bias


def _gates(letters: str, **more: Any) -> Gates:
    return Gates(tuple(f"W_{g}" for g in letters), tuple(f"U_{g}" for g in letters), **more)


def _lstm_cell(bias: bool, projected: bool) -> Parameterized:
    names = tuple(f"b_{g}" for g in "ifgo") if bias else ()
    projection = "P" if projected else None
    packing = _gates("ifgo", bias_inputs=names, bias_states=names, projection=projection)
    return Parameterized(_equation(cells.ProjectedLSTM if projected else cells.LSTM, bias), packing)


def _gru_cell(bias: bool, _: None = None) -> Parameterized:
    # torch's GRU has one bias inside the reset's product and one outside: c_n and b_n
    inputs = ("b_r", "b_z", "b_n") if bias else ()
    states = ("b_r", "b_z", "c_n") if bias else ()
    return Parameterized(
        _equation(cells.GRU, bias), _gates("rzn", bias_inputs=inputs, bias_states=states)
    )


def _rnn_cell(bias: bool, nonlinearity: str) -> Parameterized:
    names = ("b",) if bias else ()
    cell = cells.Elman(nonlinearity=nonlinearity)
    return Parameterized(_equation(cell, bias), Gates(("W",), ("U",), names, names))


CellKind = tuple[
    str, bool, Any
]  # of a cell: its name, whether it has biases, what else there is to it
_CELLS: dict[CellKind, Parameterized] = {}
_MAKERS: dict[str, Callable[[bool, Any], Parameterized]] = {
    "LSTM": _lstm_cell,
    "GRU": _gru_cell,
    "RNN": _rnn_cell,
}


def cell_of(kind: CellKind) -> Parameterized:
    """The cell of a layer of torch.nn."""
    if torch.compiler.is_compiling():
        _known(kind)
    return _CELLS[kind] if kind in _CELLS else _made(kind)


@compile_time
def _known(kind: CellKind) -> bool:
    """For compilers, which read what is there, and make nothing."""
    return kind in _CELLS or _made(kind) is not None


def _made(kind: CellKind) -> Parameterized:
    name, bias, more = kind
    found = _CELLS[kind] = _MAKERS[name](bias, more)
    return found


def _equation(cell: Any, bias: bool) -> Equation:
    return equation(cell) if bias else without_bias(equation(cell))


def as_torch(module: Any, base: type[nn.Module]) -> nn.Module:
    """The layer of torch.nn that corresponds to a drop-in, with the same parameters and hooks; a
    user's subclass, which may compute more, is returned unchanged."""
    kinds = [kind for kind in type(module).__bases__ if issubclass(kind, base)]
    kind = kinds[-1]
    if not kind.__module__.startswith("torch.nn."):
        return module  # type: ignore[no-any-return]
    made: nn.Module = kind.__new__(kind)
    own = ("_asked", "bptt", "_expected", "_names", "fixed", LAST)
    made.__dict__.update({k: v for k, v in module.__dict__.items() if k not in own})
    return made


class _DropIn(Fixable, nn.RNNBase):
    """The common base of the three drop-ins, in addition to torch.nn.RNNBase."""

    _asked = "auto"
    bptt: str | int = "whole"
    kept: str | None = None

    def __init__(
        self, *args: Any, engine: str = "auto", bptt: str | int = "whole", kept: str | None = None,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        super().__init__(*args, **kwargs)  # torch.nn's own, which comes next in the order of bases
        self.ask(engine, bptt, kept)

    def ask(self, engine: str, bptt: str | int = "whole", kept: str | None = None) -> None:
        """Set the options that torch.nn's layers do not have."""
        checks.extras(engine, bptt, kept)
        self._asked, self.bptt, self.kept = engine, bptt, kept
        self._cell()  # a compiler is to find it made
        self._expected = checks.Expected(self)

    def _kind(self) -> CellKind:
        raise NotImplementedError

    def _cell(self) -> Parameterized:
        return cell_of(self._kind())

    @property
    def engine(self) -> str:
        """What runs: "cpu", the kernels; "torch", the same equation under autograd; "torch.nn"."""
        like = self._like()
        found = engine_name(self._asked, like.device, like.dtype)
        return "torch.nn" if found == "torch" and self._asked == "auto" else found

    @property
    def equation(self) -> Equation:
        """The step that this layer computes."""
        return self._cell().equation

    def forward(
        self,
        input: Tensor | PackedSequence,
        hx: Tensor | tuple[Tensor, Tensor] | None = None,
        lengths: Any = None,
        record: Sequence[str] = (),
        reset: Any = None,
    ) -> Any:
        if is_left_out(self, input):
            return left_out("drop-in", _DropIn.forward)(self, input, hx, lengths, record, reset)
        if type(input) is not Tensor and is_foreign(input):
            return answer_of(input, self, hx, lengths=lengths, record=record, reset=reset)
        like = self._like()
        engine = engine_name(self._asked, like.device, like.dtype)
        if engine == "cpu" and is_autocast():
            again = functools.partial(self.forward, lengths=lengths, record=record, reset=reset)
            return cast(again, input, hx, like, always=self.mode.startswith("RNN"))
        cell = self._cell()
        names = checks.record(cell.equation, record, self.num_layers) if record else ()
        plain = lengths is None and reset is None and not names and self.bptt == "whole"
        plain = plain and self.kept is None
        if plain and engine == "torch" and self._asked == "auto":
            return super().forward(input, hx)
        seen = engine == "cpu" and is_observed(input, like, hx)
        if plain and seen and torch.onnx.is_in_onnx_export():  # which knows torch.nn's layers
            return super().forward(input, hx)
        form = form_of(input, lengths, self.batch_first, seen)
        checks.input(form.x, self.input_size, like)
        made = self._stacked(cell, like)
        states = cell.state_sizes(made.sizes)
        initial: list[Tensor | None] = [None] * len(states)
        if hx is not None:
            count = self.num_layers * made.directions
            shapes = {name: (count, form.rows, units) for name, units in states}
            given = checks.states(hx)
            initial = [*form.given_states(given, shapes, like)]
        probes = form.probes(names, made.directions) if names else {}
        outputs, finals, records = stack.run(
            made, form.batch, form.tokens(), initial,
            [name for name in names if name not in probes] if names else (),
            {name: tokens for name, (_, tokens) in probes.items()} if probes else {},
            reset=() if reset is None else reset_tokens(form, reset, like, made.directions),
        )  # fmt: skip
        return form.answer(outputs, finals, records, names, probes)

    def stream(self, batch: int = 1) -> Stream:
        """Run the layer one time step at a time, for `batch` sequences: see `Stream`."""
        return Stream(self._stack(), {}, self._asked, batch)

    def _stack(self) -> Stack:
        return self._stacked(self._cell(), self._like())

    def _stacked(self, cell: Parameterized, like: Tensor) -> Stack:
        engine = engine_for(self._asked, like.device, like.dtype)
        sizes = {"1": 1, "input_size": self.input_size, "hidden_size": self.hidden_size}
        if self.proj_size:
            sizes["proj_size"] = self.proj_size
        return Stack(cell, engine, self.bptt, self.num_layers, 2 if self.bidirectional else 1,
                     sizes, self._direction, self.dropout if self.training else 0.0,
                     self.fixed, kept=self.kept)  # fmt: skip

    def _like(self) -> Tensor:
        """A parameter, for its dtype and device: as `functional_call` and parametrizations have it,
        which leave torch.nn's own list of weights behind."""
        found: Any = self._parameters.get("weight_ih_l0")
        like: Tensor = self.weight_ih_l0 if found is None else found  # type: ignore[assignment]
        return like

    def __prepare_scriptable__(self) -> nn.Module:
        """For `torch.jit.script`, which compiles torch.nn's layers: one of the same parameters."""
        return as_torch(self, nn.RNNBase)

    def _direction(self, layer: int, reverse: bool) -> list[Tensor]:
        number = layer * (2 if self.bidirectional else 1) + reverse
        return self._expected.take(self, self._all_weights[number])


class RNN(_DropIn, nn.RNN):
    """`torch.nn.RNN` on compiled kernels: the same arguments, initial values, results and
    `state_dict`, so that checkpoints can be exchanged.

        y, last = unrolled.RNN(16, 64)(x)

    In addition to torch.nn: `layer(x, hx, lengths=..., record=..., reset=...)`, `engine=`, `bptt=`,
    `kept=` and `layer.stream()`, as described in `Recurrent`. With `engine="auto"`, torch.nn's own
    computation is used where the kernels do not run (a GPU), and `layer.engine` is "torch.nn".
    """

    def _kind(self) -> CellKind:
        return "RNN", self.bias, self.nonlinearity


class GRU(_DropIn, nn.GRU):
    """`torch.nn.GRU` on compiled kernels: the same arguments, initial values, results and
    `state_dict`, so that checkpoints can be exchanged.

        y, last = unrolled.GRU(16, 64)(x)

    In addition to torch.nn: `layer(x, hx, lengths=..., record=..., reset=...)`, `engine=`, `bptt=`,
    `kept=` and `layer.stream()`, as described in `Recurrent`. With `engine="auto"`, torch.nn's own
    computation is used where the kernels do not run (a GPU), and `layer.engine` is "torch.nn".
    """

    def _kind(self) -> CellKind:
        return "GRU", self.bias, None


class LSTM(_DropIn, nn.LSTM):
    """`torch.nn.LSTM` on compiled kernels: the same arguments, initial values, results and
    `state_dict`, so that checkpoints can be exchanged.

        y, last = unrolled.LSTM(16, 64)(x)

    In addition to torch.nn: `layer(x, hx, lengths=..., record=..., reset=...)`, `engine=`, `bptt=`,
    `kept=` and `layer.stream()`, as described in `Recurrent`. With `engine="auto"`, torch.nn's own
    computation is used where the kernels do not run (a GPU), and `layer.engine` is "torch.nn".
    """

    def _kind(self) -> CellKind:
        return "LSTM", self.bias, self.proj_size > 0


DROP_INS: dict[type[nn.Module], type[_DropIn]] = {nn.RNN: RNN, nn.GRU: GRU, nn.LSTM: LSTM}
