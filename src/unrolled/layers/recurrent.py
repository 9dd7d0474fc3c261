"""A layer of any cell. In: a cell (a class, an instance, or an equation) and sizes. Out:
`Recurrent`, a `torch.nn.Module`; next: the user's model.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from unrolled.cells.base import Cell, equation, hyperparameters_of, shown, with_hyperparameters
from unrolled.cells.initial import draw, in_order
from unrolled.cells.modified import modified
from unrolled.cells.modifiers import Modifier
from unrolled.cells.modifiers.around import Around
from unrolled.equations.equation import Equation
from unrolled.equations.inputs import without_noise
from unrolled.errors import CellError, ShapeError, UnrolledError
from unrolled.layers import checks, stack
from unrolled.layers.alone import alone
from unrolled.layers.batch import RaggedBatch
from unrolled.layers.fixed import Fixable
from unrolled.layers.forms import Form, form_of
from unrolled.layers.inputs import named_tokens
from unrolled.layers.observed import (
    answer_of,
    cast,
    is_autocast,
    is_foreign,
    is_left_out,
    is_observed,
    left_out,
)
from unrolled.layers.parameterized import AUTOGRAD, Parameterized, engine_for, engine_name
from unrolled.layers.reset import reset_tokens
from unrolled.layers.stack import Stack, with_width
from unrolled.layers.stream import Stream
from unrolled.layers.surroundings import Surroundings
from unrolled.layers.without_bias import without_bias


class Recurrent(Fixable, nn.Module):
    """A recurrent layer of any cell, with the interface of `torch.nn.LSTM`.

        layer = Recurrent(MyCell, 16, 64, num_layers=2)
        y, states = layer(x)

    x has shape (T, B, I), or (B, T, I) with `batch_first`, or (T, I) for one sequence, or is a
    PackedSequence. y has the same form, with the size of the output in place of I. `states`,
    given and returned, are one tensor (layers x directions, B, H) for a cell with one state, and a
    tuple of tensors for more. Parameters have the names of the cell's weights: `W_i_l0`,
    `U_i_l1_reverse`. `layer.stream()` runs the layer one time step at a time, `layer.equation`
    prints what it computes, and `layer.engine` names the engine that runs it.

    Named inputs of the step, `step(self, x, h, *, dt)`, are passed by name, `layer(x, dt=dt)`: in
    the form of x with n numbers per step, or as one number per step (T, B), or as a single number.
    Every layer of a stack receives them.

    Args:
        cell: A cell's class, an instance (with its own hyperparameters), or an `Equation`.
        input_size: Number of inputs at each time step (I).
        hidden_size: Number of units of a layer (H).
        num_layers: Number of stacked layers.
        bias: Whether to keep the vectors that are only added to a product.
        batch_first: Whether x and y are (B, T, .) instead of (T, B, .).
        dropout: Probability of dropping an output of every layer but the last, in training.
        bidirectional: Whether a second network reads each sequence from its end; the outputs of
            both are concatenated.
        proj_size: Size of the output of a cell that declares one, such as `ProjectedLSTM`.
        sizes: Other sizes that the cell declares, `{"order": 6}`. An instance keeps its own,
            `Recurrent(MyCell(order=6), 16, 64)`.
        engine: `"auto"` runs compiled kernels for floating-point numbers on the CPU, and elsewhere
            the same equation under torch's autograd. `"cpu"` requires the kernels. `"torch"` is
            slow and runs anywhere. Both can be differentiated any number of times.
        bptt: How far derivatives are propagated back. `"whole"`: over the whole sequence. A number
            k: within windows of k steps. `"recompute"`: over the whole sequence, in memory that
            grows with the square root of T, at the cost of another forward pass.
        kept: `"bfloat16"` rounds what the forward pass stores for the backward pass (states and
            gates, not the outputs) to 16 bits, which takes about half the memory. Outputs stay the
            same; gradients are off by a few tenths of a percent. For layers in float32 or 16 bits
            on the kernels.
        modifiers: Changes to the cell, such as `[LayerNorm()]`: see `unrolled.cells.modifiers`.
            Random masks are drawn by torch's generator in training, and replaced by their means in
            evaluation.
        device: Device of the parameters.
        dtype: Dtype of the parameters.

    Raises:
        CellError: The step cannot become an equation.
        ArgumentError: A size, an engine or another argument is out of range.
        ShapeError: The cell combines its input with a state unit by unit, and the sizes differ.
    """

    def __init__(
        self,
        cell: Any,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        proj_size: int = 0,
        sizes: Mapping[str, int] | None = None,
        engine: str = "auto",
        bptt: str | int = "whole",
        kept: str | None = None,
        modifiers: Sequence[Modifier] = (),
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        checks.arguments(
            input_size, hidden_size, num_layers, dropout, engine, bptt, proj_size, kept
        )
        own = dict(sizes or {}) | ({"proj_size": proj_size} if proj_size else {})
        cell = _with_sizes(cell, own)
        self._make_step(_equation(cell), bias, modifiers)
        self.input_size, self.hidden_size = input_size, hidden_size
        self.num_layers, self.bias, self.batch_first = num_layers, bias, batch_first
        self.dropout, self.bidirectional = float(dropout), bidirectional
        self.proj_size, self.bptt, self.kept, self._asked = proj_size, bptt, kept, engine
        self._sizes = _sizes(self.equation, cell, input_size, hidden_size, own)
        self._own = {name: self._sizes[name] for name in self.equation.sizes
                     if name not in ("input_size", "hidden_size", "proj_size")}  # fmt: skip
        self._own |= cell.__dict__["_own"] if isinstance(cell, Cell) else {}
        first = next(iter(self.equation.states.values()))
        self.output_size = self._sizes[first[0]]
        checks.stackable(self.equation, input_size, hidden_size, self.directions * self.output_size,
                         num_layers)  # fmt: skip
        self._names = {
            (layer, reverse): {name: _name(name, layer, reverse) for name in self.equation.weights}
            for layer in range(num_layers) for reverse in (False, True)[: self.directions]
        }  # fmt: skip
        self._make_parameters(device, dtype)
        self._expected = checks.Expected(self)
        self.reset_parameters()

    def _make_step(self, found: Equation, bias: bool, modifiers: Sequence[Modifier]) -> None:
        """What the layer computes, in training and in evaluation."""
        self._around = Surroundings([m for m in modifiers if isinstance(m, Around)])
        changes = [m for m in modifiers if not isinstance(m, Around)]
        self.equation = modified(found if bias else without_bias(found), changes)
        checks.has_weights(self.equation)
        self._cell = self._quiet = Parameterized(self.equation)
        if self.equation.noise:
            self._quiet = Parameterized(without_noise(self.equation))
        self._has_named = bool(self.equation.named_inputs)
        # 1 where the first of an engine's states is an output that is none of the cell's
        self._unread = len(self.equation.states) - len(self.equation.carried)

    def _make_parameters(self, device: Any, dtype: Any) -> None:
        for (layer, _), names in self._names.items():
            sizes = self._layer_sizes(layer)
            for name, shape in self.equation.weights.items():
                made = torch.empty([sizes[s] for s in shape], device=device, dtype=dtype)
                if name in self.equation.fixed:
                    self.register_buffer(names[name], made)
                else:
                    self.register_parameter(names[name], nn.Parameter(made))
        for name, (lengths, _) in self._beside().items():
            made = torch.empty(lengths, device=device, dtype=dtype)
            self.register_parameter(name, nn.Parameter(made))

    def _beside(self) -> dict[str, tuple[tuple[int, ...], float | None]]:
        """Parameters that are not weights of the cell: shapes and initial values."""
        return self._around.parameters(
            self.equation, self._sizes, self.num_layers, self.directions, self.output_size
        )

    @property
    def directions(self) -> int:
        return 2 if self.bidirectional else 1

    @property
    def engine(self) -> str:
        """The engine that runs the layer, "cpu" or "torch", by device and dtype."""
        like = self._like()
        return engine_name(self._asked, like.device, like.dtype)

    def reset_parameters(self) -> None:
        """Draw initial values by the cell's rules, seeded by torch's generator."""
        generator: Any = None
        with torch.no_grad():
            for layer in range(self.num_layers):
                for reverse in (False, True)[: self.directions]:
                    names, known = self._names[layer, reverse], dict[str, Any]()
                    sizes = self._layer_sizes(layer)
                    for name in in_order(self.equation.initial, names):
                        known[name] = parameter = getattr(self, names[name])
                        rule = self.equation.initial.get(name)
                        if rule is None:
                            bound = self.hidden_size**-0.5
                            parameter.uniform_(-bound, bound)
                            continue
                        if generator is None:
                            generator = checks.numpy_generator()
                        shape = tuple(parameter.shape)
                        drawn = draw(rule, shape, self.hidden_size, generator, sizes, known)
                        parameter.copy_(torch.from_numpy(drawn))
            self._around.reset(self, self._beside())

    def forward(
        self,
        x: Tensor | PackedSequence,
        states: Tensor | Sequence[Tensor] | None = None,
        lengths: Any = None,
        record: Sequence[str] = (),
        reset: Any = None,
        **named: Any,
    ) -> Any:
        """Run the layer over a batch of sequences.

        Args:
            x: The input, (T, B, I), (B, T, I), (T, I) or a PackedSequence.
            states: Initial states, in the form in which they are returned; by default the cell's.
            lengths: The lengths of the sequences, in any order: one number each, or (first, end)
                for padding on both sides. Padding is never read or computed, and y is 0 there.
            record: Names of values of the step to return: `("f", "c")` of the top layer, `"f_l0"`
                of the lowest. For `"d_h"` zeros are returned whose `.grad`, after backward, is the
                norm of the derivative of the loss with respect to h at each step.
            reset: Booleans, one for each step of each sequence, True where the state is reset
                before that step, to zero or the cell's `initial_state`. Segments between resets
                are separate sequences, in both directions and in every layer of a stack.
            named: The step's named inputs.

        Returns:
            y and the final states; with `record` a third item, name -> tensor laid out like y.

        Raises:
            ShapeError: Something does not have the shape, dtype or device that the layer expects.
        """
        if type(x) is not Tensor and is_foreign(x):
            more = {"lengths": lengths, "record": record, "reset": reset, **named}
            return answer_of(x, self, states, **more)
        if isinstance(x, PackedSequence) and is_left_out(self, x):
            return left_out("Recurrent", Recurrent.forward)(
                self, x, states, lengths, record, reset, **named
            )
        if self.fixed is not None and not (record or named):
            found = alone(self, x) if states is lengths is reset is None else None
            if found is not None:
                return found
        record = checks.record(self.equation, record, self.num_layers)
        like = self._like()
        engine = engine_name(self._asked, like.device, like.dtype)
        if engine == "cpu" and is_autocast():
            more = {"lengths": lengths, "record": record, "reset": reset, **named}
            return cast(functools.partial(self.forward, **more), x, states, like, always=False)
        seen = engine == "cpu" and is_observed(x, like, states)
        is_written = (seen or engine != "cpu") and torch.onnx.is_in_onnx_export()
        if is_written:  # as operations of torch's: it knows no others
            checks.can_be_written(x, lengths)
            seen = False
        form = form_of(x, lengths, self.batch_first, seen)
        checks.input(form.x, self.input_size, like)
        given = None if states is None else checks.states(states)
        initial = self._initial(form, given, like)
        probes = form.probes(record, self.directions) if record else {}
        made = self._stack(like)
        if is_written:
            made = replace(made, engine=AUTOGRAD)
        outputs, finals, records = stack.run(
            made, form.batch, form.tokens(), initial,
            [name for name in record if name not in probes] if record else (),
            {name: tokens for name, (_, tokens) in probes.items()} if probes else {},
            named_tokens(self._step.equation, self._sizes, form, named, like)
            if self._has_named or named else {},
            () if reset is None else reset_tokens(form, reset, like, self.directions),
        )  # fmt: skip
        return form.answer(outputs, finals[self._unread :], records, record, probes)

    def over(self, tokens: Tensor, batch: RaggedBatch, **named: Any) -> tuple[Tensor, Any]:
        """Run the layer over tokens that are already gathered, (N, I), such as embeddings of
        gathered words. Returns the outputs of each token, and the final states.

            batch = ragged(lengths, steps, rows)
            y, states = layer.over(embed(batch.gather(words)), batch)
            y = batch.scatter(y)                     # (steps, rows, H), if needed
        """
        like = self._like()
        checks.input(tokens, self.input_size, like)
        form = Form(tokens, batch, batch.rows, is_gathered=True)
        initial = self._initial(form, None, tokens)
        beside = named_tokens(self._step.equation, self._sizes, form, named, like)
        outputs, finals, _ = stack.run(self._stack(), batch, tokens, initial, named=beside)
        return outputs, form.states(finals[self._unread :])

    def stream(self, batch: int = 1) -> Stream:
        """Run the layer one time step at a time, for `batch` sequences: see `Stream`."""
        self._around.refuse("a stream", self.num_layers)
        bare = without_noise(self.equation)
        stack = self._stack()
        if bare is not self.equation:
            stack = replace(stack, cell=Parameterized(bare))
        return Stream(stack, self.equation.initial_state, self._asked, batch)

    def __prepare_scriptable__(self) -> nn.Module:
        raise UnrolledError(
            f"torch.jit.script compiles Python source, but a layer of {self.equation.name} runs an "
            f"equation: use torch.export.export or torch.jit.trace"
        )

    def _stack(self, like: Tensor | None = None) -> Stack:
        like = self._like() if like is None else like
        engine = engine_for(self._asked, like.device, like.dtype)
        dropout = self.dropout if self.training else 0.0
        noisy = self.training and bool(self.equation.noise)
        return Stack(self._step, engine, self.bptt, self.num_layers, self.directions, self._sizes,
                     self._direction, dropout, self.fixed, noisy,
                     self._around.join(self), self.kept)  # fmt: skip

    @property
    def _step(self) -> Parameterized:
        """The cell as it runs now: with random masks in training, without in evaluation."""
        return self._cell if self.training else self._quiet

    def _initial(self, form: Form, given: list[Tensor] | None, like: Tensor) -> list[Tensor | None]:
        if given is None and self._around.learns_states:
            return self._around.states(self, [*self._beside()], self.equation, form.rows)
        start = self.equation.initial_state
        if given is None and not start:
            return [None] * len(self.equation.states)
        count = self.num_layers * self.directions
        shapes = {
            name: (count, form.rows, units)
            for name, units in self._cell.state_sizes(self._sizes)
            if name != self.equation.output
        }
        nobody: list[Tensor | None] = [None] * self._unread
        if given is None:
            return nobody + [
                like.new_full(shape, start[name]) if start.get(name) else None
                for name, shape in shapes.items()
            ]
        return [*nobody, *form.given_states(given, shapes, like)]

    def _like(self) -> Tensor:
        """A parameter, for its dtype and device."""
        name = next(iter(self._names[0, False].values()))
        found = self._parameters.get(name)
        return getattr(self, name) if found is None else found

    def _direction(self, layer: int, reverse: bool) -> list[Tensor]:
        return self._expected.take(self, [*self._names[layer, reverse].values()])

    def _layer_sizes(self, layer: int) -> dict[str, int]:
        width = self.input_size if layer == 0 else self.directions * self.output_size
        return with_width(self.equation, self._sizes, width)

    def extra_repr(self) -> str:
        parts = [self.equation.name, f"{self.input_size}, {self.hidden_size}"]
        parts += [shown(name, value) for name, value in self._own.items()]
        defaults = {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0.0,
                    "bidirectional": False, "proj_size": 0, "bptt": "whole",
                    "kept": None}  # fmt: skip
        parts += [f"{k}={getattr(self, k)!r}" for k, v in defaults.items() if getattr(self, k) != v]
        parts += map(str, self._around.modifiers)
        return ", ".join([*parts, f"engine={self.engine!r}"])


def _name(weight: str, layer: int, reverse: bool) -> str:
    return f"{weight}_l{layer}{'_reverse' if reverse else ''}"


def _equation(cell: Any) -> Equation:
    if isinstance(cell, nn.Module) or (isinstance(cell, type) and issubclass(cell, nn.Module)):
        name = cell.__name__ if isinstance(cell, type) else type(cell).__name__
        raise CellError(
            f"Recurrent takes a cell, the equation of one step, but {name} is a whole layer: use "
            f"it directly, {name}(input_size, hidden_size), or import the cell: "
            f"from unrolled.cells import LSTM"
        )
    return equation(cell)


def _with_sizes(cell: Any, sizes: Mapping[str, int]) -> Any:
    """A size may also be a hyperparameter of the cell, on which its step depends."""
    if not isinstance(cell, Cell) and not (isinstance(cell, type) and issubclass(cell, Cell)):
        return cell
    known = hyperparameters_of(cell if isinstance(cell, type) else type(cell))
    chosen = {name: value for name, value in sizes.items() if name in known}
    return with_hyperparameters(cell, chosen) if chosen else cell


def _sizes(
    found: Equation, cell: Any, inputs: int, hidden: int, own: Mapping[str, int]
) -> dict[str, int]:
    """All sizes by name. Sizes that the cell declares (a rank, say) are given, or the cell's."""
    given = {"input_size": inputs, "hidden_size": hidden}
    if "proj_size" in own and "proj_size" not in found.sizes:
        raise ShapeError(
            f"{found.name} has no proj_size: its output is its first state, of hidden_size; "
            f"unrolled.cells.ProjectedLSTM has one"
        )
    possible = [name for name in found.sizes if name not in given]
    for name in own:
        if name not in possible:
            has = f"has {', '.join(possible)}" if possible else "has none"
            raise ShapeError(
                f"sizes={{{name!r}: ...}}: {found.name} declares no such size; it {has}"
            )
    for name in possible:
        value = own.get(name)
        if value is None and not isinstance(cell, Equation):
            known = {**cell._own_sizes, **cell._sizes} if isinstance(cell, Cell) else {}
            value = known.get(name, getattr(cell, name, None) if isinstance(cell, type) else None)
        value = found.lengths.get(name) if value is None else value
        if value is None:
            how = "proj_size=32" if name == "proj_size" else f'sizes={{"{name}": 8}}'
            raise ShapeError(
                f"{found.name} declares the size {name}: give it to the layer, {how}, or to the "
                f"cell, Recurrent({found.name}({name}=8), ...)"
            )
        given[name] = value
    resolved = found.resolve(**given)
    return {**resolved, "input_size": inputs, "hidden_size": hidden}
